// The Wasm3 adapter: trampolines between modules, limits, what ends a call, and the places of its sources that are changed
// (src/engine/wasm3/patch.py). Skipped where the engine was not built.
#define TEST_ENGINE "wasm3"
#include "unit/engine/adapter_testing.h"

#include <stdio.h>

static ubiq_error *compile_error(const char *text) {
  uint8_t *wasm = NULL;
  size_t size = 0;
  engine_module *module = NULL;
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  ubiq_error *error = engine_compile(one_engine, wasm, size, &module);
  engine_module_delete(module);
  free(wasm);
  return error;
}

static ubiq_error *add_host(void *env, engine_call *call, engine_value *values) {
  (void)env;
  (void)call;
  values[0].f64 = (double)values[0].i32 + values[1].f64 + (double)values[2].i64 + (double)values[3].f32;
  return NULL;
}

// A host function's import that the hub exports again, and a function of the hub's own: both are called by the guest.
static void arguments_and_results_of_all_types_cross_from_module_to_module(void **state) {
  (void)state;
  static const wasm_type params[] = {WASM_TYPE_I32, WASM_TYPE_F64, WASM_TYPE_I64, WASM_TYPE_F32};
  static const wasm_type result = WASM_TYPE_F64;
  static const wasm_signature signature = {params, &result, 4, 1};
  static const engine_host_function host = {.module = "host", .name = "add", .signature = &signature, .call = add_host};
  static const engine_binding bindings[] = {{0, "add"}, {0, "swap"}};
  engine_link_module modules[] = {
      {.module = compile_text(one_engine,
                              "(module (import \"host\" \"add\" (func $a (param i32 f64 i64 f32) (result f64))) "
                              "(export \"add\" (func $a)) (func (export \"swap\") (param i64 f32) (result f32 i64) "
                              "(local.get 1) (local.get 0)))")},
      {.module =
           compile_text(one_engine, "(module (import \"h\" \"add\" (func $a (param i32 f64 i64 f32) (result f64))) "
                                    "(import \"h\" \"swap\" (func $s (param i64 f32) (result f32 i64))) "
                                    "(func (export \"run\") (param i32 f64 i64 f32) (result f64) "
                                    "(call $s (local.get 2) (local.get 3)) (local.set 2) (local.set 3) "
                                    "(call $a (local.get 0) (local.get 1) (local.get 2) (local.get 3))))"),
       .bindings = bindings,
       .bindings_count = 2},
  };
  engine_link link = {.modules = modules, .modules_count = 2, .functions = &host, .functions_count = 1};
  engine_image *image = NULL;
  assert_success(engine_link_modules(one_engine, &link, &image));
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{.i32 = -3}, {.f64 = 0.25}, {.i64 = INT64_C(1) << 40}, {.f32 = 0.5f}};
  assert_success(call(store, 1, "run", values));
  assert_true(values[0].f64 == (double)(INT64_C(1) << 40) - 2.25);
  engine_store_delete(store);
  engine_image_delete(image);
  for (size_t i = 0; i < 2; i++) engine_module_delete(modules[i].module);
}

static void memories_stop_growing_at_their_limit_and_at_wrapping(void **state) {
  (void)state;
  engine_image *image =
      link_text("(module (memory (export \"memory\") 2) (func (export \"grow\") (param i32) (result i32) "
                "(memory.grow (local.get 0))))");
  engine_store *store = new_store(image, &(engine_store_options){.memory_bytes_max = 4 << 16});
  static const int32_t asked[] = {-1, 3, 1, 2, 1, 0}, answers[] = {-1, -1, 2, -1, 3, 4};
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    assert_int_equal(call_i32(store, 0, "grow", asked[i]), answers[i]);
  }
  engine_memory memory;
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, 4 << 16);
  engine_store_delete(store);
  engine_store *none = NULL;
  assert_error_code(engine_store_new(image, &(engine_store_options){.memory_bytes_max = 1 << 16}, &none),
                    UBIQ_MEMORY_LIMIT);
  engine_image_delete(image);
}

static void *tick_until(void *done) {
  while (!atomic_load((atomic_bool *)done)) one_engine->ops->tick(one_engine);
  return NULL;
}

