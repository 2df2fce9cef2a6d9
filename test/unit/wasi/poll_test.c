// poll_oneoff: which events there are, when they come, and what a wait that never ends does.
#include "fake_guest.h"

enum { SUBSCRIPTIONS = 1024, EVENTS = 8192, COUNT = 16384, NOW = 1000000, REALTIME_NOW = 500 };

static void open_at_noon(fake_guest *guest) {
  fake_open(guest);
  guest->clocks[WASI_CLOCK_MONOTONIC] = NOW;
  guest->clocks[WASI_CLOCK_REALTIME] = REALTIME_NOW;
}

static uint32_t subscription_at(uint32_t index) {
  return SUBSCRIPTIONS + index * WASI_SUBSCRIPTION_SIZE;
}

static void subscribe_clock(fake_guest *guest, uint32_t index, uint32_t clock, uint64_t timeout, uint32_t flags) {
  uint32_t at = subscription_at(index);
  fake_put_u64(guest, at, 100 + index);
  guest->memory[at + WASI_SUBSCRIPTION_TYPE] = WASI_EVENTTYPE_CLOCK;
  fake_put_u32(guest, at + WASI_SUBSCRIPTION_CLOCK, clock);
  fake_put_u64(guest, at + WASI_SUBSCRIPTION_TIMEOUT, timeout);
  fake_put_u32(guest, at + WASI_SUBSCRIPTION_CLOCK_FLAGS, flags);
}

static void subscribe_stream(fake_guest *guest, uint32_t index, uint8_t type, uint32_t fd) {
  uint32_t at = subscription_at(index);
  fake_put_u64(guest, at, 100 + index);
  guest->memory[at + WASI_SUBSCRIPTION_TYPE] = type;
  fake_put_u32(guest, at + WASI_SUBSCRIPTION_FD, fd);
}

static int poll(fake_guest *guest, uint32_t count) {
  return fake_call(guest, "poll_oneoff", SUBSCRIPTIONS, EVENTS, count, COUNT);
}

static bool is_ready(fake_guest *guest, int *result) {
  engine_call call = fake_call_of(guest);
  ubiq_error *error = NULL;
  bool ready = wasi_function_find("poll_oneoff")->ready((void *)&fake_binding, &call, guest->values, &error);
  assert_null(error);
  *result = guest->values[0].i32;
  return ready;
}

static void assert_ready(fake_guest *guest) {
  int result;
  assert_true(is_ready(guest, &result));
  assert_int_equal(result, WASI_SUCCESS);
}

static void assert_waits_until(fake_guest *guest, uint64_t deadline) {
  int result;
  assert_int_equal(guest->waits, 1);
  assert_int_equal(guest->waited_for, deadline);
  guest->clocks[WASI_CLOCK_MONOTONIC] = deadline - 1;
  assert_false(is_ready(guest, &result));
  guest->clocks[WASI_CLOCK_MONOTONIC] = deadline;
  assert_ready(guest);
}

static void assert_event(const fake_guest *guest, uint32_t index, uint64_t userdata, int error, int type) {
  uint32_t at = EVENTS + index * WASI_EVENT_SIZE;
  assert_int_equal(fake_u64(guest, at), userdata);
  assert_int_equal(fake_u32(guest, at + WASI_EVENT_ERROR) & 0xffff, error);
  assert_int_equal(guest->memory[at + WASI_EVENT_TYPE], type);
}

static void a_relative_timeout_waits_that_long(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, 50, 0);
  poll(&guest, 1);
  assert_waits_until(&guest, NOW + 50);
  assert_int_equal(fake_u32(&guest, COUNT), 1);
  assert_event(&guest, 0, 100, WASI_SUCCESS, WASI_EVENTTYPE_CLOCK);
  fake_close(&guest);
}

static void a_relative_timeout_of_the_wall_clock_waits_that_long(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_REALTIME, 50, 0);
  poll(&guest, 1);
  assert_waits_until(&guest, NOW + 50);
  fake_close(&guest);
}

static void an_absolute_time_of_the_wall_clock_is_awaited_on_the_monotonic_one(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_REALTIME, REALTIME_NOW + 70, WASI_CLOCK_FLAG_ABSOLUTE);
  poll(&guest, 1);
  assert_waits_until(&guest, NOW + 70);
  fake_close(&guest);
}

static void an_absolute_time_of_the_monotonic_clock_is_awaited(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, NOW + 9, WASI_CLOCK_FLAG_ABSOLUTE);
  poll(&guest, 1);
  assert_waits_until(&guest, NOW + 9);
  fake_close(&guest);
}

