// The Wasm3 adapter: stores are made of those that ended, and nothing of these may be left. Skipped where the engine was
// not built.
#define TEST_ENGINE "wasm3"
#include "engine_testing.h"

enum { PAGE = 64 << 10 };

static engine *one_engine;

// What a guest can change: each byte of its memory, its size, globals. `spoil` does, and traps when it is told to.
static const char spoiled[] =
    "(module (memory (export \"memory\") 1 5) (data (i32.const 8) \"begin\") (data (i32.const 65531) \"end\") "
    "(global $small (mut i32) (i32.const 5)) (global $large (mut i64) (i64.const 6)) (global $real (mut f64) "
    "(f64.const 7)) "
    "(func (export \"spoil\") (param i32) (result i32) "
    "(drop (memory.grow (i32.const 2))) (memory.fill (i32.const 0) (i32.const 255) (i32.const 196608)) "
    "(global.set $small (i32.const -1)) (global.set $large (i64.const -1)) (global.set $real (f64.const -1)) "
    "(if (local.get 0) (then unreachable)) (i32.const 1)) "
    "(func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))) "
    "(func (export \"sum\") (param i32) (result i32) (i32.add (global.get $small) (i32.add (i32.wrap_i64 "
    "(global.get $large)) (i32.trunc_f64_s (global.get $real))))))";

static engine_image *link_text(const char *text) {
  engine_link_module hub = {.module = compile_text(one_engine, text)};
  engine_binding memory = {.module = 0, .name = "memory"};
  engine_link link = {.modules = &hub, .modules_count = 1, .memories = &memory, .memories_count = 1};
  engine_image *image = NULL;
  assert_success(engine_link_modules(one_engine, &link, &image));
  engine_module_delete(hub.module);
  return image;
}

static ubiq_error *call(engine_store *store, const char *name, int32_t argument, int32_t *result) {
  engine_function function = find_function(store, name);
  engine_value value = {.i32 = argument};
  ubiq_error *error = engine_call_now(store, &function, &value, 1);
  *result = value.i32;
  return error;
}

static void assert_as_begun(engine_store *store) {
  int32_t result = 0;
  assert_success(call(store, "sum", 0, &result));
  assert_int_equal(result, 18);
  engine_memory memory;
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, PAGE);
  static uint8_t expected[5 * PAGE];
  memcpy(expected + 8, "begin", 5);
  memcpy(expected + 65531, "end", 3);
  assert_memory_equal(memory.data, expected, PAGE);
  assert_success(call(store, "grow", 4, &result));
  assert_int_equal(result, 1);
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, 5 * PAGE);
  assert_memory_equal(memory.data, expected, 5 * PAGE);
}

static void a_store_has_nothing_of_those_before_it(void **state) {
  (void)state;
  engine_image *image = link_text(spoiled);
  for (int32_t round = 0; round < 6; round++) {
    engine_store *store = new_store(image, NULL);
    assert_as_begun(store);
    engine_store_delete(store);
    store = new_store(image, NULL);
    int32_t result = 0;
    ubiq_error *error = call(store, "spoil", round & 1, &result);
    assert_int_equal(ubiq_error_code(error), round & 1 ? UBIQ_TRAP : UBIQ_OK);
    ubiq_error_delete(error);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void stores_that_lived_at_once_are_apart(void **state) {
  (void)state;
  enum { STORES = 40 }; // more than are kept
  engine_image *image = link_text(spoiled);
  engine_store *stores[STORES];
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < STORES; i++) stores[i] = new_store(image, NULL);
    int32_t result = 0;
    for (size_t i = 0; i < STORES; i += 2) assert_success(call(stores[i], "spoil", 0, &result));
    for (size_t i = 1; i < STORES; i += 2) assert_as_begun(stores[i]);
    for (size_t i = 0; i < STORES; i++) engine_store_delete(stores[i]);
  }
  engine_image_delete(image);
}

static void a_memory_that_began_empty_is_empty_again(void **state) {
  (void)state;
  engine_image *image =
      link_text("(module (memory (export \"memory\") 0 2) (func (export \"grow\") (param i32) (result i32) "
                "(memory.grow (local.get 0))))");
  for (int round = 0; round < 3; round++) {
    engine_store *store = new_store(image, NULL);
    engine_memory memory;
    int32_t result = -1;
    assert_true(engine_store_memory(store, 0, &memory));
    assert_int_equal(memory.size, 0);
    assert_success(call(store, "grow", 1, &result));
    assert_int_equal(result, 0);
    assert_true(engine_store_memory(store, 0, &memory));
    for (size_t i = 0; i < memory.size; i++) assert_int_equal(memory.data[i], 0);
    memset(memory.data, 0xff, memory.size);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void limits_are_those_of_the_store_that_is_made_now(void **state) {
  (void)state;
  engine_image *image = link_text(spoiled);
  static const uint64_t limits[] = {3 * PAGE, 0, 2 * PAGE, 5 * PAGE};
  static const int32_t answers[] = {-1, 1, -1, 1};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    engine_store *store = new_store(image, &(engine_store_options){.memory_bytes_max = limits[i]}), *none = NULL;
    engine_store_memory_limit(store, limits[i]);
    int32_t result = 0;
    assert_success(call(store, "grow", 4, &result));
    assert_int_equal(result, answers[i]);
    engine_store_memory_limit(store, 1); // less than there is
    engine_store_delete(store);
    assert_error_code(engine_store_new(image, &(engine_store_options){.memory_bytes_max = PAGE - 1}, &none),
                      UBIQ_MEMORY_LIMIT);
  }
  engine_image_delete(image);
}

int main(void) {
  const engine_ops *ops = NULL;
  ubiq_error *error = engine_find(TEST_ENGINE, &ops);
  if (!error) error = engine_open(ops, &(engine_options){0}, &one_engine);
  if (error) {
    print_message("%s\n", ubiq_error_message(error));
    ubiq_error_delete(error);
    return 77; // skipped
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_store_has_nothing_of_those_before_it),
      cmocka_unit_test(stores_that_lived_at_once_are_apart),
      cmocka_unit_test(a_memory_that_began_empty_is_empty_again),
      cmocka_unit_test(limits_are_those_of_the_store_that_is_made_now),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
