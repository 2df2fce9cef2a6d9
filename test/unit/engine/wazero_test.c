// The wazero adapter: links of all kinds, memories and limits, what ends a call, and Go beside another engine that catches
// faults. Skipped where it was not built.
#define TEST_ENGINE "wazero"
#include "unit/engine/adapter_testing.h"

#include <stdio.h>
#include <time.h>

static engine_image *one_image; // of store_of, until end_store

static engine_store *store_of(const char *text, const engine_store_options *options) {
  one_image = link_text(text);
  return new_store(one_image, options);
}

static void end_store(engine_store *store) {
  engine_store_delete(store);
  engine_image_delete(one_image);
}

// Export and import have different names, and a module that only imports its memory has it all the same.
static void imports_of_all_kinds_are_bound_in_any_order(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (func (export \"one\") (result i32) (i32.const 1)) (func (export \"two\") (result i64) (i64.const 2)))",
      "(module (global (export \"g\") (mut i32) (i32.const 20)) (memory (export \"m\") 2) (table (export \"t\") 5 "
      "funcref))",
      "(module (import \"b\" \"g\" (global $g (mut i32))) (import \"a\" \"same\" (func $one (result i32)))"
      " (import \"b\" \"memory\" (memory 1)) (import \"a\" \"same\" (func $two (result i64)))"
      " (import \"b\" \"t\" (table 1 funcref)) (export \"memory\" (memory 0)) (func (export \"f\") (result i32)"
      "  (i32.add (i32.add (call $one) (i32.wrap_i64 (call $two)))"
      "   (i32.add (global.get $g) (i32.add (memory.grow (i32.const 1)) (table.size))))))",
  };
  static const engine_binding bindings[] = {{1, "g"}, {0, "one"}, {1, "m"}, {0, "two"}, {1, "t"}};
  static const engine_binding memory = {2, "memory"};
  const engine_link_module modules[] = {{0}, {0}, {.bindings = bindings, .bindings_count = 5}};
  engine_link link = {
      .modules = modules, .memories = &memory, .memories_count = 1, .caller_memory = ENGINE_MEMORY_NONE};
  engine_image *image;
  assert_success(link_texts(texts, 3, &link, &image));
  engine_store *store = new_store(image, NULL), *other = new_store(image, NULL);
  assert_int_equal(call_i32(store, 2, "f", 0), 30);
  engine_memory found;
  assert_true(engine_store_memory(store, 0, &found));
  assert_int_equal(found.size, 3 * PAGE);
  engine_store_delete(store);
  assert_int_equal(call_i32(other, 2, "f", 0), 30);
  engine_store_delete(other);
  engine_image_delete(image);
}

// -- Host functions --

typedef struct host_world {
  uint8_t *data;
  size_t size;
  bool fails;
} host_world;

static ubiq_error *add_and_look(void *env, engine_call *call, engine_value *values) {
  host_world *self = env;
  engine_memory memory = {0};
  engine_caller_memory(call, &memory);
  self->data = memory.data;
  self->size = memory.size;
  values[0].f64 = (double)values[0].i32 + values[1].f64 + (double)values[2].i64 + (double)values[3].f32;
  return self->fails ? ubiq_error_new(UBIQ_BUSY, "not here") : NULL;
}

static const wasm_type add_params[] = {WASM_TYPE_I32, WASM_TYPE_F64, WASM_TYPE_I64, WASM_TYPE_F32};
static const wasm_type add_result = WASM_TYPE_F64;
static const wasm_signature add_signature = {add_params, &add_result, 4, 1};

// The hub exports its import again: the guest is the caller.
static void host_functions_get_all_types_and_their_callers_memory(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (import \"host\" \"add\" (func $a (param i32 f64 i64 f32) (result f64))) (memory (export \"memory\") 1) "
      "(export \"add\" (func $a)))",
      "(module (import \"h\" \"plus\" (func $a (param i32 f64 i64 f32) (result f64))) (memory (export \"memory\") 3) "
      "(func (export \"run\") (param i32 f64 i64 f32) (result f64) (call $a (local.get 0) (local.get 1) (local.get 2) "
      "(local.get 3))) (data (i32.const 9) \"guest\"))"};
  static const engine_binding bindings[] = {{0, "add"}};
  const engine_link_module modules[] = {{0}, {.bindings = bindings, .bindings_count = 1}};
  host_world world = {0};
  engine_host_function host = {
      .module = "host", .name = "add", .signature = &add_signature, .call = add_and_look, .env = &world};
  engine_link link = {
      .modules = modules, .caller_memory = ENGINE_MEMORY_BY_CALLER, .functions = &host, .functions_count = 1};
  engine_image *image;
  assert_success(link_texts(texts, 2, &link, &image));
  engine_store *store = new_store(image, NULL);
  engine_value values[4] = {{.i32 = -3}, {.f64 = 0.25}, {.i64 = INT64_C(1) << 40}, {.f32 = 0.5F}};
  assert_success(call(store, 1, "run", values));
  assert_true(values[0].f64 == (double)(INT64_C(1) << 40) - 2.25);
  assert_int_equal(world.size, 3 * PAGE);
  assert_memory_equal(world.data + 9, "guest", 5);
  world.fails = true;
  for (int i = 0; i < 3; i++) assert_error_code(call(store, 1, "run", values), UBIQ_BUSY);
  world.fails = false;
  assert_success(call(store, 1, "run", values));
  engine_store_delete(store);
  engine_image_delete(image);
}

static void what_is_no_number_is_refused(void **state) {
  (void)state;
  static const wasm_type references[] = {WASM_TYPE_EXTERNREF};
  static const wasm_signature signature = {.params = references, .params_count = 1};
  static const engine_host_function function = {.module = "h", .name = "f", .signature = &signature};
  static const char *const text = "(module (import \"h\" \"f\" (func (param externref))))";
  engine_link link = {.functions = &function, .functions_count = 1};
  engine_image *image = NULL;
  assert_error_code(link_texts(&text, 1, &link, &image), UBIQ_INVALID_INPUT);
  engine_store *store = store_of("(module (func (export \"g\") (param v128)))", NULL);
  engine_value values[4] = {{0}};
  assert_error_code(call(store, 0, "g", values), UBIQ_INVALID_INPUT);
  end_store(store);
}

// -- Limits --

static const char growing[] = "(module (memory (export \"memory\") 2) (func (export \"grow\") (param i32) (result i32) "
                              "(memory.grow (local.get 0))))";

static void memories_grow_to_the_limit_and_stay_where_they_are(void **state) {
  (void)state;
  static const int32_t asked[] = {-1, 3, 1, 2, 1, 0}, answers[] = {-1, -1, 2, -1, 3, 4};
  engine_memory before, after;
  engine_store *store = store_of(growing, &(engine_store_options){.memory_bytes_max = 4 * PAGE});
  assert_true(engine_store_memory(store, 0, &before));
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
    assert_int_equal(call_i32(store, 0, "grow", asked[i]), answers[i]);
  engine_store_memory_limit(store, 5 * PAGE);
  assert_int_equal(call_i32(store, 0, "grow", 1), 4);
  assert_true(engine_store_memory(store, 0, &after));
  assert_int_equal(after.size, 5 * PAGE);
  assert_ptr_equal(after.data, before.data);
  memset(after.data, 1, after.size);
  end_store(store);
}

static void memories_that_begin_above_the_limit_are_refused(void **state) {
  (void)state;
  engine_image *image = link_text(growing);
  engine_store *store = NULL;
  assert_error_code(engine_store_new(image, &(engine_store_options){.memory_bytes_max = PAGE}, &store),
                    UBIQ_MEMORY_LIMIT);
  engine_image_delete(image);
}

static void tables_that_begin_above_the_limit_are_refused(void **state) {
  (void)state;
  engine_image *image = link_text("(module (table 1 funcref) (table 1001 externref))");
  engine_store *store = NULL;
  assert_fails(engine_store_new(image, &(engine_store_options){.table_elements_max = 1000}, &store), UBIQ_MEMORY_LIMIT,
               "instantiating: table minimum size of 1001 elements exceeds table limits");
  assert_success(engine_store_new(image, &(engine_store_options){.table_elements_max = 1001}, &store));
  engine_store_delete(store);
  engine_image_delete(image);
}

static void tables_grow_to_the_limit(void **state) {
  (void)state;
  engine_store *store = store_of("(module (table 1 funcref) (func (export \"f\") (param i32) (result i32)"
                                 " (table.grow (ref.null func) (local.get 0))))",
                                 &(engine_store_options){.table_elements_max = 10});
  assert_int_equal(call_i32(store, 0, "f", 9), 1);
  assert_int_equal(call_i32(store, 0, "f", 1), -1);
  end_store(store);
}

static void a_memory_has_a_page_less_than_four_gibibytes(void **state) {
  (void)state;
  engine_store *store = store_of("(module (memory (export \"memory\") 1 65536) (func (export \"grow\") (param i32) "
                                 "(result i32) (drop (memory.grow (i32.const 65534))) (i32.store8 (i32.const "
                                 "0xfffeffff) (i32.const 7)) (memory.grow (local.get 0))))",
                                 NULL);
  engine_memory memory;
  assert_int_equal(call_i32(store, 0, "grow", 1), -1);
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, UINT64_C(65535) * PAGE);
  assert_int_equal(memory.data[memory.size - 1], 7);
  end_store(store);
}

