// What a run asked others for.
#include "runtime/telemetry/run_calls.h"

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

static void what_is_no_method_is_not_shown(void **state) {
  (void)state;
  static const char *const wrong[] = {"", "GET ", "a b",
                                      "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    run_calls self = {.first = NULL};
    run_calls_begin(&self, wrong[i], "http://a/");
    run_call *first = run_calls_take(&self);
    assert_string_equal(first->method, "_OTHER");
    run_calls_free(first);
  }
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

static void what_the_platform_was_asked_is_told_with_its_answer(void **state) {
  (void)state;
  run_calls self = {.first = NULL};
  run_calls_ask(&self);
  assert_int_equal(run_calls_child(&self), RUN_CALLS_CHILD);
  run_calls_answer(&self, &(run_call){.operation = "kv.put", .answered = 204, .bytes_in = 7, .bytes_out = 9});
  run_calls_ask(&self);
  run_calls_answer(&self, &(run_call){.answered = 404});
  run_call *first = run_calls_take(&self);
  assert_true(first->is_asked && first->ended_ns >= first->began_ns);
  assert_string_equal(first->operation, "kv.put");
  assert_int_equal(first->answered, 204);
  assert_int_equal(first->bytes_in, 7);
  assert_int_equal(first->bytes_out, 9);
  assert_string_equal(first->method, "");
  assert_null(first->next->operation);
  assert_int_equal(first->next->answered, 404);
  run_calls_free(first);
}

static void a_request_that_the_platform_sends_is_what_it_was_asked_for(void **state) {
  (void)state;
  run_calls self = {.first = NULL};
  run_calls_ask(&self);
  run_calls_begin(&self, "GET", "http://a/1");
  assert_int_equal(run_calls_child(&self), RUN_CALLS_CHILD);
  run_calls_end(&self, 503);
  assert_int_equal(self.last->ended_ns, 0); // the platform has not answered yet
  run_calls_answer(&self, &(run_call){.operation = "http.request", .answered = 200});
  assert_int_equal(self.count, 1);
  assert_int_equal(run_calls_child(&self), RUN_CALLS_CHILD + 1); // what comes next
  run_call *first = run_calls_take(&self);
  assert_int_equal(first->status, 503);
  assert_int_equal(first->answered, 200);
  assert_string_equal(first->url, "http://a/1");
  run_calls_free(first);
}

static void what_found_no_room_changes_nothing_of_what_did(void **state) {
  (void)state;
  run_calls self = {.first = NULL};
  for (int i = 0; i < RUN_CALLS_MAX; i++) {
    run_calls_ask(&self);
    run_calls_answer(&self, &(run_call){.operation = "kv.get", .answered = 200});
  }
  assert_int_equal(run_calls_child(&self), 0);
  run_calls_ask(&self);
  assert_int_equal(run_calls_child(&self), 0);
  run_calls_begin(&self, "GET", "http://a/1");
  run_calls_end(&self, 500);
  run_calls_answer(&self, &(run_call){.operation = "http.request", .answered = 500});
  assert_int_equal(self.dropped, 1);
  assert_string_equal(self.last->operation, "kv.get");
  assert_int_equal(self.last->status, 0);
  run_calls_free(run_calls_take(&self));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_are_kept_in_order_with_their_answers),
      cmocka_unit_test(what_may_be_secret_is_not_shown),
      cmocka_unit_test(what_is_long_is_cut),
      cmocka_unit_test(what_is_no_method_is_not_shown),
      cmocka_unit_test(more_than_there_is_room_for_are_counted),
      cmocka_unit_test(what_the_platform_was_asked_is_told_with_its_answer),
      cmocka_unit_test(a_request_that_the_platform_sends_is_what_it_was_asked_for),
      cmocka_unit_test(what_found_no_room_changes_nothing_of_what_did),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
