/*
 * Where our kernel is meant to differ from Extism's: a table of every such difference, with its reason, and both sides
 * of each tested. Whatever is not in this table is the same (official_test.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_instance.h"

typedef struct kernel_instance kernel;

#define CALL(name, a, b) kernel_call(k, KERNEL_##name, a, b)

enum { TRAPPED = 0x7A9 };

static uint64_t trapped_or(const kernel *k, uint64_t answer) {
  return k->trapped ? TRAPPED : answer;
}

static uint64_t end_of_memory(kernel *k) {
  return wasmtime_memory_data_size(k->context, &k->memory);
}

/* Each of these does something to a fresh kernel and answers what came of it. */

static uint64_t alloc_minus_1(kernel *k) {
  CALL(alloc, 100, 0);
  return CALL(alloc, UINT64_MAX, 0) != 0;
}

static uint64_t blocks_overlap_after_alloc_minus_1(kernel *k) {
  CALL(alloc, 100, 0);
  uint64_t huge = CALL(alloc, UINT64_MAX, 0);
  uint64_t next = CALL(alloc, 64, 0);
  return huge && next - huge < 64;
}

static uint64_t alloc_of_2_to_the_48(kernel *k) {
  return CALL(alloc, 1ULL << 48, 0) != 0;
}

static uint64_t length_after_the_guest_wrote_the_header(kernel *k) {
  uint64_t block = CALL(alloc, 100, 0);
  for (uint64_t i = 1; i <= 12; i++) CALL(store_u8, block - i, 1);
  return CALL(length, block, 0);
}

static uint64_t alloc_after_the_guest_wrote_the_state(kernel *k) {
  CALL(alloc, 100, 0);
  for (uint64_t address = 0; address < 100; address += 8) CALL(store_u64, address, UINT64_MAX);
  uint64_t block = CALL(alloc, 100, 0);
  return block && CALL(length, block, 0) == 100;
}

static uint64_t output_length_after_the_guest_stored_at_57(kernel *k) {
  uint64_t block = CALL(alloc, 100, 0);
  CALL(output_set, block, 10);
  CALL(store_u64, 57, UINT64_MAX);
  return CALL(output_length, 0, 0);
}

static uint64_t length_unsafe_of_a_header_made_by_the_guest(kernel *k) {
  uint64_t block = CALL(alloc, 100, 0);
  for (uint64_t i = 0; i < 32; i += 4) { /* status 1, size and length 777, wherever a header might begin */
    CALL(store_u64, block + i, 777ULL << 32 | 777);
    CALL(store_u8, block + i, 1);
  }
  return CALL(length_unsafe, block + 12, 0) || CALL(length_unsafe, block + 16, 0);
}

static uint64_t load_u8_at_the_end_of_memory(kernel *k) {
  CALL(alloc, 100, 0);
  uint64_t answer = CALL(load_u8, end_of_memory(k), 0);
  return trapped_or(k, answer);
}

static uint64_t load_u64_8_bytes_before_the_end_of_memory(kernel *k) {
  CALL(alloc, 100, 0);
  uint64_t answer = CALL(load_u64, end_of_memory(k) - 7, 0);
  return trapped_or(k, answer);
}

static uint64_t store_u8_behind_the_memory_in_use(kernel *k) {
  uint64_t block = CALL(alloc, 100, 0);
  CALL(store_u8, block + 50000, 7);
  return CALL(load_u8, block + 50000, 0);
}

static uint64_t input_load_u64_before_the_input(kernel *k) {
  uint64_t block = CALL(alloc, 16, 0);
  CALL(input_set, block, 16);
  CALL(input_load_u64, UINT64_MAX - 7, 0);
  uint64_t answer = CALL(input_load_u64, UINT64_MAX - 7, 0);
  return trapped_or(k, answer != 0);
}

static uint64_t input_length_after_a_length_that_wraps_around(kernel *k) {
  uint64_t block = CALL(alloc, 16, 0);
  CALL(input_set, block, UINT64_MAX - 1);
  return CALL(input_length, 0, 0) != 0;
}

static uint64_t output_length_after_a_range_behind_the_blocks(kernel *k) {
  uint64_t block = CALL(alloc, 16, 0);
  CALL(output_set, block, 60000);
  return CALL(output_length, 0, 0);
}

static uint64_t output_set_to_a_block_from_before_reset(kernel *k) {
  uint64_t block = CALL(alloc, 16, 0);
  CALL(reset, 0, 0);
  CALL(output_set, block, 16);
  return CALL(output_length, 0, 0);
}

static uint64_t freed_block_is_used_again_at_once(kernel *k) {
  uint64_t block = CALL(alloc, 100, 0);
  CALL(alloc, 1, 0);
  CALL(free, block, 0);
  return CALL(alloc, 100, 0) == block;
}

static uint64_t neighbours_freed_serve_a_larger_block(kernel *k) {
  uint64_t blocks[64];
  for (int i = 0; i < 64; i++) blocks[i] = CALL(alloc, 1000, 0);
  for (int i = 0; i < 63; i++) CALL(free, blocks[i], 0);
  return CALL(alloc, 32000, 0) < blocks[63];
}

