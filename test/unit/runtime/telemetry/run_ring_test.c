// Handing runs from one thread to another.
#include "runtime/telemetry/run_ring.h"

#include "unit/base/testing.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static const trace span_of_all = {.id = {7}};

static void put(run_ring *ring, const char *function, uint64_t number) {
  const run_record record = {.function = function, .release = "1", .trace = &span_of_all, .bytes_in = number};
  run_ring_put(ring, &record, NULL);
}

static run_call *one_call(void) {
  run_calls calls = {.first = NULL};
  run_calls_begin(&calls, "GET", "http://a/");
  return run_calls_take(&calls);
}

static void runs_come_out_as_copies_in_order(void **state) {
  (void)state;
  run_ring *ring = run_ring_new();
  char name[] = "a";
  run_span out;
  assert_false(run_ring_take(ring, &out));
  put(ring, name, 1);
  name[0] = 'b';
  put(ring, name, 2);
  name[0] = 'c';
  assert_true(run_ring_take(ring, &out));
  assert_string_equal(out.record.function, "a");
  assert_int_equal(out.record.bytes_in, 1);
  assert_int_equal(out.record.trace->id[0], 7);
  assert_true(run_ring_take(ring, &out));
  assert_string_equal(out.record.function, "b");
  assert_false(run_ring_take(ring, &out));
  run_ring_delete(ring);
}

static void what_finds_no_room_is_dropped_and_counted(void **state) {
  (void)state;
  run_ring *ring = run_ring_new();
  run_span out;
  for (uint64_t i = 0; i < RUN_RING_SPANS + 10; i++) put(ring, "a", i);
  assert_int_equal(run_ring_dropped(ring), 10);
  assert_true(run_ring_take(ring, &out));
  assert_int_equal(out.record.bytes_in, 0);
  put(ring, "a", 77);
  assert_int_equal(run_ring_dropped(ring), 10);
  uint64_t count = 0;
  for (; run_ring_take(ring, &out); count++) continue;
  assert_int_equal(count, RUN_RING_SPANS);
  assert_int_equal(out.record.bytes_in, 77);
  run_ring_delete(ring);
}

static void calls_of_a_run_that_finds_no_room_are_freed(void **state) {
  (void)state;
  run_ring *ring = run_ring_new();
  const run_record record = {.function = "a", .release = "1", .trace = &span_of_all};
  for (uint64_t i = 0; i < RUN_RING_SPANS + 1; i++) run_ring_put(ring, &record, one_call());
  assert_int_equal(run_ring_dropped(ring), 1);
  run_ring_delete(ring);
}

static void long_names_are_cut_between_characters(void **state) {
  (void)state;
  run_ring *ring = run_ring_new();
  char name[300] = "x";
  run_span out;
  while (strlen(name) + 2 < sizeof name) strcat(name, "ä");
  put(ring, name, 0);
  assert_true(run_ring_take(ring, &out));
  assert_int_equal(strlen(out.record.function), RUN_SPAN_FUNCTION_BYTES - 1);
  assert_memory_equal(out.record.function, name, RUN_SPAN_FUNCTION_BYTES - 1);
  run_ring_delete(ring);
}

static void what_a_run_owns_is_freed_with_a_ring_that_still_has_it(void **state) {
  (void)state;
  run_ring *ring = run_ring_new();
  run_span out;
  const run_record record = {.function = "a", .release = "1", .trace = &span_of_all, .tracestate = "a=1"};
  run_ring_put(ring, &record, one_call());
  run_ring_put(ring, &record, one_call());
  assert_true(run_ring_take(ring, &out));
  assert_string_equal(out.record.tracestate, "a=1");
  assert_ptr_not_equal(out.record.tracestate, record.tracestate);
  assert_string_equal(out.calls->method, "GET");
  run_span_free(&out);
  run_ring_delete(ring);
}

enum { MANY = 200000 };

static void *put_many(void *user) {
  for (uint64_t i = 1; i <= MANY; i++) put(user, "a", i);
  return NULL;
}

static void a_thread_takes_while_another_puts(void **state) {
  (void)state;
  run_ring *ring = run_ring_new();
  pthread_t thread;
  uint64_t taken = 0, before = 0;
  run_span out;
  assert_int_equal(pthread_create(&thread, NULL, put_many, ring), 0);
  while (before < MANY && taken + run_ring_dropped(ring) < MANY) {
    if (!run_ring_take(ring, &out)) {
      sched_yield();
      continue;
    }
    assert_true(out.record.bytes_in > before);
    before = out.record.bytes_in;
    taken++;
  }
  pthread_join(thread, NULL);
  for (; run_ring_take(ring, &out); taken++) continue;
  assert_int_equal(taken + run_ring_dropped(ring), MANY);
  run_ring_delete(ring);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_come_out_as_copies_in_order),
      cmocka_unit_test(what_finds_no_room_is_dropped_and_counted),
      cmocka_unit_test(calls_of_a_run_that_finds_no_room_are_freed),
      cmocka_unit_test(long_names_are_cut_between_characters),
      cmocka_unit_test(what_a_run_owns_is_freed_with_a_ring_that_still_has_it),
      cmocka_unit_test(a_thread_takes_while_another_puts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
