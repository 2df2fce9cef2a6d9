// The kernel's blocks as the host sees them: how long a block is, and giving one back, straight in the kernel's memory
// with the kernel's own sources compiled natively, so that no host function calls back into the engine.
#ifndef PLUGIN_PARTS_BLOCKS_H
#define PLUGIN_PARTS_BLOCKS_H

#include "engine/engine.h"
#include "kernel/kernel.h"

/// The length of the live block that begins at `offset`; 0 when none does.
uint64_t blocks_length(const engine_memory *memory, uint64_t offset);

/// Frees the live block that begins at `offset`; nothing happens when none does.
void blocks_free(const engine_memory *memory, uint64_t offset);

/// The bytes of the live block at `offset`; false when none begins there. Borrowed until the guest goes on.
bool blocks_get(const engine_memory *memory, uint64_t offset, ubiq_bytes *out);

/// The kernel's root (input, output, error), copied.
struct kernel_root blocks_root(const engine_memory *memory);

#endif
