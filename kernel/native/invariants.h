/*
 * Checks everything that the allocator promises itself, by walking all that it has. Included after simulated.h.
 */
#ifndef UBIQ_KERNEL_INVARIANTS_H
#define UBIQ_KERNEL_INVARIANTS_H

#include "simulated.h"

struct invariants {
  uint32_t free_blocks;
  uint32_t other_blocks; /* live and kept */
  uint32_t bitmap_blocks;
};

/* The first thing that is wrong with a block, or NULL. Counts it. */
static inline const char *invariants_check_block(uint32_t header, uint32_t before, struct invariants *seen) {
  uint32_t size = block_size(header);
  uint32_t status = block_status(header);
  if (block_at(header)->before != before) return "a block does not know the one before it";
  if (!size || size > heap_top() - header - GRANULE_BYTES) return "a block reaches out of the memory in use";
  if (!bitmap_test(header)) return "a header may be written by guests";
  if (status == BLOCK_FREE)
    seen->free_blocks++;
  else if (status == BLOCK_BITMAP)
    seen->bitmap_blocks++;
  else if (status == BLOCK_LIVE || status == BLOCK_KEPT)
    seen->other_blocks++;
  else
    return "a block has no known status";
  if (status == BLOCK_FREE && before && block_status(before) == BLOCK_FREE) return "two free blocks are neighbours";
  if (status != BLOCK_FREE && status != BLOCK_BITMAP && size - block_at(header)->length >= 2 * GRANULE_BYTES)
    return "a block is larger than it needs to be";
  for (uint32_t at = header + GRANULE_BYTES; at < header + GRANULE_BYTES + size; at += GRANULE_BYTES)
    if (bitmap_test(at) != (status == BLOCK_BITMAP))
      return status == BLOCK_BITMAP ? "the bitmap may be written by guests" : "a block's bytes may not be written";
  return NULL;
}

static inline const char *invariants_check_lists(const struct invariants *seen) {
  uint32_t listed = 0;
  for (uint32_t class = 0; class < FREE_CLASSES; class ++) {
    uint32_t previous = 0;
    for (uint32_t header = free_list_first(class); header; header = block_at(header)->next) {
      if (++listed > seen->free_blocks) return "the free lists have more blocks than there are";
      if (block_status(header) != BLOCK_FREE || free_list_class(block_size(header)) != class)
        return "a block is in the wrong list";
      if (block_at(header)->previous != previous) return "a free list's links disagree";
      previous = header;
    }
    if (!previous && (state()->free_bits[class / 64] >> class % 64 & 1))
      return "an empty list is marked as having blocks";
  }
  return listed == seen->free_blocks ? NULL : "a free block is in no list";
}

/* NULL, or what is wrong. */
static inline const char *invariants_check(struct invariants *seen) {
  *seen = (struct invariants){0};
  uint32_t before = 0;
  for (uint32_t header = HEAP; header < heap_top(); header = block_end(header)) {
    const char *wrong = invariants_check_block(header, before, seen);
    if (wrong) return wrong;
    before = header;
  }
  if (state()->last != before) return "the last block is not the last";
  if (before && block_status(before) == BLOCK_FREE) return "the last block is free";
  if (seen->bitmap_blocks != (state()->bitmap ? 1U : 0U)) return "there is not one bitmap";
  if (state()->used_words != (state()->used ? state()->used - 7 : 0) || state()->used > state()->peak)
    return "the sizes in use disagree";
  return invariants_check_lists(seen);
}

#endif
