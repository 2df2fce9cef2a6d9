// The API as guests of both wires reach it.
#include "unit/api/guests.h"

static void assert_answer_begins(api_world *self, const char *function, text input, const char *begin,
                                 const char *words) {
  ubiq_bytes output;
  assert_success(api_world_call(self, function, input, &output));
  const text answer = {(const char *)output.data, output.size};
  if (!text_starts_with(answer, text_of(begin)) || !memmem(answer.data, answer.size, words, strlen(words)))
    fail_msg("%s: %.*s; expected %s with %s", function, (int)answer.size, answer.data, begin, words);
}

static void a_request_is_answered_in_its_format(void **state) {
  (void)state;
  for (int is_core = 0; is_core < 2; is_core++) {
    api_world self;
    api_world_open(&self, is_core, "cache:*");
    assert_answer_begins(&self, "relay",
                         TEXT("{\"method\":\"POST\",\"path\":\"/v1/cache/n/increment\",\"body\":{\"by\":7}}"),
                         "{\"status\":200,\"headers\":{", "\"body\":{\"value\":7}");
    // What is in MessagePack the guest of the wire `core` answers in hexadecimal.
    assert_answer_begins(&self, "packed", TEXT("\x82\xa6method\xa3GET\xa4path\xab/v1/cache/n"),
                         is_core ? "\"83a6737461747573ccc8" : "\x83\xa6status\xcc\xc8",
                         is_core ? "a4626f647907"
                                 : "\xa4"
                                   "body\x07");
    api_world_close(&self);
  }
}

static void what_is_no_request_is_answered_too(void **state) {
  (void)state;
  for (int is_core = 0; is_core < 2; is_core++) {
    api_world self;
    api_world_open(&self, is_core, "cache:*");
    assert_answer_begins(&self, "relay", TEXT("{"), "{\"status\":400,", "request:");
    assert_answer_begins(&self, "packed", TEXT("\xc1"),
                         is_core ? "\"83a6737461747573cd0190" : "\x83\xa6status\xcd\x01\x90", "");
    assert_answer_begins(&self, is_core ? "other_format" : "other", TEXT("{}"), "{\"status\":400,", "the format is 7");
    assert_answer_begins(&self, is_core ? "outside" : "no_block", TEXT("{}"), "{\"status\":400,",
                         is_core ? "100 bytes at 4294967280, which the memory does not have" : "none begins at 1");
    api_world_close(&self);
  }
}

static void who_asks_is_the_run_and_what_it_may_is_the_runs(void **state) {
  (void)state;
  for (int is_core = 0; is_core < 2; is_core++) {
    api_world self;
    api_world_open(&self, is_core, "cache:read:user:*");
    assert_answer_begins(&self, "relay", TEXT("{\"method\":\"GET\",\"path\":\"/v1/cache/user:1\"}"), "{\"status\":404,",
                         "");
    assert_answer_begins(&self, "relay", TEXT("{\"method\":\"GET\",\"path\":\"/v1/cache/other\"}"), "{\"status\":403,",
                         "cache:read:other");
    api_world_close(&self);
  }
}

static void where_there_is_no_platform_it_is_unavailable(void **state) {
  (void)state;
  const text request = TEXT("{\"method\":\"GET\",\"path\":\"/v1/cache/a\"}");
  for (int is_core = 0; is_core < 2; is_core++) {
    api_world self;
    api_world_open(&self, is_core, "cache:*");
    plugin_set_platform(self.plugin, NULL);
    assert_answer_begins(&self, "relay", request, "{\"status\":503,", "no API");
    plugin_set_platform(self.plugin, &(api_guest){0});
    assert_answer_begins(&self, "relay", request, "{\"status\":503,", "no API");
    api_world_close(&self);
  }
}

// -- Answers that are not as the API says --

static bool answer_amiss(void *user, service_call *call, text method, text path) {
  (void)user, (void)method, (void)path;
  service_call_answer_json(call, TEXT("{\"valve\":1}"));
  return true;
}

static void an_answer_that_is_not_as_the_api_says_is_kept_from_guests_where_answers_are_checked(void **state) {
  (void)state;
  const service_stubs stubs = {.answer = answer_amiss};
  const text request = TEXT("{\"method\":\"POST\",\"path\":\"/v1/cache/n/increment\",\"body\":{}}");
  assert_int_equal(setenv("UBIQ_CHECK_ANSWERS", "1", 1), 0);
  for (int is_core = 0; is_core < 2; is_core++) {
    api_world self;
    api_world_open(&self, is_core, "cache:*");
    self.services.stubs = &stubs;
    assert_true(self.services.checks_answers);
    assert_answer_begins(&self, "relay", request, "{\"status\":500,", "a fault of the host");
    self.services.checks_answers = false;
    assert_answer_begins(&self, "relay", request, "{\"status\":200,", "valve");
    api_world_close(&self);
  }
}

// -- Calls that another thread answers --

/// A service that answers when it is told to.
typedef struct slow {
  service_call *call;
  int cancelled;
} slow;

static slow *slow_of(const service_call *call) {
  return call->state;
}