static void a_time_that_has_passed_is_ready_at_once(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, 3, WASI_CLOCK_FLAG_ABSOLUTE);
  subscribe_clock(&guest, 1, WASI_CLOCK_REALTIME, 3, WASI_CLOCK_FLAG_ABSOLUTE);
  subscribe_clock(&guest, 2, WASI_CLOCK_MONOTONIC, 0, 0);
  subscribe_clock(&guest, 3, WASI_CLOCK_MONOTONIC, 1, 0);
  poll(&guest, 4);
  assert_int_equal(guest.waits, 0);
  assert_ready(&guest);
  assert_int_equal(fake_u32(&guest, COUNT), 3);
  fake_close(&guest);
}

static void the_earliest_clocks_are_the_events_of_a_wait(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, 90, 0);
  subscribe_clock(&guest, 1, WASI_CLOCK_MONOTONIC, 40, 0);
  subscribe_clock(&guest, 2, WASI_CLOCK_REALTIME, REALTIME_NOW + 40, WASI_CLOCK_FLAG_ABSOLUTE);
  poll(&guest, 3);
  assert_waits_until(&guest, NOW + 40);
  assert_int_equal(fake_u32(&guest, COUNT), 2);
  assert_event(&guest, 0, 101, WASI_SUCCESS, WASI_EVENTTYPE_CLOCK);
  assert_event(&guest, 1, 102, WASI_SUCCESS, WASI_EVENTTYPE_CLOCK);
  fake_close(&guest);
}

static void streams_are_ready_at_once_and_clocks_beside_them_are_not_awaited(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, 90, 0);
  subscribe_stream(&guest, 1, WASI_EVENTTYPE_FD_WRITE, 1);
  subscribe_stream(&guest, 2, WASI_EVENTTYPE_FD_READ, 0);
  poll(&guest, 3);
  assert_int_equal(guest.waits, 0);
  assert_ready(&guest);
  assert_int_equal(fake_u32(&guest, COUNT), 2);
  assert_event(&guest, 0, 101, WASI_SUCCESS, WASI_EVENTTYPE_FD_WRITE);
  assert_event(&guest, 1, 102, WASI_SUCCESS, WASI_EVENTTYPE_FD_READ);
  assert_int_equal(fake_u32(&guest, EVENTS + WASI_EVENT_SIZE + WASI_EVENT_FLAGS), WASI_EVENT_HANGUP);
  fake_close(&guest);
}

static void a_bad_descriptor_or_clock_is_an_event_with_an_error(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_stream(&guest, 0, WASI_EVENTTYPE_FD_READ, 77);
  subscribe_stream(&guest, 1, WASI_EVENTTYPE_FD_READ, 1);
  subscribe_clock(&guest, 2, 99, 10, 0);
  subscribe_clock(&guest, 3, WASI_CLOCK_THREAD_CPU, 10, 0);
  poll(&guest, 4);
  assert_ready(&guest);
  assert_int_equal(fake_u32(&guest, COUNT), 4);
  assert_event(&guest, 0, 100, WASI_EBADF, WASI_EVENTTYPE_FD_READ);
  assert_event(&guest, 1, 101, WASI_EBADF, WASI_EVENTTYPE_FD_READ);
  assert_event(&guest, 2, 102, WASI_EINVAL, WASI_EVENTTYPE_CLOCK);
  assert_event(&guest, 3, 103, WASI_ENOTSUP, WASI_EVENTTYPE_CLOCK);
  fake_close(&guest);
}

static void a_timeout_past_the_end_of_time_is_awaited_until_then(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, UINT64_MAX, 0);
  poll(&guest, 1);
  assert_waits_until(&guest, UINT64_MAX);
  fake_close(&guest);
}

static void malformed_subscriptions_fail_the_call(void **state) {
  (void)state;
  fake_guest guest;
  int result;
  open_at_noon(&guest);
  assert_int_equal(poll(&guest, 0), WASI_EINVAL);
  assert_int_equal(poll(&guest, 4097), WASI_EINVAL);
  assert_int_equal(poll(&guest, UINT32_MAX), WASI_EINVAL);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, 5, 2);
  assert_int_equal(poll(&guest, 1), WASI_EINVAL);
  subscribe_stream(&guest, 0, 3, 0);
  assert_int_equal(poll(&guest, 1), WASI_EINVAL);
  assert_true(is_ready(&guest, &result)); // the failure is the answer, at once
  assert_int_equal(result, WASI_EINVAL);
  assert_int_equal(guest.waits, 0);
  fake_close(&guest);
}

