// Pools (ubiq/pool.h): fresh and reused instances, what is kept ready, waiting in order, closing, many threads.
#include "unit/plugin/plugin_testing.h"

#include "ubiq/call.h"
#include "ubiq/pool.h"

#include <pthread.h>
#include <sched.h>

static ubiq_pool *open_pool(const char *guest, const ubiq_pool_options *options) {
  ubiq_compiled *compiled = guest_compile(guest, NULL);
  ubiq_pool *pool = NULL;
  assert_success(ubiq_pool_new(compiled, options, &pool));
  ubiq_compiled_delete(compiled); // the pool has a share
  traps_restore();
  return pool;
}

static ubiq_error *call_pool(ubiq_pool *pool, const char *function, const char *input, char *out, size_t out_size) {
  ubiq_bytes output;
  ubiq_error *error =
      ubiq_pool_call(pool, function, (ubiq_bytes){(const uint8_t *)input, strlen(input)}, NULL, &output);
  snprintf(out, out_size, "%.*s", (int)output.size, output.size ? (const char *)output.data : "");
  ubiq_pool_output_delete(output);
  return error;
}

#define assert_pool_answers(pool, function, input, expected)                                                           \
  do {                                                                                                                 \
    char answer_[256];                                                                                                 \
    assert_success(call_pool(pool, function, input, answer_, sizeof answer_));                                         \
    assert_string_equal(answer_, expected);                                                                            \
  } while (0)

#define assert_status(pool, ready_, busy_, made_)                                                                      \
  do {                                                                                                                 \
    ubiq_pool_status status_;                                                                                          \
    ubiq_pool_look(pool, &status_);                                                                                    \
    assert_int_equal(status_.ready, ready_);                                                                           \
    assert_int_equal(status_.busy, busy_);                                                                             \
    assert_int_equal(status_.made, made_);                                                                             \
    assert_int_equal(status_.waiting, 0);                                                                              \
  } while (0)

static void wait_until_waiting(ubiq_pool *pool, uint32_t count) {
  ubiq_pool_status status;
  do {
    sched_yield();
    ubiq_pool_look(pool, &status);
  } while (status.waiting != count);
}

// -- Uses --

static void each_use_gets_a_fresh_instance(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("vars", &(ubiq_pool_options){.min = 2});
  for (int i = 0; i < 5; i++) {
    assert_pool_answers(pool, "get", "", "(none)");
    assert_pool_answers(pool, "set", "mine", "");
  }
  ubiq_pool_delete(pool);
}

static void a_reused_instance_keeps_what_the_guest_kept(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("vars", &(ubiq_pool_options){.reuse = true});
  assert_pool_answers(pool, "set", "mine", "");
  assert_pool_answers(pool, "get", "", "mine");
  assert_status(pool, 1, 0, 1);
  ubiq_pool_delete(pool);
}

static void an_instance_that_was_stopped_is_not_used_again(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("error", &(ubiq_pool_options){.reuse = true});
  char answer[64];
  assert_error_code(call_pool(pool, "trap_unreachable", "", answer, sizeof answer), UBIQ_TRAP);
  assert_status(pool, 0, 0, 1);
  assert_error_code(call_pool(pool, "fail", "", answer, sizeof answer), UBIQ_GUEST_ERROR);
  assert_error_code(call_pool(pool, "fail", "", answer, sizeof answer), UBIQ_GUEST_ERROR);
  assert_status(pool, 1, 0, 2);
  ubiq_pool_delete(pool);
}

static void an_instance_whose_call_was_dropped_is_not_used_again(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  ubiq_compiled *compiled = guest_compile("infinite", &(ubiq_compile_options){.suspends = true});
  ubiq_pool *pool;
  ubiq_plugin *plugin;
  ubiq_call *call;
  assert_success(ubiq_pool_new(compiled, &(ubiq_pool_options){.reuse = true}, &pool));
  ubiq_compiled_delete(compiled);
  traps_restore();
  assert_success(ubiq_pool_acquire(pool, &plugin));
  assert_success(ubiq_call_start(plugin, "spin", (ubiq_bytes){0}, NULL, NULL, NULL, &call));
  assert_int_equal(ubiq_call_resume(call), UBIQ_CALL_READY);
  ubiq_call_delete(call);
  ubiq_pool_release(pool, plugin);
  assert_status(pool, 0, 0, 1);
  ubiq_pool_delete(pool);
}

