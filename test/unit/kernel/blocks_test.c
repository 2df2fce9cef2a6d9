/*
 * Blocks: alloc, free and length, and what they cost. Random tests use fixed seeds and print the seed on failure.
 */

#include "model.h"

enum { SEEDS = 40 };

/* -- Blocks -- */

static void alloc_of_nothing_answers_0(void **unused) {
  (void)unused;
  assert_int_equal(kernel_alloc(0), 0);
}

static void alloc_of_more_than_a_memory_can_hold_answers_0(void **unused) {
  (void)unused;
  static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 15, 1ULL << 63, 1ULL << 32, UINT32_MAX, 0xFFFF0001U};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) assert_int_equal(kernel_alloc(lengths[i]), 0);
  assert_int_equal(simulated.pages, 1);
}

static void length_is_0_for_whatever_is_not_the_start_of_a_live_block(void **unused) {
  (void)unused;
  uint64_t first = kernel_alloc(100);
  uint64_t second = kernel_alloc(5000);
  uint64_t third = kernel_alloc(1);
  kernel_free(second);
  for (uint64_t offset = 0; offset < 3 * KERNEL_PAGE_BYTES; offset++) {
    uint64_t expected = offset == first ? 100 : offset == third ? 1 : 0;
    assert_int_equal(kernel_length(offset), expected);
    assert_int_equal(kernel_length(offset | 1ULL << 32), 0);
  }
  assert_int_equal(kernel_length(UINT64_MAX), 0);
  assert_int_equal(kernel_length((uint64_t)0 - first), 0);
}

static void length_is_0_inside_the_bitmap(void **unused) {
  (void)unused;
  for (int i = 0; i < 3000; i++) kernel_alloc(64); /* a bitmap in which much looks like a header */
  uint64_t bitmap = FIRST_BITMAP + state()->bitmap;
  for (uint64_t offset = bitmap; offset < bitmap + ((uint64_t)FIRST_BITMAP_BYTES << state()->doublings); offset++)
    assert_int_equal(kernel_length(offset), 0);
}

static void free_of_anything_else_than_a_live_block_changes_nothing(void **unused) {
  (void)unused;
  uint64_t first = kernel_alloc(100);
  uint64_t second = kernel_alloc(200);
  uint64_t third = kernel_alloc(300);
  kernel_free(second);
  struct kernel_state before = *state();
  for (uint64_t offset = 0; offset < 2 * KERNEL_PAGE_BYTES; offset++)
    if (offset != first && offset != third) {
      kernel_free(offset);
      kernel_free(offset | 1ULL << 32);
    }
  assert_memory_equal(&before, state(), sizeof before);
}

static void blocks_freed_side_by_side_become_one(void **unused) {
  (void)unused;
  static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (int order = 0; order < 6; order++) {
    kernel_reset();
    uint64_t blocks[3];
    for (int i = 0; i < 3; i++) blocks[i] = kernel_alloc(1000);
    uint64_t fence = kernel_alloc(1);
    for (int i = 0; i < 3; i++) kernel_free(blocks[orders[order][i]]);
    assert_int_equal(kernel_alloc(3024 + 32), blocks[0]);
    assert_int_equal(kernel_length(fence), 1);
  }
}

static void the_last_block_freed_becomes_unused_memory(void **unused) {
  (void)unused;
  uint64_t first = kernel_alloc(100);
  uint64_t second = kernel_alloc(100);
  kernel_free(first);
  kernel_free(second);
  assert_int_equal(state()->used, 0);
  assert_int_equal(kernel_alloc(30000), first);
}

static void a_freed_block_keeps_its_bytes_until_it_is_used_again(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(100);
  kernel_alloc(1);
  memset(simulated_bytes(block, 100), 'x', 100);
  kernel_free(block);
  for (int i = 0; i < 100; i++) assert_int_equal(kernel_load_u8(block + (uint64_t)i), 'x');
}

static void random_calls_never_overlap_lose_or_leak_blocks(void **unused) {
  (void)unused;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    struct model model = {.random = seed};
    simulated_start(MODEL_PAGES_ALL);
    for (int step = 0; step < 1500; step++) {
      uint32_t target = step / 300 % 2 ? 40 : 300;
      if (model.count < MODEL_BLOCKS_MAX && model_below(&model, 2 * target) >= model.count)
        assert_right(model_alloc(&model, model_length(&model), (uint8_t)model_random(&model)), seed, step);
      else if (model.count)
        assert_right(model_free(&model, (uint32_t)model_below(&model, model.count)), seed, step);
      if (step % 100 == 0) assert_right(model_check(&model), seed, step);
    }
    assert_right(model_free_all(&model), seed, -1);
    assert_right(model_check(&model), seed, -1);
    struct invariants seen;
    invariants_check(&seen);
    assert_true(seen.free_blocks <= 1 && seen.other_blocks == 0); /* at most what is before the bitmap */
  }
}

