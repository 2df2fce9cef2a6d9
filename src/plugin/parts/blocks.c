// See blocks.h. The kernel's native build reaches memory through kernel_native_at; here that is a guest's memory, chosen
// for the length of one call on this thread.
#include "plugin/parts/blocks.h"

#include <string.h>

#define KERNEL_NATIVE
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "kernel/kernel.c" // NOLINT(bugprone-suspicious-include)
#pragma GCC diagnostic pop

static _Thread_local engine_memory current;

// What the kernel trusts is out of guests' reach, so a place outside can only mean a fault of ours: such reads see zeros
// and such writes are lost.
static _Thread_local uint8_t nowhere[4096];

void *kernel_native_at(uint64_t address, uint64_t size) {
  uint8_t *place = engine_memory_span(&current, address, size);
  return place ? place : memset(nowhere, 0, sizeof nowhere);
}

uint64_t kernel_native_bytes(void) {
  return current.size;
}

bool kernel_native_grow(uint32_t bytes) {
  (void)bytes;
  return false;
}

uint64_t blocks_length(const engine_memory *memory, uint64_t offset) {
  current = *memory;
  return kernel_length(offset);
}

void blocks_free(const engine_memory *memory, uint64_t offset) {
  current = *memory;
  kernel_free(offset);
}

bool blocks_get(const engine_memory *memory, uint64_t offset, ubiq_bytes *out) {
  uint64_t length = blocks_length(memory, offset);
  const uint8_t *data = length ? engine_memory_span(memory, offset, length) : NULL;
  if (!data) return false;
  *out = (ubiq_bytes){data, length};
  return true;
}

struct kernel_root blocks_root(const engine_memory *memory) {
  struct kernel_root root = {0};
  const uint8_t *place = engine_memory_span(memory, KERNEL_ROOT_ADDRESS, sizeof root);
  if (place) memcpy(&root, place, sizeof root);
  return root;
}