static void a_call_has_its_budget(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("infinite", &(ubiq_pool_options){.min = 1, .wait_ms = 60000});
  ubiq_bytes output;
  assert_error_code(ubiq_pool_call(pool, "spin", (ubiq_bytes){0}, &(ubiq_call_options){.timeout_ms = 20}, &output),
                    UBIQ_TIMEOUT);
  assert_int_equal(output.size, 0);
  assert_pool_answers(pool, "turns", "1000", "1000");
  ubiq_pool_delete(pool);
}

static void waiting_for_a_place_is_part_of_a_calls_time(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("hello", &(ubiq_pool_options){.max = 1, .wait_ms = 60000});
  ubiq_plugin *taken;
  ubiq_bytes output;
  assert_success(ubiq_pool_acquire(pool, &taken));
  uint64_t began_ns = clock_monotonic_ns();
  assert_error_code(ubiq_pool_call(pool, "hello", (ubiq_bytes){0}, &(ubiq_call_options){.timeout_ms = 20}, &output),
                    UBIQ_BUSY);
  assert_true(clock_monotonic_ns() - began_ns >= 20 * CLOCK_NS_PER_MS);
  ubiq_pool_release(pool, taken);
  ubiq_pool_delete(pool);
}

// -- What is kept ready --

static void as_many_as_min_are_kept_ready(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("hello", &(ubiq_pool_options){.min = 2, .max = 4});
  ubiq_plugin *plugins[4];
  assert_status(pool, 2, 0, 2);
  for (int i = 0; i < 4; i++) assert_success(ubiq_pool_acquire(pool, &plugins[i]));
  assert_status(pool, 0, 4, 4);
  ubiq_pool_release(pool, plugins[0]);
  assert_status(pool, 1, 3, 5);
  for (int i = 1; i < 4; i++) ubiq_pool_release(pool, plugins[i]);
  assert_status(pool, 2, 0, 6);
  assert_pool_answers(pool, "hello", "Ada", "Hello, Ada!");
  assert_status(pool, 2, 0, 7);
  ubiq_pool_delete(pool);
}

static void idle_instances_beyond_min_end(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("hello", &(ubiq_pool_options){.min = 1, .max = 4, .reuse = true, .idle_ms = 1});
  ubiq_plugin *plugins[4];
  for (int i = 0; i < 4; i++) assert_success(ubiq_pool_acquire(pool, &plugins[i]));
  for (int i = 0; i < 4; i++) ubiq_pool_release(pool, plugins[i]);
  ubiq_pool_status status;
  uint64_t until_ns = clock_monotonic_ns() + 2 * CLOCK_NS_PER_MS;
  while (clock_monotonic_ns() < until_ns) {
  }
  for (int i = 0; i < 3; i++) assert_pool_answers(pool, "hello", "Ada", "Hello, Ada!");
  ubiq_pool_look(pool, &status);
  assert_int_equal(status.ready, 1);
  ubiq_pool_delete(pool);
}

static void a_max_below_min_is_refused(void **state) {
  (void)state;
  ubiq_compiled *compiled = guest_compile("hello", NULL);
  ubiq_pool *pool = NULL;
  assert_error_with(ubiq_pool_new(compiled, &(ubiq_pool_options){.min = 3, .max = 2}, &pool), UBIQ_INVALID_INPUT,
                    "at least min");
  assert_success(ubiq_pool_new(compiled, NULL, &pool));
  assert_status(pool, 0, 0, 0);
  ubiq_pool_delete(pool);
  ubiq_compiled_delete(compiled);
}

// -- Waiting --

