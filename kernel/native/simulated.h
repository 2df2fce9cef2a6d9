/*
 * The kernel compiled natively, over a simulated linear memory: for tests and fuzzing. Included by one file of a
 * program; it brings the kernel's functions as static kernel_alloc, kernel_free and so on.
 *
 * The memory is a reservation of 4 GiB of which the system backs what is touched. Every access of the kernel is checked
 * against the memory's size, and counted: a test reads from the counts what a call cost, without a clock.
 */
#ifndef UBIQ_KERNEL_SIMULATED_H
#define UBIQ_KERNEL_SIMULATED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define KERNEL_NATIVE
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#include "../kernel.c"
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

enum { SIMULATED_TOUCH_BYTES = 4096, SIMULATED_BULK_BYTES = 64 };
#define SIMULATED_RESERVED_BYTES (1ULL << 32)

struct simulated {
  uint8_t *base;
  uint32_t pages;
  uint32_t pages_max;
  uint64_t steps;         /* accesses since simulated_measure */
  uint64_t bulk_bytes;    /* bytes copied or filled since then */
  uint64_t touched_first; /* of the first 64 pieces of SIMULATED_TOUCH_BYTES: those touched since simulated_start */
  uint64_t touched_end;   /* end of the highest access since simulated_start */
  uint32_t grows;         /* successful growths since simulated_start */
};

static struct simulated simulated;

/* A fresh instance. Its memory is `pages_max` pages at most and begins with one. */
static inline void simulated_start(uint32_t pages_max) {
  if (!simulated.base) {
    void *base = mmap(NULL, SIMULATED_RESERVED_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
      perror("mmap");
      abort();
    }
    simulated.base = base;
  }
  if (simulated.touched_end) madvise(simulated.base, simulated.touched_end, MADV_DONTNEED);
  simulated = (struct simulated){.base = simulated.base, .pages = 1, .pages_max = pages_max};
}

static inline void simulated_measure(void) {
  simulated.steps = 0;
  simulated.bulk_bytes = 0;
}

/* The bytes at a block's offset, for what a host does to them. */
static inline uint8_t *simulated_bytes(uint64_t offset, uint64_t size) {
  uint64_t end = (uint64_t)simulated.pages * KERNEL_PAGE_BYTES;
  if (offset > end || size > end - offset) {
    fprintf(stderr, "memory: %llu bytes at %llu are outside of %llu\n", (unsigned long long)size,
            (unsigned long long)offset, (unsigned long long)end);
    abort();
  }
  if (size && offset + size > simulated.touched_end) simulated.touched_end = offset + size;
  return simulated.base + offset;
}

void *kernel_native_at(uint64_t address, uint64_t size) {
  simulated.steps++;
  if (size > SIMULATED_BULK_BYTES && size != sizeof(struct kernel_state)) simulated.bulk_bytes += size;
  uint64_t last = size ? (address + size - 1) / SIMULATED_TOUCH_BYTES : 0;
  for (uint64_t piece = address / SIMULATED_TOUCH_BYTES; size && piece <= last && piece < 64; piece++)
    simulated.touched_first |= 1ULL << piece;
  return simulated_bytes(address, size);
}

uint64_t kernel_native_bytes(void) {
  return (uint64_t)simulated.pages * KERNEL_PAGE_BYTES;
}

bool kernel_native_grow(uint32_t bytes) {
  uint32_t pages = bytes / KERNEL_PAGE_BYTES;
  if (pages > simulated.pages_max - simulated.pages) return false;
  simulated.pages += pages;
  simulated.grows++;
  return true;
}

#endif
