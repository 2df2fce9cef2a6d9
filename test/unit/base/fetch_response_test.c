// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/fetch_response.h"

#include "fuzz/fetch_response_fuzz.c"

#include "unit/base/alloc_failure.h"
#include "unit/base/corpus.h"
#include "unit/base/testing.h"

#include <stdio.h>
#include <stdlib.h>

static ubiq_error *take(fetch_response *response, const char *line) {
  return fetch_response_take_line(response, line, strlen(line));
}

static void names_are_lower_case_and_values_trimmed(void **state) {
  (void)state;
  fetch_response response = {0};
  assert_success(take(&response, "HTTP/1.1 200 OK\r\n"));
  assert_success(take(&response, "X-Name:\t  a value \r\n"));
  assert_success(take(&response, "\r\n"));
  assert_int_equal(response.headers_count, 1);
  assert_string_equal(response.headers[0].name, "x-name");
  assert_string_equal(response.headers[0].value, "a value");
  fetch_response_free(&response);
}

static void status_line_forgets_the_headers_before_it(void **state) {
  (void)state;
  fetch_response response = {0};
  assert_success(take(&response, "HTTP/1.1 100 Continue\r\n"));
  assert_success(take(&response, "A: b\r\n"));
  assert_success(take(&response, "HTTP/1.1 200 OK\r\n"));
  assert_int_equal(response.headers_count, 0);
  assert_null(fetch_response_header(&response, "a"));
  fetch_response_free(&response);
}

static void lines_that_are_no_headers_are_passed_over(void **state) {
  (void)state;
  fetch_response response = {0};
  assert_success(take(&response, " folded onto nothing\r\n"));
  assert_success(take(&response, "no colon\r\n"));
  assert_success(take(&response, "no token: a\r\n"));
  assert_success(take(&response, ": a\r\n"));
  assert_success(fetch_response_take_line(&response, "A: b\0c\r\n", 8));
  assert_success(fetch_response_take_line(&response, "", 0));
  assert_int_equal(response.headers_count, 0);
  fetch_response_free(&response);
}

static void carriage_return_inside_of_a_value_becomes_a_blank(void **state) {
  (void)state;
  fetch_response response = {0};
  assert_success(take(&response, "A: b\rC: d\r\n"));
  assert_string_equal(fetch_response_header(&response, "a"), "b C: d");
  fetch_response_free(&response);
}

static void headers_are_taken_up_to_their_bound(void **state) {
  (void)state;
  fetch_response response = {0};
  for (int i = 0; i < FETCH_RESPONSE_HEADERS_MAX; i++) {
    char line[32];
    snprintf(line, sizeof line, "X-%d: %d\r\n", i, i);
    assert_success(take(&response, line));
  }
  assert_string_equal(fetch_response_header(&response, "x-0"), "0");
  assert_string_equal(fetch_response_header(&response, "x-255"), "255");
  assert_fails(take(&response, "X: y\r\n"), UBIQ_TOO_LARGE, "HTTP response has more than 256 headers");
  fetch_response_free(&response);
}

static void dropped_header_makes_room_for_others(void **state) {
  (void)state;
  fetch_response response = {0};
  for (int i = 0; i < 17; i++) assert_success(take(&response, i % 2 ? "A: b\r\n" : "C: d\r\n"));
  fetch_response_drop_header(&response, "a");
  assert_int_equal(response.headers_count, 9);
  assert_null(fetch_response_header(&response, "a"));
  for (int i = 0; i < 40; i++) assert_success(take(&response, "A: b\r\n"));
  assert_int_equal(response.headers_count, 49);
  fetch_response_free(&response);
}

static void body_is_taken_up_to_its_bound(void **state) {
  (void)state;
  fetch_response response = {0};
  assert_success(fetch_response_take_body(&response, "12345", 5, 8));
  assert_success(fetch_response_take_body(&response, "678", 3, 8));
  assert_fails(fetch_response_take_body(&response, "9", 1, 8), UBIQ_TOO_LARGE,
               "HTTP response exceeds the configured maximum number of bytes: 8");
  assert_int_equal(response.body.size, 8);
  fetch_response_free(&response);
}

static bool gather(void *user) {
  (void)user;
  static const char *const lines[] = {"HTTP/1.1 200 OK\r\n", "A: b\r\n", " c\r\n", "D: e\r\n", "F: g\r\n", "\r\n"};
  fetch_response response = {0};
  ubiq_error *error = NULL;
  for (int round = 0; round < 6 && !error; round++) {
    for (size_t i = round > 0; i < sizeof lines / sizeof *lines && !error; i++) error = take(&response, lines[i]);
  }
  if (!error) error = fetch_response_take_body(&response, "body", 4, 4);
  bool good = error == NULL;
  ubiq_error_delete(error);
  fetch_response_free(&response);
  return good;
}

static void running_out_of_memory_anywhere_is_an_error_and_leaks_nothing(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(gather, NULL) > 10);
}

static void corpus_of_the_fuzz_target_passes(void **state) {
  (void)state;
  assert_true(corpus_run("fetch_response_fuzz", LLVMFuzzerTestOneInput) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_lower_case_and_values_trimmed),
      cmocka_unit_test(status_line_forgets_the_headers_before_it),
      cmocka_unit_test(lines_that_are_no_headers_are_passed_over),
      cmocka_unit_test(carriage_return_inside_of_a_value_becomes_a_blank),
      cmocka_unit_test(headers_are_taken_up_to_their_bound),
      cmocka_unit_test(dropped_header_makes_room_for_others),
      cmocka_unit_test(body_is_taken_up_to_its_bound),
      cmocka_unit_test(running_out_of_memory_anywhere_is_an_error_and_leaks_nothing),
      cmocka_unit_test(corpus_of_the_fuzz_target_passes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
