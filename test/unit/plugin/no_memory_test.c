// What happens when memory is out: each allocation of ours fails once, while compiling, making an instance, and calling.
// It must be an error or harmless, leak nothing, and the next attempt must do. The engine's own allocations do not fail here,
// nor those of an adapter in an object of its own.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "plugin/parts/function.h"
#include "unit/plugin/late_functions.h"

#include "ubiq/call.h"
#include "ubiq/pool.h"
#include "unit/base/alloc_failure.h"

/// Calls `attempt` with the first allocation failing, then the second, until none fails any more; answers how many did.
/// Unlike alloc_failure_sweep it lets an attempt succeed: without the module cache, or with a log line less.
static size_t sweep(void (*attempt)(void *user), void *user) {
  size_t passes = 0;
  do {
    alloc_failure.armed = true;
    alloc_failure.failed = false;
    alloc_failure.passes = passes++;
    attempt(user);
    alloc_failure.armed = false;
  } while (alloc_failure.failed);
  return passes - 1;
}

static void compile(void *user) {
  ubiq_compiled *compiled = NULL;
  ubiq_error_delete(text_compile(user, &(ubiq_compile_options){.wasi = true}, &compiled));
  ubiq_compiled_delete(compiled);
}

static void compiling_fails_cleanly(void **state) {
  (void)state;
  static char modules[] = "{\"wasm\":[{\"name\":\"lib\",\"data\":\"KG1vZHVsZSAoZnVuYyAoZXhwb3J0ICJmIikpKQ==\"},"
                          "{\"name\":\"main\",\"data\":\"KG1vZHVsZSAoaW1wb3J0ICJsaWIiICJmIiAoZnVuYykpKQ==\"}]}";
  static char missing[] = "(module (import \"extism:host/env\" \"config_get\" (func))"
                          " (import \"wasi_snapshot_preview1\" \"fd_write\" (func)) (import \"a\" \"b\" (memory 1)))";
  static char imports[] = "(module (import \"extism:host/env\" \"var_get\" (func (param i64) (result i64)))"
                          " (import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))"
                          " (memory 1) (func $s) (start $s) (func (export \"f\")))";
  assert_true(sweep(compile, modules) > 30);
  assert_true(sweep(compile, missing) > 20);
  assert_true(sweep(compile, imports) > 30);
}

/// A call of a fresh instance.
typedef struct call {
  ubiq_compiled *compiled;
  test_loop *loop;
  const char *function, *input;
  const char *output; ///< NULL: a number, how many milliseconds went by, which nobody promises
} call;

static bool is_answer(ubiq_bytes given, const char *expected) {
  if (!expected) return given.size > 0 && given.data[0] >= '0' && given.data[0] <= '9';
  return given.size == strlen(expected) && (!given.size || memcmp(given.data, expected, given.size) == 0);
}

static ubiq_error *try_call(call *self, bool *right) {
  instance one;
  ubiq_bytes output = {0};
  ubiq_error *error = instance_open(&one, self->compiled, self->loop, NULL);
  if (!error) error = instance_call(&one, self->function, self->input, &output);
  *right = !error && is_answer(output, self->output);
  instance_close(&one);
  return error;
}

static void attempt_call(void *user) {
  bool right;
  ubiq_error *error = try_call(user, &right);
  if (!error && !right) fail_msg("%s", "a call that lacked memory gave another answer");
  ubiq_error_delete(error);
}

static void calling_fails_cleanly(void **state) {
  (void)state;
  static const struct {
    const char *guest, *function, *input, *output;
  } cases[] = {
      {"hello", "hello", "Ada", "Hello, Ada!"},
      {"count_vowels", "count_vowels", "Ada", "{\"count\":2,\"total\":2,\"vowels\":\"aeiouAEIOU\"}"},
      {"vars", "many", "20", ""},
      {"error", "fail_with_input", "some words", ""},
      {"error", "error_then_trap", "", ""},
      {"log", "all", "", ""},
      {"wasi_reactor", "print_lines", "", ""},
      {"wasi_reactor", "sleep", "0", NULL},
      {"hello", "no such function", "", ""},
  };
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  for (int mode = 0; mode < MODES; mode++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      test_loop loop;
      test_loop_open(&loop);
      call self = {.compiled = guest_compile(cases[i].guest, &(ubiq_compile_options){.suspends = mode, .wasi = true}),
                   .loop = mode ? &loop : NULL,
                   .function = cases[i].function,
                   .input = cases[i].input,
                   .output = cases[i].output};
      size_t failures = sweep(attempt_call, &self);
      assert_in_range(failures, is_default_engine() ? 2 : 1, 10000);
      ubiq_compiled_delete(self.compiled);
      test_loop_close(&loop);
    }
  ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
}

static void make_function(void *user) {
  (void)user;
  static const wasm_type i64 = WASM_TYPE_I64;
  static const wasm_signature signature = {&i64, &i64, 1, 1};
  ubiq_function *function = NULL;
  ubiq_error *error = function_new("name", &signature, &function);
  if (!error) {
    error = function_set_module(function, "module");
    function_release(function);
  }
  ubiq_error_delete(error);
}

static void making_host_functions_fails_cleanly(void **state) {
  (void)state;
  assert_in_range(sweep(make_function, NULL), 3, 10);
}

static void use_pool(void *user) {
  ubiq_pool *pool = NULL;
  ubiq_bytes output = {0};
  ubiq_error *error = ubiq_pool_new(user, &(ubiq_pool_options){.min = 1, .max = 2}, &pool);
  for (int i = 0; i < 2 && !error; i++) {
    error = ubiq_pool_call(pool, "hello", (ubiq_bytes){(const uint8_t *)"Ada", 3}, NULL, &output);
    if (!error) assert_int_equal(output.size, 11);
    ubiq_pool_output_delete(output);
  }
  ubiq_error_delete(error);
  ubiq_pool_delete(pool);
}

static void pools_fail_cleanly(void **state) {
  (void)state;
  ubiq_compiled *compiled = guest_compile("hello", NULL);
  assert_in_range(sweep(use_pool, compiled), 5, 1000); // few where an engine uses instances again
  ubiq_compiled_delete(compiled);
}

static void answer_late(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)user, (void)plugin, (void)inputs;
  ubiq_completion_done_block(completion, (ubiq_bytes){(const uint8_t *)"late", 4});
}

static void call_late(void *user) {
  ubiq_plugin *plugin = NULL;
  ubiq_call *call = NULL;
  ubiq_error *error = ubiq_plugin_new(user, &plugin);
  if (!error) error = ubiq_call_start(plugin, "run", (ubiq_bytes){0}, NULL, NULL, NULL, &call);
  while (call && ubiq_call_resume(call) != UBIQ_CALL_DONE) {
  }
  if (call && !ubiq_call_error(call)) assert_int_equal(ubiq_call_output(call).size, 4);
  ubiq_error_delete(error);
  ubiq_call_delete(call);
  ubiq_plugin_delete(plugin);
}

static void late_answers_fail_cleanly(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  ubiq_compiled *compiled = compile_late(late_guest, make_late(answer_late, NULL, NULL), true);
  assert_in_range(sweep(call_late, compiled), 4, 1000);
  ubiq_compiled_delete(compiled);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(compiling_fails_cleanly),
      cmocka_unit_test(calling_fails_cleanly),
      cmocka_unit_test(making_host_functions_fails_cleanly),
      cmocka_unit_test(pools_fail_cleanly),
      cmocka_unit_test(late_answers_fail_cleanly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