// -- What ends a call --

static void *tick_until(void *done) {
  while (!atomic_load((atomic_bool *)done)) {
    one_engine->ops->tick(one_engine);
    nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL); // that is what a ticker does
  }
  return NULL;
}

// Loops, recursion that would take hours and does not go deep, tail calls, and turns that take a thousand times as long.
static void ticks_end_whatever_goes_on_without_end(void **state) {
  (void)state;
  static const char text[] =
      "(module (memory (export \"memory\") 256) (func (export \"loop\") (param i32) (loop (br 0))) (func $r (export "
      "\"calls\") (param i32) (if (local.get 0) (then (call $r (i32.sub (local.get 0) (i32.const 1))) (call $r "
      "(i32.sub "
      "(local.get 0) (i32.const 1)))))) (func $t (export \"tail\") (param i32) (return_call $t (local.get 0))) (func "
      "(export \"fill\") (param i32) (loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 16777216)) (br 0))))";
  static const char *const names[] = {"loop", "calls", "tail", "fill"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int ticks = 3;
    atomic_bool done = false;
    pthread_t thread;
    engine_store *store = store_of(text, &(engine_store_options){.user = &ticks, .tick = stop_at});
    engine_value values[4] = {{.i32 = 60}};
    assert_int_equal(pthread_create(&thread, NULL, tick_until, &done), 0);
    assert_fails(call(store, 0, names[i], values), UBIQ_TIMEOUT, "enough");
    atomic_store(&done, true);
    pthread_join(thread, NULL);
    end_store(store);
  }
}

