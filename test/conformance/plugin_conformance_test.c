// What every engine must do with the same guests: one table of calls, run with each engine by name, on the
// caller's stack and, where the engine can suspend, on fibers; merged with the kernel into one module, and linked
// to it. An engine that this build does not have is left out; a guest that needs what an engine cannot do (docs/engines.md)
// must be refused when it is compiled. Guests that were not built here (no Rust or Go) are skipped.
#include "support/engines.h"
#include "unit/plugin/plugin_testing.h"

/// One call of a fresh instance, and how it must end.
typedef struct conformance_case {
  const char *guest, *function, *input;
  ubiq_code code;
  const char *output; ///< all of it; on failure a part of the message; NULL: whatever it is
  int32_t detail;     ///< of an error
  const char *more;   ///< of the manifest
  bool wasi;
} conformance_case;

#define FAILS_1M "\"memory\": {\"max_pages\": 64}"

static const conformance_case cases[] = {
    {.guest = "echo", .function = "echo", .input = "some bytes", .output = "some bytes"},
    {.guest = "echo", .function = "echo", .input = "", .output = ""},
    {.guest = "echo", .function = "echo_copy", .input = "some more bytes", .output = "some more bytes"},
    {.guest = "echo", .function = "echo_bytes", .input = "byte by byte", .output = "byte by byte"},
    {.guest = "echo", .function = "nothing", .input = "x", .output = ""},
    {.guest = "echo", .function = "twice", .input = "x", .output = "second"},
    {.guest = "echo", .function = "ech", .input = "x", .code = UBIQ_NOT_FOUND, .output = "did you mean echo?"},
    {.guest = "hello", .function = "hello", .input = "Ada", .output = "Hello, Ada!"},
    {.guest = "count_vowels",
     .function = "count_vowels",
     .input = "Hello, World!",
     .output = "{\"count\":3,\"total\":3,\"vowels\":\"aeiouAEIOU\"}"},
    {.guest = "count_vowels",
     .function = "count_vowels",
     .input = "Hello, World!",
     .output = "{\"count\":5,\"total\":5,\"vowels\":\"lo\"}",
     .more = "\"config\": {\"vowels\": \"lo\"}"},
    {.guest = "config",
     .function = "config",
     .input = "key",
     .output = "value",
     .more = "\"config\": {\"key\": \"value\"}"},
    {.guest = "config",
     .function = "config",
     .input = "other",
     .code = UBIQ_GUEST_ERROR,
     .output = "not set",
     .detail = 1},
    {.guest = "config",
     .function = "bad_key",
     .input = "",
     .code = UBIQ_TRAP,
     .output = "invalid handle",
     .detail = -1},
    {.guest = "vars", .function = "count", .input = "", .output = "1"},
    {.guest = "vars", .function = "get", .input = "", .output = "(none)"},
    {.guest = "vars", .function = "fill", .input = "1048577", .code = UBIQ_QUOTA, .output = "Variable store is full"},
    {.guest = "vars",
     .function = "set",
     .input = "x",
     .code = UBIQ_DENIED,
     .output = "Vars are disabled",
     .more = "\"memory\": {\"max_var_bytes\": 0}"},
    {.guest = "error",
     .function = "fail",
     .input = "",
     .code = UBIQ_GUEST_ERROR,
     .output = "fails on purpose",
     .detail = 1},
    {.guest = "error",
     .function = "fail_silently",
     .input = "",
     .code = UBIQ_GUEST_ERROR,
     .output = "returned 7",
     .detail = 7},
    {.guest = "error",
     .function = "fail_negative",
     .input = "",
     .code = UBIQ_GUEST_ERROR,
     .output = "returned -3",
     .detail = -3},
    {.guest = "error", .function = "error_and_zero", .input = "", .code = UBIQ_GUEST_ERROR, .output = "although zero"},
    {.guest = "error", .function = "error_cleared", .input = "", .output = "fine"},
    {.guest = "error",
     .function = "trap_unreachable",
     .input = "",
     .code = UBIQ_TRAP,
     .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "error", .function = "trap_divide", .input = "", .code = UBIQ_TRAP},
    {.guest = "error", .function = "trap_memory", .input = "", .code = UBIQ_TRAP},
    {.guest = "error",
     .function = "error_then_trap",
     .input = "",
     .code = UBIQ_TRAP,
     .output = "last words",
     .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "recurse", .function = "recurse", .input = "", .code = UBIQ_TRAP},
    {.guest = "recurse", .function = "recurse_frames", .input = "", .code = UBIQ_TRAP},
    {.guest = "recurse", .function = "recurse_indirect", .input = "", .code = UBIQ_TRAP},
    {.guest = "infinite", .function = "spin", .input = "", .code = UBIQ_TIMEOUT, .more = "\"timeout_ms\": 30"},
    {.guest = "infinite", .function = "spin_kernel", .input = "", .code = UBIQ_TIMEOUT, .more = "\"timeout_ms\": 30"},
    {.guest = "infinite", .function = "spin_host", .input = "", .code = UBIQ_TIMEOUT, .more = "\"timeout_ms\": 30"},
    {.guest = "infinite", .function = "turns", .input = "12345", .output = "12345"},
    {.guest = "grow",
     .function = "must_grow_kernel",
     .input = "",
     .code = UBIQ_MEMORY_LIMIT,
     .more = FAILS_1M,
     .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "grow",
     .function = "must_grow_module",
     .input = "",
     .code = UBIQ_MEMORY_LIMIT,
     .more = FAILS_1M,
     .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "memory", .function = "check_alloc", .input = "0123456789", .output = "ok"},
    {.guest = "memory", .function = "check_bytes", .input = "0123456789", .output = "ok"},
    {.guest = "memory", .function = "check_overlap", .input = "0123456789", .output = "ok"},
    {.guest = "memory", .function = "check_reuse", .input = "0123456789", .output = "ok"},
    {.guest = "memory", .function = "check_input", .input = "0123456789", .output = "ok"},
    {.guest = "memory", .function = "check_freed_twice", .input = "0123456789", .output = "ok"},
    {.guest = "memory", .function = "check_inside", .input = "0123456789", .output = "ok"},
    {.guest = "memory", .function = "check_huge", .input = "0123456789", .output = "ok"},
    {.guest = "memory", .function = "bad_free", .input = "", .output = "alive"},
    {.guest = "memory", .function = "bad_store", .input = "", .output = "alive"},
    {.guest = "memory", .function = "output_nowhere", .input = "", .output = ""},
    {.guest = "memory", .function = "output_wraps", .input = "", .output = ""},
    {.guest = "memory", .function = "output_inside", .input = "", .output = "inside"},
    {.guest = "big_data", .function = "peek", .input = "4194303", .output = "f"},
    {.guest = "big_data", .function = "dirty", .input = "", .output = "s"},
    {.guest = "http", .function = "status_before", .input = "", .output = "0"},
    {.guest = "http",
     .function = "get",
     .input = "http://127.0.0.1:1/",
     .code = UBIQ_DENIED,
     .output = "is not allowed"},
    {.guest = "http",
     .function = "get",
     .input = "http://127.0.0.1:1/",
     .code = UBIQ_UNAVAILABLE,
     .more = "\"allowed_hosts\": [\"127.0.0.1\"]"},
    {.guest = "old_namespace", .function = "echo", .input = "as ever", .output = "as ever"},
    {.guest = "old_namespace", .function = "count", .input = "", .output = "1"},
    {.guest = "old_namespace",
     .function = "fail",
     .input = "",
     .code = UBIQ_GUEST_ERROR,
     .output = "oops",
     .detail = 1},
    {.guest = "start_ok", .function = "order", .input = "", .output = "start,ctors"},
    {.guest = "initialize", .function = "check", .input = "", .output = ""},
    {.guest = "haskell", .function = "check", .input = "", .output = ""},
    {.guest = "start_trap", .function = "never", .input = "", .code = UBIQ_TRAP, .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "initialize_trap",
     .function = "never",
     .input = "",
     .code = UBIQ_TRAP,
     .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "data_outside",
     .function = "never",
     .input = "",
     .code = UBIQ_TRAP,
     .output = "out of bounds memory access"},
    {.guest = "spin_start", .function = "never", .input = "", .code = UBIQ_TIMEOUT, .more = "\"timeout_ms\": 30"},
    {.guest = "spin_initialize", .function = "never", .input = "", .code = UBIQ_TIMEOUT, .more = "\"timeout_ms\": 30"},
    {.guest = "signatures", .function = "good", .input = "", .output = ""},
    {.guest = "signatures", .function = "good_nothing", .input = "", .output = ""},
    {.guest = "signatures", .function = "good_code_9", .input = "", .code = UBIQ_GUEST_ERROR, .detail = 9},
    {.guest = "signatures", .function = "takes_i32", .input = "", .code = UBIQ_INVALID_INPUT, .output = "(i32) -> i32"},
    {.guest = "signatures", .function = "gives_two", .input = "", .code = UBIQ_INVALID_INPUT},
    {.guest = "signatures", .function = "table", .input = "", .code = UBIQ_INVALID_INPUT},
    {.guest = "tables", .function = "call_good", .input = "", .output = ""},
    {.guest = "tables", .function = "call_other_type", .input = "", .code = UBIQ_TRAP},
    {.guest = "tables", .function = "call_empty", .input = "", .code = UBIQ_TRAP},
    {.guest = "tables", .function = "call_past_end", .input = "", .code = UBIQ_TRAP},
    {.guest = "table_grow", .function = "grow", .input = "", .output = "", .more = "\"timeout_ms\": 10000"},
    {.guest = "no_memory", .function = "nothing", .input = "x", .output = ""},
    {.guest = "features", .function = "multi_value", .input = "", .output = ""},
    {.guest = "features", .function = "sign_extension", .input = "", .output = ""},
    {.guest = "features", .function = "saturating", .input = "", .output = ""},
    {.guest = "features", .function = "bulk_memory", .input = "", .output = ""},
    {.guest = "features", .function = "reference_types", .input = "", .output = ""},
    {.guest = "features", .function = "simd", .input = "", .output = ""},
    {.guest = "wasi_plugin_command", .function = "_start", .input = "x", .output = "from _start", .wasi = true},
    {.guest = "wasi_plugin_command",
     .function = "_start",
     .input = "exit=3",
     .code = UBIQ_GUEST_ERROR,
     .output = "exited with code 3",
     .detail = 3,
     .wasi = true},
    {.guest = "wasi_plugin_command", .function = "_start", .input = "exit=0", .output = "", .wasi = true},
    {.guest = "wasi_reactor", .function = "constructed", .input = "", .output = "1", .wasi = true},
    {.guest = "wasi_reactor", .function = "sleep", .input = "5", .wasi = true},
    {.guest = "wasi_reactor",
     .function = "sleep",
     .input = "60000",
     .code = UBIQ_TIMEOUT,
     .more = "\"timeout_ms\": 30",
     .wasi = true},
    {.guest = "wasi_reactor", .function = "quit", .input = "9", .code = UBIQ_GUEST_ERROR, .detail = 9, .wasi = true},
    {.guest = "wasi_reactor",
     .function = "abort",
     .input = "",
     .code = UBIQ_TRAP,
     .wasi = true,
     .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "wasi_reactor", .function = "no_files", .input = "", .output = "", .wasi = true},
    {.guest = "rust_plugin", .function = "echo", .input = "rust", .output = "rust"},
    {.guest = "rust_plugin", .function = "add", .input = "{\"a\":40,\"b\":2}", .output = "{\"sum\":42}"},
    {.guest = "rust_plugin",
     .function = "count_vowels",
     .input = "Hello",
     .output = "{\"count\":2,\"total\":2,\"vowels\":\"aeiouAEIOU\"}"},
    {.guest = "rust_plugin", .function = "config", .input = "key", .output = "(none)"},
    {.guest = "rust_plugin", .function = "count", .input = "", .output = "1"},
    {.guest = "rust_plugin",
     .function = "fail",
     .input = "words",
     .code = UBIQ_GUEST_ERROR,
     .output = "words",
     .detail = -1},
    {.guest = "rust_plugin",
     .function = "fail_with_code",
     .input = "",
     .code = UBIQ_GUEST_ERROR,
     .output = "code 42",
     .detail = 42},
    {.guest = "rust_plugin", .function = "panic", .input = "", .code = UBIQ_TRAP, .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "rust_plugin_wasi", .function = "echo", .input = "rust", .output = "rust", .wasi = true},
    {.guest = "rust_plugin_wasi",
     .function = "panic",
     .input = "",
     .code = UBIQ_TRAP,
     .wasi = true,
     .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "go_echo", .function = "echo", .input = "go", .output = "go", .wasi = true},
    {.guest = "go_echo",
     .function = "count_vowels",
     .input = "Hello",
     .output = "{\"count\":2,\"total\":2,\"vowels\":\"aeiouAEIOU\"}",
     .wasi = true},
    {.guest = "go_echo",
     .function = "fail",
     .input = "words",
     .code = UBIQ_GUEST_ERROR,
     .output = "words",
     .detail = 1,
     .wasi = true},
    {.guest = "go_echo",
     .function = "panics",
     .input = "",
     .code = UBIQ_TRAP,
     .wasi = true,
     .detail = ENGINE_TRAP_UNREACHABLE},
    {.guest = "go_echo", .function = "sleep", .input = "", .wasi = true},
};
enum { CASES = sizeof cases / sizeof *cases, WAYS = 4 };

