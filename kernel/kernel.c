/*
 * The kernel's exports. Each is one WebAssembly function with everything inlined: no function calls another, so a host
 * may renumber functions by adding imports (tools/check.py proves it), and a load is a comparison and a load.
 *
 * Offsets and lengths come from guests and may be anything. Nothing here traps or reaches outside of the memory in use.
 */
#include "blocks.h"

#ifdef KERNEL_NATIVE
#define KERNEL_EXPORT(type, name, ...) static type kernel_##name(__VA_ARGS__)
#else
#define KERNEL_EXPORT(type, name, ...)                                                                                 \
  __attribute__((export_name(#name))) type kernel_##name(__VA_ARGS__);                                                 \
  type kernel_##name(__VA_ARGS__)
#endif

KERNEL_INLINE uint64_t load_word(uint64_t address) {
  uint64_t word;
  __builtin_memcpy(&word, memory_at((uint32_t)address, 8), 8);
  return word;
}

/* Whether `length` bytes at `offset` are in use. */
KERNEL_INLINE bool in_use(uint64_t offset, uint64_t length) {
  uint64_t start = offset - HEAP;
  return start < state()->used && length <= state()->used - start;
}

/* -- Blocks -- */

KERNEL_EXPORT(uint64_t, alloc, uint64_t length) {
  return block_alloc(length);
}

KERNEL_EXPORT(uint64_t, length, uint64_t offset) {
  uint32_t header = block_find_live(offset);
  return header ? block_at(header)->length : 0;
}

/* Extism's trusts its argument; ours need not. */
KERNEL_EXPORT(uint64_t, length_unsafe, uint64_t offset) {
  uint32_t header = block_find_live(offset);
  return header ? block_at(header)->length : 0;
}

KERNEL_INLINE bool block_holds(uint32_t header, uint64_t offset) {
  return offset - header - GRANULE_BYTES < block_size(header);
}

/* Puts off the release of a block that is the output or the error: plugins free it before the host has read it, and
   Extism's kernel would not use it again so soon. */
KERNEL_INLINE bool block_keep(uint32_t header) {
  struct kernel_state *kernel = state();
  bool output = block_holds(header, kernel->root.output_offset);
  bool error = block_holds(header, kernel->root.error_offset);
  if (output) kernel->output_kept = header;
  if (error) kernel->error_kept = header;
  if (output || error) block_at(header)->size_status = block_size(header) | BLOCK_KEPT;
  return output || error;
}

/* Releases what was kept in one role, unless it is at `offset`, where that role now is, or is kept in the other. */
KERNEL_INLINE void block_unkeep(uint32_t *kept, uint32_t kept_otherwise, uint64_t offset) {
  uint32_t header = *kept;
  if (!header || block_holds(header, offset)) return;
  *kept = 0;
  if (header != kept_otherwise) block_release(header);
}

KERNEL_EXPORT(void, free, uint64_t offset) {
  uint32_t header = block_find_live(offset);
  if (!header) return;
  struct kernel_state *kernel = state();
  if (offset == kernel->root.input_offset) {
    kernel->root.input_length = 0;
    kernel->input_words = 0;
  }
  if (!block_keep(header)) block_release(header);
}

KERNEL_EXPORT(void, reset, void) {
  heap_reset();
}

KERNEL_EXPORT(uint64_t, memory_bytes, void) {
  return memory_bytes() - HEAP;
}

/* -- Memory -- */

KERNEL_EXPORT(uint32_t, load_u8, uint64_t offset) {
  if (offset - HEAP >= state()->used) return 0;
  return *(const uint8_t *)memory_at((uint32_t)offset, 1);
}

KERNEL_EXPORT(uint64_t, load_u64, uint64_t offset) {
  if (offset - HEAP >= state()->used_words) return 0;
  return load_word(offset);
}

KERNEL_INLINE bool in_open_block(uint64_t offset) {
  return offset - state()->open < state()->open_words;
}

KERNEL_EXPORT(void, store_u8, uint64_t offset, uint32_t value) {
  if (!in_open_block(offset) && (offset - HEAP >= state()->used || bitmap_test((uint32_t)offset))) return;
  *(uint8_t *)memory_at((uint32_t)offset, 1) = (uint8_t)value;
}

KERNEL_EXPORT(void, store_u64, uint64_t offset, uint64_t value) {
  if (!in_open_block(offset) && (offset - HEAP >= state()->used_words || bitmap_test_word((uint32_t)offset))) return;
  __builtin_memcpy(memory_at((uint32_t)offset, 8), &value, 8);
}

/* -- Input -- */

KERNEL_INLINE void input_assign(uint64_t offset, uint64_t length) {
  struct kernel_state *kernel = state();
  kernel->root.input_offset = offset;
  kernel->root.input_length = length;
  kernel->input_words = length < 8 ? 0 : length - 7;
}

KERNEL_EXPORT(void, input_set, uint64_t offset, uint64_t length) {
  if (in_use(offset, length)) input_assign(offset, length);
}

KERNEL_EXPORT(uint64_t, input_offset, void) {
  return state()->root.input_offset;
}
KERNEL_EXPORT(uint64_t, input_length, void) {
  return state()->root.input_length;
}

KERNEL_EXPORT(uint32_t, input_load_u8, uint64_t offset) {
  if (offset >= state()->root.input_length) return 0;
  return *(const uint8_t *)memory_at((uint32_t)(state()->root.input_offset + offset), 1);
}

KERNEL_EXPORT(uint64_t, input_load_u64, uint64_t offset) {
  if (offset >= state()->input_words) return 0;
  return load_word(state()->root.input_offset + offset);
}

/* -- Output and error -- */

KERNEL_EXPORT(void, output_set, uint64_t offset, uint64_t length) {
  struct kernel_state *kernel = state();
  if (!in_use(offset, length)) return;
  kernel->root.output_offset = offset;
  kernel->root.output_length = length;
  block_unkeep(&kernel->output_kept, kernel->error_kept, offset);
}

KERNEL_EXPORT(uint64_t, output_offset, void) {
  return state()->root.output_offset;
}
KERNEL_EXPORT(uint64_t, output_length, void) {
  return state()->root.output_length;
}

KERNEL_EXPORT(void, error_set, uint64_t offset) {
  struct kernel_state *kernel = state();
  if (offset && !in_use(offset, 1)) return;
  uint32_t header = block_find_live(offset);
  kernel->root.error_offset = offset;
  kernel->root.error_length = header ? block_at(header)->length : 0;
  block_unkeep(&kernel->error_kept, kernel->output_kept, offset);
}

KERNEL_EXPORT(uint64_t, error_get, void) {
  return state()->root.error_offset;
}

/* -- For our own host (kernel.h) -- */

#if defined(KERNEL_HOST) || defined(KERNEL_NATIVE)
KERNEL_EXPORT(uint64_t, call_begin, uint64_t length) {
  heap_reset();
  if (!length) return 0;
  uint32_t header = block_length_valid(length) ? heap_extend(block_size_for(length), true) : 0;
  if (!header) return KERNEL_CALL_BEGIN_FAILED;
  uint64_t offset = block_hand_out(header, length);
  input_assign(offset, length);
  return offset;
}
#endif
