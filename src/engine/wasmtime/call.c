// The Wasmtime adapter: calls into guests, on the caller's stack or on a fiber, and calls from guests to the host.
#include "engine/wasmtime/internal.h"

#include <stdlib.h>
#include <string.h>

static wasm_trap_t *keep_host_error(wt_store *store, ubiq_error *error) {
  ubiq_error_delete(store->host_error);
  store->host_error = error;
  return wasmtime_trap_new("host", 4);
}

static engine_call describe(wt_store *store, wasmtime_caller_t *caller) {
  return (engine_call){.store = &store->base, .user = store->options.user, .caller = caller};
}

// A function that waits, in a store that cannot suspend: block until it is ready.
static ubiq_error *wait_here(const engine_host_function *f, engine_call *call, engine_value *values) {
  ubiq_error *error = NULL;
  while (!f->ready(f->env, call, values, &error) && !error) f->wait(f->env, call);
  return error;
}

wasm_trap_t *wt_host_enter(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *raw, size_t count) {
  (void)count;
  const engine_host_function *f = &((wt_host *)env)->function;
  wt_store *store = wasmtime_context_get_data(wasmtime_caller_context(caller));
  engine_call call = describe(store, caller);
  engine_value *values = (engine_value *)raw;
  ubiq_error *error = f->call(f->env, &call, values);
  if (!error && f->ready) error = wait_here(f, &call, values);
  return error ? keep_host_error(store, error) : NULL;
}

// Polled by Wasmtime while a fiber waits in a host function.
static bool is_ready(void *env) {
  wt_store *store = env;
  wt_wait *wait = &store->wait;
  const engine_host_function *f = &wait->host->function;
  if (wait->failed) wait->host = NULL;
  if (wait->failed) return true;
  engine_call call = describe(store, wait->caller);
  ubiq_error *error = NULL;
  if (!f->ready(f->env, &call, wait->values, &error)) return false;
  if (error)
    *wait->trap = keep_host_error(store, error);
  else
    wt_values_in(f->signature->results, f->signature->results_count, wait->values, wait->results);
  wait->host = NULL;
  return true;
}

void wt_host_begin(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *args, size_t args_count,
                   wasmtime_val_t *results, size_t results_count, wasm_trap_t **trap,
                   wasmtime_async_continuation_t *continuation) {
  (void)results_count;
  const wt_host *host = env;
  const engine_host_function *f = &host->function;
  wt_store *store = wasmtime_context_get_data(wasmtime_caller_context(caller));
  wt_wait *wait = &store->wait;
  wait->host = host;
  wait->caller = caller;
  wait->results = results;
  wait->trap = trap;
  wt_values_out(f->signature->params, args_count, args, wait->values);
  engine_call call = describe(store, caller);
  ubiq_error *error = f->call(f->env, &call, wait->values);
  wait->failed = error != NULL;
  if (error) *trap = keep_host_error(store, error);
  *continuation = (wasmtime_async_continuation_t){.callback = is_ready, .env = store};
}

void wt_values_in(const wasm_type *types, size_t count, const engine_value *raw, wasmtime_val_t *tagged) {
  static const wasmtime_valkind_t kinds[] = {
      [WASM_TYPE_I32] = WASMTIME_I32, [WASM_TYPE_I64] = WASMTIME_I64,   [WASM_TYPE_F32] = WASMTIME_F32,
      [WASM_TYPE_F64] = WASMTIME_F64, [WASM_TYPE_V128] = WASMTIME_V128,
  };
  for (size_t i = 0; i < count; i++) {
    memset(&tagged[i], 0, sizeof tagged[i]);
    if (types[i] <= WASM_TYPE_V128) {
      tagged[i].kind = kinds[types[i]];
      memcpy(&tagged[i].of, &raw[i], sizeof raw[i]);
    } else { // references cross as null
      tagged[i].kind = types[i] == WASM_TYPE_EXTERNREF ? WASMTIME_EXTERNREF : WASMTIME_FUNCREF;
    }
  }
}

void wt_values_out(const wasm_type *types, size_t count, const wasmtime_val_t *tagged, engine_value *raw) {
  for (size_t i = 0; i < count; i++) {
    memset(&raw[i], 0, sizeof raw[i]);
    if (types[i] <= WASM_TYPE_V128) memcpy(&raw[i], &tagged[i].of, sizeof raw[i]);
  }
}

ubiq_error *wt_call_now(engine_store *base, const engine_function *function, engine_value *values, size_t count) {
  wt_store *store = (wt_store *)base;
  wasm_trap_t *trap = NULL;
  wasmtime_func_t func;
  memcpy(&func, function, sizeof func);
  bool outer = store->in_call;
  store->in_call = !store->image->suspends;
  wasmtime_error_t *error =
      wasmtime_func_call_unchecked(store->context, &func, (wasmtime_val_raw_t *)values, count, &trap);
  store->in_call = outer;
  store->has_failed |= error || trap;
  return error || trap ? wt_take_error(store, error, trap) : NULL;
}

static ubiq_error *finish(wt_store *store) {
  wt_call *call = &store->call;
  wasmtime_call_future_delete(call->future);
  call->future = NULL;
  store->has_failed |= call->error || call->trap;
  if (call->error || call->trap) return wt_take_error(store, call->error, call->trap);
  wt_values_out(call->signature->results, call->signature->results_count, call->results, call->values);
  for (size_t i = 0; i < call->signature->results_count; i++) wasmtime_val_unroot(&call->results[i]);
  return NULL;
}

ubiq_error *wt_call_resume(engine_store *base, engine_state *state) {
  wt_store *store = (wt_store *)base;
  store->on_fiber = store->in_call = true;
  wasmtime_context_set_epoch_deadline(store->context, 1);
  bool done = wasmtime_call_future_poll(store->call.future);
  store->on_fiber = store->in_call = false;
  if (done) {
    *state = ENGINE_DONE;
    return finish(store);
  }
  *state = store->wait.host ? ENGINE_WAITING : ENGINE_YIELDED;
  return NULL;
}

ubiq_error *wt_call_start(engine_store *base, const engine_function *function, const wasm_signature *signature,
                          engine_value *values, engine_state *state) {
  wt_store *store = (wt_store *)base;
  wt_call *call = &store->call;
  if (signature->params_count > WT_CALL_VALUES_MAX || signature->results_count > WT_CALL_VALUES_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "a call that may suspend has at most %d parameters and results",
                          WT_CALL_VALUES_MAX);
  call->signature = signature;
  call->values = values;
  call->trap = NULL;
  call->error = NULL;
  wt_values_in(signature->params, signature->params_count, values, call->args);
  memcpy(&call->function, function, sizeof call->function);
  call->future = wasmtime_func_call_async(store->context, &call->function, call->args, signature->params_count,
                                          call->results, signature->results_count, &call->trap, &call->error);
  return wt_call_resume(base, state);
}