static uint64_t freed_output_survives_another_alloc(kernel *k) {
  uint64_t output = CALL(alloc, 65000, 0);
  CALL(output_set, output, 65000);
  CALL(free, output, 0);
  uint64_t other = CALL(alloc, 64000, 0);
  memset(kernel_bytes(k, other, 64000), 'x', 64000);
  return CALL(load_u8, output + 64999, 0) != 'x';
}

static uint64_t offset_modulo_16(kernel *k) {
  uint64_t found = 0;
  for (uint64_t length = 1; length < 40; length++) found |= CALL(alloc, length, 0) % 16;
  return found != 0;
}

static uint64_t memory_pages_at_first(kernel *k) {
  return end_of_memory(k) / 65536;
}

static uint64_t memory_bytes_counts_the_whole_memory(kernel *k) {
  return CALL(memory_bytes, 0, 0) / 65536 + 1 == end_of_memory(k) / 65536;
}

static uint64_t steps_back_and_forth_leave_the_memory_as_it_was(kernel *k) {
  for (int i = 0; i < 1000; i++) CALL(free, CALL(alloc, 1 + (uint64_t)i % 7 * 10000, 0), 0);
  return end_of_memory(k) / 65536 <= 2;
}

struct difference {
  const char *name;
  uint64_t (*what)(kernel *);
  uint64_t official, ours;
  const char *reason;
};

#define DIFFERENCE(what, official, ours, reason)                                                                       \
  { #what, what, official, ours, reason }

static const struct difference differences[] = {
    DIFFERENCE(alloc_minus_1, 1, 0, "a length that no memory can hold is refused; Extism's sum wraps around"),
    DIFFERENCE(blocks_overlap_after_alloc_minus_1, 1, 0, "blocks never overlap"),
    DIFFERENCE(alloc_of_2_to_the_48, 1, 0, "the same; Extism's keeps the low 32 bits of the number of pages"),
    DIFFERENCE(length_after_the_guest_wrote_the_header, 0x01010101, 100, "headers cannot be written"),
    DIFFERENCE(alloc_after_the_guest_wrote_the_state, 0, 1, "the kernel's state cannot be written"),
    DIFFERENCE(output_length_after_the_guest_stored_at_57, UINT64_MAX, 10, "the same"),
    DIFFERENCE(length_unsafe_of_a_header_made_by_the_guest, 1, 0, "length_unsafe is as exact as length"),
    DIFFERENCE(load_u8_at_the_end_of_memory, TRAPPED, 0, "loads from outside answer 0 and never trap"),
    DIFFERENCE(load_u64_8_bytes_before_the_end_of_memory, TRAPPED, 0, "the same"),
    DIFFERENCE(store_u8_behind_the_memory_in_use, 7, 0,
               "only memory in use can be read and written, so that nothing "
               "needs to be cleared that was not used"),
    DIFFERENCE(input_load_u64_before_the_input, 1, 0, "the check of the offset does not wrap around"),
    DIFFERENCE(input_length_after_a_length_that_wraps_around, 1, 0, "the check of the range does not wrap around"),
    DIFFERENCE(output_length_after_a_range_behind_the_blocks, 60000, 0,
               "a range must be in use: behind it may be "
               "what an earlier call has left"),
    DIFFERENCE(output_set_to_a_block_from_before_reset, 16, 0, "the same"),
    DIFFERENCE(freed_block_is_used_again_at_once, 0, 1,
               "fewer pages are touched; Extism's waits until its memory is "
               "full"),
    DIFFERENCE(neighbours_freed_serve_a_larger_block, 0, 1, "free blocks are joined"),
    DIFFERENCE(freed_output_survives_another_alloc, 0, 1, "a block that was freed while it is the output is kept"),
    DIFFERENCE(offset_modulo_16, 1, 0, "blocks are aligned to 16 bytes"),
    DIFFERENCE(memory_pages_at_first, 16, 1, "a fresh instance is as small as can be"),
    DIFFERENCE(memory_bytes_counts_the_whole_memory, 0, 1, "Extism's does not count 15 of its first 16 pages"),
    DIFFERENCE(steps_back_and_forth_leave_the_memory_as_it_was, 0, 1, "the memory grows only when it must"),
};

static void every_difference_is_as_the_table_says(void **unused) {
  (void)unused;
  kernel official, ours;
  wasm_engine_t *engine = wasm_engine_new();
  if (!kernel_open_official(&official, engine)) {
    fprintf(stderr, "Extism's kernel is missing; run scripts/setup\n");
    exit(77);
  }
  kernel_open_ours(&ours, engine);
  int wrong = 0;
  for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
    const struct difference *difference = &differences[i];
    kernel_restart(&official, -1);
    kernel_restart(&ours, -1);
    uint64_t theirs = difference->what(&official);
    uint64_t answer = difference->what(&ours);
    if (theirs == difference->official && answer == difference->ours) continue;
    wrong++;
    print_error("%s: Extism's %#llx, ours %#llx; the table says %#llx and %#llx (%s)\n", difference->name,
                (unsigned long long)theirs, (unsigned long long)answer, (unsigned long long)difference->official,
                (unsigned long long)difference->ours, difference->reason);
  }
  kernel_close(&official);
  kernel_close(&ours);
  wasm_engine_delete(engine);
  assert_int_equal(wrong, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_difference_is_as_the_table_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
