// Extism's C ABI: host functions, and what they may do with the plugin that calls them.
#include "plugin/extism/extism_internal.h"

#include "base/text.h"
#include "plugin/parts/blocks.h"

#include <stdlib.h>
#include <string.h>

// ExtismValType and wasm_type count alike.
_Static_assert((int)ExtismValType_I32 == WASM_TYPE_I32 && (int)ExtismValType_V128 == WASM_TYPE_V128 &&
                   (int)ExtismValType_ExternRef == WASM_TYPE_EXTERNREF,
               "types are the same numbers");

static void to_extism(const wasm_type *types, size_t count, const engine_value *values, ExtismVal *out) {
  for (size_t i = 0; i < count; i++) {
    out[i].t = (ExtismValType)types[i];
    out[i].v.i64 = 0;
    if (values) memcpy(&out[i].v, &values[i], sizeof out[i].v);
  }
}

static void from_extism(const wasm_type *types, size_t count, const ExtismVal *values, engine_value *out) {
  for (size_t i = 0; i < count; i++)
    if (types[i] <= WASM_TYPE_F64) memcpy(&out[i], &values[i].v, sizeof values[i].v);
}

static ubiq_error *call_embedder(ubiq_plugin *plugin, const engine_value *inputs, engine_value *outputs,
                                 const ubiq_function *function) {
  const wasm_signature *signature = &function->signature;
  ExtismVal in[WASM_SIGNATURE_MAX], out[WASM_SIGNATURE_MAX];
  to_extism(signature->params, signature->params_count, inputs, in);
  to_extism(signature->results, signature->results_count, NULL, out);
  ((ExtismFunctionType)function->foreign)((ExtismCurrentPlugin *)plugin, signature->params_count ? in : NULL,
                                          signature->params_count, signature->results_count ? out : NULL,
                                          signature->results_count, function->user);
  from_extism(signature->results, signature->results_count, out, outputs);
  return NULL;
}

ExtismFunction *extism_function_new(const char *name, const ExtismValType *inputs, ExtismSize n_inputs,
                                    const ExtismValType *outputs, ExtismSize n_outputs, ExtismFunctionType func,
                                    void *user_data, void (*free_user_data)(void *_)) {
  wasm_type params[WASM_SIGNATURE_MAX], results[WASM_SIGNATURE_MAX];
  if (!inputs) n_inputs = 0; // as Extism: none
  if (!outputs) n_outputs = 0;
  if (!text_utf8_valid(name, strlen(name)) || n_inputs > WASM_SIGNATURE_MAX || n_outputs > WASM_SIGNATURE_MAX)
    return NULL;
  for (size_t i = 0; i < n_inputs; i++) params[i] = (wasm_type)inputs[i];
  for (size_t i = 0; i < n_outputs; i++) results[i] = (wasm_type)outputs[i];
  wasm_signature signature = {params, results, (uint16_t)n_inputs, (uint16_t)n_outputs};
  ExtismFunction *self = calloc(1, sizeof *self);
  ubiq_error *error = self ? function_new(name, &signature, &self->function) : ubiq_error_no_memory();
  if (error) {
    ubiq_error_delete(error);
    free(self);
    return NULL;
  }
  self->function->call = call_embedder;
  self->function->foreign = (void (*)(void))func;
  self->function->user = user_data;
  self->function->user_delete = user_data ? free_user_data : NULL; // as Extism: there is nothing to free
  return self;
}

void extism_function_free(ExtismFunction *f) {
  if (!f) return;
  function_release(f->function);
  free(f);
}

void extism_function_set_namespace(ExtismFunction *ptr, const char *namespace_) {
  if (ptr && ptr->function) ubiq_error_delete(function_set_module(ptr->function, namespace_));
}

static ubiq_plugin *inside(ExtismCurrentPlugin *plugin) {
  return (ubiq_plugin *)plugin;
}

void *extism_current_plugin_host_context(ExtismCurrentPlugin *plugin) {
  return plugin ? inside(plugin)->host_context : NULL;
}

uint8_t *extism_current_plugin_memory(ExtismCurrentPlugin *plugin) {
  return plugin ? plugin_kernel_memory(inside(plugin)).data : NULL;
}

ExtismMemoryHandle extism_current_plugin_memory_alloc(ExtismCurrentPlugin *plugin, ExtismSize n) {
  engine_function alloc;
  if (!plugin || !plugin_kernel_function(inside(plugin), "alloc", &alloc)) return 0;
  engine_value value = {.i64 = (int64_t)n};
  ubiq_error *error = engine_call_now(inside(plugin)->store, &alloc, &value, 1);
  ExtismMemoryHandle offset = error ? 0 : (ExtismMemoryHandle)value.i64;
  ubiq_error_delete(error);
  return offset;
}

ExtismSize extism_current_plugin_memory_length(ExtismCurrentPlugin *plugin, ExtismMemoryHandle n) {
  if (!plugin) return 0;
  engine_memory memory = plugin_kernel_memory(inside(plugin));
  return blocks_length(&memory, n);
}

void extism_current_plugin_memory_free(ExtismCurrentPlugin *plugin, ExtismMemoryHandle ptr) {
  if (!plugin) return;
  engine_memory memory = plugin_kernel_memory(inside(plugin));
  blocks_free(&memory, ptr);
}