static void *spin(void *image) {
  int ticks = 3;
  engine_store *store = new_store(image, &(engine_store_options){.user = &ticks, .tick = stop_at});
  assert_error_code(call(store, 0, "f", (engine_value[4]){{0}}), UBIQ_TIMEOUT);
  engine_store_delete(store);
  return NULL;
}

// A tick that needed one of Go's processors would wait for them for ever.
static void ticks_reach_guests_that_have_all_of_gos_processors(void **state) {
  (void)state;
  enum { THREADS_MAX = 256, MORE_THAN_PROCESSORS = 2 };
  pthread_t ticker, threads[THREADS_MAX];
  atomic_bool done = false;
  size_t count = (size_t)sysconf(_SC_NPROCESSORS_ONLN) + MORE_THAN_PROCESSORS;
  if (count > THREADS_MAX) skip();
  engine_image *image = link_text("(module (func (export \"f\") (loop (br 0))))");
  for (size_t i = 0; i < count; i++) assert_int_equal(pthread_create(&threads[i], NULL, spin, image), 0);
  assert_int_equal(pthread_create(&ticker, NULL, tick_until, &done), 0);
  for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
  atomic_store(&done, true);
  pthread_join(ticker, NULL);
  engine_image_delete(image);
}

// As a host function that makes a block does; a tick comes before it.
static ubiq_error *tick_and_call_the_hub(void *env, engine_call *call, engine_value *values) {
  (void)env;
  engine_function alloc;
  one_engine->ops->tick(one_engine);
  assert_true(engine_store_function(call->store, 0, "alloc", &alloc));
  return engine_call_now(call->store, &alloc, values, 1);
}

