// link: -Wl,--wrap=clock_monotonic_ns
// What is kept of runs that nobody waits for, how much, and how long.
#include "services/work/run_results.h"

#include "base/clock.h"
#include "unit/base/testing.h"

#include <stdlib.h>
#include <string.h>

static uint64_t now_ns = UINT64_C(1) << 40;
uint64_t __wrap_clock_monotonic_ns(void);

uint64_t __wrap_clock_monotonic_ns(void) {
  return now_ns;
}

static const text shop = {"shop", 4}, greet = {"greet", 5};

/// The result as text, for free; NULL: there is none.
static char *find(run_results *self, text project, const char *id) {
  buffer out = {0};
  ubiq_error *error = NULL;
  bool is_found = run_results_find(self, project, text_of(id), &out, &error);
  assert_success(error);
  if (is_found) return buffer_take_string(&out);
  buffer_free(&out);
  return NULL;
}

static void assert_finds(run_results *self, const char *id, const char *words) {
  char *found = find(self, shop, id);
  assert_non_null(found);
  if (strstr(found, words) == NULL) fail_msg("expected %s in %s", words, found);
  free(found);
}

static void a_run_goes_through_its_stages(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char id[RUN_ID_SIZE];
  assert_success(run_results_add(self, shop, greet, id));
  assert_finds(self, id, "\"status\":\"queued\"");
  assert_finds(self, id, "\"function\":\"greet\"");
  run_results_begin(self, id);
  assert_finds(self, id, "\"status\":\"running\"");
  run_results_end(self, id, NULL, (ubiq_bytes){(const uint8_t *)"{\"a\":1}", 7}, (text){NULL, 0});
  assert_finds(self, id, "\"status\":\"done\"");
  assert_finds(self, id, "\"output\":{\"a\":1}");
  run_results_delete(self);
}

static void a_run_that_is_tried_again_waits_again(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char id[RUN_ID_SIZE];
  assert_success(run_results_add(self, shop, greet, id));
  run_results_begin(self, id);
  run_results_wait(self, id);
  assert_finds(self, id, "\"status\":\"queued\"");
  run_results_end(self, id, NULL, (ubiq_bytes){0}, (text){NULL, 0});
  run_results_wait(self, id);
  assert_finds(self, id, "\"status\":\"done\"");
  run_results_delete(self);
}

static void a_run_that_was_not_begun_is_forgotten(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char id[RUN_ID_SIZE], other[RUN_ID_SIZE];
  assert_success(run_results_add(self, shop, greet, id));
  run_results_drop(self, id);
  assert_null(find(self, shop, id));
  run_results_drop(self, id);
  assert_success(run_results_add(self, shop, greet, id)); // each has a place of its own
  assert_success(run_results_add(self, shop, greet, other));
  run_results_begin(self, id);
  run_results_drop(self, id);
  assert_finds(self, id, "\"status\":\"running\"");
  run_results_delete(self);
}

static void an_output_is_json_or_text_or_bytes(void **state) {
  (void)state;
  assert_int_equal(run_results_type((ubiq_bytes){(const uint8_t *)" {\"a\":1}", 8}).size, 0);
  assert_true(text_starts_with(run_results_type((ubiq_bytes){(const uint8_t *)"{a", 2}), TEXT("text/plain")));
  assert_true(text_equal(run_results_type((ubiq_bytes){(const uint8_t *)"\xff", 1}), TEXT("application/octet-stream")));
}

static void outputs_that_are_no_json_are_base64(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char id[RUN_ID_SIZE];
  assert_success(run_results_add(self, shop, greet, id));
  run_results_end(self, id, NULL, (ubiq_bytes){(const uint8_t *)"\xff", 1}, TEXT("image/png"));
  assert_finds(self, id, "\"media_type\":\"image/png\",\"base64\":\"/w==\"");
  run_results_delete(self);
}

static void failures_are_problems(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char id[RUN_ID_SIZE];
  ubiq_error *error = ubiq_error_new(UBIQ_TRAP, "it trapped");
  assert_success(run_results_add(self, shop, greet, id));
  run_results_end(self, id, error, (ubiq_bytes){0}, (text){NULL, 0});
  assert_finds(self, id, "\"status\":\"failed\"");
  assert_finds(self, id, "\"class\":\"trap\"");
  ubiq_error_delete(error);
  error = ubiq_error_new(UBIQ_CANCELLED, "the server stops");
  assert_success(run_results_add(self, shop, greet, id));
  run_results_end(self, id, error, (ubiq_bytes){0}, (text){NULL, 0});
  assert_finds(self, id, "\"status\":\"cancelled\"");
  ubiq_error_delete(error);
  run_results_delete(self);
}

