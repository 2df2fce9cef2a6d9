// The adapter for wasm.h, on each engine that has it and was built. Skipped where none was.
#define TEST_ENGINE tested
static const char *tested;
#include "base/buffer.h"
#include "unit/engine/adapter_testing.h"

#include <stdio.h>
#include <time.h>

static void imports_of_all_kinds_are_bound_in_any_order(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (func (export \"one\") (result i32) (i32.const 1)) (func (export \"two\") (result i64) (i64.const 2)))",
      "(module (global (export \"g\") (mut i32) (i32.const 20)) (memory (export \"m\") 2) (table (export \"t\") 5 "
      "funcref))",
      "(module (import \"b\" \"g\" (global $g (mut i32))) (import \"a\" \"same\" (func $one (result i32)))"
      " (import \"b\" \"m\" (memory 1)) (import \"a\" \"same\" (func $two (result i64)))"
      " (import \"b\" \"t\" (table 1 funcref)) (func (export \"f\") (result i32)"
      "  (i32.add (i32.add (call $one) (i32.wrap_i64 (call $two)))"
      "   (i32.add (global.get $g) (i32.add (memory.size) (table.size))))))",
  };
  static const engine_binding bindings[] = {{1, "g"}, {0, "one"}, {1, "m"}, {0, "two"}, {1, "t"}};
  const engine_link_module modules[] = {{0}, {0}, {.bindings = bindings, .bindings_count = 5}};
  engine_link link = {.modules = modules, .caller_memory = ENGINE_MEMORY_NONE};
  engine_image *image;
  assert_success(link_texts(texts, 3, &link, &image));
  engine_store *store = new_store(image, NULL), *other = new_store(image, NULL);
  assert_int_equal(call_i32(store, 2, "f", 0), 30);
  engine_store_delete(store);
  assert_int_equal(call_i32(other, 2, "f", 0), 30);
  engine_store_delete(other);
  engine_image_delete(image);
}

static buffer write_many(size_t count) {
  buffer text = {0};
  bool ok = buffer_printf(&text, "(module (func $f (export \"f\") (result i32) (i32.const 1)) (func $g (export \"g\") "
                                 "(result i32) (i32.const 2))");
  for (size_t i = 0; i < count; i++)
    ok = ok && buffer_printf(&text, "(export \"%zu of many\" (func $%c))", i * 7919 % count, i % 2 ? 'f' : 'g');
  assert_true(ok && buffer_printf(&text, ")") && buffer_string(&text));
  return text;
}

// A search from the first for each would take half a minute.
static void a_hundred_thousand_exports_are_found_in_seconds(void **state) {
  (void)state;
  enum { COUNT = 99000, SECONDS_MAX = 10 };
  buffer text = write_many(COUNT);
  engine_link link = {0};
  engine_image *image;
  clock_t before = clock();
  assert_success(link_texts(&(const char *){buffer_string(&text)}, 1, &link, &image));
  assert_in_range((clock() - before) / CLOCKS_PER_SEC, 0, SECONDS_MAX);
  engine_store *store = new_store(image, NULL);
  assert_int_equal(call_i32(store, 0, "0 of many", 0), 2);
  assert_int_equal(call_i32(store, 0, "7919 of many", 0), 1);
  engine_store_delete(store);
  engine_image_delete(image);
  buffer_free(&text);
}

static void a_table_that_another_module_fills_is_called_through(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (type $t (func (result i32))) (table (export \"t\") 2 2 funcref) (func (export \"call\") (param i32) "
      "(result i32) (call_indirect (type $t) (local.get 0))))",
      "(module (import \"a\" \"t\" (table $t 2 2 funcref)) (elem (i32.const 0) $seven) (func $seven (result i32) "
      "(i32.const 7)) (func $eight (result i32) (i32.const 8)) (elem declare func $eight) (func (export \"set\") "
      "(param "
      "i32) (result i32) (table.set (local.get 0) (ref.func $eight)) (i32.const 0)))",
  };
  static const engine_binding bindings[] = {{0, "t"}};
  const engine_link_module modules[] = {{0}, {.bindings = bindings, .bindings_count = 1}};
  engine_link link = {.modules = modules};
  engine_image *image;
  assert_success(link_texts(texts, 2, &link, &image));
  engine_store *store = new_store(image, NULL);
  assert_int_equal(call_i32(store, 0, "call", 0), 7);
  assert_int_equal(call_i32(store, 1, "set", 1), 0);
  assert_int_equal(call_i32(store, 0, "call", 1), 8);
  engine_store_delete(store);
  engine_image_delete(image);
}

// -- Host functions --

static const wasm_type types[] = {WASM_TYPE_I32, WASM_TYPE_I64, WASM_TYPE_F32, WASM_TYPE_F64};
static const wasm_signature all_types = {types, types, 4, 4};

static ubiq_error *pass_back(void *env, engine_call *call, engine_value *values) {
  (void)env;
  (void)call;
  values[0].i32++;
  return NULL;
}

static ubiq_error *look(void *env, engine_call *call, engine_value *values) {
  (void)values;
  engine_memory memory = {0};
  *(size_t *)env = engine_caller_memory(call, &memory) ? memory.size : 0;
  return NULL;
}

static void numbers_of_every_type_are_passed(void **state) {
  (void)state;
  static const engine_host_function function = {.module = "h", .name = "f", .signature = &all_types, .call = pass_back};
  engine_image *image = link_alone(one_engine,
                                   "(module (import \"h\" \"f\" (func $f (param i32 i64 f32 f64) (result i32 i64 f32 "
                                   "f64))) (func (export \"g\") (param i32 i64 f32 f64) (result i32 i64 f32 f64) "
                                   "(call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3))))",
                                   &function, 1, false);
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{.i32 = -8}, {.i64 = INT64_MIN}, {.f32 = 1.5F}, {.f64 = -2.25}};
  assert_success(call(store, 0, "g", values));
  assert_int_equal(values[0].i32, -7);
  assert_int_equal(values[1].i64, INT64_MIN);
  assert_true(values[2].f32 == 1.5F && values[3].f64 == -2.25);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void what_is_no_number_is_refused(void **state) {
  (void)state;
  static const wasm_type references[] = {WASM_TYPE_EXTERNREF};
  static const wasm_signature signature = {.params = references, .params_count = 1};
  static const engine_host_function function = {.module = "h", .name = "f", .signature = &signature, .call = refuse};
  static const char *const texts[] = {"(module (import \"h\" \"f\" (func (param externref))))",
                                      "(module (func (export \"g\") (param v128)))"};
  engine_link link = {.functions = &function, .functions_count = 1};
  engine_image *image = NULL;
  assert_error_code(link_texts(texts, 1, &link, &image), UBIQ_INVALID_INPUT);
  image = link_alone(one_engine, texts[1], NULL, 0, false);
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{0}};
  assert_error_code(call(store, 0, "g", values), UBIQ_INVALID_INPUT);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void errors_of_host_functions_end_the_call(void **state) {
  (void)state;
  static const engine_host_function function = {.module = "h", .name = "f", .signature = &nothing, .call = refuse};
  engine_image *image = link_alone(one_engine,
                                   "(module (import \"h\" \"f\" (func $f)) (func (export \"g\") (call $f) unreachable)"
                                   " (func (export \"one\") (result i32) (i32.const 1)))",
                                   &function, 1, false);
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{0}};
  for (int i = 0; i < 3; i++) assert_error_code(call(store, 0, "g", values), UBIQ_BUSY);
  assert_int_equal(call_i32(store, 0, "one", 0), 1);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void a_host_function_that_was_passed_on_finds_its_callers_memory(void **state) {
  (void)state;
  size_t seen = 0;
  const engine_host_function function = {.module = "h", .name = "f", .signature = &nothing, .call = look, .env = &seen};
  static const char *const texts[] = {"(module (import \"h\" \"f\" (func)) (export \"again\" (func 0)))",
                                      "(module (import \"a\" \"again\" (func $f)) (memory (export \"memory\") 3)"
                                      " (func (export \"g\") (call $f)))"};
  static const engine_binding bindings[] = {{0, "again"}};
  const engine_link_module modules[] = {{0}, {.bindings = bindings, .bindings_count = 1}};
  engine_link link = {
      .modules = modules, .functions = &function, .functions_count = 1, .caller_memory = ENGINE_MEMORY_BY_CALLER};
  engine_image *image;
  assert_success(link_texts(texts, 2, &link, &image));
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{0}};
  assert_success(call(store, 1, "g", values));
  assert_int_equal(seen, 3 * PAGE);
  engine_store_delete(store);
  engine_image_delete(image);
}

// -- Limits --

static void growth_stops_at_the_limit_as_it_is_now(void **state) {
  (void)state;
  engine_image *image = link_alone(one_engine,
                                   "(module (memory 1) (table 1 funcref) (func (export \"grow\") (param i32) (result "
                                   "i32) (memory.grow (local.get 0))) (func (export \"grow_table\") (param i32) "
                                   "(result i32) (table.grow (ref.null func) (local.get 0))))",
                                   NULL, 0, false);
  engine_store *store =
      new_store(image, &(engine_store_options){.memory_bytes_max = 2 * PAGE, .table_elements_max = 10});
  assert_int_equal(call_i32(store, 0, "grow", 2), -1);
  assert_int_equal(call_i32(store, 0, "grow", 1), 1);
  assert_int_equal(call_i32(store, 0, "grow", 1), -1);
  engine_store_memory_limit(store, 3 * PAGE);
  assert_int_equal(call_i32(store, 0, "grow", 1), 2);
  assert_int_equal(call_i32(store, 0, "grow_table", 10), -1);
  assert_int_equal(call_i32(store, 0, "grow_table", 9), 1);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void what_begins_larger_than_the_limit_is_refused(void **state) {
  (void)state;
  engine_image *image = link_alone(one_engine, "(module (memory 3) (table 20 funcref))", NULL, 0, false);
  engine_store *store = NULL;
  assert_error_code(engine_store_new(image, &(engine_store_options){.memory_bytes_max = 2 * PAGE}, &store),
                    UBIQ_MEMORY_LIMIT);
  assert_error_code(engine_store_new(image, &(engine_store_options){.table_elements_max = 10}, &store),
                    UBIQ_MEMORY_LIMIT);
  engine_image_delete(image);
}

static const char spins[] =
    "(module (func (export \"spin\") (loop (br 0))) (func (export \"count\") (param i32) (result i32) (loop $again "
    "(local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $again (local.get 0))) (i32.const 7)))";

// Ticks again until it was asked that often.
static ubiq_error *stop_soon(void *user, engine_tick_action *action) {
  int *left = user;
  *action = ENGINE_TICK_GO_ON;
  one_engine->ops->tick(one_engine);
  return --*left > 0 ? NULL : ubiq_error_new(UBIQ_CANCELLED, "enough");
}

static void a_tick_goes_on_or_ends_the_call(void **state) {
  (void)state;
  int left = 5;
  engine_image *image = link_alone(one_engine, spins, NULL, 0, false);
  engine_store *store = new_store(image, &(engine_store_options){.user = &left, .tick = stop_soon});
  engine_value values[4] = {{0}};
  one_engine->ops->tick(one_engine);
  assert_error_code(call(store, 0, "spin", values), UBIQ_CANCELLED);
  assert_int_equal(left, 0);
  left = 1000000;
  assert_int_equal(call_i32(store, 0, "count", 200000), 7); // interrupted, and gone on with
  assert_in_range(left, 1, 999999);
  engine_store_delete(store);
  engine_image_delete(image);
}

static ubiq_error *count_calls(void *env, engine_call *call, engine_value *values) {
  (void)call;
  (void)values;
  ++*(int *)env;
  return NULL;
}

static void *tick_until(void *done) {
  while (!atomic_load((atomic_bool *)done)) one_engine->ops->tick(one_engine);
  return NULL;
}

static void what_calls_the_host_or_itself_for_ever_is_ended(void **state) {
  (void)state;
  int calls = 0;
  const engine_host_function function = {
      .module = "h", .name = "f", .signature = &nothing, .call = count_calls, .env = &calls};
  engine_image *image =
      link_alone(one_engine,
                 "(module (import \"h\" \"f\" (func $f)) (func (export \"call\") (loop (call $f) (br "
                 "0))) (func $fib (export \"fib\") (param i32) (result i32) (if (result i32) (i32.lt_u "
                 "(local.get 0) (i32.const 2)) (then (local.get 0)) (else (i32.add (call $fib (i32.sub "
                 "(local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2))))))))",
                 &function, 1, false);
  int left = 3;
  engine_store *store = new_store(image, &(engine_store_options){.user = &left, .tick = stop_soon});
  engine_value values[4] = {{0}};
  atomic_bool done = false;
  pthread_t ticker;
  assert_int_equal(pthread_create(&ticker, NULL, tick_until, &done), 0);
  assert_error_code(call(store, 0, "call", values), UBIQ_CANCELLED);
  assert_true(calls > 0);
  left = 3;
  values[0].i32 = 60; // for days
  assert_error_code(call(store, 0, "fib", values), UBIQ_CANCELLED);
  atomic_store(&done, true);
  pthread_join(ticker, NULL);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void fuel_is_counted_over_all_slices(void **state) {
  (void)state;
  enum { FUEL = 1000000 };
  engine *with_fuel;
  assert_success(engine_open(test_ops(), &(engine_options){.fuel = true}, &with_fuel));
  engine_image *image = link_alone(with_fuel, spins, NULL, 0, false);
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{0}};
  uint64_t used[2];
  for (int i = 0; i < 2; i++) {
    assert_success(engine_fuel_set(store, 10 * FUEL));
    assert_int_equal(call_i32(store, 0, "count", 500000), 7);
    used[i] = 10 * FUEL - engine_fuel_get(store);
  }
  assert_true(used[0] > 500000);
  assert_int_equal(used[0], used[1]);
  assert_success(engine_fuel_set(store, FUEL));
  assert_error_code(call(store, 0, "spin", values), UBIQ_CPU_LIMIT);
  assert_int_equal(engine_fuel_get(store), 0);
  assert_error_code(call(store, 0, "spin", values), UBIQ_CPU_LIMIT);
  engine_store_delete(store);
  engine_image_delete(image);
  engine_close(with_fuel);
}

static void modules_share_the_fuel_of_their_store(void **state) {
  (void)state;
  enum { FUEL = 1000000 };
  static const char *const texts[] = {
      "(module (func (export \"down\") (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1))))",
      "(module (import \"a\" \"down\" (func $down (param i32) (result i32))) (func (export \"count\") (param i32) "
      "(result i32) (loop $again (br_if $again (local.tee 0 (call $down (local.get 0))))) (i32.const 7))"
      " (func (export \"spin\") (loop $again (br_if $again (call $down (i32.const 2))))))",
  };
  static const engine_binding bindings[] = {{0, "down"}};
  const engine_link_module modules[] = {{0}, {.bindings = bindings, .bindings_count = 1}};
  engine_link link = {.modules = modules};
  engine *usual = one_engine;
  assert_success(engine_open(test_ops(), &(engine_options){.fuel = true}, &one_engine));
  engine_image *image;
  assert_success(link_texts(texts, 2, &link, &image));
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{0}};
  uint64_t used[3];
  for (int i = 0; i < 3; i++) {
    assert_success(engine_fuel_set(store, FUEL));
    assert_int_equal(call_i32(store, 1, "count", 1000 * (i + 1)), 7);
    used[i] = FUEL - engine_fuel_get(store);
  }
  assert_int_equal(used[2] - used[1], used[1] - used[0]); // each turn costs the same
  assert_success(engine_fuel_set(store, used[0]));        // just enough
  assert_int_equal(call_i32(store, 1, "count", 1000), 7);
  assert_int_equal(engine_fuel_get(store), 0);
  assert_success(engine_fuel_set(store, used[0] - 1));
  values[0].i32 = 1000;
  assert_error_code(call(store, 1, "count", values), UBIQ_CPU_LIMIT);
  assert_success(engine_fuel_set(store, FUEL));
  assert_error_code(call(store, 1, "spin", values), UBIQ_CPU_LIMIT);
  assert_int_equal(engine_fuel_get(store), 0);
  engine_store_delete(store);
  engine_image_delete(image);
  engine_close(one_engine);
  one_engine = usual;
}

static bool names_functions(void) {
  return one_engine->ops->capabilities & ENGINE_NAMES_FUNCTIONS;
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
  traps_restore();
  for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
    char text[512];
    snprintf(text, sizeof text, "(module (memory 1) (table 2 funcref) (elem (i32.const 1) 0) (func (export \"f\") %s))",
             traps[i].body);
    engine_image *image = link_alone(one_engine, text, NULL, 0, false);
    engine_store *store = new_store(image, NULL);
    engine_value values[4] = {{0}};
    ubiq_error *error = call(store, 0, "f", values);
    assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
    size_t length = strlen(traps[i].words);
    const char *message = ubiq_error_message(error),
               *where = names_functions() && !strstr(message, "stack") ? " (in function 0" : "";
    assert_int_equal(strncmp(message, traps[i].words, length), 0);
    assert_int_equal(strncmp(message + length, where, strlen(where) + !*where), 0);
    assert_int_equal(ubiq_error_detail(error), i == 0 ? ENGINE_TRAP_UNREACHABLE : 0);
    ubiq_error_delete(error);
    engine_store_delete(store);
    engine_image_delete(image);
  }
}

