// The Wasmtime adapter (large.c, memory.c, contents.c): stores with much memory, which is put back where it was touched.
#include "unit/engine/large_testing.h"

static void a_large_store_that_is_used_again_is_as_it_began(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  for (int i = 0; i < 20; i++) {
    engine_store *store = new_store(image, NULL);
    if (is_told()) assert_int_equal(call_i32(store, "used", 0), i + 2); // once when its beginning was read
    assert_as_begun(store);
    call_i32(store, "write", 4096 + 4 * 4096 * (i % 5) + i);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void what_has_grown_is_as_small_again(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  for (int i = 0; i < 20; i++) {
    engine_store *store = new_store(image, NULL);
    if (is_told()) assert_int_equal(call_i32(store, "used", 0), i + 2);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", 1 + i % 4), PAGES);
    assert_int_equal(call_i32(store, "size", 0), PAGES + 1 + i % 4);
    assert_int_equal(call_i32(store, "read", PAGES * PAGE), 0);
    engine_memory memory;
    assert_true(engine_store_memory(store, 0, &memory));
    for (size_t at = PAGES * PAGE; at < memory.size; at++) assert_int_equal(memory.data[at], 0);
    call_i32(store, "write", 12000);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void a_store_that_touched_much_is_not_used_again(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  for (int i = 0; i < 5; i++) {
    engine_store *store = new_store(image, NULL);
    assert_true(call_i32(store, "used", 0) <= (i == 0 ? 2 : 0));
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", 20), PAGES);
    assert_int_equal(call_i32(store, "fill", (PAGES + 20) * PAGE), 1);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

// Its place is.
static void a_store_that_has_failed_is_not_used_again(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  for (int i = 0; i < 5; i++) {
    engine_store *store = new_store(image, NULL);
    assert_true(call_i32(store, "used", 0) <= (i == 0 ? 2 : 0));
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", 2), PAGES);
    assert_traps(store, "trap", 4096 * (1 + 10 * i));
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

// Of another module, whose memory begins with other bytes.
static void a_place_is_empty_for_who_gets_it_next(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  engine_image *other = link_text("(module (memory (export \"m\") 21 60) " CODE REWIND("1") ")");
  for (int i = 0; i < 30; i++) {
    engine_store *store = new_store(i % 2 ? image : other, NULL);
    if (i % 2) {
      assert_as_begun(store);
      assert_int_equal(call_i32(store, "grow", 1 + i % 9), PAGES);
    } else {
      engine_memory memory;
      assert_true(engine_store_memory(store, 0, &memory));
      assert_int_equal(memory.size, 21 * PAGE);
      for (size_t at = 0; at < memory.size; at++) assert_int_equal(memory.data[at], 0);
    }
    call_i32(store, "write", 4096 + 1000 * i);
    if (i % 3 == 0) assert_traps(store, "trap", 40000);
    engine_store_delete(store);
  }
  engine_image_delete(image);
  engine_image_delete(other);
}

static void a_small_memory_that_has_grown_is_as_small_again(void **state) {
  (void)state;
  engine_image *image =
      link_text("(module (memory (export \"m\") 1) (data (i32.const 9) \"x\") " CODE REWIND_GROWING "\n)");
  make_two(image);
  for (int i = 0; i < 20; i++) {
    engine_store *store = new_store(image, NULL);
    engine_memory memory;
    if (is_told()) assert_int_equal(call_i32(store, "used", 0), i + 2);
    assert_int_equal(call_i32(store, "size", 0), 1);
    assert_true(engine_store_memory(store, 0, &memory));
    for (size_t at = 0; at < PAGE; at++) assert_int_equal(memory.data[at], at == 9 ? 'x' : 0);
    if (i % 4) assert_int_equal(call_i32(store, "grow", i), 1);
    call_i32(store, "write", 4096 + i);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void several_memories_are_put_back(void **state) {
  (void)state;
  engine_image *image =
      link_text("(module (memory (export \"m\") 17 60) (memory $n (export \"n\") 5 9) (data (memory $n) (i32.const 9) "
                "\"n\") " DATA CODE REWIND(
                    "2") "(func (export \"other\") (param i32) (result i32) (local $was i32) "
                         "(local.set $was (i32.load8_u $n (local.get 0))) (i32.store8 $n (local.get 0) (i32.const 1)) "
                         "(i32.or (i32.shl (memory.grow $n (i32.const 1)) (i32.const 8)) (local.get $was))))");
  make_two(image);
  for (int i = 0; i < 9; i++) {
    engine_store *store = new_store(image, NULL);
    if (is_told()) assert_int_equal(call_i32(store, "used", 0), i + 2);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "other", i % 2 ? 9 : 70000 + i), 5 << 8 | (i % 2 ? 'n' : 0));
    call_i32(store, "write", 9000);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void large_stores_that_live_at_once_are_apart(void **state) {
  (void)state;
  enum { STORES = 100 }; // more than a block of places holds
  engine_image *image = link_text(large);
  engine_store *stores[STORES];
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < STORES; i++) stores[i] = new_store(image, NULL);
    for (size_t i = 0; i < STORES; i += 2) call_i32(stores[i], "write", 5000);
    for (size_t i = 1; i < STORES; i += 2) assert_as_begun(stores[i]);
    for (size_t i = 0; i < STORES; i++) engine_store_delete(stores[i]);
  }
  engine_image_delete(image);
}

static void a_call_on_a_fiber_grows_a_memory(void **state) {
  (void)state;
  static const wasm_type i32 = WASM_TYPE_I32;
  static const wasm_signature signature = {&i32, &i32, 1, 1};
  engine_image *image = link_text(large);
  for (int i = 0; i < 6; i++) {
    engine_store *store = new_store(image, NULL);
    engine_value values[2] = {{.i32 = 2}};
    engine_state reached;
    engine_function function = find_function(store, "grow");
    assert_as_begun(store);
    traps_restore();
    assert_success(engine_call_start(store, &function, &signature, values, &reached));
    assert_int_equal(reached, ENGINE_DONE);
    assert_int_equal(values[0].i32, PAGES);
    call_i32(store, "write", 4096);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void *make_stores(void *image) {
  for (int i = 0; i < 60; i++) {
    engine_store *store = new_store(image, NULL);
    assert_as_begun(store);
    assert_int_equal(call_i32(store, "grow", i % 3), PAGES);
    call_i32(store, "write", 4096 + i * 100);
    engine_store_delete(store);
  }
  return NULL;
}

static void threads_make_large_stores_of_one_image(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  run_at_once(4, make_stores, image);
  engine_image_delete(image);
}

static engine_image *link_large(void) {
  return link_text(large);
}

static void *make_large_images(void *unused) {
  make_images(10, link_large);
  return unused;
}

static void a_large_image_ends_while_another_thread_evicts_its_stores(void **state) {
  (void)state;
  run_at_once(2, make_large_images, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_large_store_that_is_used_again_is_as_it_began),
      cmocka_unit_test(what_has_grown_is_as_small_again),
      cmocka_unit_test(a_store_that_touched_much_is_not_used_again),
      cmocka_unit_test(a_store_that_has_failed_is_not_used_again),
      cmocka_unit_test(a_place_is_empty_for_who_gets_it_next),
      cmocka_unit_test(a_small_memory_that_has_grown_is_as_small_again),
      cmocka_unit_test(several_memories_are_put_back),
      cmocka_unit_test(large_stores_that_live_at_once_are_apart),
      cmocka_unit_test(a_call_on_a_fiber_grows_a_memory),
      cmocka_unit_test(threads_make_large_stores_of_one_image),
      cmocka_unit_test(a_large_image_ends_while_another_thread_evicts_its_stores),
  };
  return cmocka_run_group_tests(tests, open_engine, close_engine);
}
