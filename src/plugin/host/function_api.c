// The public side of host functions, and what they may do with the plugin that calls them (ubiq/function.h).
#include "ubiq/function.h"

#include "plugin/host/component_host.h"
#include "plugin/parts/blocks.h"
#include "plugin/parts/function.h"
#include "plugin/parts/instance.h"

#include <string.h>

_Static_assert((int)UBIQ_I32 == WASM_TYPE_I32 && (int)UBIQ_F64 == WASM_TYPE_F64, "types are the same numbers");

static ubiq_error *call_embedder(ubiq_plugin *plugin, const engine_value *inputs, engine_value *outputs,
                                 const ubiq_function *function) {
  const wasm_signature *signature = &function->signature;
  ubiq_value in[WASM_SIGNATURE_MAX], out[WASM_SIGNATURE_MAX] = {{0}};
  for (size_t i = 0; i < signature->params_count; i++) in[i].i64 = inputs[i].i64;
  ubiq_error *error = ((ubiq_function_callback)function->foreign)(function->user, plugin, in, out);
  for (size_t i = 0; i < signature->results_count; i++) outputs[i].i64 = out[i].i64;
  return error;
}

static void copy_types(wasm_type *to, const ubiq_type *from, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = (wasm_type)from[i];
}

static ubiq_error *check_options(const ubiq_function_options *options) {
  size_t max = options->start ? FUNCTION_LATE_VALUES_MAX : WASM_SIGNATURE_MAX;
  if (options->params_count > max || options->results_count > max)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "host function %s has %zu parameters and %zu results; at most %zu of each", options->name,
                          options->params_count, options->results_count, max);
  if (!options->callback == !options->start)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "host function %s: expected either a callback or a start", options->name);
  bool may_block = options->start && options->results_count == 1 && options->results[0] == UBIQ_I64;
  if (options->answers_block && !may_block)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "host function %s answers a block; expected a start, and I64 as the only result",
                          options->name);
  return NULL;
}

static ubiq_error *make(const ubiq_function_options *options, ubiq_function **out) {
  wasm_type params[WASM_SIGNATURE_MAX], results[WASM_SIGNATURE_MAX];
  copy_types(params, options->params, options->params_count);
  copy_types(results, options->results, options->results_count);
  wasm_signature signature = {params, results, (uint16_t)options->params_count, (uint16_t)options->results_count};
  ubiq_error *error = function_new(options->name, &signature, out);
  return error || !options->module ? error : function_set_module(*out, options->module);
}

ubiq_error *ubiq_function_new(const ubiq_function_options *options, ubiq_function **out) {
  ubiq_function *self = NULL;
  ubiq_error *error = check_options(options);
  if (!error) error = make(options, &self);
  if (error) {
    function_release(self);
    return error;
  }
  self->call = call_embedder;
  self->foreign = (void (*)(void))options->callback;
  self->start = options->start;
  self->answers_block = options->answers_block;
  self->user = options->user;
  self->user_delete = options->user_delete;
  *out = self;
  return NULL;
}

void ubiq_function_delete(ubiq_function *function) {
  function_release(function);
}

bool ubiq_plugin_block(ubiq_plugin *plugin, uint64_t offset, ubiq_bytes *out) {
  *out = (ubiq_bytes){0};
  if (plugin->compiled->options.component) {
    *out = buffer_bytes(&plugin->component.request);
    return plugin->component.is_asking && offset == COMPONENT_REQUEST_PLACE;
  }
  engine_memory memory = plugin_kernel_memory(plugin);
  return blocks_get(&memory, offset, out);
}

ubiq_error *ubiq_plugin_block_new(ubiq_plugin *plugin, ubiq_bytes data, uint64_t *offset) {
  *offset = 0;
  if (data.size == 0) return NULL;
  if (plugin->completion)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "a function with `start` makes no blocks; ubiq_completion_done_block answers "
                          "with one");
  engine_function alloc;
  if (!plugin_kernel_function(plugin, "alloc", &alloc)) return ubiq_error_new(UBIQ_INTERNAL, "the kernel has no alloc");
  engine_value value = {.i64 = (int64_t)data.size};
  ubiq_error *error = engine_call_now(plugin->store, &alloc, &value, 1);
  if (error) return error;
  engine_memory memory = plugin_kernel_memory(plugin);
  uint8_t *place = value.i64 ? engine_memory_span(&memory, (uint64_t)value.i64, data.size) : NULL;
  if (!place) return ubiq_error_new(UBIQ_MEMORY_LIMIT, "out of memory: no room for a block of %zu bytes", data.size);
  memcpy(place, data.data, data.size);
  *offset = (uint64_t)value.i64;
  return NULL;
}

void ubiq_plugin_block_free(ubiq_plugin *plugin, uint64_t offset) {
  engine_memory memory = plugin_kernel_memory(plugin);
  blocks_free(&memory, offset);
}