static void a_full_pool_that_does_not_wait_is_busy(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("hello", &(ubiq_pool_options){.max = 2});
  ubiq_plugin *plugins[3];
  assert_success(ubiq_pool_acquire(pool, &plugins[0]));
  assert_success(ubiq_pool_acquire(pool, &plugins[1]));
  assert_error_with(ubiq_pool_acquire(pool, &plugins[2]), UBIQ_BUSY, "all 2 instances");
  ubiq_pool_release(pool, plugins[0]);
  assert_success(ubiq_pool_acquire(pool, &plugins[2]));
  ubiq_pool_release(pool, plugins[1]);
  ubiq_pool_release(pool, plugins[2]);
  ubiq_pool_release(pool, NULL);
  ubiq_pool_delete(pool);
}

static void who_waits_too_long_is_told_busy(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("hello", &(ubiq_pool_options){.max = 1, .wait_ms = 30});
  ubiq_plugin *plugin, *other;
  assert_success(ubiq_pool_acquire(pool, &plugin));
  uint64_t began_ns = clock_monotonic_ns();
  assert_error_code(ubiq_pool_acquire(pool, &other), UBIQ_BUSY);
  assert_true(clock_monotonic_ns() - began_ns >= 30 * CLOCK_NS_PER_MS);
  assert_status(pool, 0, 1, 1);
  ubiq_pool_release(pool, plugin);
  ubiq_pool_delete(pool);
}

enum { WAITERS = 6 };

typedef struct queue {
  ubiq_pool *pool;
  atomic_int served;
  int order[WAITERS]; ///< who was served when
  ubiq_code codes[WAITERS];
} queue;

typedef struct member {
  queue *queue;
  int number;
} member;

static void *wait_in_queue(void *user) {
  member *self = user;
  ubiq_plugin *plugin = NULL;
  ubiq_error *error = ubiq_pool_acquire(self->queue->pool, &plugin);
  self->queue->codes[self->number] = ubiq_error_code(error);
  ubiq_error_delete(error);
  if (!plugin) return NULL;
  self->queue->order[atomic_fetch_add(&self->queue->served, 1)] = self->number;
  ubiq_pool_release(self->queue->pool, plugin);
  return NULL;
}

static void begin_queue(queue *self, member *members, pthread_t *threads) {
  for (int i = 0; i < WAITERS; i++) {
    members[i] = (member){self, i};
    assert_int_equal(pthread_create(&threads[i], NULL, wait_in_queue, &members[i]), 0);
    wait_until_waiting(self->pool, (uint32_t)i + 1);
  }
}

static void those_who_wait_are_served_in_order(void **state) {
  (void)state;
  for (int reuse = 0; reuse < 2; reuse++) {
    queue self = {.pool = open_pool("hello", &(ubiq_pool_options){.max = 1, .wait_ms = 600000, .reuse = reuse})};
    member members[WAITERS];
    pthread_t threads[WAITERS];
    ubiq_plugin *plugin;
    assert_success(ubiq_pool_acquire(self.pool, &plugin));
    begin_queue(&self, members, threads);
    ubiq_pool_release(self.pool, plugin);
    for (int i = 0; i < WAITERS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < WAITERS; i++) assert_int_equal(self.order[i], i);
    assert_status(self.pool, reuse, 0, reuse ? 1 : 1 + WAITERS);
    ubiq_pool_delete(self.pool);
  }
}

// -- Closing --

static void closing_tells_those_who_wait_and_lets_instances_out_live_on(void **state) {
  (void)state;
  queue self = {.pool = open_pool("hello", &(ubiq_pool_options){.max = 1, .wait_ms = UINT64_MAX, .reuse = true})};
  member members[WAITERS];
  pthread_t threads[WAITERS];
  ubiq_plugin *plugin;
  ubiq_bytes output;
  assert_success(ubiq_pool_acquire(self.pool, &plugin));
  begin_queue(&self, members, threads);
  ubiq_pool_close(self.pool);
  for (int i = 0; i < WAITERS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < WAITERS; i++) assert_int_equal(self.codes[i], UBIQ_UNAVAILABLE);
  ubiq_pool_delete(self.pool);
  assert_success(ubiq_plugin_call(plugin, "hello", (ubiq_bytes){0}, &output));
  ubiq_pool_release(self.pool, plugin);
}

