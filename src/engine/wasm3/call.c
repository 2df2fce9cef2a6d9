// The Wasm3 adapter: calls into guests, from guests to the host, and from module to module.
//
// A function's results and then its arguments lie on the stack in slots of eight bytes.
#include "engine/wasm3/internal.h"

#include <m3_exec_defs.h>
#include <string.h>

// Calls a function whose arguments lie at the beginning of `stack`, which is its runtime's.
static M3Result enter(IM3Function function, uint64_t *stack) {
  IM3Runtime runtime = function->module->runtime;
  M3Result result = function->compiled ? m3Err_none : CompileFunction(function);
  if (result) return result;
  M3MemoryHeader *memory = runtime->memory.mallocated;
  const void *stop = w3_guard_check(runtime->userdata);
  if (stop) return stop;
  IM3Operation first;
  memcpy(&first, function->compiled, sizeof first);
  result = first(function->compiled + 1, (m3stack_t)stack, memory, 0, 0.);
  if (result) w3_guard_left(runtime->userdata, function);
  return result;
}

const void *w3_enter_host(IM3Runtime runtime, IM3ImportContext context, uint64_t *stack, void *memory) {
  (void)runtime;
  (void)memory;
  const w3_import *import = context->userdata;
  w3_store *store = import->caller->store;
  const engine_host_function *host = import->target->host;
  const wasm_signature *signature = &import->target->item->signature;
  engine_value values[WASM_SIGNATURE_MAX] = {0};
  for (uint16_t i = 0; i < signature->params_count; i++)
    memcpy(&values[i], &stack[signature->results_count + i], sizeof *stack);
  engine_call call = {.store = &store->base, .user = store->options.user, .caller = (void *)import};
  ubiq_error *error = links_call_host(host, &call, values);
  if (!error) {
    for (uint16_t i = 0; i < signature->results_count; i++) memcpy(&stack[i], &values[i], sizeof *stack);
    return NULL;
  }
  ubiq_error_delete(store->host_error);
  store->host_error = error;
  return w3_ended_by_host;
}

const void *w3_enter_module(IM3Runtime runtime, IM3ImportContext context, uint64_t *stack, void *memory) {
  (void)runtime;
  (void)memory;
  const w3_import *import = context->userdata;
  const wasm_signature *signature = &import->target->item->signature;
  uint64_t *other = import->callee->module->runtime->stack;
  size_t results = signature->results_count;
  memcpy(other + results, stack + results, signature->params_count * sizeof *stack);
  M3Result result = enter(import->callee, other);
  if (!result) memcpy(stack, other, results * sizeof *stack);
  return result;
}

static M3Result call(IM3Function function, engine_value *values) {
  uint64_t *stack = function->module->runtime->stack;
  uint16_t results = function->funcType->numRets, params = function->funcType->numArgs;
  for (uint16_t i = 0; i < params; i++) memcpy(&stack[results + i], &values[i], sizeof *stack);
  M3Result result = enter(function, stack);
  for (uint16_t i = 0; i < results && !result; i++) memcpy(&values[i], &stack[i], sizeof *stack);
  return result;
}

ubiq_error *w3_call_now(engine_store *base, const engine_function *handle, engine_value *values, size_t count) {
  (void)count;
  w3_store *store = (w3_store *)base;
  IM3Function function = (IM3Function)(uintptr_t)handle->opaque[0];
  const char *outer = store->guard.stack_limit;
  if (store->depth++ == 0) w3_guard_set_limit(&store->guard);
  store->guard.left_count = 0;
  M3Result result = call(function, values);
  if (result && !w3_is_trap(result)) store->is_spent = true;
  ubiq_error *error = result ? w3_take_error(store, result) : NULL;
  store->depth--;
  store->guard.stack_limit = outer;
  return error;
}
