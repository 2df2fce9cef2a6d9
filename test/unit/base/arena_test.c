// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/arena.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

static void small_pieces_come_from_inside_the_arena(void **state) {
  (void)state;
  arena pieces;
  arena_init(&pieces);
  alloc_failure.armed = true;
  alloc_failure.passes = 0;
  for (int i = 0; i < ARENA_FIRST_SIZE / 16; i++) assert_non_null(arena_alloc(&pieces, 16));
  assert_true(alloc_failure.armed);
  assert_null(arena_alloc(&pieces, 16));
  assert_false(alloc_failure.armed);
  arena_free(&pieces);
}

static void pieces_are_aligned_and_do_not_overlap(void **state) {
  (void)state;
  arena pieces;
  arena_init(&pieces);
  enum { COUNT = 2000 };
  uint8_t *piece[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    piece[i] = arena_alloc(&pieces, i);
    assert_non_null(piece[i]);
    assert_int_equal((uintptr_t)piece[i] % alignof(max_align_t), 0);
    memset(piece[i], (int)(i & 0xff), i);
  }
  for (size_t i = 0; i < COUNT; i++) {
    for (size_t j = 0; j < i; j++) {
      if (piece[i][j] != (i & 0xff)) fail_msg("piece %zu was overwritten at %zu", i, j);
    }
  }
  arena_free(&pieces);
}

static void a_large_piece_leaves_the_open_chunk_in_use(void **state) {
  (void)state;
  arena pieces;
  arena_init(&pieces);
  uint8_t *before = arena_alloc(&pieces, 16);
  assert_non_null(arena_alloc(&pieces, 1 << 20));
  uint8_t *after = arena_alloc(&pieces, 16);
  assert_ptr_equal(after, before + 16);
  arena_free(&pieces);
}

static void arrays_are_zeroed_and_their_size_cannot_overflow(void **state) {
  (void)state;
  arena pieces;
  arena_init(&pieces);
  memset(arena_alloc(&pieces, 64), 0xff, 64);
  arena_reset(&pieces);
  const uint8_t *array = arena_array(&pieces, 8, 8);
  for (int i = 0; i < 64; i++) assert_int_equal(array[i], 0);
  assert_null(arena_array(&pieces, SIZE_MAX / 2, 3));
  assert_null(arena_alloc(&pieces, SIZE_MAX));
  assert_null(arena_alloc(&pieces, SIZE_MAX - 20));
  assert_non_null(arena_array(&pieces, 0, 8));
  arena_free(&pieces);
}

static void copies_and_strings_are_what_was_given(void **state) {
  (void)state;
  arena pieces;
  arena_init(&pieces);
  assert_memory_equal(arena_copy(&pieces, "abc", 3), "abc", 3);
  assert_non_null(arena_copy(&pieces, NULL, 0));
  assert_string_equal(arena_string(&pieces, "abcdef", 3), "abc");
  assert_string_equal(arena_string(&pieces, NULL, 0), "");
  assert_string_equal(arena_printf(&pieces, "%d and %s", 1, "two"), "1 and two");
  arena_free(&pieces);
}

static void an_arena_that_was_reset_can_be_used_again(void **state) {
  (void)state;
  arena pieces;
  arena_init(&pieces);
  void *first = arena_alloc(&pieces, 16);
  assert_non_null(arena_alloc(&pieces, 10000));
  arena_reset(&pieces);
  assert_ptr_equal(arena_alloc(&pieces, 16), first);
  arena_free(&pieces);
}

static bool fill(void *user) {
  (void)user;
  arena pieces;
  arena_init(&pieces);
  bool ok = arena_alloc(&pieces, 600) != NULL && arena_alloc(&pieces, 5000) != NULL;
  for (int i = 0; ok && i < 20; i++)
    ok = arena_string(&pieces, "0123456789", 10) != NULL && arena_alloc(&pieces, 900) != NULL;
  ok = ok && arena_printf(&pieces, "%070000d", 1) != NULL;
  arena_free(&pieces);
  return ok;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(fill, NULL) >= 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_pieces_come_from_inside_the_arena),
      cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
      cmocka_unit_test(a_large_piece_leaves_the_open_chunk_in_use),
      cmocka_unit_test(arrays_are_zeroed_and_their_size_cannot_overflow),
      cmocka_unit_test(copies_and_strings_are_what_was_given),
      cmocka_unit_test(an_arena_that_was_reset_can_be_used_again),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