static void who_asks_a_closed_pool_is_told_so(void **state) {
  (void)state;
  ubiq_pool *pool = open_pool("hello", &(ubiq_pool_options){.min = 1, .max = 4, .wait_ms = 600000});
  ubiq_plugin *plugin, *other;
  ubiq_bytes output;
  assert_success(ubiq_pool_acquire(pool, &plugin));
  ubiq_pool_close(pool);
  ubiq_pool_close(pool);
  assert_error_with(ubiq_pool_acquire(pool, &other), UBIQ_UNAVAILABLE, "the pool was closed");
  assert_error_code(ubiq_pool_call(pool, "hello", (ubiq_bytes){0}, NULL, &output), UBIQ_UNAVAILABLE);
  assert_status(pool, 0, 1, 1);
  ubiq_pool_release(pool, plugin);
  assert_status(pool, 0, 0, 1);
  ubiq_pool_delete(pool);
}

static void closing_ends_what_is_ready(void **state) {
  (void)state;
  ubiq_pool_delete(open_pool("hello", &(ubiq_pool_options){.min = 3}));
  ubiq_pool_delete(NULL);
}

typedef struct holder {
  ubiq_pool *pool;
  ubiq_plugin *plugin;
  atomic_bool *is_closing;
} holder;

static void *give_back(void *user) {
  holder *self = user;
  while (!atomic_load(self->is_closing)) sched_yield();
  ubiq_pool_release(self->pool, self->plugin);
  return NULL;
}

static void instances_come_back_while_a_pool_is_deleted(void **state) {
  (void)state;
  enum { HOLDERS = 8, POOLS = 20 };
  ubiq_compiled *compiled = guest_compile("hello", NULL);
  for (int round = 0; round < POOLS; round++) {
    ubiq_pool *pool;
    pthread_t threads[HOLDERS];
    holder holders[HOLDERS];
    atomic_bool is_closing = false;
    ubiq_pool_options options = {.min = 2, .max = HOLDERS, .reuse = round % 2};
    assert_success(ubiq_pool_new(compiled, &options, &pool));
    for (int i = 0; i < HOLDERS; i++) {
      holders[i] = (holder){.pool = pool, .is_closing = &is_closing};
      assert_success(ubiq_pool_acquire(pool, &holders[i].plugin));
      pthread_create(&threads[i], NULL, give_back, &holders[i]);
    }
    atomic_store(&is_closing, true);
    ubiq_pool_delete(pool);
    for (int i = 0; i < HOLDERS; i++) pthread_join(threads[i], NULL);
  }
  ubiq_compiled_delete(compiled);
}

// -- Threads --

enum { THREADS = 16, ROUNDS = 60 };

typedef struct team {
  ubiq_pool *pool;
  atomic_int failures, uses;
} team;

static bool is_expected(ubiq_pool *pool, int round, char answer[64]) {
  if (round % 20 == 19) {
    ubiq_bytes output;
    ubiq_error *error =
        ubiq_pool_call(pool, "spin", (ubiq_bytes){0}, &(ubiq_call_options){.timeout_ms = 600000}, &output);
    bool is_late = ubiq_error_code(error) == UBIQ_CPU_LIMIT;
    ubiq_error_delete(error);
    return is_late;
  }
  ubiq_error *error = call_pool(pool, "turns", "100", answer, 64);
  bool is_right = !error && strcmp(answer, "100") == 0;
  ubiq_error_delete(error);
  return is_right;
}

static void *work(void *user) {
  team *self = user;
  char answer[64];
  for (int i = 0; i < ROUNDS; i++)
    if (!is_expected(self->pool, i, answer)) atomic_fetch_add(&self->failures, 1);
  return NULL;
}

