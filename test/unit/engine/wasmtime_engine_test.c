// The Wasmtime adapter: finding and opening engines, compiling, serializing, and what is refused in our words.
#include "unit/engine/engine_testing.h"

#include <stdio.h>

static engine *one_engine;

static void engines_are_found_by_name(void **state) {
  (void)state;
  const engine_ops *ops = NULL;
  assert_success(engine_find("wasmtime", &ops));
  assert_string_equal(ops->name, "wasmtime");
  assert_true(strlen(ops->version) > 0);
  char expected[512] = "engine \"wasm4\" is not part of this build; expected one of ";
  size_t count = 0, used = strlen(expected);
  const engine_known *known = engine_list(&count);
  for (size_t i = 0; i < count; i++)
    used += (size_t)snprintf(expected + used, sizeof expected - used, "%s\"%s\"", i ? ", " : "", known[i].name);
  assert_fails(engine_find("wasm4", &ops), UBIQ_NOT_FOUND, expected);
  assert_error_code(engine_find("", &ops), UBIQ_NOT_FOUND);
}

static void more_than_there_is_address_space_is_unavailable(void **state) {
  (void)state;
  engine_options options = {.memory_bytes_max = UINT64_C(4) << 30, .stores_max = 10000000, .fibers_max = 100};
  engine *opened = NULL;
  assert_error_code(engine_open(test_ops(), &options, &opened), UBIQ_UNAVAILABLE);
  assert_null(opened);
}

static void several_engines_live_side_by_side(void **state) {
  (void)state;
  engine_options options[] = {
      {0},
      {.fuel = true},
      {.memory_bytes_max = 1 << 20, .stores_max = 10, .fibers_max = 10},
      {.memory_bytes_max = 64 << 20, .stores_max = 10, .fibers_max = 10, .stack_bytes = 1 << 20},
  };
  enum { ENGINES = sizeof options / sizeof *options };
  engine *engines[ENGINES];
  for (int i = 0; i < ENGINES; i++) assert_success(engine_open(test_ops(), &options[i], &engines[i]));
  for (int i = 0; i < ENGINES; i++) {
    engine_image *image =
        link_alone(engines[i], "(module (func (export \"f\") (result i32) (i32.const 3)))", NULL, 0, i % 2);
    engine_image_delete(image);
  }
  for (int i = ENGINES; i-- > 0;) engine_close(engines[i]);
}

static ubiq_error *compile(engine *engine, const char *text) {
  uint8_t *wasm = NULL;
  size_t size = 0;
  engine_module *module = NULL;
  ubiq_error *error = engine->ops->wat_to_wasm(text, strlen(text), &wasm, &size);
  if (!error) error = engine_compile(engine, wasm, size, &module);
  free(wasm);
  engine_module_delete(module);
  return error;
}

static void text_that_is_no_module_is_invalid_input(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "(",
                                      "(modul)",
                                      "(module",
                                      "(module (func $f) (func $f))",
                                      "(module (func (x)))",
                                      "(module (func call $nobody))",
                                      "\xff"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (*texts[i]) assert_error_code(compile(one_engine, texts[i]), UBIQ_INVALID_INPUT);
  ubiq_error *error = compile(one_engine, "(module\n  (func (i32.dad)))");
  assert_non_null(strstr(ubiq_error_message(error), "module text (WAT): "));
  assert_non_null(strstr(ubiq_error_message(error), "2:"));
  ubiq_error_delete(error);
}

static void modules_that_are_not_valid_are_invalid_input(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (func (result i32)))",  "(module (func (result i32) (i64.const 1)))",
      "(module (func (call 7)))",      "(module (memory 1) (memory 70000))",
      "(module (func (local.get 0)))", "(module (start 3))",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    assert_error_code(compile(one_engine, texts[i]), UBIQ_INVALID_INPUT);
}

static void what_is_wrong_with_a_module_is_said_on_one_line(void **state) {
  (void)state;
  assert_fails(
      compile(one_engine, "(module (func (result i32) (i64.const 1)))"), UBIQ_INVALID_INPUT,
      "module does not compile: failed to compile: wasm[0]::function[0]: WebAssembly translation error: Invalid "
      "input WebAssembly code at offset 26: type mismatch: expected i32, found i64");
}

