// See limits.h.
//
// Engines limit each memory by itself. The kernel asks before it grows (plugin_kernel_grow). The modules' memories share
// what the kernel has not taken: none may grow past a level that would let all of them reach it at once, so the sum never
// passes the limit. Where there is one such memory, as nearly always, the level is all that the kernel leaves.
#include "plugin/host/limits.h"

#include "kernel/kernel.h"

static uint64_t kernel_bytes(const plugin *plugin) {
  return plugin_kernel_memory(plugin).size;
}

static uint64_t size_of(const plugin *plugin, uint32_t place) {
  engine_memory memory = {0};
  engine_store_memory(plugin->store, place, &memory);
  return memory.size;
}

/// The modules' memories, as far as they are larger than `level`.
typedef struct census {
  uint64_t larger_bytes;
  uint64_t others; ///< how many are not larger
} census;

static census count_memories(const plugin *plugin, uint64_t level) {
  census counted = {0};
  for (uint32_t i = KERNEL_MEMORY + 1; i < plugin->compiled->memories_count; i++) {
    uint64_t size = size_of(plugin, i);
    bool is_larger = size > level;
    counted.larger_bytes += is_larger ? size : 0;
    counted.others += !is_larger;
  }
  return counted;
}

uint64_t plugin_memory_bytes(plugin *plugin) {
  return plugin->store ? kernel_bytes(plugin) + count_memories(plugin, 0).larger_bytes : 0;
}

uint64_t ubiq_plugin_memory(ubiq_plugin *plugin) {
  return plugin_memory_bytes(plugin);
}

// The highest level up to which all memories below it may grow at once, with `bytes` for all memories together. Objects and
// exceptions are kept in a memory of the engine's, which has the same level: where modules have none, that one may have it all.
static uint64_t find_level(const plugin *plugin, uint64_t bytes) {
  uint64_t level = bytes;
  if (plugin->compiled->memories_count == KERNEL_MEMORY + 1) return level;
  for (;;) {
    census counted = count_memories(plugin, level);
    uint64_t rest = counted.larger_bytes < bytes ? bytes - counted.larger_bytes : 0;
    uint64_t next = counted.others ? rest / counted.others : 0;
    if (next >= level) return level;
    level = next;
  }
}

void plugin_update_memory_limit(plugin *plugin) {
  uint64_t limit = plugin->compiled->memory_bytes_max, kernel = kernel_bytes(plugin);
  if (limit == 0) return;
  uint64_t level = kernel < limit ? find_level(plugin, limit - kernel) : 0;
  engine_store_memory_limit(plugin->store, level ? level : 1);
}

ubiq_error *plugin_kernel_grow(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  uint64_t limit = plugin->compiled->memory_bytes_max;
  if (values[1].i32 == KERNEL_GROW_DONE) {
    plugin_update_memory_limit(plugin);
    return NULL;
  }
  if (values[1].i32 == LIMITS_GROW_REFUSED) {
    plugin->grow_refused |= limit > 0; // without a limit it is the module's own
    return NULL;
  }
  uint64_t bytes = (uint32_t)values[0].i32;
  bool fits = limit == 0 || plugin_memory_bytes(plugin) + bytes <= limit;
  plugin->grow_refused |= !fits;
  if (fits && limit) engine_store_memory_limit(plugin->store, limit);
  values[0].i32 = fits;
  return NULL;
}