static void ticks_are_seen_by_guests_whose_host_calls_the_hub(void **state) {
  (void)state;
  static const char *const texts[] = {
      "(module (import \"host\" \"host\" (func $h (result i32))) (export \"host\" (func $h)) (func (export \"alloc\") "
      "(result i32) (i32.const 8)))",
      "(module (import \"h\" \"host\" (func $h (result i32))) (func (export \"run\") (param $left i32) (result i32) "
      "(loop (drop (call $h)) (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) (i32.const 1)))"};
  static const wasm_type i32 = WASM_TYPE_I32;
  static const wasm_signature to_i32 = {.results = &i32, .results_count = 1};
  static const engine_binding bindings[] = {{0, "host"}};
  const engine_link_module modules[] = {{0}, {.bindings = bindings, .bindings_count = 1}};
  engine_host_function host = {.module = "host", .name = "host", .signature = &to_i32, .call = tick_and_call_the_hub};
  engine_link link = {.modules = modules, .functions = &host, .functions_count = 1};
  engine_image *image;
  int ticks = 3;
  assert_success(link_texts(texts, 2, &link, &image));
  engine_store *store = new_store(image, &(engine_store_options){.user = &ticks, .tick = stop_at});
  engine_value values[4] = {{.i32 = 100000}};
  assert_fails(call(store, 1, "run", values), UBIQ_TIMEOUT, "enough");
  engine_store_delete(store);
  engine_image_delete(image);
}

static void recursion_without_end_is_a_trap_and_the_next_call_works(void **state) {
  (void)state;
  engine_store *store = store_of("(module (func $down (export \"down\") (param i32) (result i32) (if (result i32) "
                                 "(local.get 0) (then (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) "
                                 "(i32.const 1))) (else (i32.const 0)))))",
                                 NULL);
  for (int i = 0; i < 2; i++) {
    engine_value values[4] = {{.i32 = -1}};
    assert_fails(call(store, 0, "down", values), UBIQ_TRAP, "call stack exhausted");
    assert_int_equal(call_i32(store, 0, "down", 10000), 10000);
  }
  end_store(store);
}

static void traps_are_told_in_words_and_leave_the_store_alive(void **state) {
  (void)state;
  static const struct {
    const char *name, *message;
    int32_t detail;
  } traps[] = {
      {"unreachable", "unreachable code was reached", ENGINE_TRAP_UNREACHABLE},
      {"memory", "out of bounds memory access", 0},
      {"divide", "integer division by zero", 0},
      {"overflow", "integer overflow", 0},
      {"convert", "float out of range of an integer", 0},
      {"empty", "out of bounds table access, or indirect call to a null table element", 0},
      {"type", "indirect call to a function of another type", 0},
  };
  engine_store *store = store_of(
      "(module (memory 1) (table 2 funcref) (elem (i32.const 0) $f) (type $n (func)) (func $f (param i32)) (func "
      "(export "
      "\"unreachable\") unreachable) (func (export \"memory\") (drop (i32.load (i32.const 65533)))) (func (export "
      "\"divide\") (drop (i32.div_u (i32.const 1) (i32.const "
      "0)))) (func (export \"overflow\") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))) (func (export "
      "\"convert\") (drop (i32.trunc_f32_s (f32.const nan)))) (func (export \"empty\") (call_indirect (type $n) "
      "(i32.const 1))) (func (export \"type\") (call_indirect (type $n) (i32.const 0))))",
      NULL);
  for (size_t i = 0; i < 2 * sizeof traps / sizeof *traps; i++) {
    size_t which = i % (sizeof traps / sizeof *traps);
    engine_value values[4] = {{0}};
    ubiq_error *error = call(store, 0, traps[which].name, values);
    assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
    assert_string_equal(ubiq_error_message(error), traps[which].message);
    assert_int_equal(ubiq_error_detail(error), traps[which].detail);
    ubiq_error_delete(error);
  }
  end_store(store);
}

int main(void) {
  if (!open_one_engine()) return SKIPPED;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(imports_of_all_kinds_are_bound_in_any_order),
      cmocka_unit_test(imports_of_another_type_are_invalid_input),
      cmocka_unit_test(host_functions_get_all_types_and_their_callers_memory),
      cmocka_unit_test(what_is_no_number_is_refused),
      cmocka_unit_test(memories_grow_to_the_limit_and_stay_where_they_are),
      cmocka_unit_test(memories_that_begin_above_the_limit_are_refused),
      cmocka_unit_test(tables_that_begin_above_the_limit_are_refused),
      cmocka_unit_test(tables_grow_to_the_limit),
      cmocka_unit_test(a_memory_has_a_page_less_than_four_gibibytes),
      cmocka_unit_test(ticks_end_whatever_goes_on_without_end),
      cmocka_unit_test(ticks_reach_guests_that_have_all_of_gos_processors),
      cmocka_unit_test(ticks_are_seen_by_guests_whose_host_calls_the_hub),
      cmocka_unit_test(recursion_without_end_is_a_trap_and_the_next_call_works),
      cmocka_unit_test(traps_are_told_in_words_and_leave_the_store_alive),
      cmocka_unit_test(threads_make_stores_of_one_image),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
