// The ticker: it ticks while calls are under way, rests when none are, wakes at once, and engines may come and go.
#include "unit/engine/engine_testing.h"

#include "base/clock.h"
#include "base/sanitized.h"
#include "engine/ticker.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

// An engine that counts its ticks.
typedef struct counter {
  engine base;
  atomic_uint ticks;
} counter;

static void count_tick(engine *engine) {
  atomic_fetch_add(&((counter *)engine)->ticks, 1);
}

static const engine_ops counter_ops = {.name = "counter", .tick = count_tick};

enum { PATIENCE_MS = 60 * 1000 };

static bool reaches(counter *self, unsigned ticks, uint64_t within_ms) {
  uint64_t end = clock_monotonic_ns() + within_ms * CLOCK_NS_PER_MS;
  while (atomic_load(&self->ticks) < ticks)
    if (clock_monotonic_ns() > end)
      return false;
    else
      sched_yield();
  return true;
}

static void engines_are_ticked_while_a_call_is_under_way(void **state) {
  (void)state;
  counter one = {.base.ops = &counter_ops}, other = {.base.ops = &counter_ops};
  assert_success(ticker_add(&one.base));
  assert_success(ticker_add(&other.base));
  ticker_begin(NULL);
  assert_true(reaches(&one, 5, PATIENCE_MS));
  assert_true(reaches(&other, 5, PATIENCE_MS));
  ticker_end(NULL);
  ticker_remove(&one.base);
  ticker_remove(&other.base);
  unsigned ticks = atomic_load(&one.ticks);
  assert_false(reaches(&one, ticks + 1, 10));
}

// How many ticks there are in a while in which nothing runs.
static unsigned ticks_in(counter *self, uint64_t ms) {
  unsigned before = atomic_load(&self->ticks);
  reaches(self, UINT32_MAX, ms);
  return atomic_load(&self->ticks) - before;
}

enum { LOOKS_MAX = 200 };

static void it_rests_when_nothing_runs_and_wakes_for_the_next_call(void **state) {
  (void)state;
  counter one = {.base.ops = &counter_ops};
  assert_success(ticker_add(&one.base));
  for (int i = 0; i < 3; i++) {
    ticker_begin(NULL);
    assert_true(reaches(&one, atomic_load(&one.ticks) + 2, PATIENCE_MS));
    ticker_end(NULL);
    unsigned looks = 0;
    while (ticks_in(&one, 150) != 0) assert_true(++looks < LOOKS_MAX); // it takes what it may stand still
  }
  ticker_remove(&one.base);
}

static void short_calls_one_after_the_other_are_ticked(void **state) {
  (void)state;
  counter one = {.base.ops = &counter_ops};
  assert_success(ticker_add(&one.base));
  uint64_t end = clock_monotonic_ns() + PATIENCE_MS * CLOCK_NS_PER_MS;
  while (atomic_load(&one.ticks) < 5 && clock_monotonic_ns() < end) {
    ticker_begin(NULL);
    ticker_end(NULL);
  }
  assert_true(atomic_load(&one.ticks) >= 5);
  ticker_remove(&one.base);
}

static void more_engines_than_there_is_room_for_are_refused(void **state) {
  (void)state;
  enum { MANY = 64 };
  static counter counters[MANY];
  ubiq_error *error = NULL;
  int count = 0;
  for (; count < MANY && !error; count++) {
    counters[count].base.ops = &counter_ops;
    error = ticker_add(&counters[count].base);
  }
  assert_int_equal(ubiq_error_code(error), UBIQ_BUSY);
  ubiq_error_delete(error);
  for (int i = 0; i < count; i++) ticker_remove(&counters[i].base);
  assert_success(ticker_add(&counters[0].base));
  ticker_remove(&counters[0].base);
}

static void removing_an_engine_that_is_not_there_does_nothing(void **state) {
  (void)state;
  counter one = {.base.ops = &counter_ops}, other = {.base.ops = &counter_ops};
  ticker_remove(&one.base);
  assert_success(ticker_add(&one.base));
  ticker_remove(&other.base);
  ticker_remove(&one.base);
  ticker_remove(&one.base);
}

static void *come_and_go(void *user) {
  for (int i = 0; i < 100; i++) {
    counter one = {.base.ops = &counter_ops};
    if (ticker_add(&one.base)) return user;
    ticker_begin(NULL);
    ticker_end(NULL);
    ticker_remove(&one.base);
  }
  return NULL;
}

static void engines_come_and_go_on_many_threads(void **state) {
  (void)state;
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  int failed;
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, come_and_go, &failed);
  for (int i = 0; i < THREADS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    assert_null(result);
  }
}

static int child_ticks(counter *self) {
  for (int i = 0; i < 2; i++) {
    ticker_begin(NULL);
    unsigned before = atomic_load(&self->ticks);
    if (!reaches(self, before + 5, PATIENCE_MS)) return 1;
    ticker_end(NULL);
  }
  ticker_remove(&self->base);
  return 0;
}

// Whether or not a call is under way in the parent.
static void a_child_of_fork_ticks_too(void **state) {
  (void)state;
  if (SANITIZED_THREADS) skip(); // it ends children of processes with threads that start threads
  counter one = {.base.ops = &counter_ops};
  assert_success(ticker_add(&one.base));
  for (int busy = 0; busy < 2; busy++) {
    if (busy) ticker_begin(NULL);
    pid_t child = fork();
    if (child == 0) _exit(child_ticks(&one));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    if (busy) ticker_end(NULL);
  }
  ticker_begin(NULL);
  assert_true(reaches(&one, atomic_load(&one.ticks) + 5, PATIENCE_MS));
  ticker_end(NULL);
  ticker_remove(&one.base);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(engines_are_ticked_while_a_call_is_under_way),
      cmocka_unit_test(it_rests_when_nothing_runs_and_wakes_for_the_next_call),
      cmocka_unit_test(short_calls_one_after_the_other_are_ticked),
      cmocka_unit_test(more_engines_than_there_is_room_for_are_refused),
      cmocka_unit_test(removing_an_engine_that_is_not_there_does_nothing),
      cmocka_unit_test(engines_come_and_go_on_many_threads),
      cmocka_unit_test(a_child_of_fork_ticks_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
