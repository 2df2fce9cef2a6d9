// The Wasmtime adapter (large.c, memory.c): where memories end that grow and are put back.
#include "unit/engine/large_testing.h"

static void what_lies_behind_a_memory_that_had_grown_traps(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  make_two(image);
  engine_store *store = new_store(image, NULL);
  assert_int_equal(call_i32(store, "grow", 3), PAGES);
  call_i32(store, "write", 50000);
  engine_store_delete(store);
  for (int i = 0; i < 3; i++) {
    store = new_store(image, NULL);
    assert_int_equal(call_i32(store, "read", PAGES * PAGE - 1), 'e');
    assert_traps(store, "read", PAGES * PAGE + i * PAGE);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

// Of a memory of 17 pages.
static const char *const outside[] = {
    "(drop (i64.load (i32.const 1114105)))",
    "(drop (i64.load offset=0xffffffff (i32.const 1114105)))",
    "(drop (v128.load offset=65536 (i32.const 1048561)))",
    "(v128.store offset=1114097 (i32.const 0) (v128.const i64x2 0 0))",
    "(v128.store8_lane offset=131072 0 (i32.const 1114112) (v128.const i64x2 0 0))",
    "(i32.store8 offset=1 (i32.const 1114111) (i32.const 1))",
    "(i32.store8 offset=1 (i32.const -1) (i32.const 1))",
    "(i64.store offset=0xfffffff8 (i32.const 8) (i64.const -1))",
    "(memory.fill (i32.const 1114111) (i32.const 1) (i32.const 2))",
    "(memory.fill (i32.const 1114111) (i32.const 1) (i32.const -1))",
    "(memory.copy (i32.const 0) (i32.const 1114111) (i32.const 2))",
    "(memory.copy (i32.const 1114111) (i32.const 0) (i32.const 2))",
    "(memory.copy (i32.const 1114113) (i32.const 0) (i32.const 0))",
    "(memory.init $d (i32.const 1114110) (i32.const 0) (i32.const 3))",
    "(drop (i32.atomic.load (i32.const 1114112)))",
    "(drop (i32.atomic.rmw.add offset=65536 (i32.const 1048576) (i32.const 1)))",
    "(drop (memory.atomic.notify (i32.const 1114112) (i32.const 1)))",
};

// Of a memory whose addresses have 64 bits.
static const char *const outside_64[] = {
    "(drop (i64.load (i64.const 1114105)))",
    "(drop (i64.load8_u offset=1 (i64.const 1114111)))",
    "(drop (i64.load offset=0xffffffffffffffff (i64.const 8)))",
    "(drop (i64.load offset=8 (i64.const -8)))",
    "(drop (v128.load offset=0x8000000000000000 (i64.const 0x8000000000000000)))",
    "(i64.store offset=0x100000000 (i64.const 0) (i64.const 1))",
    "(i64.store (i64.const 0x100000000) (i64.const 1))",
    "(memory.fill (i64.const 1114111) (i32.const 1) (i64.const 2))",
    "(memory.fill (i64.const 16) (i32.const 1) (i64.const -8))",
    "(memory.copy (i64.const 0) (i64.const -1) (i64.const 2))",
};

static void assert_all_trap(const char *address, const char *const *codes, size_t count) {
  char text[16384];
  int size = snprintf(text, sizeof text,
                      "(module (memory (export \"m\") %s 17 60) (data $d \"abcd\") " REWIND(
                          "1") "(func (export \"grow\") (param i32) (result i32) (drop (memory.grow (%s.const 3)))"
                               " (memory.fill (%s.const 0) (i32.const 255) (%s.const 1310720)) (i32.const 1))",
                      address, address, address, address);
  for (size_t i = 0; i < count; i++)
    size += snprintf(text + size, sizeof text - (size_t)size,
                     "(func (export \"%zu\") (param i32) (result i32) %s (i32.const 1))", i, codes[i]);
  assert_true((size_t)size + 1 < sizeof text);
  strcpy(text + size, ")");
  engine_image *image = link_text(text);
  make_two(image);
  for (size_t i = 0; i < count; i++) {
    char name[24];
    int32_t ignored;
    snprintf(name, sizeof name, "%zu", i);
    engine_store *store = new_store(image, NULL);
    call_i32(store, "grow", 0);
    engine_store_delete(store);
    store = new_store(image, NULL);
    if (is_told()) assert_true(call_i32(store, "used", 0) > 0);
    ubiq_error *error = call(store, name, 0, &ignored);
    if (ubiq_error_code(error) != UBIQ_TRAP) fail_msg("%s", codes[i]);
    ubiq_error_delete(error);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void nothing_reaches_behind_a_memory_that_had_grown(void **state) {
  (void)state;
  assert_all_trap("i32", outside, sizeof outside / sizeof *outside);
  assert_all_trap("i64", outside_64, sizeof outside_64 / sizeof *outside_64);
}

static void more_memories_than_places_are_refused(void **state) {
  (void)state;
  engine_image *image = link_text(large);
  engine_store *stores[2 * PLACES + 1] = {0};
  ubiq_error *error = NULL;
  for (int round = 0; round < 2; round++) {
    int count = 0;
    while (count <= 2 * PLACES && (error = engine_store_new(image, &(engine_store_options){0}, &stores[count])) == NULL)
      count++;
    assert_error_code(error, UBIQ_BUSY);
    assert_int_equal(count, 2 * PLACES);
    for (int i = 0; i < count; i++) engine_store_delete(stores[i]);
  }
  engine_image_delete(image);
}

static void limits_hold_in_a_store_that_is_used_again(void **state) {
  (void)state;
  const engine_store_options little = {.memory_bytes_max = (PAGES + 1) * PAGE}, too_little = {.memory_bytes_max = PAGE};
  engine_image *image = link_text(large);
  engine_store *store;
  assert_error_code(engine_store_new(image, &too_little, &store), UBIQ_MEMORY_LIMIT);
  for (int i = 0; i < 5; i++) {
    store = new_store(image, &little);
    assert_int_equal(call_i32(store, "grow", 2), -1);
    assert_int_equal(call_i32(store, "grow", 1), PAGES);
    assert_int_equal(call_i32(store, "grow", 1), -1);
    engine_store_delete(store);
  }
  engine_image_delete(image);
}

static void a_memory_grows_no_further_than_its_place(void **state) {
  (void)state;
  engine_image *image = link_text("(module (memory (export \"m\") 17) " CODE REWIND("1") ")");
  engine_store *store = new_store(image, NULL);
  assert_int_equal(call_i32(store, "grow", 64 - PAGES), PAGES);
  assert_int_equal(call_i32(store, "grow", 1), -1);
  assert_int_equal(call_i32(store, "fill", 64 * PAGE), 1);
  assert_traps(store, "read", 64 * PAGE);
  engine_store_delete(store);
  engine_image_delete(image);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_lies_behind_a_memory_that_had_grown_traps),
      cmocka_unit_test(nothing_reaches_behind_a_memory_that_had_grown),
      cmocka_unit_test(more_memories_than_places_are_refused),
      cmocka_unit_test(limits_hold_in_a_store_that_is_used_again),
      cmocka_unit_test(a_memory_grows_no_further_than_its_place),
  };
  return cmocka_run_group_tests(tests, open_engine, close_engine);
}
