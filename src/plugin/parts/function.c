// See function.h.
#include "plugin/parts/function.h"

#include "plugin/plugin.h"

#include <stdlib.h>
#include <string.h>

ubiq_error *function_new(const char *name, const wasm_signature *signature, ubiq_function **out) {
  if (signature->params_count > WASM_SIGNATURE_MAX || signature->results_count > WASM_SIGNATURE_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "host function %s has %u parameters and %u results; at most %d of each",
                          name, signature->params_count, signature->results_count, WASM_SIGNATURE_MAX);
  ubiq_function *self = calloc(1, sizeof *self);
  if (!self || !(self->name = strdup(name)) || !(self->module = strdup("extism:host/user"))) {
    if (self) free(self->name);
    free(self);
    return ubiq_error_no_memory();
  }
  atomic_init(&self->references, 1);
  if (signature->params_count) memcpy(self->types, signature->params, signature->params_count * sizeof *self->types);
  if (signature->results_count)
    memcpy(self->types + WASM_SIGNATURE_MAX, signature->results, signature->results_count * sizeof *self->types);
  self->signature = (wasm_signature){.params = self->types,
                                     .results = self->types + WASM_SIGNATURE_MAX,
                                     .params_count = signature->params_count,
                                     .results_count = signature->results_count};
  for (size_t i = 0; i < 2 * WASM_SIGNATURE_MAX; i++) self->has_references |= self->types[i] > WASM_TYPE_V128;
  *out = self;
  return NULL;
}

const ubiq_function *function_retain(const ubiq_function *function) {
  atomic_fetch_add(&((ubiq_function *)function)->references, 1);
  return function;
}

void function_release(const ubiq_function *function) {
  ubiq_function *self = (ubiq_function *)function;
  if (!self || atomic_fetch_sub(&self->references, 1) != 1) return;
  if (self->user_delete) self->user_delete(self->user);
  free(self->module);
  free(self->name);
  free(self);
}

ubiq_error *function_set_module(ubiq_function *function, const char *module) {
  char *copy = strdup(module);
  if (!copy) return ubiq_error_no_memory();
  free(function->module);
  function->module = copy;
  return NULL;
}

// A reference means something to its engine alone: it crosses as null, either way.
static void clear_references(const wasm_type *types, size_t count, engine_value *values) {
  for (size_t i = 0; i < count; i++)
    if (types[i] > WASM_TYPE_V128) memset(&values[i], 0, sizeof values[i]);
}

ubiq_error *function_enter(void *env, engine_call *call, engine_value *values) {
  const ubiq_function *self = env;
  engine_value outputs[WASM_SIGNATURE_MAX];
  memset(outputs, 0, self->signature.results_count * sizeof *outputs);
  if (self->has_references) clear_references(self->signature.params, self->signature.params_count, values);
  ubiq_error *error = self->call(call->user, values, outputs, self);
  if (self->has_references) clear_references(self->signature.results, self->signature.results_count, outputs);
  if (!error) memcpy(values, outputs, self->signature.results_count * sizeof *outputs);
  return error;
}