/// A guest that needs more of an engine than the rest, and the least module that needs the same.
typedef struct conformance_need {
  const char *guest, *module;
} conformance_need;

static const conformance_need needs[] = {
    {"features", "(module (func (result i32) (ref.is_null (ref.null extern))))"},
    {"features", "(module (func (result v128) (v128.const i32x4 0 1 2 3)))"},
    {"table_grow", "(module (table 1 funcref) (func (result i32) (table.size 0)))"},
    {"signatures", "(module (func (param v128)))"},
};

// Whether an engine refuses what a guest needs.
static bool is_too_much(const char *engine, const char *guest) {
  bool lacks = false;
  for (size_t i = 0; i < sizeof needs / sizeof *needs && !lacks; i++) {
    if (strcmp(needs[i].guest, guest) != 0) continue;
    ubiq_compiled *compiled = NULL;
    ubiq_error *error = text_compile(needs[i].module, &(ubiq_compile_options){.engine = engine}, &compiled);
    lacks = error != NULL;
    ubiq_error_delete(error);
    ubiq_compiled_delete(compiled);
  }
  return lacks;
}

/// How a case is run: part of a test's initial state.
typedef struct trial {
  const conformance_case *what;
  const char *engine;
  bool on_loop, is_linked;
  char name[160];
} trial;