// A long name is cut where a character ends; what says "unreachable" there is no reason.
static void traps_name_the_functions_that_they_came_through(void **state) {
  (void)state;
  if (!names_functions()) skip();
#define TEN "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
  engine_image *image = link_alone(
      one_engine,
      "(module (func $unreachable (drop (i32.div_u (i32.const 1) (i32.const 0)))) (func (@name \"x" TEN TEN TEN TEN TEN
      "\") (call $unreachable)) (func $outer (export \"f\") (call 1))"
      " (func $deep (export \"deep\") (call $deep)))",
      NULL, 0, false);
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{0}};
  traps_restore();
  for (int i = 0; i < 2; i++)
    assert_fails(call(store, 0, "f", values), UBIQ_TRAP,
                 "integer division by zero (in unreachable < x" TEN TEN TEN
                 "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 < outer)");
  assert_fails(call(store, 0, "deep", values), UBIQ_TRAP, "call stack exhausted"); // that is not followed back
  engine_store_delete(store);
  engine_image_delete(image);
}

static void why_a_module_does_not_compile_is_told(void **state) {
  (void)state;
  static const uint8_t wasm[] = {0, 'a', 's', 'm', 1, 0,  0, 0, 1, 4, 1,    0x60, 0,
                                 0, 3,   2,   1,   0, 10, 5, 1, 3, 0, 0x6a, 0x0b};
  engine_module *module = NULL;
  ubiq_error *error = engine_compile(one_engine, wasm, sizeof wasm, &module);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_non_null(strstr(ubiq_error_message(error), "type mismatch"));
  ubiq_error_delete(error);
}

