// Imports: what nobody provides is listed in one error, with its type and a hint; namespaces old and new; shadowing.
#include "plugin/parts/function.h"
#include "unit/plugin/plugin_testing.h"

static ubiq_error *compile_guest_as(const char *guest, bool wasi) {
  buffer bytes = guest_read(guest);
  ubiq_compiled *compiled = NULL;
  ubiq_error *error = ubiq_compiled_new(bytes.data, bytes.size, &(ubiq_compile_options){.wasi = wasi}, &compiled);
  ubiq_compiled_delete(compiled);
  buffer_free(&bytes);
  return error;
}

static void assert_lists(const ubiq_error *error, const char *line) {
  if (!strstr(ubiq_error_message(error), line))
    fail_msg("%s\nexpected a line with: %s", ubiq_error_message(error), line);
}

static void one_error_lists_all_that_is_missing(void **state) {
  (void)state;
  ubiq_error *error = compile_guest_as("missing_imports", true);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_lists(error,
               "unknown import: `extism:host/env::teleport` has not been defined; imports that nobody provides:");
  assert_lists(error, "\n  function extism:host/env teleport (i64, f32) -> i64: Extism has no such function");
  assert_lists(error, "\n  function extism:host/env http_stream (i64, i64, i32) -> i64");
  assert_lists(error, "\n  function extism:host/user nobody_home (i32) -> (): a host function that the embedder");
  assert_lists(error, "\n  function env extism_teleport () -> i32: Extism has no such function");
  assert_lists(error, "\n  function env emscripten_notify_memory_growth (i32) -> ()");
  assert_lists(error, "\n  function wasi_snapshot_preview1 sock_teleport (i32) -> i32: not part of WASI preview 1");
  assert_lists(error, "\n  function wasi_unstable sock_accept (i32, i32, i32) -> i32: not part of WASI preview 1");
  assert_lists(error, "\n  memory some-lib memory");
  assert_lists(error, "\n  table some-lib table");
  assert_lists(error, "\n  global some-lib global");
  assert_null(strstr(ubiq_error_message(error), " alloc "));
  ubiq_error_delete(error);
}

static void known_names_with_other_types_are_told_theirs(void **state) {
  (void)state;
  ubiq_error *error = compile_guest_as("wrong_imports", true);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_lists(error, "incompatible import type for `extism:host/env::alloc`; imports that nobody provides:");
  assert_lists(error, "alloc (i32) -> i32: the kernel's has the type (i64) -> i64");
  assert_lists(error, "global extism:host/env length: linked modules cannot access non-function exports");
  assert_lists(error, "config_get () -> i64: since Extism 1.0 its type is (i64) -> i64");
  assert_lists(error, "function wasi_snapshot_preview1 fd_write (i64) -> i32: WASI has it with the type "
                      "(i32, i32, i32, i32) -> i32");
  ubiq_error_delete(error);
}

static void wasi_is_named_where_it_is_not_enabled(void **state) {
  (void)state;
  ubiq_error *error = compile_guest_as("wasi_reactor", false);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_lists(error, "WASI is not enabled for this plugin");
  ubiq_error_delete(error);
  assert_success(compile_guest_as("wasi_reactor", true));
}

static void the_kernels_memory_is_nobodys(void **state) {
  (void)state;
  assert_error_with(compile_guest_as("kernel_memory", true), UBIQ_INVALID_INPUT, "memory extism:host/env memory");
}

static void what_is_only_the_hosts_of_the_kernel_cannot_be_imported(void **state) {
  (void)state;
  static const char *const sources[] = {
      "(module (import \"extism:host/env\" \"call_begin\" (func (param i64) (result i64))))",
      "(module (import \"env\" \"extism_call_begin\" (func (param i64) (result i64))))",
      "(module (import \"ubiq:kernel\" \"grow\" (func (param i32 i32) (result i32))))",
      "(module (import \"host\" \"extism:host/env.config_get\" (func (param i64) (result i64))))",
      "(module (import \"finish\" \"extism:host/env.config_get\" (func (param i64))))",
      "(module (import \"extism:host/env\" \"extism_context\" (global externref)))",
  };
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    ubiq_compiled *compiled;
    assert_error_with(text_compile(sources[i], &(ubiq_compile_options){.wasi = true}, &compiled), UBIQ_INVALID_INPUT,
                      "imports that nobody provides");
  }
}

