/*
 * Loads, stores, input, output and error: what guests do with blocks, and what they may not do.
 */
#include "model.h"

/* -- Loads and stores -- */

static void loads_and_stores_reach_every_byte_of_a_block(void **unused) {
  (void)unused;
  kernel_alloc(10);
  uint64_t block = kernel_alloc(48);
  kernel_alloc(10);
  for (uint64_t i = 0; i < 48; i++) {
    kernel_store_u8(block + i, (uint32_t)(0x100 + i));
    assert_int_equal(kernel_load_u8(block + i), i);
  }
  for (uint64_t i = 0; i + 8 <= 48; i++) {
    kernel_store_u64(block + i, 0x0102030405060708ULL * i);
    assert_int_equal(kernel_load_u64(block + i), 0x0102030405060708ULL * i);
  }
}

static void words_are_little_endian(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(8);
  kernel_store_u64(block, 0x0807060504030201ULL);
  for (uint64_t i = 0; i < 8; i++) assert_int_equal(kernel_load_u8(block + i), i + 1);
}

static void loads_from_outside_answer_0(void **unused) {
  (void)unused;
  kernel_alloc(100);
  uint64_t top = heap_top();
  memset(simulated.base, 0xEE, 16);
  simulated.base[top] = 0xEE;
  const uint64_t outside[] = {0, 8, 16, HEAP - 1, top, top + 1, 65536, 1ULL << 32, UINT64_MAX, UINT64_MAX - 7};
  for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
    assert_int_equal(kernel_load_u8(outside[i]), 0);
    assert_int_equal(kernel_load_u64(outside[i]), 0);
  }
  for (uint64_t i = 1; i < 8; i++) {
    assert_int_equal(kernel_load_u64(top - i), 0);
    assert_int_equal(kernel_load_u64(HEAP - i), 0);
  }
}

/* What a store of `size` bytes at `address` changed other than it may. */
static const char *check_store(const uint8_t *before, uint64_t bytes, uint64_t address, uint64_t size) {
  for (uint64_t at = 0; at < bytes; at++) {
    if (before[at] == simulated.base[at]) continue;
    if (at < HEAP || at >= heap_top() || bitmap_test((uint32_t)at)) return "a store has reached the kernel's own data";
    if (at < address || at - address >= size) return "a store has changed other bytes";
  }
  return NULL;
}

/* Addresses near to what is worth attacking. */
static uint64_t hostile_address(struct model *model) {
  const struct model_block *block = &model->blocks[model_below(model, model->count)];
  switch (model_below(model, 5)) {
  case 0: return block->offset - 24 + model_below(model, 32);
  case 1: return block->offset + block->length - 8 + model_below(model, 40);
  case 2: return FIRST_BITMAP + state()->bitmap + model_below(model, 4096) - 64;
  case 3: return model_below(model, 2 * HEAP);
  default: return heap_top() - 16 + model_below(model, 32);
  }
}

static void stores_never_reach_the_kernels_own_data(void **unused) {
  (void)unused;
  for (uint64_t seed = 0; seed < 8; seed++) {
    struct model model = {.random = seed};
    simulated_start(MODEL_PAGES_ALL);
    for (int step = 0; step < 40; step++)
      assert_right(model_alloc(&model, 1 + model_below(&model, seed % 2 ? 200 : 4000), 1), seed, step);
    for (int i = 0; i < 20; i++) assert_right(model_free(&model, (uint32_t)model_below(&model, model.count)), seed, i);
    uint64_t bytes = heap_top() + 4096;
    uint8_t *before = malloc(bytes);
    for (int step = 0; step < 300; step++) {
      memcpy(before, simulated.base, bytes);
      uint64_t address = hostile_address(&model);
      bool word = model_below(&model, 2);
      if (word)
        kernel_store_u64(address, model_random(&model));
      else
        kernel_store_u8(address, (uint32_t)model_random(&model));
      assert_right(check_store(before, bytes, address, word ? 8 : 1), seed, step);
    }
    free(before);
    struct invariants seen;
    assert_right(invariants_check(&seen), seed, -1);
  }
}