static void *compile_many(void *unused) {
  (void)unused;
  for (int i = 0; i < 20; i++) {
    char text[256];
    snprintf(text, sizeof text, "(module %s (func (export \"f\") (result i32) (loop) (i32.const %d)))",
             i % 2 ? "(global i32 (i32.const 1)) (table 3 funcref)" : "", i);
    engine_image *image = link_alone(one_engine, text, NULL, 0, false);
    engine_store *store = new_store(image, NULL);
    one_engine->ops->tick(one_engine);
    assert_int_equal(call_i32(store, 0, "f", 0), i);
    engine_store_delete(store);
    engine_image_delete(image);
  }
  return NULL;
}

static void threads_compile_and_run_at_once(void **state) {
  (void)state;
  pthread_t threads[4];
  for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, compile_many, NULL), 0);
  for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static int test_one(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(imports_of_all_kinds_are_bound_in_any_order),
      cmocka_unit_test(a_hundred_thousand_exports_are_found_in_seconds),
      cmocka_unit_test(a_table_that_another_module_fills_is_called_through),
      cmocka_unit_test(imports_of_another_type_are_invalid_input),
      cmocka_unit_test(numbers_of_every_type_are_passed),
      cmocka_unit_test(what_is_no_number_is_refused),
      cmocka_unit_test(errors_of_host_functions_end_the_call),
      cmocka_unit_test(a_host_function_that_was_passed_on_finds_its_callers_memory),
      cmocka_unit_test(growth_stops_at_the_limit_as_it_is_now),
      cmocka_unit_test(what_begins_larger_than_the_limit_is_refused),
      cmocka_unit_test(a_tick_goes_on_or_ends_the_call),
      cmocka_unit_test(what_calls_the_host_or_itself_for_ever_is_ended),
      cmocka_unit_test(fuel_is_counted_over_all_slices),
      cmocka_unit_test(modules_share_the_fuel_of_their_store),
      cmocka_unit_test(traps_have_our_words),
      cmocka_unit_test(traps_name_the_functions_that_they_came_through),
      cmocka_unit_test(why_a_module_does_not_compile_is_told),
      cmocka_unit_test(threads_compile_and_run_at_once),
  };
  traps_save();
  int failed = cmocka_run_group_tests_name(tested, tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}

int main(void) {
  static const char *const engines[] = {"wasmi", "wasmer"};
  int failed = 0, present = 0;
  for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
    tested = engines[i];
    if (!open_one_engine()) continue;
    failed += test_one();
    present++;
  }
  return present ? failed : SKIPPED;
}
