/*
 * Where everything is in the kernel's memory.
 *
 *   0      nothing, so that no address is 0
 *   16     struct kernel_state: root, allocator, heads of the free lists, the first bitmap
 *   HEAP   blocks, one after the other, up to `top`: a header of 16 bytes, then the block's bytes
 *   top    memory that is not in use yet
 *
 * Memory full of zeros is a valid, empty state: the module needs no data segment and no start function, and a fresh
 * instance touches only what it uses. The state and the first 3 KiB of blocks share the first 4 KiB.
 *
 * Guests write wherever they like between HEAP and top, but never to a granule (16 bytes, aligned) whose bit in the
 * bitmap is set. Those are the headers, and the bitmap itself once it has moved into a block. So all that the allocator
 * trusts is out of their reach.
 */
#ifndef UBIQ_KERNEL_LAYOUT_H
#define UBIQ_KERNEL_LAYOUT_H

#include <stddef.h>

#include "memory.h"

enum {
  GRANULE_BYTES = 16,
  GRANULES_PER_BITMAP_BYTE = 8,
  BITMAP_SPAN_BYTES = GRANULE_BYTES * GRANULES_PER_BITMAP_BYTE, /* memory that one byte of bitmap describes */
  FIRST_BITMAP_BYTES = KERNEL_PAGE_BYTES / BITMAP_SPAN_BYTES,
  FREE_CLASSES = 112,
};

struct kernel_state {
  struct kernel_root root;

  uint64_t input_words; /* offsets below this begin 8 bytes that lie inside the input */
  uint32_t used;        /* top - HEAP */
  uint32_t used_words;  /* as input_words, for the memory in use */

  uint32_t last;      /* header of the block that ends at top; 0: none */
  uint32_t bitmap;    /* where the bitmap is, relative to first_bitmap */
  uint32_t doublings; /* the bitmap describes KERNEL_PAGE_BYTES << doublings bytes of memory */

  /* The memory from HEAP + peak to HEAP + stale holds what was left there before the last reset; its bits in the bitmap
     too. Both are cleared when a block is first placed there. Behind both the memory is as new. */
  uint32_t peak;  /* the largest `used` since the last reset */
  uint32_t stale; /* the largest `peak` before the last reset */

  uint32_t output_kept; /* header of the block that was freed while it was the output; 0: none */
  uint32_t error_kept;  /* the same for the error */

  /* The block that was handed out last, while it lives: most stores go there, and need no look at the bitmap. */
  uint32_t open;       /* address of its first byte */
  uint32_t open_words; /* addresses from there on that begin 8 bytes inside it; 0: no block is open */
  uint32_t unused[3];

  uint64_t free_bits[2];             /* which free lists have blocks */
  uint32_t free_lists[FREE_CLASSES]; /* header of the first block; meaningless where the bit is clear */
  uint8_t first_bitmap[FIRST_BITMAP_BYTES];
};

#define HEAP ((uint32_t)(KERNEL_ROOT_ADDRESS + sizeof(struct kernel_state)))
_Static_assert((KERNEL_ROOT_ADDRESS + sizeof(struct kernel_state)) % GRANULE_BYTES == 0,
               "the heap begins at a granule");
_Static_assert(offsetof(struct kernel_state, root) == 0, "hosts find the root at KERNEL_ROOT_ADDRESS");

enum block_status {
  BLOCK_FREE,   /* in a free list */
  BLOCK_LIVE,   /* the guest's or the host's */
  BLOCK_KEPT,   /* freed, but still the output or the error */
  BLOCK_BITMAP, /* holds the bitmap */
  BLOCK_STATUS_MASK = GRANULE_BYTES - 1,
};

/* What stands before each block. Sizes count the bytes behind the header and are multiples of GRANULE_BYTES. */
struct __attribute__((may_alias)) block {
  uint32_t size_status; /* size | status */
  uint32_t before;      /* header of the block that ends here; 0: this is the first */
  union {
    uint32_t length; /* bytes that were asked for, when the block is not free */
    uint32_t next;   /* in its free list, when it is; 0: the last */
  };
  uint32_t previous; /* in its free list; 0: the first */
};
_Static_assert(sizeof(struct block) == GRANULE_BYTES, "a header is one granule");

KERNEL_INLINE struct kernel_state *state(void) {
  return memory_at(KERNEL_ROOT_ADDRESS, sizeof(struct kernel_state));
}
KERNEL_INLINE struct block *block_at(uint32_t header) {
  return memory_at(header, sizeof(struct block));
}
KERNEL_INLINE uint32_t block_size(uint32_t header) {
  return block_at(header)->size_status & ~(uint32_t)BLOCK_STATUS_MASK;
}
KERNEL_INLINE uint32_t block_status(uint32_t header) {
  return block_at(header)->size_status & BLOCK_STATUS_MASK;
}

/* The address behind the block; 2^32 does not fit, and no block ends there. */
KERNEL_INLINE uint32_t block_end(uint32_t header) {
  return header + GRANULE_BYTES + block_size(header);
}
KERNEL_INLINE uint32_t heap_top(void) {
  return HEAP + state()->used;
}

#endif