static const char *const all_functions[] = {
    "alloc\" (func (param i64) (result i64)",
    "free\" (func (param i64)",
    "length\" (func (param i64) (result i64)",
    "length_unsafe\" (func (param i64) (result i64)",
    "load_u8\" (func (param i64) (result i32)",
    "load_u64\" (func (param i64) (result i64)",
    "store_u8\" (func (param i64 i32)",
    "store_u64\" (func (param i64 i64)",
    "input_set\" (func (param i64 i64)",
    "input_offset\" (func (result i64)",
    "input_length\" (func (result i64)",
    "input_load_u8\" (func (param i64) (result i32)",
    "input_load_u64\" (func (param i64) (result i64)",
    "output_set\" (func (param i64 i64)",
    "output_offset\" (func (result i64)",
    "output_length\" (func (result i64)",
    "error_set\" (func (param i64)",
    "error_get\" (func (result i64)",
    "reset\" (func",
    "memory_bytes\" (func (result i64)",
    "config_get\" (func (param i64) (result i64)",
    "var_get\" (func (param i64) (result i64)",
    "var_set\" (func (param i64 i64)",
    "http_request\" (func (param i64 i64) (result i64)",
    "http_status_code\" (func (result i32)",
    "http_headers\" (func (result i64)",
    "log_trace\" (func (param i64)",
    "log_debug\" (func (param i64)",
    "log_info\" (func (param i64)",
    "log_warn\" (func (param i64)",
    "log_error\" (func (param i64)",
    "get_log_level\" (func (result i32)",
};

static void every_function_of_the_kernel_and_the_host_is_there_under_both_namespaces(void **state) {
  (void)state;
  buffer text = {0};
  assert_true(buffer_append_string(&text, "(module"));
  for (size_t i = 0; i < sizeof all_functions / sizeof *all_functions; i++)
    for (int old = 0; old < 2; old++)
      assert_true(buffer_printf(&text, " (import \"%s%s))", old ? "env\" \"extism_" : "extism:host/env\" \"",
                                all_functions[i]));
  assert_true(buffer_append_string(&text, " (func (export \"f\")))"));
  for (int suspends = 0; suspends < MODES; suspends++) {
    ubiq_compiled *compiled;
    assert_success(text_compile(buffer_string(&text), &(ubiq_compile_options){.suspends = suspends}, &compiled));
    ubiq_compiled_delete(compiled);
  }
  buffer_free(&text);
}

static void plugins_from_before_the_kernel_run(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "old_namespace", "\"config\": {\"key\": \"value\"}", (ubiq_compile_options){0}, NULL);
    assert_output(&world.one, "echo", "as ever", "as ever");
    assert_output(&world.one, "count", "", "1");
    assert_output(&world.one, "count", "", "2");
    assert_output(&world.one, "configured", "", "value");
    assert_error_with(instance_call(&world.one, "fail", "", NULL), UBIQ_GUEST_ERROR, "oops");
    world_close(&world);
  }
}

// -- Host functions whose names could be taken for each other's --

static ubiq_error *answer_user(ubiq_plugin *plugin, const engine_value *inputs, engine_value *outputs,
                               const ubiq_function *function) {
  (void)plugin;
  (void)inputs;
  outputs[0].i32 = (int32_t)(intptr_t)function->user;
  return NULL;
}

static ubiq_function *constant(const char *module, const char *name, int32_t answer) {
  static const wasm_type i32 = WASM_TYPE_I32;
  static const wasm_signature signature = {.results = &i32, .results_count = 1};
  ubiq_function *function = NULL;
  assert_success(function_new(name, &signature, &function));
  assert_success(function_set_module(function, module));
  function->call = answer_user;
  function->user = (void *)(intptr_t)answer;
  return function;
}

