/*
 * Free blocks, in lists by size: sixteen exact sizes below 256 bytes, then four classes for each power of two.
 *
 * Which lists have blocks is a bit each, so finding one is counting zeros. The links are in the headers, so what a guest
 * has left in a block that it freed stays readable until the block is used again.
 */
#ifndef UBIQ_KERNEL_FREE_LIST_H
#define UBIQ_KERNEL_FREE_LIST_H

#include "layout.h"

/* How many blocks of the request's own class are tried, of which some may be too small. */
enum { FREE_LIST_TRIES = 8, FREE_LIST_EXACT = 16 };

KERNEL_INLINE uint32_t free_list_class(uint32_t size) {
  uint32_t granules = size / GRANULE_BYTES;
  if (granules < FREE_LIST_EXACT) return granules;
  uint32_t power = 31 - (uint32_t)__builtin_clz(granules);
  return FREE_LIST_EXACT + (power - 4) * 4 + (granules >> (power - 2) & 3);
}

KERNEL_INLINE uint32_t free_list_first(uint32_t class) {
  if (!(state()->free_bits[class / 64] >> class % 64 & 1)) return 0;
  return state()->free_lists[class];
}

KERNEL_INLINE void free_list_insert(uint32_t header) {
  uint32_t class = free_list_class(block_size(header));
  uint32_t next = free_list_first(class);
  block_at(header)->next = next;
  block_at(header)->previous = 0;
  if (next) block_at(next)->previous = header;
  state()->free_lists[class] = header;
  state()->free_bits[class / 64] |= 1ULL << class % 64;
}

KERNEL_INLINE void free_list_remove(uint32_t header) {
  uint32_t next = block_at(header)->next;
  uint32_t previous = block_at(header)->previous;
  if (next) block_at(next)->previous = previous;
  if (previous) {
    block_at(previous)->next = next;
    return;
  }
  uint32_t class = free_list_class(block_size(header));
  state()->free_lists[class] = next;
  if (!next) state()->free_bits[class / 64] &= ~(1ULL << class % 64);
}

/* The first list from `class` on that has a block; its blocks are larger than all of the classes before. 0: none. */
KERNEL_INLINE uint32_t free_list_first_from(uint32_t class) {
  if (class >= FREE_CLASSES) return 0;
  uint64_t bits = state()->free_bits[class / 64] >> class % 64;
  if (bits) return state()->free_lists[class + (uint32_t)__builtin_ctzll(bits)];
  if (class < 64 && state()->free_bits[1])
    return state()->free_lists[64 + (uint32_t)__builtin_ctzll(state()->free_bits[1])];
  return 0;
}

/* A free block of at least `size` bytes, taken out of its list; 0: none was found. */
KERNEL_INLINE uint32_t free_list_take(uint32_t size) {
  if (!(state()->free_bits[0] | state()->free_bits[1])) return 0;
  uint32_t class = free_list_class(size);
  uint32_t header = free_list_first(class);
  for (int tries = 0; header && block_size(header) < size; tries++)
    header = tries < FREE_LIST_TRIES ? block_at(header)->next : 0;
  if (!header) header = free_list_first_from(class + 1);
  if (header) free_list_remove(header);
  return header;
}

#endif
