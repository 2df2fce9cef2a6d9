// The Wasm3 adapter: stores are made of those that ended, and nothing of these may be left. Skipped where the engine was
// not built.
#define TEST_ENGINE "wasm3"
#include "unit/engine/adapter_testing.h"

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

static void assert_as_begun(engine_store *store) {
  assert_int_equal(call_i32(store, 0, "sum", 0), 18);
  engine_memory memory;
  assert_true(engine_store_memory(store, 0, &memory));
  assert_int_equal(memory.size, PAGE);
  static uint8_t expected[5 * PAGE];
  memcpy(expected + 8, "begin", 5);
  memcpy(expected + 65531, "end", 3);
  assert_memory_equal(memory.data, expected, PAGE);
  assert_int_equal(call_i32(store, 0, "grow", 4), 1);
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
    ubiq_error *error = call(store, 0, "spoil", (engine_value[4]){{.i32 = round & 1}});
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
    for (size_t i = 0; i < STORES; i += 2) call_i32(stores[i], 0, "spoil", 0);
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
    assert_true(engine_store_memory(store, 0, &memory));
    assert_int_equal(memory.size, 0);
    assert_int_equal(call_i32(store, 0, "grow", 1), 0);
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
    assert_int_equal(call_i32(store, 0, "grow", 4), answers[i]);
    engine_store_memory_limit(store, 1); // less than there is
    engine_store_delete(store);
    assert_error_code(engine_store_new(image, &(engine_store_options){.memory_bytes_max = PAGE - 1}, &none),
                      UBIQ_MEMORY_LIMIT);
  }
  engine_image_delete(image);
}

int main(void) {
  if (!open_one_engine()) return SKIPPED;
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
