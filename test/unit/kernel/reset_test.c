/*
 * Reset: it is cheap, and what an earlier call has left in memory is nowhere to be seen.
 *
 * The random tests let every call fill its blocks with one byte value of its own, so that bytes of another call show.
 */
#include "model.h"

enum { CALLS = 80, FIRST_VALUE = 0x80, RUN_BYTES = 3 };

static bool is_foreign(uint32_t byte, uint8_t own) {
  return byte >= FIRST_VALUE && byte < FIRST_VALUE + CALLS && byte != own;
}

/* Where a few bytes of another call can be loaded; 0: nowhere. A single byte may be what is left of a header. */
static uint64_t find_foreign_bytes(uint8_t own) {
  uint32_t run = 0, before = 0;
  for (uint64_t address = 0; address < (uint64_t)simulated.pages * KERNEL_PAGE_BYTES; address++) {
    uint32_t byte = kernel_load_u8(address);
    bool kernels_own = address < heap_top() && bitmap_test((uint32_t)address); /* the bitmap repeats itself */
    run = is_foreign(byte, own) && byte == before && !kernels_own ? run + 1 : 1;
    before = byte;
    if (run == RUN_BYTES) return address;
  }
  return 0;
}

static void assert_nothing_foreign(uint8_t own, int call) {
  uint64_t address = find_foreign_bytes(own);
  if (address) fail_msg("call %d: the bytes before %llu are of another call", call, (unsigned long long)address);
}

/* Allocates, frees and writes at random; beyond blocks too, as far as stores let it. */
static void random_work(struct model *model, uint8_t own) {
  for (int step = 0; step < 60; step++) {
    if (model_below(model, 3) || !model->count)
      assert_right(model_alloc(model, model_length(model) % 30000 + 1, own), own, step);
    else
      assert_right(model_free(model, (uint32_t)model_below(model, model->count)), own, step);
  }
  for (uint64_t address = HEAP; address < heap_top(); address += 1 + model_below(model, 64))
    kernel_store_u8(address, own);
}

static void nothing_of_an_earlier_call_can_be_loaded(void **unused) {
  (void)unused;
  struct model model = {.random = 1};
  for (int call = 0; call < CALLS; call++) {
    uint8_t own = (uint8_t)(FIRST_VALUE + call);
    kernel_reset();
    model.count = 0;
    assert_nothing_foreign(own, call);
    for (int part = 0; part < (int)model_below(&model, 3); part++) {
      random_work(&model, own);
      assert_nothing_foreign(own, call);
    }
    assert_right(model_check(&model), 1, call);
  }
}

static void nothing_of_an_earlier_call_is_behind_the_input_that_the_host_writes(void **unused) {
  (void)unused;
  struct model model = {.random = 2};
  for (int call = 0; call < CALLS; call++) {
    uint8_t own = (uint8_t)(FIRST_VALUE + call);
    uint64_t length = model_length(&model);
    uint64_t input = kernel_call_begin(length);
    memset(simulated_bytes(input, length), own, length);
    model.count = 0;
    assert_nothing_foreign(own, call);
    random_work(&model, own);
    assert_nothing_foreign(own, call);
  }
}

static void blocks_read_as_zero_while_nothing_was_freed(void **unused) {
  (void)unused;
  struct model model = {.random = 3};
  for (int call = 0; call < CALLS; call++) {
    kernel_reset();
    for (uint64_t i = 0; i < 1 + model_below(&model, 60); i++) {
      uint64_t length = model_length(&model);
      uint64_t block = kernel_alloc(length);
      const uint8_t *bytes = simulated_bytes(block, length);
      for (uint64_t at = 0; at < length; at++)
        if (bytes[at])
          fail_msg("call %d: byte %llu of %llu is not 0", call, (unsigned long long)at, (unsigned long long)length);
      memset(simulated_bytes(block, length), 0xAA, length);
    }
  }
}

static void a_block_from_before_reset_has_no_length(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(100);
  kernel_reset();
  assert_int_equal(kernel_length(block), 0);
  kernel_alloc(5000);
  kernel_free(block + 16);
  assert_int_equal(kernel_length(block), 5000);
}

static void reset_forgets_input_output_and_error(void **unused) {
  (void)unused;
  uint64_t block = kernel_alloc(100);
  kernel_input_set(block, 100);
  kernel_output_set(block, 100);
  kernel_error_set(block);
  kernel_reset();
  static const struct kernel_root nothing = {0};
  assert_memory_equal(&state()->root, &nothing, sizeof nothing);
  kernel_output_set(kernel_alloc(100), 100);
  for (uint64_t offset = 0; offset < 100; offset++) {
    assert_int_equal(kernel_input_load_u8(offset), 0);
    assert_int_equal(kernel_input_load_u64(offset), 0);
  }
}

static void reset_forgets_freed_blocks_of_every_size(void **unused) {
  (void)unused;
  uint64_t first = 0;
  for (uint64_t length = 16; length <= 64 << 20; length *= 2) {
    first = kernel_alloc(16);
    uint64_t block = kernel_alloc(length);
    kernel_output_set(block, length); /* kept, which reset forgets too */
    kernel_error_set(block);
    uint64_t other = kernel_alloc(length);
    kernel_alloc(length);
    kernel_free(other);
    kernel_free(block);
    kernel_free(first);
    kernel_reset();
    uint64_t again = kernel_alloc(length);
    assert_true(kernel_alloc(length) > again);
    kernel_output_set(again, 1);
    kernel_error_set(again);
    struct invariants seen;
    assert_right(invariants_check(&seen), length, 0);
    kernel_reset();
  }
}

static void reset_costs_the_same_however_much_was_in_use(void **unused) {
  (void)unused;
  kernel_alloc(10);
  simulated_measure();
  kernel_reset();
  uint64_t steps = simulated.steps;
  for (int i = 0; i < 1000; i++) kernel_alloc(100000);
  simulated_measure();
  kernel_reset();
  assert_int_equal(simulated.steps, steps);
  assert_int_equal(simulated.bulk_bytes, 0);
}

static void a_small_call_after_a_large_one_clears_only_what_it_uses(void **unused) {
  (void)unused;
  kernel_alloc(64 << 20);
  kernel_reset();
  simulated_measure();
  kernel_alloc(1000);
  assert_true(simulated.bulk_bytes <= 1100);
}

static void memory_does_not_grow_from_call_to_call(void **unused) {
  (void)unused;
  uint32_t pages = 0;
  for (int call = 0; call < 1000; call++) {
    uint64_t input = kernel_call_begin(300000);
    kernel_alloc(200000);
    kernel_free(input);
    kernel_alloc(100000);
    if (call == 0) pages = simulated.pages;
  }
  assert_int_equal(simulated.pages, pages);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(nothing_of_an_earlier_call_can_be_loaded, model_start),
      cmocka_unit_test_setup(nothing_of_an_earlier_call_is_behind_the_input_that_the_host_writes, model_start),
      cmocka_unit_test_setup(blocks_read_as_zero_while_nothing_was_freed, model_start),
      cmocka_unit_test_setup(a_block_from_before_reset_has_no_length, model_start),
      cmocka_unit_test_setup(reset_forgets_input_output_and_error, model_start),
      cmocka_unit_test_setup(reset_forgets_freed_blocks_of_every_size, model_start),
      cmocka_unit_test_setup(reset_costs_the_same_however_much_was_in_use, model_start),
      cmocka_unit_test_setup(a_small_call_after_a_large_one_clears_only_what_it_uses, model_start),
      cmocka_unit_test_setup(memory_does_not_grow_from_call_to_call, model_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
