/*
 * Growth: it stops at the memory's maximum, and an allocation that fails changes nothing.
 */
#include "model.h"

static void alloc_answers_0_past_the_maximum_and_changes_nothing(void **unused) {
  (void)unused;
  simulated_start(10);
  uint64_t block = kernel_alloc(5 * KERNEL_PAGE_BYTES);
  assert_int_not_equal(block, 0);
  struct kernel_state before = *state();
  uint32_t pages = simulated.pages;
  assert_int_equal(kernel_alloc(5 * KERNEL_PAGE_BYTES), 0);
  assert_memory_equal(&before, state(), sizeof before);
  assert_int_equal(simulated.pages, pages);
  assert_int_not_equal(kernel_alloc(3 * KERNEL_PAGE_BYTES), 0);
  assert_int_equal(kernel_length(block), 5 * KERNEL_PAGE_BYTES);
}

static void a_memory_that_may_not_grow_serves_what_fits_into_one_page(void **unused) {
  (void)unused;
  simulated_start(1);
  assert_int_equal(kernel_alloc(KERNEL_PAGE_BYTES), 0);
  uint64_t block = kernel_alloc(KERNEL_PAGE_BYTES - HEAP - GRANULE_BYTES);
  assert_int_not_equal(block, 0);
  assert_int_equal(kernel_alloc(1), 0);
  kernel_free(block);
  assert_int_not_equal(kernel_alloc(1), 0);
}

static void growth_is_by_as_many_pages_as_are_needed(void **unused) {
  (void)unused;
  kernel_alloc(1 << 20);
  assert_in_range(simulated.pages, 17, 18);
  assert_int_equal(simulated.grows, 1);
}

static void a_memory_of_4_gib_can_be_filled(void **unused) {
  (void)unused;
  uint64_t blocks[3];
  for (int i = 0; i < 3; i++) {
    blocks[i] = kernel_alloc(1 << 30);
    assert_int_equal(kernel_length(blocks[i]), 1 << 30);
  }
  assert_int_equal(kernel_alloc(1 << 30), 0);
  assert_int_not_equal(kernel_alloc(900 << 20), 0);
  kernel_free(blocks[1]);
  kernel_free(blocks[2]);
  assert_int_not_equal(kernel_alloc(2000U << 20), 0);
  uint64_t small = 0;
  while (kernel_alloc(1 << 20)) small++;
  assert_in_range(small, 50, 200);
  assert_int_equal(kernel_length(blocks[0]), 1 << 30);
}

static void one_block_can_have_nearly_4_gib(void **unused) {
  (void)unused;
  uint64_t length = (uint64_t)BLOCK_LENGTH_MAX - (40 << 20);
  uint64_t block = kernel_alloc(length);
  assert_int_equal(kernel_length(block), length);
  kernel_store_u8(block + length - 1, 9);
  assert_int_equal(kernel_load_u8(block + length - 1), 9);
  kernel_free(block);
  assert_int_equal(kernel_length(block), 0);
}

static void no_block_ends_at_4_gib(void **unused) {
  (void)unused;
  uint64_t bitmap_bytes = (uint64_t)FIRST_BITMAP_BYTES << 16;
  uint64_t length = (1ULL << 32) - HEAP - bitmap_bytes - 2 * GRANULE_BYTES;
  assert_int_equal(kernel_alloc(length), 0);
  uint64_t block = kernel_alloc(length - GRANULE_BYTES);
  assert_int_equal(kernel_length(block), length - GRANULE_BYTES);
  assert_int_equal(kernel_alloc(1), 0);
  kernel_free(block);
  assert_int_equal(kernel_alloc(100), block);
}

static void random_calls_at_every_small_maximum_keep_all_in_order(void **unused) {
  (void)unused;
  for (uint32_t pages_max = 1; pages_max <= 12; pages_max++) {
    struct model model = {.random = pages_max};
    simulated_start(pages_max);
    int refused = 0;
    for (int step = 0; step < 2000; step++) {
      uint32_t count = model.count;
      if (count < MODEL_BLOCKS_MAX && model_below(&model, 10) < 6) {
        assert_right(model_alloc(&model, model_length(&model), (uint8_t)step), pages_max, step);
        refused += model.count == count;
      } else if (count) {
        assert_right(model_free(&model, (uint32_t)model_below(&model, count)), pages_max, step);
      }
      if (step % 100 == 0) assert_right(model_check(&model), pages_max, step);
    }
    assert_true(refused > 0);
    assert_right(model_free_all(&model), pages_max, -1);
    assert_right(model_check(&model), pages_max, -1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(alloc_answers_0_past_the_maximum_and_changes_nothing, model_start),
      cmocka_unit_test_setup(a_memory_that_may_not_grow_serves_what_fits_into_one_page, model_start),
      cmocka_unit_test_setup(growth_is_by_as_many_pages_as_are_needed, model_start),
      cmocka_unit_test_setup(a_memory_of_4_gib_can_be_filled, model_start),
      cmocka_unit_test_setup(one_block_can_have_nearly_4_gib, model_start),
      cmocka_unit_test_setup(no_block_ends_at_4_gib, model_start),
      cmocka_unit_test_setup(random_calls_at_every_small_maximum_keep_all_in_order, model_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