static void nobody_finds_the_runs_of_another_project_or_guesses_one(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char id[RUN_ID_SIZE];
  assert_success(run_results_add(self, shop, greet, id));
  assert_null(find(self, TEXT("other"), id));
  assert_null(find(self, shop, ""));
  assert_null(find(self, shop, "ffffffff00000000000000000000000000000000"));
  assert_null(find(self, shop, "zzzzzzzz00000000000000000000000000000000"));
  id[RUN_ID_SIZE - 2] ^= 1;
  assert_null(find(self, shop, id));
  run_results_delete(self);
}

static void results_are_kept_for_an_hour(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char first[RUN_ID_SIZE], second[RUN_ID_SIZE], third[RUN_ID_SIZE];
  assert_success(run_results_add(self, shop, greet, first));
  assert_success(run_results_add(self, shop, greet, second));
  run_results_end(self, first, NULL, (ubiq_bytes){0}, (text){NULL, 0});
  now_ns += RUN_RESULTS_KEPT_S * CLOCK_NS_PER_SECOND - 1;
  assert_finds(self, first, "done");
  now_ns += 1;
  assert_null(find(self, shop, first));
  assert_finds(self, second, "queued"); // it has not ended
  assert_success(run_results_add(self, shop, greet, third));
  assert_memory_equal(first, third, 8); // the slot has come free
  assert_null(find(self, shop, first));
  assert_finds(self, third, "queued");
  run_results_delete(self);
}

static void where_there_is_no_room_no_run_is_begun(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char id[RUN_ID_SIZE];
  for (int i = 0; i < RUN_RESULTS_MAX; i++) assert_success(run_results_add(self, shop, greet, id));
  ubiq_error *error = run_results_add(self, shop, greet, id);
  assert_int_equal(ubiq_error_code(error), UBIQ_BUSY);
  assert_true(ubiq_error_detail(error) > 0);
  ubiq_error_delete(error);
  run_results_end(self, id, NULL, (ubiq_bytes){0}, (text){NULL, 0});
  now_ns += RUN_RESULTS_KEPT_S * CLOCK_NS_PER_SECOND;
  assert_success(run_results_add(self, shop, greet, id));
  run_results_delete(self);
}

static void the_first_end_of_a_run_that_ends_twice_stays(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char id[RUN_ID_SIZE], other[RUN_ID_SIZE], third[RUN_ID_SIZE];
  assert_success(run_results_add(self, shop, greet, id));
  run_results_end(self, id, NULL, (ubiq_bytes){(const uint8_t *)"1", 1}, (text){NULL, 0});
  run_results_begin(self, id);
  run_results_end(self, id, NULL, (ubiq_bytes){(const uint8_t *)"2", 1}, (text){NULL, 0});
  assert_finds(self, id, "\"output\":1");
  now_ns += RUN_RESULTS_KEPT_S * CLOCK_NS_PER_SECOND;
  assert_success(run_results_add(self, shop, greet, other)); // in the place of the one that was dropped
  assert_success(run_results_add(self, shop, greet, third)); // which is there once
  assert_memory_not_equal(other, third, 8);
  run_results_delete(self);
}

static void an_output_that_finds_no_room_has_failed(void **state) {
  (void)state;
  run_results *self = run_results_new();
  char first[RUN_ID_SIZE], second[RUN_ID_SIZE], third[RUN_ID_SIZE];
  uint8_t *bytes = calloc(1, RUN_RESULTS_BYTES_MAX);
  assert_non_null(bytes);
  assert_success(run_results_add(self, shop, greet, first));
  assert_success(run_results_add(self, shop, greet, second));
  run_results_end(self, first, NULL, (ubiq_bytes){bytes, RUN_RESULTS_BYTES_MAX}, TEXT("a/b"));
  run_results_end(self, second, NULL, (ubiq_bytes){bytes, 1}, TEXT("a/b"));
  assert_finds(self, second, "\"class\":\"quota\"");
  ubiq_error *error = run_results_add(self, shop, greet, third);
  assert_int_equal(ubiq_error_code(error), UBIQ_BUSY);
  ubiq_error_delete(error);
  free(bytes);
  run_results_delete(self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_goes_through_its_stages),
      cmocka_unit_test(a_run_that_is_tried_again_waits_again),
      cmocka_unit_test(a_run_that_was_not_begun_is_forgotten),
      cmocka_unit_test(an_output_is_json_or_text_or_bytes),
      cmocka_unit_test(outputs_that_are_no_json_are_base64),
      cmocka_unit_test(failures_are_problems),
      cmocka_unit_test(nobody_finds_the_runs_of_another_project_or_guesses_one),
      cmocka_unit_test(results_are_kept_for_an_hour),
      cmocka_unit_test(where_there_is_no_room_no_run_is_begun),
      cmocka_unit_test(the_first_end_of_a_run_that_ends_twice_stays),
      cmocka_unit_test(an_output_that_finds_no_room_has_failed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
