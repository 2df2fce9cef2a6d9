// See instance.h.
#include "plugin/parts/instance.h"

#include <string.h>

bool plugin_function(const plugin *plugin, uint32_t module, const char *name, engine_function *out) {
  return engine_store_function(plugin->store, plugin->compiled->is_merged ? 0 : module, name, out);
}

bool plugin_kernel_function(const plugin *plugin, const char *name, engine_function *out) {
  char merged[64] = COMPILED_MERGED_PREFIX;
  if (!plugin->compiled->is_merged) return engine_store_function(plugin->store, HUB_MODULE, name, out);
  size_t size = strlen(name) + 1, prefix = strlen(COMPILED_MERGED_PREFIX);
  if (size > sizeof merged - prefix) return false;
  memcpy(merged + prefix, name, size);
  return engine_store_function(plugin->store, HUB_MODULE, merged, out);
}

engine_memory plugin_kernel_memory(const plugin *plugin) {
  engine_memory memory = {0};
  engine_store_memory(plugin->store, KERNEL_MEMORY, &memory);
  return memory;
}

const map *plugin_config(const plugin *plugin) {
  return plugin->config_own ? &plugin->config : &plugin->compiled->manifest->config;
}

engine_memory plugin_core_memory(const plugin *plugin) {
  engine_memory memory = {0};
  engine_store_memory(plugin->store, plugin->compiled->core_memory, &memory);
  return memory;
}

bool plugin_span(const plugin *plugin, uint32_t place, uint32_t size, ubiq_bytes *out) {
  engine_memory memory = plugin->compiled->options.core ? plugin_core_memory(plugin) : (engine_memory){0};
  const uint8_t *data = engine_memory_span(&memory, place, size);
  *out = (ubiq_bytes){data, data ? size : 0};
  return data != NULL;
}
