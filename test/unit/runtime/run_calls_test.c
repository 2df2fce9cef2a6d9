// What a run asked others for.
#include "runtime/run_calls.h"

#include "unit/base/testing.h"

#include <stdio.h>
#include <string.h>

static void calls_are_kept_in_order_with_their_answers(void **state) {
  (void)state;
  run_calls self = {.first = NULL};
  run_calls_begin(&self, "GET", "http://a/1");
  assert_int_equal(self.first->ended_ns, 0);
  run_calls_end(&self, 200);
  run_calls_end(&self, 500); // nothing is under way
  run_calls_begin(&self, "POST", "http://a/2");
  run_call *first = run_calls_take(&self);
  assert_null(self.first);
  assert_int_equal(self.count, 0);
  assert_int_equal(first->status, 200);
  assert_true(first->began_ns > 0 && first->ended_ns >= first->began_ns);
  assert_string_equal(first->next->method, "POST");
  assert_int_equal(first->next->status, 0);
  assert_true(first->next->ended_ns > 0);
  assert_null(first->next->next);
  run_calls_free(first);
  run_calls_free(NULL);
}

static void what_may_be_secret_is_not_shown(void **state) {
  (void)state;
  run_calls self = {.first = NULL};
  run_calls_begin(&self, "GET", "http://user:word@a/path?token=1#f");
  run_calls_begin(&self, "GET", "no URL: secret");
  run_call *first = run_calls_take(&self);
  assert_string_equal(first->url, "http://a/path");
  assert_string_equal(first->next->url, "");
  run_calls_free(first);
}

static void what_is_long_is_cut(void **state) {
  (void)state;
  run_calls self = {.first = NULL};
  char url[1000] = "http://a/", method[100] = "";
  memset(url + 9, 'x', sizeof url - 10);
  memset(method, 'M', sizeof method - 1);
  run_calls_begin(&self, method, url);
  run_call *first = run_calls_take(&self);
  assert_int_equal(strlen(first->method), RUN_CALL_METHOD_SIZE - 1);
  assert_int_equal(strlen(first->url), RUN_CALL_URL_SIZE - 1);
  run_calls_free(first);
}

static void more_than_there_is_room_for_are_counted(void **state) {
  (void)state;
  run_calls self = {.first = NULL};
  for (int i = 0; i < RUN_CALLS_MAX + 5; i++) {
    run_calls_begin(&self, "GET", "http://a/");
    run_calls_end(&self, 200 + i);
  }
  assert_int_equal(self.count, RUN_CALLS_MAX);
  assert_int_equal(self.dropped, 5);
  assert_int_equal(self.last->status, 200 + RUN_CALLS_MAX - 1);
  run_calls_free(run_calls_take(&self));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_are_kept_in_order_with_their_answers),
      cmocka_unit_test(what_may_be_secret_is_not_shown),
      cmocka_unit_test(what_is_long_is_cut),
      cmocka_unit_test(more_than_there_is_room_for_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