static void slow_cancel(service_call *call) {
  slow_of(call)->cancelled++;
}

static bool slow_answer(void *user, service_call *call, text method, text path) {
  (void)method, (void)path;
  slow *self = user;
  self->call = call;
  call->state = self;
  call->cancel = slow_cancel;
  return true;
}

static void *answer_elsewhere(void *user) {
  service_call_answer_json(((slow *)user)->call, TEXT("{\"value\":1}"));
  return NULL;
}

/// An instance on a loop whose guest has an inbox.
typedef struct loop_world {
  api_world api;
  test_loop loop;
  instance one;
  slow slow;
  service_stubs stubs;
} loop_world;

static void ring(void *user) {
  (void)user;
}

static void loop_world_open(loop_world *self, bool is_core) {
  static const char request[] = "{\"method\":\"POST\",\"path\":\"/v1/cache/n/increment\",\"body\":{}}";
  api_world_open(&self->api, is_core, "cache:*");
  test_loop_open(&self->loop);
  self->slow = (slow){0};
  self->stubs = (service_stubs){.answer = slow_answer, .user = &self->slow};
  self->api.services.stubs = &self->stubs;
  self->api.host.inbox = inbox_new(ring, NULL);
  ubiq_compiled *compiled = api_compile(is_core);
  assert_success(instance_open(&self->one, compiled, &self->loop, NULL));
  ubiq_compiled_delete(compiled);
  self->one.host.platform = &self->api.guest;
  instance_start(&self->one, "relay", (ubiq_bytes){(const uint8_t *)request, sizeof request - 1});
  while (self->one.busy && self->one.state == PLUGIN_YIELDED) instance_turn(&self->one);
  assert_int_equal(self->one.state, PLUGIN_WAITING);
  assert_non_null(self->slow.call);
}

static void loop_world_close(loop_world *self) {
  instance_close(&self->one);
  inbox_close(self->api.host.inbox);
  inbox_release(self->api.host.inbox);
  test_loop_close(&self->loop);
  api_world_close(&self->api);
}

static void an_answer_of_another_thread_comes_by_the_inbox(void **state) {
  (void)state;
  for (int is_core = 0; is_core < 2; is_core++) {
    loop_world self;
    pthread_t thread;
    loop_world_open(&self, is_core);
    pthread_create(&thread, NULL, answer_elsewhere, &self.slow);
    pthread_join(thread, NULL);
    assert_non_null(self.api.guest.call);
    inbox_take(self.api.host.inbox);
    assert_null(self.api.guest.call);
    test_loop_run(&self.loop, &self.one, 1);
    assert_success(self.one.error);
    const ubiq_bytes output = plugin_output(self.one.plugin);
    assert_non_null(memmem(output.data, output.size, "\"value\":1", 9));
    loop_world_close(&self);
  }
}

static void a_guest_that_ends_takes_its_call_back_and_the_answer_finds_nobody(void **state) {
  (void)state;
  for (int is_core = 0; is_core < 2; is_core++) {
    loop_world self;
    loop_world_open(&self, is_core);
    api_guest_leave(&self.api.guest);
    assert_int_equal(self.slow.cancelled, 1);
    api_guest_leave(&self.api.guest);
    assert_int_equal(self.slow.cancelled, 1);
    instance_close(&self.one);
    answer_elsewhere(&self.slow);
    loop_world_close(&self);
  }
}

static void an_answer_to_a_closed_inbox_ends_with_its_call(void **state) {
  (void)state;
  loop_world self;
  pthread_t thread;
  loop_world_open(&self, true);
  api_guest_leave(&self.api.guest);
  instance_close(&self.one);
  inbox_close(self.api.host.inbox);
  pthread_create(&thread, NULL, answer_elsewhere, &self.slow);
  pthread_join(thread, NULL);
  loop_world_close(&self);
}

static void what_a_call_may_outlives_who_asked(void **state) {
  (void)state;
  loop_world self;
  loop_world_open(&self, false);
  assert_true(permission_set_is_shared(self.api.granted));
  api_guest_leave(&self.api.guest);
  instance_close(&self.one);
  assert_true(permission_set_is_shared(self.api.granted));
  answer_elsewhere(&self.slow);
  assert_false(permission_set_is_shared(self.api.granted));
  loop_world_close(&self);
}

int main(void) {
  plugin_testing_begin();
  plugin_testing_needs(ENGINE_CAN_SUSPEND);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_is_answered_in_its_format),
      cmocka_unit_test(what_is_no_request_is_answered_too),
      cmocka_unit_test(who_asks_is_the_run_and_what_it_may_is_the_runs),
      cmocka_unit_test(where_there_is_no_platform_it_is_unavailable),
      cmocka_unit_test(an_answer_that_is_not_as_the_api_says_is_kept_from_guests_where_answers_are_checked),
      cmocka_unit_test(an_answer_of_another_thread_comes_by_the_inbox),
      cmocka_unit_test(a_guest_that_ends_takes_its_call_back_and_the_answer_finds_nobody),
      cmocka_unit_test(an_answer_to_a_closed_inbox_ends_with_its_call),
      cmocka_unit_test(what_a_call_may_outlives_who_asked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
