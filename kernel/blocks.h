/*
 * Blocks: alloc, free, length and reset. No step depends on how many blocks there are, but that a growing memory needs a
 * larger bitmap from time to time: the old one is copied into one of at least twice its size.
 *
 * Invariants: blocks fill HEAP .. top without gaps. Two free blocks are never neighbours, and the block before top is
 * never free: it becomes unused memory instead.
 */
#ifndef UBIQ_KERNEL_BLOCKS_H
#define UBIQ_KERNEL_BLOCKS_H

#include "bitmap.h"
#include "free_list.h"

#define BLOCK_LENGTH_MAX 0xFFFF0000U

/* The header of the block whose bytes begin at `offset`, of any status; 0: no block begins there. */
KERNEL_INLINE uint32_t block_find(uint64_t offset) {
  if (offset - HEAP >= state()->used || offset % GRANULE_BYTES) return 0;
  uint32_t header = (uint32_t)offset - GRANULE_BYTES;
  if (!bitmap_test(header)) return 0;
  /* All bits are set in the block that holds the bitmap, so they do not tell where blocks begin. */
  /* Masked as Wasm does it: a host reads this memory natively, and expects nothing of what is in there. */
  if (header - FIRST_BITMAP - state()->bitmap < (uint32_t)FIRST_BITMAP_BYTES << (state()->doublings & 31)) return 0;
  return header;
}

KERNEL_INLINE uint32_t block_find_live(uint64_t offset) {
  uint32_t header = block_find(offset);
  return header && block_status(header) == BLOCK_LIVE ? header : 0;
}

KERNEL_INLINE void heap_set_used(uint32_t used) {
  state()->used = used;
  state()->used_words = used ? used - 7 : 0;
}

/* Cuts off what the block has beyond `size` bytes, if that is enough for a block. */
KERNEL_INLINE void block_split(uint32_t header, uint32_t size) {
  uint32_t rest = block_size(header) - size;
  if (rest < 2 * GRANULE_BYTES) return;
  uint32_t end = block_end(header);
  uint32_t second = header + GRANULE_BYTES + size;
  bitmap_set(second);
  block_at(second)->size_status = (rest - GRANULE_BYTES) | BLOCK_FREE;
  block_at(second)->before = header;
  block_at(header)->size_status = size | BLOCK_FREE;
  block_at(end)->before = second; /* a free block is not the last, so there is one */
  free_list_insert(second);
}

/* Makes the memory from the old peak to `to` as new; of what the host is going to write, only the last granule. */
KERNEL_INLINE void heap_refresh(uint32_t to, bool host_writes) {
  uint32_t peak = state()->peak;
  if (to - HEAP <= peak) return;
  if (peak < state()->stale) {
    uint32_t dirty = (state()->stale < to - HEAP ? state()->stale : to - HEAP) - peak;
    bitmap_clear_all(HEAP + peak, to);
    if (host_writes)
      memory_clear(to - GRANULE_BYTES, GRANULE_BYTES);
    else
      memory_clear(HEAP + peak, dirty);
  }
  state()->peak = to - HEAP;
}

/* Places a block at top. The memory and the bitmap reach that far. */
KERNEL_INLINE uint32_t heap_push(uint32_t size, bool host_writes) {
  uint32_t header = heap_top();
  heap_refresh(header + GRANULE_BYTES + size, host_writes);
  *block_at(header) = (struct block){.size_status = size, .before = state()->last};
  bitmap_set(header);
  state()->last = header;
  heap_set_used(state()->used + GRANULE_BYTES + size);
  return header;
}

/* Gives a block back: joins it with its neighbours and keeps it for later. */
KERNEL_INLINE void block_release(uint32_t header) {
  if (header + GRANULE_BYTES == state()->open) state()->open_words = 0;
  uint32_t size = block_size(header);
  uint32_t after = block_end(header);
  if (header != state()->last && block_status(after) == BLOCK_FREE) {
    free_list_remove(after);
    bitmap_clear(after);
    size += GRANULE_BYTES + block_size(after);
  }
  uint32_t before = block_at(header)->before;
  bool was_last = header == state()->last;
  if (before && block_status(before) == BLOCK_FREE) {
    free_list_remove(before);
    bitmap_clear(header);
    size += GRANULE_BYTES + block_size(before);
    header = before;
  }
  if (was_last) {
    bitmap_clear(header);
    state()->last = block_at(header)->before;
    heap_set_used(header - HEAP);
    return;
  }
  block_at(header)->size_status = size | BLOCK_FREE;
  block_at(block_end(header))->before = header;
  free_list_insert(header);
}

