// Extism's C ABI on many threads: plugins of one compiled plugin that are made, called, cancelled by one another, timed out
// and freed at random; one plugin called by all; logs, all at once. ThreadSanitizer is what this is for.
#include "unit/plugin/extism_testing.h"

#include <pthread.h>

enum { THREADS = 16, ROUNDS = 60, SHARED_ROUNDS = 200 };

#define MORE "\"timeout_ms\": 8, \"config\": {\"key\": \"value\"}"

static void count_call(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize inputs_count,
                       ExtismVal *outputs, ExtismSize outputs_count, void *user) {
  (void)inputs_count, (void)outputs_count;
  atomic_fetch_add((atomic_int *)user, 1);
  uint64_t size = extism_current_plugin_memory_length(plugin, (uint64_t)inputs[0].v.i64);
  outputs[0].v.i64 = (int64_t)extism_current_plugin_memory_alloc(plugin, size);
}

/// What the threads share.
typedef struct crowd {
  const ExtismCompiledPlugin *compiled;
  pthread_barrier_t start;
  ExtismPlugin *plugins[THREADS]; ///< one a thread; all may cancel it
  atomic_int failures;            ///< calls that ended as no call may
  atomic_int cancelled_or_late, good;
} crowd;

typedef struct member {
  crowd *crowd;
  int number;
  unsigned random;
  pthread_t thread;
} member;

static unsigned choose(member *self, unsigned count) {
  return (unsigned)rand_r(&self->random) % count;
}

static void judge(crowd *crowd, ExtismPlugin *plugin, int32_t code) {
  const char *error = extism_plugin_error(plugin);
  bool ended = code == 134 && error && strcmp(error, "timeout") == 0;
  atomic_fetch_add(&crowd->good, code == 0 && !error);
  atomic_fetch_add(&crowd->cancelled_or_late, ended);
  if (ended || (code == 0 && !error)) return;
  if (atomic_fetch_add(&crowd->failures, 1) == 0) print_error("a call ends with %d: %s\n", code, error ? error : "");
}

static void call_for_a_while(member *self) {
  ExtismPlugin *plugin = self->crowd->plugins[self->number];
  char turns[16];
  snprintf(turns, sizeof turns, "%u", choose(self, 200000));
  judge(self->crowd, plugin, extism_call(plugin, "turns", turns));
}

static void call_for_ever(member *self) {
  static const char *const exports[] = {"spin", "spin_kernel", "spin_host", "spin_log"};
  ExtismPlugin *plugin = self->crowd->plugins[self->number];
  judge(self->crowd, plugin, extism_call(plugin, exports[choose(self, 4)], ""));
}

static void cancel_somebody(member *self) {
  for (int i = 0; i < 20; i++)
    extism_plugin_cancel(extism_plugin_cancel_handle(self->crowd->plugins[choose(self, THREADS)]));
}

static void make_another(member *self) {
  ExtismPlugin *plugin = extism_plugin_new_from_compiled(self->crowd->compiled, NULL);
  if (choose(self, 2)) extism_plugin_config(plugin, (const uint8_t *)"{\"key\": null}", 13);
  judge(self->crowd, plugin, extism_call(plugin, "turns", "10"));
  extism_plugin_free(plugin);
}

static void reset(member *self) {
  extism_plugin_reset(self->crowd->plugins[self->number]);
}

static void *run_member(void *user) {
  static void (*const deeds[])(member *) = {call_for_a_while, call_for_ever, cancel_somebody, make_another, reset};
  member *self = user;
  pthread_barrier_wait(&self->crowd->start);
  for (int i = 0; i < ROUNDS; i++) deeds[choose(self, 5)](self);
  pthread_barrier_wait(&self->crowd->start); // nobody's handle goes while others may cancel
  return NULL;
}