static void many_threads_share_a_pool(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_FUEL);
  ubiq_compiled *compiled = guest_compile("infinite", &(ubiq_compile_options){.fuel = 100000});
  for (int reuse = 0; reuse < 2; reuse++) {
    pthread_t threads[THREADS];
    team self = {0};
    ubiq_pool_options options = {.min = 2, .max = 4, .wait_ms = 600000, .reuse = reuse};
    assert_success(ubiq_pool_new(compiled, &options, &self.pool));
    traps_restore();
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, &self);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&self.failures), 0);
    ubiq_pool_status status;
    ubiq_pool_look(self.pool, &status);
    assert_int_equal(status.busy, 0);
    assert_in_range(status.ready, 2, reuse ? 4 : 2);
    ubiq_pool_delete(self.pool);
  }
  ubiq_compiled_delete(compiled);
}

// Uses a pool in every way until it is told that it was closed; any other error is a failure.
static void *use_until_closed(void *user) {
  team *self = user;
  char answer[64];
  ubiq_code code = UBIQ_OK;
  for (int i = 0; code == UBIQ_OK || code == UBIQ_BUSY; i++) {
    ubiq_plugin *plugin = NULL;
    ubiq_error *error =
        i % 2 ? ubiq_pool_acquire(self->pool, &plugin) : call_pool(self->pool, "hello", "Ada", answer, sizeof answer);
    if (plugin) ubiq_pool_release(self->pool, plugin);
    code = ubiq_error_code(error);
    ubiq_error_delete(error);
    atomic_fetch_add(&self->uses, 1);
  }
  if (code != UBIQ_UNAVAILABLE) atomic_fetch_add(&self->failures, 1);
  return NULL;
}

static void a_pool_is_closed_under_threads_that_use_it(void **state) {
  (void)state;
  enum { POOLS = 40 };
  ubiq_compiled *compiled = guest_compile("hello", NULL);
  for (int round = 0; round < POOLS; round++) {
    pthread_t threads[THREADS];
    team self = {0};
    ubiq_pool_options options = {
        .min = (uint32_t)round % 3, .max = 4, .wait_ms = round % 4 ? 600000 : 0, .reuse = round % 2};
    assert_success(ubiq_pool_new(compiled, &options, &self.pool));
    traps_restore();
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, use_until_closed, &self);
    while (atomic_load(&self.uses) < round * 4) sched_yield();
    ubiq_pool_close(self.pool);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&self.failures), 0);
    ubiq_pool_status status;
    ubiq_pool_look(self.pool, &status);
    assert_int_equal(status.ready + status.busy + status.waiting, 0);
    ubiq_pool_delete(self.pool);
  }
  ubiq_compiled_delete(compiled);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_use_gets_a_fresh_instance),
      cmocka_unit_test(a_reused_instance_keeps_what_the_guest_kept),
      cmocka_unit_test(an_instance_that_was_stopped_is_not_used_again),
      cmocka_unit_test(an_instance_whose_call_was_dropped_is_not_used_again),
      cmocka_unit_test(a_call_has_its_budget),
      cmocka_unit_test(waiting_for_a_place_is_part_of_a_calls_time),
      cmocka_unit_test(as_many_as_min_are_kept_ready),
      cmocka_unit_test(idle_instances_beyond_min_end),
      cmocka_unit_test(a_max_below_min_is_refused),
      cmocka_unit_test(a_full_pool_that_does_not_wait_is_busy),
      cmocka_unit_test(who_waits_too_long_is_told_busy),
      cmocka_unit_test(those_who_wait_are_served_in_order),
      cmocka_unit_test(closing_tells_those_who_wait_and_lets_instances_out_live_on),
      cmocka_unit_test(closing_ends_what_is_ready),
      cmocka_unit_test(who_asks_a_closed_pool_is_told_so),
      cmocka_unit_test(instances_come_back_while_a_pool_is_deleted),
      cmocka_unit_test(a_pool_is_closed_under_threads_that_use_it),
      cmocka_unit_test(many_threads_share_a_pool),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
