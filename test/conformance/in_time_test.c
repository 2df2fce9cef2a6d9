// On every engine that is present, code without end is ended within 100 ms of its deadline, and of a cancellation by another
// thread, whatever it does: loops, memory, calls of the kernel and of the host, recursion, starts, large fills and copies.
//
// A machine that is busy with other things may take longer, but not each time: what counts is the best of a few tries.
#include "support/engines.h"
#include "ubiq/function.h"
#include "unit/plugin/plugin_testing.h"

#include <pthread.h>

enum { DEADLINE_MS = 30, LATE_MS = 100, SAFETY_MS = 20000, TRIES = 20, NAME_BYTES_MAX = 128 };

// Functions that never return. `tree` needs no loop: calls within calls, 4 to the power of 200 of them.
static const char endless[] =
    "(module"
    " (import \"extism:host/env\" \"length\" (func $kernel (param i64) (result i64)))"
    " (import \"extism:host/user\" \"host\" (func $host (param i64) (result i64)))"
    " (memory 257)"
    " (type $t (func (param i32)))"
    " (table 1 funcref) (elem (i32.const 0) $tree)"
    " (func (export \"tight\") (loop (br 0)))"
    " (func (export \"memory\") (local $i i32)"
    "  (loop (i64.store (local.get $i) (i64.add (i64.load (local.get $i)) (i64.const 1)))"
    "   (local.set $i (i32.and (i32.add (local.get $i) (i32.const 8)) (i32.const 0xffff))) (br 0)))"
    " (func (export \"kernel\") (loop (drop (call $kernel (i64.const 8))) (br 0)))"
    " (func (export \"host\") (loop (drop (call $host (i64.const 8))) (br 0)))"
    " (func (export \"table\") (local $i i32)"
    "  (loop $again (block $b (block $a (br_table $a $b $again (i32.and (local.get $i) (i32.const 3)))))"
    "   (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $again)))"
    " (func $tree (param $depth i32) (if (local.get $depth) (then"
    "  (call $tree (i32.sub (local.get $depth) (i32.const 1))) (call $tree (i32.sub (local.get $depth) (i32.const 1)))"
    "  (call $tree (i32.sub (local.get $depth) (i32.const 1))) (call $tree (i32.sub (local.get $depth) (i32.const "
    "1))))))"
    " (func (export \"tree\") (call $tree (i32.const 200)))"
    " (func $pointers (param $depth i32) (if (local.get $depth) (then"
    "  (call_indirect (type $t) (i32.sub (local.get $depth) (i32.const 1)) (i32.const 0))"
    "  (call $pointers (i32.sub (local.get $depth) (i32.const 1))))))"
    " (func (export \"pointers\") (call $pointers (i32.const 200)))"
    " (func (export \"fill\")"
    "  (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216)) (br 0)))"
    " (func (export \"copy\")"
    "  (loop (memory.copy (i32.const 65536) (i32.const 0) (i32.const 16777216)) (br 0))))";
static const char start[] = "(module (func $s (loop (br 0))) (start $s) (func (export \"never\")))";
static const char initialize[] = "(module (func (export \"_initialize\") (loop (br 0))) (func (export \"never\")))";

// Code without loops that takes long, and a loop of long turns behind many short ones; write_long writes them.
static char fills[1 << 17], divisions[1 << 20];

static const struct {
  const char *module, *function, *name;
} cases[] = {
    {endless, "tight", "a_tight_loop"},
    {endless, "memory", "a_loop_over_memory"},
    {endless, "kernel", "a_loop_of_calls_of_the_kernel"},
    {endless, "host", "a_loop_of_calls_of_the_host"},
    {endless, "table", "a_loop_of_branches_by_table"},
    {endless, "tree", "calls_without_a_loop"},
    {endless, "pointers", "calls_by_table_without_a_loop"},
    {endless, "fill", "fills_of_16_mib"},
    {endless, "copy", "copies_of_16_mib"},
    {fills, "fills", "fills_of_16_mib_without_a_loop"},
    {divisions, "divisions", "a_loop_of_long_turns"},
    {start, "never", "a_start_function"},
    {initialize, "never", "an_initialize"},
};
enum { CASES = sizeof cases / sizeof *cases };

// Writes `before`, `count` times `code`, and `after`.
static void write_repeated(char *text, const char *before, const char *code, size_t count, const char *after) {
  text = stpcpy(text, before);
  for (size_t i = 0; i < count; i++) text = stpcpy(text, code);
  stpcpy(text, after);
}

static void write_long(void) {
  write_repeated(fills, "(module (memory 257) (func (export \"fills\")",
                 "(memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216))", 2000, "))");
  write_repeated(
      divisions,
      "(module (func (export \"divisions\") (local $i i32) (local $x i64)"
      " (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3000000))))"
      " (loop",
      "(local.set $x (i64.div_u (i64.const -7) (i64.add (local.get $x) (i64.const 1))))", 10000, " (br 0))))");
}

/// One test: a case on an engine, on the caller's stack or a loop, that ends in one of two ways.
typedef struct trial {
  const engine_ops *ops;
  size_t which;
  bool on_loop, is_cancelled;
  char name[NAME_BYTES_MAX];
} trial;

