/*
 * The kernel's build for our own host: what it asks before its memory grows, and what the host reads without a call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wasmtime.h>

#include "kernel/embedded.h"
#include "kernel/kernel.h"

enum { GROWS_MAX = 64, AT_FIRST_BYTES = 16 << 10 };

struct fixture {
  wasm_engine_t *engine;
  wasmtime_module_t *module;
  wasmtime_store_t *store;
  wasmtime_context_t *context;
  wasmtime_instance_t instance;
  wasmtime_memory_t memory;
  int32_t asked[GROWS_MAX][2]; /* bytes and phase of each question */
  int count;
  int32_t answer;
};

static wasm_trap_t *answer_grow(void *data, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
  struct fixture *fixture = data;
  (void)caller;
  (void)count;
  if (fixture->count < GROWS_MAX) {
    fixture->asked[fixture->count][0] = values[0].i32;
    fixture->asked[fixture->count][1] = values[1].i32;
    fixture->count++;
  }
  values[0].i32 = values[1].i32 == KERNEL_GROW_ASK ? fixture->answer : 0;
  return NULL;
}

static wasm_functype_t *grow_type(void) {
  wasm_valtype_t *parameters[2] = {wasm_valtype_new(WASM_I32), wasm_valtype_new(WASM_I32)};
  wasm_valtype_t *results[1] = {wasm_valtype_new(WASM_I32)};
  wasm_valtype_vec_t in, out;
  wasm_valtype_vec_new(&in, 2, parameters);
  wasm_valtype_vec_new(&out, 1, results);
  return wasm_functype_new(&in, &out);
}

static void require(const void *error, const char *what) {
  if (error) fail_msg("%s failed", what);
}

static int start(void **state) {
  static struct fixture fixture;
  wasm_config_t *config = wasm_config_new();
  wasmtime_config_wasm_custom_page_sizes_set(config, true);
  fixture = (struct fixture){.engine = wasm_engine_new_with_config(config), .answer = 1};
  *state = &fixture;
  fixture.store = wasmtime_store_new(fixture.engine, NULL, NULL);
  fixture.context = wasmtime_store_context(fixture.store);
  require(wasmtime_module_new(fixture.engine, kernel_host_wasm, kernel_host_wasm_size, &fixture.module), "compiling");
  wasm_functype_t *type = grow_type();
  wasmtime_extern_t grow = {.kind = WASMTIME_EXTERN_FUNC};
  wasmtime_func_new_unchecked(fixture.context, type, answer_grow, &fixture, NULL, &grow.of.func);
  wasm_functype_delete(type);
  wasm_trap_t *trap = NULL;
  require(wasmtime_instance_new(fixture.context, fixture.module, &grow, 1, &fixture.instance, &trap), "instantiating");
  require(trap, "instantiating");
  wasmtime_extern_t memory;
  assert_true(wasmtime_instance_export_get(fixture.context, &fixture.instance, "memory", 6, &memory));
  fixture.memory = memory.of.memory;
  return 0;
}

static int stop(void **state) {
  struct fixture *fixture = *state;
  wasmtime_store_delete(fixture->store);
  wasmtime_module_delete(fixture->module);
  wasm_engine_delete(fixture->engine);
  return 0;
}

static uint64_t call(struct fixture *fixture, const char *name, uint64_t a, uint64_t b) {
  wasmtime_extern_t function;
  assert_true(wasmtime_instance_export_get(fixture->context, &fixture->instance, name, strlen(name), &function));
  wasmtime_val_raw_t values[2] = {{.i64 = (int64_t)a}, {.i64 = (int64_t)b}};
  wasm_trap_t *trap = NULL;
  require(wasmtime_func_call_unchecked(fixture->context, &function.of.func, values, 2, &trap), name);
  require(trap, name);
  return (uint64_t)values[0].i64;
}

static struct kernel_root root(struct fixture *fixture) {
  struct kernel_root found;
  memcpy(&found, wasmtime_memory_data(fixture->context, &fixture->memory) + KERNEL_ROOT_ADDRESS, sizeof found);
  return found;
}

static uint64_t memory_bytes(struct fixture *fixture) {
  return wasmtime_memory_data_size(fixture->context, &fixture->memory);
}

