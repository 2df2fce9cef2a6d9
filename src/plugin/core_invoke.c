// How a module without the kernel asks the host for something: see core.h.
//
// The answer is kept with the plugin until the guest has a copy. Between the two runs the guest's own ubiq_alloc, which may do
// what it likes but ask again: there is room for one answer.
#include "plugin/completion.h"
#include "plugin/core.h"
#include "plugin/internal.h"

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
  engine_memory memory = core_memory(plugin);
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

bool plugin_span(const plugin *plugin, uint32_t place, uint32_t size, ubiq_bytes *out) {
  engine_memory memory = plugin->compiled->options.core ? core_memory(plugin) : (engine_memory){0};
  const uint8_t *data = engine_memory_span(&memory, place, size);
  *out = (ubiq_bytes){data, data ? size : 0};
  return data != NULL;
}