static ubiq_error *answer(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_value *outputs) {
  (void)user, (void)plugin;
  outputs[0] = inputs[0];
  return NULL;
}

static ubiq_compiled *compile(const trial *self) {
  static const ubiq_type types[] = {UBIQ_I64};
  ubiq_function_options host = {
      .name = "host", .params = types, .params_count = 1, .results = types, .results_count = 1, .callback = answer};
  ubiq_function *function;
  ubiq_compiled *compiled;
  assert_success(ubiq_function_new(&host, &function));
  const ubiq_function *functions[] = {function};
  ubiq_compile_options options = {
      .engine = self->ops->name, .suspends = self->on_loop, .functions = functions, .functions_count = 1};
  assert_success(text_compile(cases[self->which].module, &options, &compiled));
  ubiq_function_delete(function);
  return compiled;
}

/// The other thread. A cancellation before the call has begun is forgotten, so it waits a while before it cancels, and goes on.
typedef struct canceller {
  ubiq_plugin *plugin;
  uint64_t cancelled_ns; ///< the first time
  atomic_bool is_over;
} canceller;

static void *cancel_after_a_while(void *user) {
  canceller *self = user;
  struct timespec delay = {.tv_nsec = DEADLINE_MS * (long)CLOCK_NS_PER_MS};
  nanosleep(&delay, NULL);
  self->cancelled_ns = clock_monotonic_ns();
  while (!atomic_load(&self->is_over)) {
    ubiq_plugin_cancel(self->plugin);
    nanosleep(&delay, NULL);
  }
  return NULL;
}

// How late a call ended, in nanoseconds.
static uint64_t lateness(const trial *self, instance *one, ubiq_code *code) {
  pthread_t thread;
  canceller other = {.plugin = one->plugin};
  uint64_t end_ns = clock_monotonic_ns() + DEADLINE_MS * CLOCK_NS_PER_MS;
  if (self->is_cancelled) assert_int_equal(pthread_create(&thread, NULL, cancel_after_a_while, &other), 0);
  ubiq_error *error = instance_call(one, cases[self->which].function, "", NULL);
  uint64_t ended_ns = clock_monotonic_ns();
  atomic_store(&other.is_over, true);
  if (self->is_cancelled) pthread_join(thread, NULL);
  if (self->is_cancelled) end_ns = other.cancelled_ns;
  *code = ubiq_error_code(error);
  ubiq_error_delete(error);
  return ended_ns > end_ns ? ended_ns - end_ns : 0;
}

static void it_is_ended_in_time(void **state) {
  const trial *self = *state;
  const plugin_limits limits = {.wall_ms = self->is_cancelled ? SAFETY_MS : DEADLINE_MS};
  ubiq_compiled *compiled = compile(self);
  test_loop loop;
  uint64_t best_ms = UINT64_MAX;
  test_loop_open(&loop);
  for (int i = 0; i < TRIES && best_ms > LATE_MS; i++) {
    instance one;
    ubiq_code code;
    assert_success(instance_open(&one, compiled, self->on_loop ? &loop : NULL, &limits));
    uint64_t late_ms = lateness(self, &one, &code) / CLOCK_NS_PER_MS;
    if (code != (self->is_cancelled ? UBIQ_CANCELLED : UBIQ_TIMEOUT))
      fail_msg("it ended with %s", ubiq_code_name(code));
    if (late_ms < best_ms) best_ms = late_ms;
    instance_close(&one);
  }
  test_loop_close(&loop);
  ubiq_compiled_delete(compiled);
  print_message("%llu ms late\n", (unsigned long long)best_ms);
  assert_in_range(best_ms, 0, LATE_MS);
}

// All cases of an engine, in one of four ways: bit 0 tells whether it is cancelled, bit 1 whether it is on a loop.
static size_t add_trials(trial *trials, struct CMUnitTest *tests, const engine_ops *ops, int way) {
  for (size_t i = 0; i < CASES; i++) {
    trials[i] = (trial){.ops = ops, .which = i, .is_cancelled = way & 1, .on_loop = way & 2};
    snprintf(trials[i].name, sizeof trials[i].name, "%s_%s_%s_is_ended_in_time%s", ops->name, cases[i].name,
             way & 1 ? "that_is_cancelled" : "past_its_deadline", way & 2 ? "_on_a_loop" : "");
    tests[i] =
        (struct CMUnitTest){.name = trials[i].name, .test_func = it_is_ended_in_time, .initial_state = &trials[i]};
  }
  return CASES;
}

static int run_engine(const engine_ops *ops) {
  static trial trials[4 * CASES];
  static struct CMUnitTest tests[4 * CASES];
  size_t count = 0;
  int ways = ops->capabilities & ENGINE_CAN_SUSPEND ? 4 : 2;
  for (int way = 0; way < ways; way++) count += add_trials(&trials[count], &tests[count], ops, way);
  return _cmocka_run_group_tests(ops->name, tests, count, NULL, NULL);
}

int main(void) {
  const engine_ops *engines[ENGINES_MAX];
  write_long();
  plugin_testing_begin();
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  size_t count = engines_present(engines);
  plugin_testing_add(engines, count);
  int failed = 0;
  for (size_t i = 0; i < count; i++) failed += run_engine(engines[i]);
  return failed;
}