static void the_only_import_is_grow(void **state) {
  struct fixture *fixture = *state;
  wasm_importtype_vec_t imports;
  wasmtime_module_imports(fixture->module, &imports);
  assert_int_equal(imports.size, 1);
  const wasm_name_t *module = wasm_importtype_module(imports.data[0]);
  const wasm_name_t *name = wasm_importtype_name(imports.data[0]);
  assert_int_equal(module->size, strlen(KERNEL_IMPORT_MODULE));
  assert_memory_equal(module->data, KERNEL_IMPORT_MODULE, module->size);
  assert_int_equal(name->size, strlen(KERNEL_IMPORT_GROW));
  assert_memory_equal(name->data, KERNEL_IMPORT_GROW, name->size);
  wasm_importtype_vec_delete(&imports);
}

static void a_fresh_instance_is_16_kib_of_zeros(void **state) {
  struct fixture *fixture = *state;
  static const uint8_t zeros[AT_FIRST_BYTES];
  assert_int_equal(memory_bytes(fixture), AT_FIRST_BYTES);
  assert_memory_equal(wasmtime_memory_data(fixture->context, &fixture->memory), zeros, AT_FIRST_BYTES);
}

static void growth_is_asked_for_and_reported(void **state) {
  struct fixture *fixture = *state;
  call(fixture, "alloc", 1000, 0);
  assert_int_equal(fixture->count, 0);
  assert_int_not_equal(call(fixture, "alloc", 10 * 65536, 0), 0);
  assert_int_equal(fixture->count, 2);
  assert_int_equal(fixture->asked[0][1], KERNEL_GROW_ASK);
  assert_int_equal(fixture->asked[1][1], KERNEL_GROW_DONE);
  assert_int_equal(fixture->asked[0][0], memory_bytes(fixture) - AT_FIRST_BYTES);
  assert_int_equal(fixture->asked[1][0], memory_bytes(fixture) - AT_FIRST_BYTES);
  assert_int_equal(memory_bytes(fixture) % 65536, 0);
}

static void growth_that_is_refused_fails_the_alloc_and_nothing_else(void **state) {
  struct fixture *fixture = *state;
  uint64_t block = call(fixture, "alloc", 1000, 0);
  fixture->answer = 0;
  assert_int_equal(call(fixture, "alloc", 10 * 65536, 0), 0);
  assert_int_equal(fixture->count, 1);
  assert_int_equal(memory_bytes(fixture), AT_FIRST_BYTES);
  assert_int_equal(call(fixture, "length", block, 0), 1000);
  assert_int_not_equal(call(fixture, "alloc", 1000, 0), 0);
  assert_int_equal(call(fixture, "call_begin", 10 * 65536, 0), KERNEL_CALL_BEGIN_FAILED);
  assert_int_equal(root(fixture).input_length, 0);
}

static void growth_that_fails_though_permitted_is_reported_too(void **state) {
  struct fixture *fixture = *state;
  uint64_t block = call(fixture, "alloc", 1000, 0);
  wasmtime_store_limiter(fixture->store, AT_FIRST_BYTES, -1, -1, -1, -1);
  assert_int_equal(call(fixture, "alloc", 10 * 65536, 0), 0);
  assert_int_equal(fixture->count, 2);
  assert_int_equal(fixture->asked[0][1], KERNEL_GROW_ASK);
  assert_int_equal(fixture->asked[1][1], KERNEL_GROW_DONE);
  assert_int_equal(fixture->asked[1][0], fixture->asked[0][0]);
  assert_int_equal(memory_bytes(fixture), AT_FIRST_BYTES);
  assert_int_equal(call(fixture, "length", block, 0), 1000);
}

static void the_host_reads_the_root_without_a_call(void **state) {
  struct fixture *fixture = *state;
  uint64_t input = call(fixture, "call_begin", 100, 0);
  uint64_t output = call(fixture, "alloc", 50, 0);
  call(fixture, "output_set", output, 50);
  uint64_t error = call(fixture, "alloc", 7, 0);
  call(fixture, "error_set", error, 0);
  struct kernel_root found = root(fixture);
  assert_int_equal(found.input_offset, input);
  assert_int_equal(found.input_length, 100);
  assert_int_equal(found.output_offset, output);
  assert_int_equal(found.output_length, 50);
  assert_int_equal(found.error_offset, error);
  assert_int_equal(found.error_length, 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_only_import_is_grow, start, stop),
      cmocka_unit_test_setup_teardown(a_fresh_instance_is_16_kib_of_zeros, start, stop),
      cmocka_unit_test_setup_teardown(growth_is_asked_for_and_reported, start, stop),
      cmocka_unit_test_setup_teardown(growth_that_is_refused_fails_the_alloc_and_nothing_else, start, stop),
      cmocka_unit_test_setup_teardown(growth_that_fails_though_permitted_is_reported_too, start, stop),
      cmocka_unit_test_setup_teardown(the_host_reads_the_root_without_a_call, start, stop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