static void run_crowd(crowd *crowd, void *(*run)(void *)) {
  member members[THREADS];
  pthread_barrier_init(&crowd->start, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) {
    members[i] = (member){.crowd = crowd, .number = i, .random = (unsigned)i + 1};
    assert_int_equal(pthread_create(&members[i].thread, NULL, run, &members[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(members[i].thread, NULL);
  pthread_barrier_destroy(&crowd->start);
}

static void threads_share_a_compiled_plugin_and_cancel_one_another_at_random(void **state) {
  (void)state;
  crowd crowd = {0};
  ExtismCompiledPlugin *compiled = extism_compiled_of("infinite", &(extism_setup){.more = MORE});
  crowd.compiled = compiled;
  for (int i = 0; i < THREADS; i++) crowd.plugins[i] = extism_plugin_new_from_compiled(compiled, NULL);
  run_crowd(&crowd, run_member);
  assert_int_equal(crowd.failures, 0);
  assert_true(crowd.good > 0 && crowd.cancelled_or_late > 0);
  for (int i = 0; i < THREADS; i++) extism_plugin_free(crowd.plugins[i]);
  extism_compiled_plugin_free(compiled);
}

static void *call_shared(void *user) {
  member *self = user;
  pthread_barrier_wait(&self->crowd->start);
  for (int i = 0; i < SHARED_ROUNDS; i++)
    atomic_fetch_add(&self->crowd->good, extism_call(self->crowd->plugins[0], "count", "") == 0);
  return NULL;
}

static void calls_of_one_plugin_by_many_threads_come_one_after_the_other(void **state) {
  (void)state;
  crowd crowd = {0};
  crowd.plugins[0] = extism_of("vars", NULL);
  run_crowd(&crowd, call_shared);
  assert_int_equal(crowd.good, THREADS * SHARED_ROUNDS);
  char expected[16];
  snprintf(expected, sizeof expected, "%d", THREADS * SHARED_ROUNDS + 1);
  assert_answers(crowd.plugins[0], "count", "", expected);
  extism_plugin_free(crowd.plugins[0]);
}

static void *call_host(void *user) {
  member *self = user;
  ExtismPlugin *plugin = extism_plugin_new_from_compiled(self->crowd->compiled, NULL);
  pthread_barrier_wait(&self->crowd->start);
  for (int i = 0; i < SHARED_ROUNDS; i++)
    atomic_fetch_add(&self->crowd->good, extism_call(plugin, "reverse", "some words") == 0);
  extism_plugin_free(plugin);
  return NULL;
}

static void end_data(void *user) {
  atomic_fetch_add((atomic_int *)user, 1000000);
}

static void one_host_function_serves_many_threads(void **state) {
  (void)state;
  crowd crowd = {0};
  atomic_int calls = 0;
  const ExtismValType i64 = ExtismValType_I64;
  const ExtismFunction *function = extism_function_new("host_reverse", &i64, 1, &i64, 1, count_call, &calls, end_data);
  ExtismCompiledPlugin *compiled =
      extism_compiled_of("host", &(extism_setup){.functions = &function, .functions_count = 1});
  extism_function_free((ExtismFunction *)function);
  crowd.compiled = compiled;
  run_crowd(&crowd, call_host);
  assert_int_equal(crowd.good, THREADS * SHARED_ROUNDS);
  assert_int_equal(calls, THREADS * SHARED_ROUNDS);
  extism_compiled_plugin_free(compiled);
  assert_int_equal(calls, THREADS * SHARED_ROUNDS + 1000000);
}

static atomic_int lines_seen;

static void see_line(const char *line, ExtismSize size) {
  if (size && line[size - 1] == '\n') atomic_fetch_add(&lines_seen, 1);
}

static void *log_and_drain(void *user) {
  member *self = user;
  ExtismPlugin *plugin = extism_plugin_new_from_compiled(self->crowd->compiled, NULL);
  pthread_barrier_wait(&self->crowd->start);
  for (int i = 0; i < SHARED_ROUNDS; i++) {
    extism_call(plugin, "info", "words");
    if (i % 20 == self->number) extism_log_drain(see_line);
  }
  extism_plugin_free(plugin);
  return NULL;
}

static void many_threads_log_and_drain(void **state) {
  (void)state;
  crowd crowd = {0};
  ExtismCompiledPlugin *compiled = extism_compiled_of("log", NULL);
  crowd.compiled = compiled;
  assert_true(extism_log_custom("info"));
  run_crowd(&crowd, log_and_drain);
  extism_log_drain(see_line);
  assert_int_equal(lines_seen, THREADS * SHARED_ROUNDS);
  assert_true(extism_log_custom("off"));
  extism_compiled_plugin_free(compiled);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_share_a_compiled_plugin_and_cancel_one_another_at_random),
      cmocka_unit_test(calls_of_one_plugin_by_many_threads_come_one_after_the_other),
      cmocka_unit_test(one_host_function_serves_many_threads),
      cmocka_unit_test(many_threads_log_and_drain),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
