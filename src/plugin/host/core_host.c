// See core_host.h.
//
// The answer is kept with the plugin until the guest has a copy. Between the two runs the guest's own ubiq_alloc, which may do
// what it likes but ask again: there is room for one answer.
#include "plugin/host/core_host.h"

#include "plugin/host/completion.h"
#include "plugin/host/host_env.h"

#include <string.h>

ubiq_error *core_begin(void *env, engine_call *call, engine_value *values) {
  const plugin *plugin = call->user;
  if (!plugin->core.is_answering) return function_begin(env, call, values);
  return host_fault(ubiq_error_new(UBIQ_TRAP,
                                   "ubiq_alloc asked the host for something while it was to make room for an "
                                   "answer; expected it to make room alone"));
}

bool core_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error) {
  plugin *plugin = call->user;
  if (!function_ready(env, call, values, error)) return false;
  if (!*error && plugin->answer.size > INT32_MAX)
    *error = ubiq_error_new(UBIQ_TOO_LARGE, "an answer of %zu bytes does not fit into a memory", plugin->answer.size);
  plugin->core.is_answering = !*error && plugin->answer.size > 0;
  return true;
}

ubiq_error *core_finish(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  uint64_t offset = (uint64_t)values[0].i64;
  engine_memory memory = plugin_core_memory(plugin);
  uint8_t *place = engine_memory_span(&memory, offset, plugin->answer.size);
  if (offset != 0 && !place)
    return host_fault(ubiq_error_new(UBIQ_TRAP,
                                     "ubiq_alloc answered %llu for %zu bytes, which its memory does not have",
                                     (unsigned long long)offset, plugin->answer.size));
  if (offset != 0) memcpy(place, plugin->answer.data, plugin->answer.size);
  plugin->core.is_answering = false;
  completion_answered(plugin);
  return NULL;
}

ubiq_error *core_place(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  const size_t name_size = strlen(plugin->target.name);
  const core_block block = {(uint32_t)values[0].i64, (uint32_t)(name_size + plugin->input.size)};
  engine_memory memory = plugin_core_memory(plugin);
  if (block.place == 0)
    return ubiq_error_new(UBIQ_MEMORY_LIMIT, "out of memory: ubiq_alloc has no room for %u bytes", block.size);
  uint8_t *place = engine_memory_span(&memory, block.place, block.size);
  if (!place)
    return host_fault(ubiq_error_new(UBIQ_TRAP, "ubiq_alloc answered %u for %u bytes, which its memory does not have",
                                     block.place, block.size));
  memcpy(place, plugin->target.name, name_size);
  if (plugin->input.size > 0) memcpy(place + name_size, plugin->input.data, plugin->input.size);
  plugin->core.input = block;
  return NULL;
}