static void lists_that_reach_past_the_memory_are_a_fault(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, 5, 0);
  uint32_t end = FAKE_MEMORY_SIZE;
  assert_int_equal(fake_call(&guest, "poll_oneoff", end - 47, EVENTS, 1, COUNT), WASI_EFAULT);
  assert_int_equal(fake_call(&guest, "poll_oneoff", SUBSCRIPTIONS, end - 31, 1, COUNT), WASI_EFAULT);
  assert_int_equal(fake_call(&guest, "poll_oneoff", SUBSCRIPTIONS, EVENTS, 1, end - 3), WASI_EFAULT);
  assert_int_equal(guest.waits, 0);
  fake_close(&guest);
}

static void events_may_be_written_over_the_subscriptions(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_stream(&guest, 0, WASI_EVENTTYPE_FD_WRITE, 1);
  subscribe_stream(&guest, 1, WASI_EVENTTYPE_FD_WRITE, 2);
  assert_int_equal(fake_call(&guest, "poll_oneoff", SUBSCRIPTIONS, SUBSCRIPTIONS, 2, COUNT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, COUNT), 2);
  assert_int_equal(fake_u64(&guest, SUBSCRIPTIONS), 100);
  assert_int_equal(fake_u64(&guest, SUBSCRIPTIONS + WASI_EVENT_SIZE), 101);
  fake_close(&guest);
}

static ubiq_error *cancel(void *user) {
  (void)user;
  return ubiq_error_new(UBIQ_CANCELLED, "the caller went away");
}

static void an_interruption_ends_a_wait_with_its_error(void **state) {
  (void)state;
  fake_guest guest = {0};
  wasi_options options = fake_options(&guest);
  options.interrupted = cancel;
  fake_open_with(&guest, &options);
  guest.clocks[WASI_CLOCK_MONOTONIC] = NOW;
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, 50, 0);
  poll(&guest, 1);
  engine_call call = fake_call_of(&guest);
  ubiq_error *error = NULL;
  assert_true(wasi_function_find("poll_oneoff")->ready((void *)&fake_binding, &call, guest.values, &error));
  assert_int_equal(ubiq_error_code(error), UBIQ_CANCELLED);
  ubiq_error_delete(error);
  fake_close(&guest);
}

static void a_blocking_wait_ends_when_the_time_has_come(void **state) {
  (void)state;
  fake_guest guest = {0};
  wasi_options options = fake_options(&guest);
  options.clock = NULL;
  options.wait = NULL;
  fake_open_with(&guest, &options);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, 2000000, 0);
  poll(&guest, 1);
  engine_call call = fake_call_of(&guest);
  int result;
  while (!is_ready(&guest, &result)) wasi_function_find("poll_oneoff")->wait((void *)&fake_binding, &call);
  assert_int_equal(result, WASI_SUCCESS);
  fake_close(&guest);
}

static void reset_ends_a_wait(void **state) {
  (void)state;
  fake_guest guest;
  open_at_noon(&guest);
  subscribe_clock(&guest, 0, WASI_CLOCK_MONOTONIC, 50, 0);
  poll(&guest, 1);
  wasi_context_reset(guest.context);
  assert_ready(&guest);
  fake_close(&guest);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_relative_timeout_waits_that_long),
      cmocka_unit_test(a_relative_timeout_of_the_wall_clock_waits_that_long),
      cmocka_unit_test(an_absolute_time_of_the_wall_clock_is_awaited_on_the_monotonic_one),
      cmocka_unit_test(an_absolute_time_of_the_monotonic_clock_is_awaited),
      cmocka_unit_test(a_time_that_has_passed_is_ready_at_once),
      cmocka_unit_test(the_earliest_clocks_are_the_events_of_a_wait),
      cmocka_unit_test(streams_are_ready_at_once_and_clocks_beside_them_are_not_awaited),
      cmocka_unit_test(a_bad_descriptor_or_clock_is_an_event_with_an_error),
      cmocka_unit_test(a_timeout_past_the_end_of_time_is_awaited_until_then),
      cmocka_unit_test(malformed_subscriptions_fail_the_call),
      cmocka_unit_test(lists_that_reach_past_the_memory_are_a_fault),
      cmocka_unit_test(events_may_be_written_over_the_subscriptions),
      cmocka_unit_test(an_interruption_ends_a_wait_with_its_error),
      cmocka_unit_test(a_blocking_wait_ends_when_the_time_has_come),
      cmocka_unit_test(reset_ends_a_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