static void a_header_made_by_the_guest_is_no_block(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(160);
  kernel_alloc(1);
  for (uint64_t i = 0; i < 160; i += 16) {
    kernel_store_u64(block + i, HEAP << 16 | 32 | BLOCK_LIVE);
    kernel_store_u64(block + i + 8, 32);
  }
  for (uint64_t i = 1; i < 160; i++) {
    assert_int_equal(kernel_length(block + i), 0);
    kernel_free(block + i);
  }
  assert_int_equal(kernel_length(block), 160);
}

/* -- Input -- */

static void input_loads_end_where_the_input_ends(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(100);
  memset(simulated_bytes(block, 100), 1, 100);
  kernel_input_set(block, 20);
  assert_int_equal(kernel_input_load_u8(19), 1);
  assert_int_equal(kernel_input_load_u8(20), 0);
  assert_int_equal(kernel_input_load_u64(12), 0x0101010101010101ULL);
  assert_int_equal(kernel_input_load_u64(13), 0);
  assert_int_equal(kernel_input_load_u64(UINT64_MAX - 7), 0);
  assert_int_equal(kernel_input_load_u8(UINT64_MAX), 0);
}

static void an_input_shorter_than_a_word_has_no_words(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(16);
  memset(simulated_bytes(block, 16), 0xFF, 16);
  for (uint64_t length = 0; length < 8; length++) {
    kernel_input_set(block, length);
    assert_int_equal(kernel_input_length(), length);
    assert_int_equal(kernel_input_load_u64(0), 0);
  }
}

static void freeing_the_input_empties_it(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(100);
  memset(simulated_bytes(block, 100), 0xFF, 100);
  kernel_input_set(block, 100);
  kernel_free(block);
  assert_int_equal(kernel_input_length(), 0);
  assert_int_equal(kernel_input_load_u8(0), 0);
  assert_int_equal(kernel_input_load_u64(0), 0);
}

static void ranges_that_are_not_in_use_are_ignored(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(100);
  kernel_input_set(block, 10);
  kernel_output_set(block, 10);
  kernel_error_set(block);
  struct kernel_root before = state()->root;
  const uint64_t ranges[][2] = {{0, 0},          {0, 10},           {HEAP - 1, 1},
                                {block, 200},    {block + 50, 100}, {block, UINT64_MAX},
                                {heap_top(), 0}, {UINT64_MAX, 2},   {block | 1ULL << 32, 1}};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    kernel_input_set(ranges[i][0], ranges[i][1]);
    kernel_output_set(ranges[i][0], ranges[i][1]);
    if (ranges[i][0] && ranges[i][0] - block >= 100) kernel_error_set(ranges[i][0]);
    assert_memory_equal(&before, &state()->root, sizeof before);
  }
}

/* -- Output and error -- */

static void the_root_tells_the_host_output_and_error(void **unused) {
  (void)unused;
  uint64_t output = kernel_alloc(100);
  uint64_t error = kernel_alloc(33);
  kernel_output_set(output + 10, 50);
  kernel_error_set(error);
  struct kernel_root root;
  memcpy(&root, simulated.base + KERNEL_ROOT_ADDRESS, sizeof root);
  assert_int_equal(root.output_offset, output + 10);
  assert_int_equal(root.output_length, 50);
  assert_int_equal(root.error_offset, error);
  assert_int_equal(root.error_length, 33);
  kernel_error_set(0);
  assert_int_equal(kernel_error_get(), 0);
}

static void an_output_or_error_freed_is_kept_until_another_is_set(void **unused) {
  (void)unused;
  uint64_t kept = kernel_alloc(100);
  uint64_t fence = kernel_alloc(16);
  kernel_output_set(kept + 50, 10);
  kernel_error_set(kept);
  kernel_free(kept);
  assert_int_equal(kernel_length(kept), 0);
  assert_int_not_equal(kernel_alloc(100), kept);
  kernel_output_set(fence, 16);
  assert_int_not_equal(kernel_alloc(100), kept);
  kernel_error_set(0);
  assert_int_equal(kernel_alloc(100), kept);
}

