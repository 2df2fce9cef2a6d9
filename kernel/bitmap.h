/*
 * The bitmap: one bit for each granule of memory, set where guests may not write (layout.h).
 *
 * Bits of memory that is not in use may be left from before the last reset. Nobody looks at them: every question is
 * preceded by a comparison with `used`.
 */
#ifndef UBIQ_KERNEL_BITMAP_H
#define UBIQ_KERNEL_BITMAP_H

#include "layout.h"

#define FIRST_BITMAP ((uint32_t)(KERNEL_ROOT_ADDRESS + offsetof(struct kernel_state, first_bitmap)))

KERNEL_INLINE uint8_t *bitmap_byte(uint32_t address) {
  return memory_at(FIRST_BITMAP + state()->bitmap + address / BITMAP_SPAN_BYTES, 1);
}

KERNEL_INLINE uint32_t bitmap_shift(uint32_t address) {
  return address / GRANULE_BYTES % GRANULES_PER_BITMAP_BYTE;
}

KERNEL_INLINE bool bitmap_test(uint32_t address) {
  return *bitmap_byte(address) >> bitmap_shift(address) & 1;
}
KERNEL_INLINE void bitmap_set(uint32_t address) {
  *bitmap_byte(address) |= (uint8_t)(1U << bitmap_shift(address));
}
KERNEL_INLINE void bitmap_clear(uint32_t address) {
  *bitmap_byte(address) &= (uint8_t) ~(1U << bitmap_shift(address));
}

/* Whether any of the bytes address .. address + 7 may not be written. Reads one byte of the bitmap further. */
KERNEL_INLINE bool bitmap_test_word(uint32_t address) {
  uint16_t bits;
  __builtin_memcpy(&bits, memory_at(FIRST_BITMAP + state()->bitmap + address / BITMAP_SPAN_BYTES, 2), 2);
  uint32_t crosses = (address % GRANULE_BYTES + 7) / GRANULE_BYTES; /* 1 when the last byte is in the next granule */
  return bits >> bitmap_shift(address) & (1U + 2U * crosses);
}

/* The bits of a byte of the bitmap that stand for memory before `address`. */
KERNEL_INLINE uint8_t bitmap_mask_before(uint32_t address) {
  return (uint8_t)((1U << bitmap_shift(address)) - 1);
}

/* Clears every bit from `from` to at least `to`: the last byte is cleared as a whole. Both are multiples of a granule,
   and what is behind `to` is not in use. */
KERNEL_INLINE void bitmap_clear_all(uint32_t from, uint32_t to) {
  uint32_t first = from / BITMAP_SPAN_BYTES;
  uint32_t last = (to - 1) / BITMAP_SPAN_BYTES;
  *bitmap_byte(from) &= bitmap_mask_before(from);
  memory_clear(FIRST_BITMAP + state()->bitmap + first + 1, last - first);
}

/* Sets or clears the bits of a span of whole granules. */
KERNEL_INLINE void bitmap_mark(uint32_t from, uint32_t to, bool protect) {
  uint32_t first = from / BITMAP_SPAN_BYTES;
  uint32_t last = to / BITMAP_SPAN_BYTES;
  uint8_t head = (uint8_t)~bitmap_mask_before(from);
  uint8_t tail = bitmap_mask_before(to);
  uint8_t value = protect ? 0xFF : 0;
  if (first == last) {
    head &= tail;
    tail = 0;
  }
  *bitmap_byte(from) = (uint8_t)((*bitmap_byte(from) & ~head) | (value & head));
  if (first + 1 < last)
    __builtin_memset(memory_at(FIRST_BITMAP + state()->bitmap + first + 1, last - first - 1), value, last - first - 1);
  if (tail) *bitmap_byte(to) = (uint8_t)((*bitmap_byte(to) & ~tail) | (value & tail));
}

#endif
