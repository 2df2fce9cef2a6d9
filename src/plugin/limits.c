// The memory limit of a plugin: the kernel's memory and the modules' count together.
//
// Engines limit each memory by itself. The kernel asks before it grows (plugin_kernel_grow), which is exact; for the
// modules' memories the limit of each is what the others leave, set anew whenever the kernel has grown. With several
// modules that have memories the largest may grow into what the others have not used yet, so the sum can pass the limit
// until the next call or growth of the kernel notices.
#include "plugin/internal.h"

#include "kernel/kernel.h"

enum { PAGE_BYTES = 65536 };

uint64_t plugin_memory_bytes(plugin *plugin) {
  uint64_t sum = 0;
  engine_memory memory;
  for (uint32_t i = 0; plugin->store && i < plugin->compiled->modules_count; i++)
    if (engine_store_memory(plugin->store, i, &memory)) sum += memory.size;
  return sum;
}

uint64_t ubiq_plugin_memory(ubiq_plugin *plugin) {
  return plugin_memory_bytes(plugin);
}

void plugin_update_memory_limit(plugin *plugin) {
  uint64_t limit = plugin->compiled->memory_bytes_max, others = 0, largest = 0;
  if (limit == 0) return;
  engine_memory memory;
  for (uint32_t i = 0; i < plugin->compiled->modules_count; i++) {
    if (!engine_store_memory(plugin->store, i, &memory)) continue;
    others += memory.size;
    if (i != HUB_MODULE && memory.size > largest) largest = memory.size;
  }
  others -= largest;
  engine_store_memory_limit(plugin->store, others < limit ? limit - others : 1);
}

ubiq_error *plugin_kernel_grow(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  uint64_t limit = plugin->compiled->memory_bytes_max;
  if (values[1].i32 == KERNEL_GROW_DONE) {
    plugin_update_memory_limit(plugin);
    return NULL;
  }
  uint64_t bytes = (uint64_t)(uint32_t)values[0].i32 * PAGE_BYTES;
  bool fits = limit == 0 || plugin_memory_bytes(plugin) + bytes <= limit;
  plugin->grow_refused |= !fits;
  if (fits && limit) engine_store_memory_limit(plugin->store, limit);
  values[0].i32 = fits;
  return NULL;
}