static void output_moved_inside_a_freed_block_keeps_it(void **unused) {
  (void)unused;
  uint64_t kept = kernel_alloc(100);
  kernel_alloc(16);
  kernel_output_set(kept, 100);
  kernel_free(kept);
  kernel_output_set(kept + 20, 5);
  assert_int_not_equal(kernel_alloc(100), kept);
}

static void setting_and_freeing_outputs_does_not_leak(void **unused) {
  (void)unused;
  for (int i = 0; i < 10000; i++) {
    uint64_t output = kernel_alloc(1000);
    kernel_output_set(output, 1000);
    if (i % 3) kernel_error_set(output);
    kernel_free(output);
    kernel_free(output);
  }
  assert_int_equal(simulated.pages, 1);
  struct invariants seen;
  assert_right(invariants_check(&seen), 0, 0);
  assert_true(seen.other_blocks <= 2);
}

/* -- The host's call -- */

static void call_begin_makes_the_input(void **unused) {
  (void)unused;
  kernel_error_set(kernel_alloc(10));
  uint64_t input = kernel_call_begin(70000);
  assert_int_equal(kernel_length(input), 70000);
  assert_int_equal(kernel_input_offset(), input);
  assert_int_equal(kernel_input_length(), 70000);
  assert_int_equal(kernel_error_get(), 0);
}

static void call_begin_without_input_answers_0(void **unused) {
  (void)unused;
  kernel_call_begin(10);
  assert_int_equal(kernel_call_begin(0), 0);
  assert_int_equal(kernel_input_length(), 0);
  assert_int_equal(state()->used, 0);
}

static void call_begin_tells_that_it_failed(void **unused) {
  (void)unused;
  simulated_start(2);
  const uint64_t lengths[] = {3 * KERNEL_PAGE_BYTES, 1ULL << 32, UINT64_MAX};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    assert_int_equal(kernel_call_begin(lengths[i]), KERNEL_CALL_BEGIN_FAILED);
    assert_int_equal(kernel_input_length(), 0);
  }
}

static void memory_bytes_is_what_is_left_for_blocks(void **unused) {
  (void)unused;
  assert_int_equal(kernel_memory_bytes(), KERNEL_PAGE_BYTES - HEAP);
  kernel_alloc(KERNEL_PAGE_BYTES);
  assert_int_equal(kernel_memory_bytes(), 2 * KERNEL_PAGE_BYTES - HEAP);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(loads_and_stores_reach_every_byte_of_a_block, model_start),
      cmocka_unit_test_setup(words_are_little_endian, model_start),
      cmocka_unit_test_setup(loads_from_outside_answer_0, model_start),
      cmocka_unit_test_setup(stores_never_reach_the_kernels_own_data, model_start),
      cmocka_unit_test_setup(a_header_made_by_the_guest_is_no_block, model_start),
      cmocka_unit_test_setup(input_loads_end_where_the_input_ends, model_start),
      cmocka_unit_test_setup(an_input_shorter_than_a_word_has_no_words, model_start),
      cmocka_unit_test_setup(freeing_the_input_empties_it, model_start),
      cmocka_unit_test_setup(ranges_that_are_not_in_use_are_ignored, model_start),
      cmocka_unit_test_setup(the_root_tells_the_host_output_and_error, model_start),
      cmocka_unit_test_setup(an_output_or_error_freed_is_kept_until_another_is_set, model_start),
      cmocka_unit_test_setup(output_moved_inside_a_freed_block_keeps_it, model_start),
      cmocka_unit_test_setup(setting_and_freeing_outputs_does_not_leak, model_start),
      cmocka_unit_test_setup(call_begin_makes_the_input, model_start),
      cmocka_unit_test_setup(call_begin_without_input_answers_0, model_start),
      cmocka_unit_test_setup(call_begin_tells_that_it_failed, model_start),
      cmocka_unit_test_setup(memory_bytes_is_what_is_left_for_blocks, model_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
