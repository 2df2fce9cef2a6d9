// The WasmEdge adapter. Skipped where that was not built; scripts/wasmedge runs it where WasmEdge cannot be installed.
#define TEST_ENGINE "wasmedge"
#include "unit/engine/adapter_testing.h"

#include <stdio.h>

/// A module alone in a store.
typedef struct world {
  engine_image *image;
  engine_store *store;
} world;

static world world_open(const char *text, const engine_host_function *function, const engine_store_options *options) {
  world self = {.image = link_alone(one_engine, text, function, function != NULL, false)};
  self.store = new_store(self.image, options);
  return self;
}

static void world_close(world *self) {
  engine_store_delete(self->store);
  engine_image_delete(self->image);
}

// -- Linking --

static void imports_of_all_kinds_are_bound_also_when_passed_on(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (func (export \"one\") (result i32) (i32.const 1)) (global (export \"g\") (mut i32) (i32.const 20))"
      " (memory (export \"m\") 2) (table (export \"t\") 5 funcref))",
      // the function's type is not the first there
      "(module (type (func (param i64))) (import \"a\" \"one\" (func (result i32))) (import \"a\" \"g\" (global (mut "
      "i32)))"
      " (import \"a\" \"m\" (memory 1)) (import \"a\" \"t\" (table 1 funcref)) (export \"f\" (func 0)) (export \"g\" "
      "(global 0)) (export \"m\" (memory 0)) (export \"t\" (table 0)))",
      "(module (import \"b\" \"g\" (global $g (mut i32))) (import \"b\" \"f\" (func $one (result i32)))"
      " (import \"x\" \"m\" (memory 1)) (import \"b\" \"t\" (table 1 funcref))"
      " (func (export \"sum\") (result i32) (i32.add (i32.add (call $one) (global.get $g))"
      "  (i32.add (memory.size) (table.size)))))",
  };
  static const engine_binding to_first[] = {{0, "one"}, {0, "g"}, {0, "m"}, {0, "t"}};
  static const engine_binding to_second[] = {{1, "g"}, {1, "f"}, {1, "m"}, {1, "t"}};
  const engine_link_module modules[] = {
      {0}, {.bindings = to_first, .bindings_count = 4}, {.bindings = to_second, .bindings_count = 4}};
  engine_link link = {.modules = modules, .caller_memory = ENGINE_MEMORY_NONE};
  engine_image *image;
  assert_success(link_texts(texts, 3, &link, &image));
  engine_store *store = new_store(image, NULL), *other = new_store(image, NULL);
  assert_int_equal(call_i32(store, 2, "sum", 0), 28);
  engine_store_delete(store);
  assert_int_equal(call_i32(other, 2, "sum", 0), 28);
  engine_store_delete(other);
  engine_image_delete(image);
}

static void names_of_the_fence_are_refused(void **state) {
  (void)state;
  static const char *const texts[] = {"(module (func (export \"ubiq:due\")))"};
  static const engine_link_module module = {0};
  engine_link link = {.modules = &module, .caller_memory = ENGINE_MEMORY_NONE};
  engine_image *image = NULL;
  assert_error_code(link_texts(texts, 1, &link, &image), UBIQ_INVALID_INPUT);
}

// `(global.get 0)` where there is none: the first that the fence adds would be.
static void what_the_fence_adds_is_out_of_reach(void **state) {
  (void)state;
  static const uint8_t wasm[] = {0,    'a', 's', 'm', 1, 0,  0, 0, 1, 5, 1,    0x60, 0,   1,
                                 0x7f, 3,   2,   1,   0, 10, 6, 1, 4, 0, 0x23, 0,    0x0b};
  engine_module *module = NULL;
  ubiq_error *error = engine_compile(one_engine, wasm, sizeof wasm, &module);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_non_null(strstr(ubiq_error_message(error), "unknown global"));
  ubiq_error_delete(error);
}

// -- Host functions --

static const wasm_type types[] = {WASM_TYPE_I32, WASM_TYPE_I64, WASM_TYPE_F64, WASM_TYPE_V128};
static const wasm_signature all_types = {types, types, 4, 4};

static ubiq_error *pass_back(void *env, engine_call *call, engine_value *values) {
  (void)env, (void)call;
  values[0].i32++;
  values[3].v128[15]++;
  return NULL;
}

static void numbers_and_vectors_are_passed(void **state) {
  (void)state;
  static const engine_host_function function = {.module = "h", .name = "f", .signature = &all_types, .call = pass_back};
  world world = world_open("(module (import \"h\" \"f\" (func $f (param i32 i64 f64 v128) (result i32 i64 f64 v128)))"
                           " (func (export \"g\") (param i32 i64 f64 v128) (result i32 i64 f64 v128)"
                           " (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3))))",
                           &function, NULL);
  engine_value values[4] = {{.i32 = -8}, {.i64 = INT64_MIN}, {.f64 = -2.25}, {.v128 = {1, [15] = 9}}};
  assert_success(call(world.store, 0, "g", values));
  assert_int_equal(values[0].i32, -7);
  assert_int_equal(values[1].i64, INT64_MIN);
  assert_true(values[2].f64 == -2.25 && values[3].v128[0] == 1 && values[3].v128[15] == 10);
  world_close(&world);
}

static void errors_of_host_functions_end_the_call(void **state) {
  (void)state;
  static const engine_host_function function = {.module = "h", .name = "f", .signature = &nothing, .call = refuse};
  world world = world_open("(module (import \"h\" \"f\" (func $f)) (func (export \"g\") (call $f) unreachable)"
                           " (func (export \"one\") (result i32) (i32.const 1)))",
                           &function, NULL);
  engine_value values[4] = {{0}};
  for (int i = 0; i < 3; i++) assert_error_code(call(world.store, 0, "g", values), UBIQ_BUSY);
  assert_int_equal(call_i32(world.store, 0, "one", 0), 1);
  world_close(&world);
}

// -- Limits --

static void growth_stops_at_the_limit_as_it_is_now(void **state) {
  (void)state;
  static const engine_store_options options = {.memory_bytes_max = 2 * PAGE, .table_elements_max = 10};
  world world = world_open("(module (memory 1) (table 1 funcref) (func (export \"grow\") (param i32) (result i32)"
                           " (memory.grow (local.get 0))) (func (export \"grow_table\") (param i32) (result i32)"
                           " (table.grow (ref.null func) (local.get 0))))",
                           NULL, &options);
  assert_int_equal(call_i32(world.store, 0, "grow", 2), -1);
  assert_int_equal(call_i32(world.store, 0, "grow", 1), 1);
  assert_int_equal(call_i32(world.store, 0, "grow", 1), -1);
  engine_store_memory_limit(world.store, 3 * PAGE);
  assert_int_equal(call_i32(world.store, 0, "grow", 1), 2);
  assert_int_equal(call_i32(world.store, 0, "grow_table", -1), -1);
  assert_int_equal(call_i32(world.store, 0, "grow_table", 9), 1);
  world_close(&world);
}

static void what_begins_larger_than_the_limit_is_refused(void **state) {
  (void)state;
  engine_image *image = link_alone(one_engine, "(module (memory 3) (table 4000000000 funcref))", NULL, 0, false);
  engine_store *store = NULL;
  assert_error_code(engine_store_new(image, &(engine_store_options){.memory_bytes_max = 2 * PAGE}, &store),
                    UBIQ_MEMORY_LIMIT);
  assert_error_code(engine_store_new(image, &(engine_store_options){.table_elements_max = 10}, &store),
                    UBIQ_MEMORY_LIMIT);
  engine_image_delete(image);
}

// Frames of 30,000 locals, and two modules that call each other.
static void recursion_is_a_trap_however_large_the_frames(void **state) {
  (void)state;
  enum { LOCALS = 30000 };
  static char text[LOCALS * 4 + 200];
  size_t used = (size_t)snprintf(text, sizeof text, "(module (func $f (export \"f\") (result i32) (local");
  for (int i = 0; i < LOCALS; i++) used += (size_t)snprintf(text + used, sizeof text - used, " i64");
  snprintf(text + used, sizeof text - used,
           ") (i32.add (call $f) (i32.const 1))) (func (export \"one\") (result i32)"
           " (i32.const 1)))");
  world world = world_open(text, NULL, NULL);
  for (int i = 0; i < 3; i++) assert_error_code(call(world.store, 0, "f", (engine_value[4]){{0}}), UBIQ_TRAP);
  assert_int_equal(call_i32(world.store, 0, "one", 0), 1);
  world_close(&world);
}

static void modules_that_call_each_other_without_end_trap(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (type $t (func (result i32))) (table (export \"t\") 1 funcref)"
      " (func (export \"a\") (result i32) (i32.add (call_indirect (type $t) (i32.const 0)) (i32.const 1))))",
      "(module (import \"a\" \"a\" (func $a (result i32))) (import \"a\" \"t\" (table 1 funcref))"
      " (elem (i32.const 0) $b) (func $b (export \"b\") (result i32) (i32.add (call $a) (i32.const 1))))"};
  static const engine_binding bindings[] = {{0, "a"}, {0, "t"}};
  const engine_link_module modules[] = {{0}, {.bindings = bindings, .bindings_count = 2}};
  engine_link link = {.modules = modules, .caller_memory = ENGINE_MEMORY_NONE};
  engine_image *image;
  assert_success(link_texts(texts, 2, &link, &image));
  engine_store *store = new_store(image, NULL);
  for (int i = 0; i < 2; i++) {
    ubiq_error *error = call(store, 1, "b", (engine_value[4]){{0}});
    assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
    assert_string_equal(ubiq_error_message(error), "call stack exhausted");
    ubiq_error_delete(error);
  }
  engine_store_delete(store);
  engine_image_delete(image);
}

static const char spins[] =
    "(module (import \"h\" \"tick\" (func $tick)) (func (export \"spin\") (call $tick) (loop (br 0)))"
    " (func (export \"count\") (param i32) (result i32) (call $tick)"
    "  (loop $again (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.const 7)))";

// Ticks again until it was asked that often.
typedef struct ticks {
  engine *engine;
  int left;
} ticks;

static ubiq_error *stop_soon(void *user, engine_tick_action *action) {
  ticks *self = user;
  *action = ENGINE_TICK_GO_ON;
  self->engine->ops->tick(self->engine);
  return --self->left > 0 ? NULL : ubiq_error_new(UBIQ_CANCELLED, "enough");
}

static ubiq_error *tick_now(void *env, engine_call *call, engine_value *values) {
  (void)call, (void)values;
  engine *engine = *(struct engine **)env;
  if (engine) engine->ops->tick(engine);
  return NULL;
}

static void a_tick_goes_on_or_ends_the_call(void **state) {
  (void)state;
  ticks ticks = {.engine = one_engine, .left = 5};
  const engine_host_function function = {
      .module = "h", .name = "tick", .signature = &nothing, .call = tick_now, .env = &one_engine};
  world world = world_open(spins, &function, &(engine_store_options){.user = &ticks, .tick = stop_soon});
  assert_error_code(call(world.store, 0, "spin", (engine_value[4]){{0}}), UBIQ_CANCELLED);
  assert_int_equal(ticks.left, 0);
  ticks.left = 1000000;
  assert_int_equal(call_i32(world.store, 0, "count", 1000), 7); // interrupted at each turn, and gone on with
  assert_in_range(ticks.left, 1, 999100);
  world_close(&world);
}

static void fuel_does_not_depend_on_ticks(void **state) {
  (void)state;
  enum { FUEL = 1000000 };
  engine *with_fuel, *ticked = NULL;
  assert_success(engine_open(test_ops(), &(engine_options){.fuel = true}, &with_fuel));
  ticks ticks = {.engine = with_fuel, .left = INT32_MAX};
  const engine_host_function function = {
      .module = "h", .name = "tick", .signature = &nothing, .call = tick_now, .env = &ticked};
  engine_image *image = link_alone(with_fuel, spins, &function, 1, false);
  engine_store *store = new_store(image, &(engine_store_options){.user = &ticks, .tick = stop_soon});
  uint64_t used[3];
  for (int i = 0; i < 3; i++) {
    assert_success(engine_fuel_set(store, 10 * FUEL));
    assert_int_equal(call_i32(store, 0, "count", 50000), 7);
    used[i] = 10 * FUEL - engine_fuel_get(store);
    ticked = with_fuel; // from now on
  }
  assert_in_range(INT32_MAX - ticks.left, 99000, 101000);
  assert_true(used[0] > 50000);
  assert_int_equal(used[0], used[1]);
  assert_int_equal(used[0], used[2]);
  assert_success(engine_fuel_set(store, FUEL));
  for (int i = 0; i < 2; i++) assert_error_code(call(store, 0, "spin", (engine_value[4]){{0}}), UBIQ_CPU_LIMIT);
  engine_store_delete(store);
  engine_image_delete(image);
  engine_close(with_fuel);
}

static void traps_have_our_words(void **state) {
  (void)state;
  static const struct {
    const char *body, *words;
  } traps[] = {
      {"unreachable", "unreachable code was reached"},
      {"(drop (i32.load (i32.const -1)))", "out of bounds memory access"},
      {"(drop (i32.div_u (i32.const 1) (i32.const 0)))", "integer division by zero"},
      {"(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "integer overflow"},
      {"(drop (i32.trunc_f32_s (f32.const nan)))", "float out of range of an integer"},
      {"(call_indirect (i32.const 0))", "indirect call to a null table element"},
      {"(call_indirect (i32.const 9))", "out of bounds table access"},
      {"(call_indirect (param i32) (i32.const 0) (i32.const 1))", "indirect call to a function of another type"},
      {"(call 0)", "call stack exhausted"},
  };
  for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
    char text[512];
    snprintf(text, sizeof text, "(module (memory 1) (table 2 funcref) (elem (i32.const 1) 0) (func (export \"f\") %s))",
             traps[i].body);
    world world = world_open(text, NULL, NULL);
    ubiq_error *error = call(world.store, 0, "f", (engine_value[4]){{0}});
    assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
    assert_string_equal(ubiq_error_message(error), traps[i].words);
    assert_int_equal(ubiq_error_detail(error), i == 0 ? ENGINE_TRAP_UNREACHABLE : 0);
    ubiq_error_delete(error);
    world_close(&world);
  }
}

int main(void) {
  if (!open_one_engine()) return SKIPPED;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(imports_of_all_kinds_are_bound_also_when_passed_on),
      cmocka_unit_test(names_of_the_fence_are_refused),
      cmocka_unit_test(what_the_fence_adds_is_out_of_reach),
      cmocka_unit_test(numbers_and_vectors_are_passed),
      cmocka_unit_test(errors_of_host_functions_end_the_call),
      cmocka_unit_test(growth_stops_at_the_limit_as_it_is_now),
      cmocka_unit_test(what_begins_larger_than_the_limit_is_refused),
      cmocka_unit_test(recursion_is_a_trap_however_large_the_frames),
      cmocka_unit_test(modules_that_call_each_other_without_end_trap),
      cmocka_unit_test(a_tick_goes_on_or_ends_the_call),
      cmocka_unit_test(fuel_does_not_depend_on_ticks),
      cmocka_unit_test(traps_have_our_words),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