static void the_same_work_again_and_again_does_not_grow_the_memory(void **unused) {
  (void)unused;
  struct model model = {.random = 7};
  uint32_t pages = 0;
  for (int round = 0; round < 200; round++) {
    for (int i = 0; i < 100; i++) assert_right(model_alloc(&model, model_length(&model) % 4096 + 1, 1), 7, round);
    assert_right(model_free_all(&model), 7, round);
    if (round == 0) pages = simulated.pages;
  }
  assert_true(simulated.pages <= 2 * pages + 2);
}

static void a_freed_block_of_any_size_is_used_again(void **unused) {
  (void)unused;
  for (uint64_t length = 16; length <= 512 << 20; length *= 2) {
    simulated_start(MODEL_PAGES_ALL);
    uint64_t block = kernel_alloc(length);
    kernel_alloc(16);
    kernel_free(block);
    assert_int_equal(kernel_alloc(length), block);
    kernel_free(block);
    uint32_t used = state()->used;
    kernel_alloc(length / 2);
    assert_int_equal(state()->used, used);
  }
}

static void two_blocks_taking_turns_stay_in_place(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(1000);
  kernel_alloc(16);
  for (int i = 0; i < 1000; i++) {
    kernel_free(block);
    assert_int_equal(kernel_alloc(1000), block);
  }
}

/* -- Cost -- */

struct cost {
  uint64_t alloc, free, length;
};

static uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

/* The dearest alloc, free and length in `rounds` of each beside `live` blocks. */
static struct cost measure_beside(uint32_t live, int rounds) {
  static uint64_t blocks[10000];
  struct model model = {.random = live};
  struct cost worst = {0};
  simulated_start(MODEL_PAGES_ALL);
  for (uint32_t i = 0; i < live; i++) blocks[i] = kernel_alloc(1 + model_below(&model, 500));
  for (int round = 0; round < rounds; round++) {
    uint64_t *block = &blocks[model_below(&model, live)];
    simulated_measure();
    kernel_length(*block);
    worst.length = larger(worst.length, simulated.steps);
    simulated_measure();
    kernel_free(*block);
    worst.free = larger(worst.free, simulated.steps + simulated.bulk_bytes);
    simulated_measure();
    *block = kernel_alloc(1 + model_below(&model, 500));
    worst.alloc = larger(worst.alloc, simulated.steps + simulated.bulk_bytes);
  }
  return worst;
}

static void alloc_free_and_length_cost_the_same_beside_10000_live_blocks(void **unused) {
  (void)unused;
  struct cost few = measure_beside(100, 20000);
  struct cost many = measure_beside(10000, 20000);
  assert_true(many.length <= few.length);
  assert_true(many.free <= few.free + 8);
  assert_true(many.alloc <= few.alloc + 32);
  assert_true(many.alloc < 150 && many.free < 150 && many.length < 20);
}

static void a_small_call_touches_the_first_4_kib_only(void **unused) {
  (void)unused;
  uint64_t input = kernel_call_begin(1000);
  memset(simulated_bytes(input, 1000), 'i', 1000);
  assert_int_equal(kernel_input_load_u64(0), 0x6969696969696969ULL);
  uint64_t output = kernel_alloc(1000);
  for (uint64_t i = 0; i < 1000; i += 8) kernel_store_u64(output + i, i);
  kernel_output_set(output, 1000);
  assert_int_equal(simulated.touched_first, 1);
  assert_true(simulated.touched_end <= SIMULATED_TOUCH_BYTES);
  assert_int_equal(simulated.pages, 1);
}

static void a_large_block_costs_no_access_to_its_bytes(void **unused) {
  (void)unused;
  assert_int_not_equal(kernel_alloc(64 << 20), 0);
  assert_true(simulated.bulk_bytes < (64 << 20) / 64);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(alloc_of_nothing_answers_0, model_start),
      cmocka_unit_test_setup(alloc_of_more_than_a_memory_can_hold_answers_0, model_start),
      cmocka_unit_test_setup(length_is_0_for_whatever_is_not_the_start_of_a_live_block, model_start),
      cmocka_unit_test_setup(length_is_0_inside_the_bitmap, model_start),
      cmocka_unit_test_setup(free_of_anything_else_than_a_live_block_changes_nothing, model_start),
      cmocka_unit_test_setup(blocks_freed_side_by_side_become_one, model_start),
      cmocka_unit_test_setup(the_last_block_freed_becomes_unused_memory, model_start),
      cmocka_unit_test_setup(a_freed_block_keeps_its_bytes_until_it_is_used_again, model_start),
      cmocka_unit_test_setup(random_calls_never_overlap_lose_or_leak_blocks, model_start),
      cmocka_unit_test_setup(the_same_work_again_and_again_does_not_grow_the_memory, model_start),
      cmocka_unit_test_setup(a_freed_block_of_any_size_is_used_again, model_start),
      cmocka_unit_test_setup(two_blocks_taking_turns_stay_in_place, model_start),
      cmocka_unit_test_setup(alloc_free_and_length_cost_the_same_beside_10000_live_blocks, model_start),
      cmocka_unit_test_setup(a_small_call_touches_the_first_4_kib_only, model_start),
      cmocka_unit_test_setup(a_large_block_costs_no_access_to_its_bytes, model_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