static void is_refused(const char *engine, const char *guest) {
  buffer bytes = guest_read(guest);
  ubiq_compiled *compiled = NULL;
  ubiq_compile_options options = {.engine = engine, .wasi = true};
  assert_error_code(ubiq_compiled_new(bytes.data, bytes.size, &options, &compiled), UBIQ_INVALID_INPUT);
  assert_null(compiled);
  buffer_free(&bytes);
}

static void run_trial(void **state) {
  const trial *self = *state;
  if (is_too_much(self->engine, self->what->guest)) {
    is_refused(self->engine, self->what->guest);
    return;
  }
  const conformance_case *what = self->what;
  ubiq_compile_options options = {.engine = self->engine, .wasi = what->wasi};
  plugin_world world;
  ubiq_bytes output;
  setenv("UBIQ_MERGE", self->is_linked ? "0" : "1", 1);
  world_open(&world, self->on_loop, what->guest, what->more ? what->more : "", options, NULL);
  for (int i = 0; i < 2; i++) {
    ubiq_error *error = instance_call(&world.one, what->function, what->input, &output);
    if (ubiq_error_code(error) != what->code)
      fail_msg("%s: %s; expected %s", ubiq_code_name(ubiq_error_code(error)), ubiq_error_message(error),
               ubiq_code_name(what->code));
    if (error && what->output && !strstr(ubiq_error_message(error), what->output))
      fail_msg("%s; expected: %s", ubiq_error_message(error), what->output);
    assert_int_equal(ubiq_error_detail(error), what->detail);
    if (!error && what->output &&
        (output.size != strlen(what->output) || (output.size && memcmp(output.data, what->output, output.size) != 0)))
      fail_msg("%.*s; expected: %s", (int)output.size, (const char *)output.data, what->output);
    ubiq_error_delete(error);
    world_renew(&world, NULL);
  }
  world_close(&world);
}