/* Moves the bitmap into a block at top, so large that it describes another block of `size` bytes behind itself.
   False: there is no memory for the two. */
KERNEL_INLINE bool bitmap_move(uint32_t size) {
  uint32_t top = heap_top();
  uint32_t doublings = state()->doublings;
  uint64_t end;
  do {
    doublings++;
    end = (uint64_t)top + 2 * GRANULE_BYTES + ((uint64_t)FIRST_BITMAP_BYTES << doublings) + size;
  } while (end > (uint64_t)KERNEL_PAGE_BYTES << doublings && doublings < 16);
  if (!memory_reach(end)) return false;

  uint32_t old_bitmap = FIRST_BITMAP + state()->bitmap;
  uint32_t old_bytes = top / BITMAP_SPAN_BYTES + 1; /* its last bits, if any are left of old, are about to be set */
  uint32_t new_bytes = (uint32_t)FIRST_BITMAP_BYTES << doublings;
  uint32_t new_bitmap = top + GRANULE_BYTES;

  /* What was in use before, in this call or in earlier ones. */
  uint32_t touched = HEAP + (state()->peak > state()->stale ? state()->peak : state()->stale);
  if (touched > top)
    memory_clear(top, touched - top < new_bytes + GRANULE_BYTES ? touched - top : new_bytes + GRANULE_BYTES);
  __builtin_memcpy(memory_at(new_bitmap, old_bytes), memory_at(old_bitmap, old_bytes), old_bytes);

  bool was_block = state()->bitmap != 0;
  state()->bitmap = new_bitmap - FIRST_BITMAP;
  state()->doublings = doublings;
  if (state()->peak < new_bitmap + new_bytes - HEAP) state()->peak = new_bitmap + new_bytes - HEAP;
  uint32_t header = heap_push(new_bytes, false);
  block_at(header)->size_status = new_bytes | BLOCK_BITMAP;
  bitmap_mark(new_bitmap, new_bitmap + new_bytes, true);

  if (was_block) {
    bitmap_mark(old_bitmap, old_bitmap + block_size(old_bitmap - GRANULE_BYTES), false);
    memory_clear(old_bitmap, block_size(old_bitmap - GRANULE_BYTES));
    block_release(old_bitmap - GRANULE_BYTES);
  }
  return true;
}

/* A new block at top; 0: no memory. */
KERNEL_INLINE uint32_t heap_extend(uint32_t size, bool host_writes) {
  uint64_t end = (uint64_t)heap_top() + GRANULE_BYTES + size;
  if (end > (uint64_t)KERNEL_PAGE_BYTES << state()->doublings) {
    if (!bitmap_move(size)) return 0;
  } else if (!memory_reach(end)) {
    return 0;
  }
  return heap_push(size, host_writes);
}

KERNEL_INLINE bool block_length_valid(uint64_t length) {
  return length - 1 < BLOCK_LENGTH_MAX;
}

KERNEL_INLINE uint32_t block_size_for(uint64_t length) {
  return ((uint32_t)length + GRANULE_BYTES - 1) & ~(uint32_t)(GRANULE_BYTES - 1);
}

KERNEL_INLINE uint64_t block_hand_out(uint32_t header, uint64_t length) {
  block_at(header)->size_status |= BLOCK_LIVE; /* it was free */
  block_at(header)->length = (uint32_t)length;
  state()->open = header + GRANULE_BYTES;
  state()->open_words = block_size(header) - 7;
  return header + GRANULE_BYTES;
}

KERNEL_INLINE uint64_t block_alloc(uint64_t length) {
  if (!block_length_valid(length)) return 0;
  uint32_t size = block_size_for(length);
  uint32_t header = free_list_take(size);
  if (header)
    block_split(header, size);
  else
    header = heap_extend(size, false);
  return header ? block_hand_out(header, length) : 0;
}

/* Forgets every block. What they held is cleared when memory is placed there again. */
KERNEL_INLINE void heap_reset(void) {
  struct kernel_state *kernel = state();
  if (kernel->stale < kernel->peak) kernel->stale = kernel->peak;
  kernel->root = (struct kernel_root){0};
  kernel->input_words = 0;
  heap_set_used(0);
  kernel->last = 0;
  kernel->bitmap = 0;
  kernel->doublings = 0;
  kernel->peak = 0;
  kernel->output_kept = 0;
  kernel->error_kept = 0;
  kernel->open_words = 0;
  kernel->free_bits[0] = 0;
  kernel->free_bits[1] = 0;
}

#endif