// A loop, and recursion that would take hours and does not go deep.
static void ticks_end_loops_and_calls_without_end(void **state) {
  (void)state;
  engine_image *image = link_text(
      "(module (memory (export \"memory\") 1) (func (export \"loop\") (loop (br 0))) (func $r (export \"calls\") "
      "(param i32) (if (local.get 0) (then (call $r (i32.sub (local.get 0) (i32.const 1))) (call $r (i32.sub "
      "(local.get 0) (i32.const 1)))))))");
  static const char *const names[] = {"loop", "calls"};
  for (size_t i = 0; i < 2; i++) {
    int ticks = 3;
    atomic_bool done = false;
    pthread_t thread;
    engine_store *store = new_store(image, &(engine_store_options){.user = &ticks, .tick = stop_at});
    engine_value values[4] = {{.i32 = 60}};
    assert_int_equal(pthread_create(&thread, NULL, tick_until, &done), 0);
    assert_fails(call(store, 0, names[i], values), UBIQ_TIMEOUT, "enough");
    atomic_store(&done, true);
    pthread_join(thread, NULL);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

// Functions are compiled when they are first called, also at the end of the stack: that is a trap, and the next call works.
static void a_function_that_the_stack_was_too_short_to_compile_is_compiled_later(void **state) {
  (void)state;
  enum { NESTED = 500 };
  char text[NESTED * 16 + 1024];
  size_t used = (size_t)snprintf(text, sizeof text, "(module (memory (export \"memory\") 1) (func $deep (result i32) ");
  for (int i = 0; i < NESTED; i++) used += (size_t)snprintf(text + used, sizeof text - used, "(block ");
  for (int i = 0; i < NESTED; i++) used += (size_t)snprintf(text + used, sizeof text - used, ")");
  snprintf(text + used, sizeof text - used,
           "(i32.const 7)) (func $down (export \"down\") (param i32) (result i32) (if (result i32) (local.get 0) (then "
           "(call $down (i32.sub (local.get 0) (i32.const 1)))) (else (call $deep)))))");
  engine_image *image = link_text(text);
  engine_store *store = new_store(image, NULL);
  int traps = 0;
  for (int32_t depth = 1 << 16; depth > 0; depth = depth * 7 / 8) {
    engine_value values[4] = {{.i32 = depth}};
    ubiq_error *error = call(store, 0, "down", values);
    if (error) traps++;
    if (error) assert_int_equal(strncmp(ubiq_error_message(error), "call stack exhausted (in ", 25), 0);
    if (!error) assert_int_equal(values[0].i32, 7);
    ubiq_error_delete(error);
  }
  assert_true(traps > 2);
  engine_store_delete(store);
  engine_image_delete(image);
}

// Functions by their names, by the names of their exports, or by their numbers; those that were called by the host, by
// another function and through a table. What came before does not count.
static void traps_name_the_functions_that_they_came_through(void **state) {
  (void)state;
  engine_image *image =
      link_text("(module (memory (export \"memory\") 1) (type $t (func)) (table 1 funcref) (elem (i32.const 0) $inner) "
                "(func $inner unreachable) (func (call_indirect (type $t) (i32.const 0))) (func $middle (call 1)) "
                "(func (export \"go\") (call $middle)) (func $deep (export \"deep\") (call $deep) (call $middle)) "
                ")");
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{0}};
  for (int i = 0; i < 2; i++)
    assert_fails(call(store, 0, "go", values), UBIQ_TRAP,
                 "unreachable code was reached (in inner < function 1 < middle < go)");
  assert_fails(call(store, 0, "deep", values), UBIQ_TRAP,
               "call stack exhausted (in deep < deep < deep < deep < deep < deep < deep < deep < deep < deep < deep < "
               "deep < ...)");
  engine_store_delete(store);
  engine_image_delete(image);
}

static void blocks_nested_without_end_are_refused(void **state) {
  (void)state;
  enum { NESTED = 200000, HEADER = 29 };
  static uint8_t wasm[HEADER + 3 * NESTED + 64];
  uint8_t *at = wasm;
  static const uint8_t begin[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0};
  memcpy(at, begin, sizeof begin);
  at += sizeof begin;
  size_t body = 1 + 3 * (size_t)NESTED + 1, section = 1 + 4 + body;
  *at++ = 10;
  for (int i = 0; i < 4; i++) *at++ = (uint8_t)((section >> 7 * i & 0x7f) | (i < 3 ? 0x80 : 0));
  *at++ = 1;
  for (int i = 0; i < 4; i++) *at++ = (uint8_t)((body >> 7 * i & 0x7f) | (i < 3 ? 0x80 : 0));
  *at++ = 0;
  for (int i = 0; i < NESTED; i++, at += 2) memcpy(at, (uint8_t[]){0x02, 0x40}, 2);
  for (int i = 0; i <= NESTED; i++) *at++ = 0x0b;
  engine_module *module = NULL;
  ubiq_error *error = engine_compile(one_engine, wasm, (size_t)(at - wasm), &module);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_non_null(strstr(ubiq_error_message(error), "nested too deep"));
  ubiq_error_delete(error);
}

static void what_it_cannot_link_is_refused_in_words(void **state) {
  (void)state;
  assert_fails(compile_error("(module (import \"a\" \"t\" (table 1 funcref)))"), UBIQ_INVALID_INPUT,
               "module does not compile: it imports the table a.t; wasm3 links functions alone");
  assert_fails(compile_error("(module (memory 1) (memory 1))"), UBIQ_INVALID_INPUT,
               "module does not compile: it has several memories; wasm3 allows one");
  assert_fails(compile_error("(module (func (drop (v128.const i32x4 0 0 0 0))))"), UBIQ_INVALID_INPUT,
               "module does not compile: function 0: unknown opcode");
}

int main(void) {
  if (!open_one_engine()) return SKIPPED;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arguments_and_results_of_all_types_cross_from_module_to_module),
      cmocka_unit_test(memories_stop_growing_at_their_limit_and_at_wrapping),
      cmocka_unit_test(ticks_end_loops_and_calls_without_end),
      cmocka_unit_test(a_function_that_the_stack_was_too_short_to_compile_is_compiled_later),
      cmocka_unit_test(traps_name_the_functions_that_they_came_through),
      cmocka_unit_test(blocks_nested_without_end_are_refused),
      cmocka_unit_test(what_it_cannot_link_is_refused_in_words),
      cmocka_unit_test(threads_make_stores_of_one_image),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
