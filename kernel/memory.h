/*
 * The linear memory as the kernel sees it: 32-bit addresses, and the two memory instructions.
 *
 * In WebAssembly an address is a pointer. In native builds (KERNEL_NATIVE: tests and fuzzing) the memory is simulated
 * by whoever includes the kernel: they define the functions that are declared here.
 */
#ifndef UBIQ_KERNEL_MEMORY_H
#define UBIQ_KERNEL_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"

#define KERNEL_INLINE     static inline __attribute__((always_inline))
#define KERNEL_PAGE_BYTES 65536U /* the memory's end is a multiple of this once it has grown; a page of WebAssembly */

#ifdef KERNEL_NATIVE

/* The place of `size` bytes at `address`, valid until the memory grows. Stops the program when they are not inside. */
void *kernel_native_at(uint64_t address, uint64_t size);
uint64_t kernel_native_bytes(void);
bool kernel_native_grow(uint32_t bytes);

KERNEL_INLINE void *memory_at(uint32_t address, uint64_t size) {
  return kernel_native_at(address, size);
}
KERNEL_INLINE uint64_t memory_bytes(void) {
  return kernel_native_bytes();
}
KERNEL_INLINE bool memory_grow(uint32_t bytes) {
  return kernel_native_grow(bytes);
}

#else

KERNEL_INLINE void *memory_at(uint32_t address, uint64_t size) {
  (void)size;
  return (void *)(uintptr_t)address;
}

#ifdef KERNEL_HOST
/* Declared first and called nowhere else: it is function 0 (kernel.h, KERNEL_IMPORT_GROW). */
__attribute__((import_module(KERNEL_IMPORT_MODULE), import_name(KERNEL_IMPORT_GROW))) int32_t
kernel_host_grow(int32_t bytes, int32_t phase);

/* What the memory instructions count in: this build's memory has pages of one byte (tools/shrink.py), except for engines
   that know only pages of 64 KiB. */
#ifdef KERNEL_WHOLE_PAGES
#define KERNEL_UNIT_BYTES KERNEL_PAGE_BYTES
#else
#define KERNEL_UNIT_BYTES 1U
#endif

KERNEL_INLINE uint64_t memory_bytes(void) {
  return (uint64_t)__builtin_wasm_memory_size(0) * KERNEL_UNIT_BYTES;
}
KERNEL_INLINE bool memory_grow(uint32_t bytes) {
  if (!kernel_host_grow((int32_t)bytes, KERNEL_GROW_ASK)) return false;
  bool grown = __builtin_wasm_memory_grow(0, bytes / KERNEL_UNIT_BYTES) != SIZE_MAX;
  kernel_host_grow((int32_t)bytes, KERNEL_GROW_DONE);
  return grown;
}
#else
KERNEL_INLINE uint64_t memory_bytes(void) {
  return (uint64_t)__builtin_wasm_memory_size(0) * KERNEL_PAGE_BYTES;
}
KERNEL_INLINE bool memory_grow(uint32_t bytes) {
  return __builtin_wasm_memory_grow(0, bytes / KERNEL_PAGE_BYTES) != SIZE_MAX;
}
#endif

#endif

/* Makes the memory at least `end` bytes long, where `end` is itself an address. False, and nothing has changed, when
   that is not possible. */
KERNEL_INLINE bool memory_reach(uint64_t end) {
  uint64_t have = memory_bytes();
  if (end > UINT32_MAX) return false;
  if (end <= have) return true;
  uint64_t whole = (end + KERNEL_PAGE_BYTES - 1) / KERNEL_PAGE_BYTES * KERNEL_PAGE_BYTES;
  return memory_grow((uint32_t)(whole - have));
}

KERNEL_INLINE void memory_clear(uint32_t address, uint64_t size) {
  if (size) __builtin_memset(memory_at(address, size), 0, (uintptr_t)size);
}

#endif
