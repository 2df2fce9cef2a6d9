// What functions find while a test case runs.
#include "cli/test_world.h"

#include "unit/base/testing.h"

#include <pthread.h>

static const test_http charges[] = {
    {.method = "POST", .url = {"https://a/", 10}, .times = 2, .status = 201},
    {.url = {"*", 1}, .times = 1, .status = 404},
};
static const test_case with_http = {.has_http = true, .http = charges, .http_count = 2};

/// The status of the answer to a request: 0: it is refused; -1: it goes out.
static int ask(const test_world *world, const char *method, const char *url) {
  const plugin_stubs *stubs = test_world_stubs(world);
  const plugin_stub_request request = {
      .method = method, .url = text_of(url), .body = TEXT("\n"), .response_bytes_max = 10};
  fetch_response response = {0};
  ubiq_error *error = NULL;
  if (!stubs->http(stubs->user, &request, &response, &error)) return -1;
  int status = error == NULL ? response.status : 0;
  ubiq_error_delete(error);
  fetch_response_free(&response);
  return status;
}

static void assert_told(test_world *world, const char *expected) {
  buffer differences = {0};
  assert_true(test_world_end(world, &differences));
  assert_string_equal(buffer_string(&differences), expected);
  buffer_free(&differences);
}

static void requests_are_answered_by_the_first_that_is_left(void **state) {
  (void)state;
  test_world *world = test_world_new();
  test_world_begin(world, &with_http);
  assert_int_equal(ask(world, "POST", "https://a/"), 201);
  assert_int_equal(ask(world, "POST", "https://a/"), 201);
  assert_int_equal(ask(world, "POST", "https://a/"), 404);
  assert_told(world, "");
  test_world_delete(world);
}

static void what_came_without_being_expected_and_what_did_not_come_are_told(void **state) {
  (void)state;
  test_world *world = test_world_new();
  test_world_begin(world, &with_http);
  assert_int_equal(ask(world, "GET", "https://b/"), 404);
  assert_int_equal(ask(world, "GET", "https://b/"), 0);
  assert_told(world,
              "http: expected no such request: GET https://b/: \\n\nhttp: expected POST https://a/ 2 times, came 0\n");
  test_world_begin(world, &with_http);
  assert_told(world, "http: expected POST https://a/ 2 times, came 0\nhttp: expected a request of * 1 time, came 0\n");
  test_world_delete(world);
}

static void without_a_case_or_its_word_on_it_the_world_is_as_it_is(void **state) {
  (void)state;
  static const test_case plain = {.name = "plain"};
  test_world *world = test_world_new();
  const plugin_stubs *stubs = test_world_stubs(world);
  uint64_t now_ns = 7;
  assert_int_equal(ask(world, "GET", "https://a/"), -1);
  test_world_begin(world, &plain);
  assert_int_equal(ask(world, "GET", "https://a/"), -1);
  assert_false(stubs->realtime(stubs->user, &now_ns));
  assert_int_equal(now_ns, 7);
  assert_told(world, "");
  test_world_delete(world);
  test_world_delete(NULL);
}

static void the_clock_is_the_cases(void **state) {
  (void)state;
  static const test_case timed = {.has_time = true, .time_ns = 9};
  test_world *world = test_world_new();
  const plugin_stubs *stubs = test_world_stubs(world);
  uint64_t now_ns = 7;
  test_world_begin(world, &timed);
  assert_true(stubs->realtime(stubs->user, &now_ns));
  assert_int_equal(now_ns, 9);
  assert_told(world, "");
  assert_false(stubs->realtime(stubs->user, &now_ns));
  test_world_delete(world);
}

static void *ask_often(void *user) {
  for (int i = 0; i < 1000; i++) ask(user, "GET", "https://b/");
  return NULL;
}

static void several_threads_may_ask(void **state) {
  (void)state;
  static const test_http one = {.url = {"*", 1}, .times = 2000, .status = 200};
  static const test_case often = {.has_http = true, .http = &one, .http_count = 1};
  test_world *world = test_world_new();
  pthread_t threads[2];
  test_world_begin(world, &often);
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, ask_often, world), 0);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  assert_told(world, "");
  test_world_delete(world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_are_answered_by_the_first_that_is_left),
      cmocka_unit_test(what_came_without_being_expected_and_what_did_not_come_are_told),
      cmocka_unit_test(without_a_case_or_its_word_on_it_the_world_is_as_it_is),
      cmocka_unit_test(the_clock_is_the_cases),
      cmocka_unit_test(several_threads_may_ask),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