static void bytes_that_are_no_module_are_invalid_input(void **state) {
  (void)state;
  static const uint8_t bytes[][12] = {
      {0}, {0, 'a', 's', 'm'}, {0, 'a', 's', 'm', 2, 0, 0, 0}, {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 0xff}, {'x'},
  };
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
    for (size_t size = 0; size <= sizeof bytes[i]; size++) {
      engine_module *module = NULL;
      ubiq_error *error = engine_compile(one_engine, bytes[i], size, &module);
      if (error) assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
      ubiq_error_delete(error);
      engine_module_delete(module);
    }
}

static void what_only_a_pool_is_too_small_for_is_too_large(void **state) {
  (void)state;
  engine_options options = {.memory_bytes_max = 1 << 20, .stores_max = 4, .fibers_max = 4};
  engine *small;
  assert_success(engine_open(test_ops(), &options, &small));
  static const char *const texts[] = {
      "(module (memory 17))",
      "(module (table 200000 funcref))",
      "(module (memory 1) (memory 1) (memory 1) (memory 1) (memory 1))",
      "(module (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref))",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    assert_error_code(compile(small, texts[i]), UBIQ_TOO_LARGE);
    assert_success(compile(one_engine, texts[i]));
  }
  engine_close(small);
}

static void serialized_modules_are_read_back(void **state) {
  (void)state;
  engine_module *module = compile_text(one_engine, "(module (func (export \"f\") (result i32) (i32.const 11)))");
  uint8_t *bytes = NULL;
  size_t size = 0;
  assert_success(one_engine->ops->serialize(module, &bytes, &size));
  engine_module_delete(module);
  engine_link_module hub = {0};
  assert_success(one_engine->ops->deserialize(one_engine, bytes, size, &hub.module));
  engine_link link = {.modules = &hub, .modules_count = 1};
  engine_image *image = NULL;
  assert_success(engine_link_modules(one_engine, &link, &image));
  engine_module_delete(hub.module);
  engine_store *store = new_store(image, NULL);
  engine_function f = find_function(store, "f");
  engine_value values[2] = {{0}};
  assert_success(engine_call_now(store, &f, values, 2));
  assert_int_equal(values[0].i32, 11);
  engine_store_delete(store);
  engine_image_delete(image);
  free(bytes);
}

static void what_is_no_serialized_module_of_this_engine_is_refused(void **state) {
  (void)state;
  engine_module *module = compile_text(one_engine, "(module (func (export \"f\") (result i32) (i32.const 11)))");
  engine *other;
  uint8_t *bytes = NULL;
  size_t size = 0;
  assert_success(one_engine->ops->serialize(module, &bytes, &size));
  engine_module_delete(module);
  assert_error_code(one_engine->ops->deserialize(one_engine, bytes, 0, &module), UBIQ_INVALID_INPUT);
  assert_error_code(one_engine->ops->deserialize(one_engine, bytes, 100, &module), UBIQ_INVALID_INPUT);
  assert_error_code(one_engine->ops->deserialize(one_engine, (const uint8_t *)"nonsense", 8, &module),
                    UBIQ_INVALID_INPUT);
  engine_options options = {.fuel = true};
  assert_success(engine_open(test_ops(), &options, &other));
  assert_error_code(other->ops->deserialize(other, bytes, size, &module), UBIQ_INVALID_INPUT);
  engine_close(other);
  free(bytes);
}

int main(void) {
  engine_options options = {0};
  if (engine_open(test_ops(), &options, &one_engine)) return 1;
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(engines_are_found_by_name),
      cmocka_unit_test(more_than_there_is_address_space_is_unavailable),
      cmocka_unit_test(several_engines_live_side_by_side),
      cmocka_unit_test(text_that_is_no_module_is_invalid_input),
      cmocka_unit_test(modules_that_are_not_valid_are_invalid_input),
      cmocka_unit_test(what_is_wrong_with_a_module_is_said_on_one_line),
      cmocka_unit_test(bytes_that_are_no_module_are_invalid_input),
      cmocka_unit_test(what_only_a_pool_is_too_small_for_is_too_large),
      cmocka_unit_test(serialized_modules_are_read_back),
      cmocka_unit_test(what_is_no_serialized_module_of_this_engine_is_refused),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