static int run_engine(const engine_ops *ops) {
  static trial trials[WAYS * CASES];
  static struct CMUnitTest tests[WAYS * CASES];
  const char *name = ops->name;
  size_t count = 0;
  for (int way = 0; way < WAYS; way++) {
    bool on_loop = way & 1, is_linked = way & 2;
    if (on_loop && !(ops->capabilities & ENGINE_CAN_SUSPEND)) continue;
    if (is_linked && !(ops->capabilities & ENGINE_HAS_MEMORIES)) continue; // it never merges
    for (size_t i = 0; i < CASES; i++, count++) {
      trials[count] = (trial){.what = &cases[i], .engine = name, .on_loop = on_loop, .is_linked = is_linked};
      snprintf(trials[count].name, sizeof trials[count].name, "%s_%s_%s_%s_%s(%s)", name,
               is_linked ? "linked" : "merged", on_loop ? "loop" : "stack", cases[i].guest, cases[i].function,
               cases[i].input);
      tests[count] =
          (struct CMUnitTest){.name = trials[count].name, .test_func = run_trial, .initial_state = &trials[count]};
    }
  }
  return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

// Guests are compiled once for each engine and way, and then come from a cache of this program's own.
static void remove_cache(const char *folder) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  if (system(command) != 0) print_message("%s could not be deleted\n", folder);
}

int main(void) {
  char folder[] = "/tmp/ubiq-conformance-XXXXXX";
  if (mkdtemp(folder)) setenv("UBIQ_CACHE", folder, 1);
  const engine_ops *engines[ENGINES_MAX];
  int failed = 0;
  plugin_testing_begin();
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  size_t count = engines_present(engines);
  plugin_testing_add(engines, count);
  for (size_t i = 0; i < count; i++) failed += run_engine(engines[i]);
  remove_cache(folder);
  return failed;
}
