// Lifting start functions, so that instantiating a module runs nothing.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "unit/base/alloc_failure.h"
#include "unit/engine/wasm/wasm_testing.h"

static bytes lift_text(const char *source) {
  bytes wasm = assemble(source);
  bytes lifted;
  assert_success(wasm_lift_start(wasm.data, wasm.size, &lifted.data, &lifted.size));
  free(wasm.data);
  return lifted;
}

static wasm_module *read_lifted(const char *source) {
  bytes lifted = lift_text(source);
  wasm_module *module;
  assert_success(wasm_module_read(lifted.data, lifted.size, &module));
  free(lifted.data);
  return module;
}

static void a_lifted_start_function_is_an_export_and_starts_nothing(void **state) {
  (void)state;
  wasm_module *module = read_lifted("(module (func) (func $s) (start $s) (memory (export \"memory\") 1))");
  assert_false(module->has_start);
  assert_int_equal(module->exports_count, 2);
  assert_export(module, WASM_START_EXPORT, "() -> ()");
  assert_int_equal(wasm_module_export(module, WASM_START_EXPORT)->index, 1);
  wasm_module_free(module);
}

static void a_module_without_exports_gets_a_section_for_them(void **state) {
  (void)state;
  wasm_module *module =
      read_lifted("(module (table 1 funcref) (func $s) (start $s) (elem (i32.const 0) $s) (memory 1) (data \"x\"))");
  assert_int_equal(module->exports_count, 1);
  assert_export(module, WASM_START_EXPORT, "() -> ()");
  wasm_module_free(module);
}

static void a_module_without_a_start_function_is_copied(void **state) {
  (void)state;
  const char *source = "(module (func (export \"f\")) (memory 1))";
  bytes wasm = assemble(source);
  bytes lifted = lift_text(source);
  assert_int_equal(wasm.size, lifted.size);
  assert_memory_equal(wasm.data, lifted.data, wasm.size);
  free(wasm.data);
  free(lifted.data);
}

static void an_imported_start_function_is_lifted_too(void **state) {
  (void)state;
  wasm_module *module = read_lifted("(module (import \"a\" \"s\" (func $s)) (start $s))");
  assert_int_equal(wasm_module_export(module, WASM_START_EXPORT)->index, 0);
  wasm_module_free(module);
}

static void no_module_may_export_the_name_of_lifted_start_functions(void **state) {
  (void)state;
  static const char *const sources[] = {
      "(module (func $s (export \"ubiq:start\")) (start $s))",
      "(module (func (export \"ubiq:start\") (param i32)))",
  };
  for (size_t i = 0; i < 2; i++) {
    bytes wasm = assemble(sources[i]);
    bytes lifted;
    assert_fails(wasm_lift_start(wasm.data, wasm.size, &lifted.data, &lifted.size), UBIQ_INVALID_INPUT,
                 "WebAssembly module: it exports \"ubiq:start\", a name that is kept for its start section");
    free(wasm.data);
  }
}

static void a_lifted_module_is_valid_and_runs_when_it_is_called(void **state) {
  (void)state;
  bytes lifted = lift_text("(module (global $g (export \"g\") (mut i32) (i32.const 1))"
                           " (func $s (global.set $g (i32.const 2))) (start $s))");
  wasm_engine_t *engine = wasm_engine_new();
  wasmtime_module_t *module;
  assert_null(wasmtime_module_new(engine, lifted.data, lifted.size, &module));
  wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
  wasmtime_context_t *context = wasmtime_store_context(store);
  wasmtime_instance_t instance;
  wasm_trap_t *trap = NULL;
  assert_null(wasmtime_instance_new(context, module, NULL, 0, &instance, &trap));
  wasmtime_extern_t global, start;
  wasmtime_val_t value;
  assert_true(wasmtime_instance_export_get(context, &instance, "g", 1, &global));
  assert_true(wasmtime_instance_export_get(context, &instance, "ubiq:start", 10, &start));
  wasmtime_global_get(context, &global.of.global, &value);
  assert_int_equal(value.of.i32, 1);
  assert_null(wasmtime_func_call(context, &start.of.func, NULL, 0, NULL, 0, &trap));
  wasmtime_global_get(context, &global.of.global, &value);
  assert_int_equal(value.of.i32, 2);
  wasmtime_store_delete(store);
  wasmtime_module_delete(module);
  wasm_engine_delete(engine);
  free(lifted.data);
}

static bool attempt_lift(void *user) {
  const bytes *wasm = user;
  uint8_t *lifted = NULL;
  size_t size;
  ubiq_error *error = wasm_lift_start(wasm->data, wasm->size, &lifted, &size);
  bool ok = error == NULL;
  if (ok) free(lifted);
  ubiq_error_delete(error);
  return ok;
}

static void every_allocation_of_lifting_may_fail(void **state) {
  (void)state;
  bytes wasm = assemble(rich);
  assert_true(alloc_failure_sweep(attempt_lift, &wasm) > 4);
  free(wasm.data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_lifted_start_function_is_an_export_and_starts_nothing),
      cmocka_unit_test(a_module_without_exports_gets_a_section_for_them),
      cmocka_unit_test(a_module_without_a_start_function_is_copied),
      cmocka_unit_test(an_imported_start_function_is_lifted_too),
      cmocka_unit_test(no_module_may_export_the_name_of_lifted_start_functions),
      cmocka_unit_test(a_lifted_module_is_valid_and_runs_when_it_is_called),
      cmocka_unit_test(every_allocation_of_lifting_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