static void assert_answer(const char *source, ubiq_function *const *functions, size_t count, int32_t expected) {
  for (int suspends = 0; suspends < MODES; suspends++) {
    ubiq_compile_options options = {
        .functions = (const ubiq_function *const *)functions, .functions_count = count, .suspends = suspends};
    ubiq_compiled *compiled;
    test_loop loop;
    instance one;
    assert_success(text_compile(source, &options, &compiled));
    test_loop_open(&loop);
    assert_success(instance_open(&one, compiled, suspends ? &loop : NULL, NULL));
    ubiq_error *error = instance_call(&one, "f", "", NULL);
    assert_int_equal(ubiq_error_detail(error), expected);
    ubiq_error_delete(error);
    instance_close(&one);
    ubiq_compiled_delete(compiled);
    test_loop_close(&loop);
  }
}

static void names_with_dots_are_not_mixed_up(void **state) {
  (void)state;
  ubiq_function *functions[] = {constant("a.b", "c", 10), constant("a", "b.c", 3)};
  assert_answer("(module (import \"a.b\" \"c\" (func $x (result i32))) (import \"a\" \"b.c\" (func $y (result i32)))"
                " (func (export \"f\") (result i32) (i32.sub (call $x) (call $y))))",
                functions, 2, 7);
  for (int i = 0; i < 2; i++) function_release(functions[i]);
}

static void odd_names_of_host_functions_are_fine(void **state) {
  (void)state;
  ubiq_function *functions[] = {constant("slot:a", "b", 1), constant("", "", 2), constant("alloc", "free", 4)};
  assert_answer("(module (import \"slot:a\" \"b\" (func $x (result i32))) (import \"\" \"\" (func $y (result i32)))"
                " (import \"alloc\" \"free\" (func $z (result i32)))"
                " (func (export \"f\") (result i32) (i32.add (call $z) (i32.add (call $x) (call $y)))))",
                functions, 3, 7);
  for (int i = 0; i < 3; i++) function_release(functions[i]);
}

static void a_later_host_function_shadows_an_earlier_one_and_the_hosts_own(void **state) {
  (void)state;
  ubiq_function *functions[] = {constant("extism:host/user", "x", 1), constant("extism:host/user", "x", 5),
                                constant("extism:host/env", "http_status_code", 6)};
  assert_answer("(module (import \"extism:host/user\" \"x\" (func $x (result i32)))"
                " (import \"extism:host/env\" \"http_status_code\" (func $y (result i32)))"
                " (func (export \"f\") (result i32) (i32.add (call $x) (call $y))))",
                functions, 3, 11);
  for (int i = 0; i < 3; i++) function_release(functions[i]);
}

static void a_host_function_of_another_type_is_told_its_own(void **state) {
  (void)state;
  ubiq_function *functions[] = {constant("extism:host/user", "x", 4)};
  ubiq_compile_options options = {.functions = (const ubiq_function *const *)functions, .functions_count = 1};
  ubiq_compiled *compiled;
  assert_error_with(
      text_compile("(module (import \"extism:host/user\" \"x\" (func (param i64))))", &options, &compiled),
      UBIQ_INVALID_INPUT, "(i64) -> (): the embedder's has the type () -> i32");
  function_release(functions[0]);
}

static void the_same_import_twice_is_one(void **state) {
  (void)state;
  ubiq_function *functions[] = {constant("extism:host/user", "x", 4)};
  assert_answer("(module (import \"extism:host/user\" \"x\" (func $x (result i32)))"
                " (import \"extism:host/user\" \"x\" (func $y (result i32)))"
                " (func (export \"f\") (result i32) (i32.add (call $x) (call $y))))",
                functions, 1, 8);
  function_release(functions[0]);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_error_lists_all_that_is_missing),
      cmocka_unit_test(known_names_with_other_types_are_told_theirs),
      cmocka_unit_test(wasi_is_named_where_it_is_not_enabled),
      cmocka_unit_test(the_kernels_memory_is_nobodys),
      cmocka_unit_test(what_is_only_the_hosts_of_the_kernel_cannot_be_imported),
      cmocka_unit_test(every_function_of_the_kernel_and_the_host_is_there_under_both_namespaces),
      cmocka_unit_test(plugins_from_before_the_kernel_run),
      cmocka_unit_test(names_with_dots_are_not_mixed_up),
      cmocka_unit_test(odd_names_of_host_functions_are_fine),
      cmocka_unit_test(a_later_host_function_shadows_an_earlier_one_and_the_hosts_own),
      cmocka_unit_test(a_host_function_of_another_type_is_told_its_own),
      cmocka_unit_test(the_same_import_twice_is_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
