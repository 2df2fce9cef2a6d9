// The adapter for wasm.h: calls into guests, their fuel in slices, and calls from guests to the host.
#include "engine/wasm_c_api/internal.h"

#include <string.h>

// About a millisecond of an interpreter's work: some are interrupted between two slices alone.
enum { CAPI_SLICE_FUEL = 200000 };

static const wasm_valkind_t kinds[] = {
    [WASM_TYPE_I32] = WASM_I32, [WASM_TYPE_I64] = WASM_I64, [WASM_TYPE_F32] = WASM_F32, [WASM_TYPE_F64] = WASM_F64};

static void types_new(const wasm_type *types, uint16_t count, wasm_valtype_vec_t *out) {
  wasm_valtype_vec_new_uninitialized(out, count);
  for (uint16_t i = 0; i < count; i++) out->data[i] = wasm_valtype_new(kinds[types[i]]);
}

wasm_functype_t *capi_functype(const wasm_signature *signature) {
  wasm_valtype_vec_t params, results;
  types_new(signature->params, signature->params_count, &params);
  types_new(signature->results, signature->results_count, &results);
  return wasm_functype_new(&params, &results);
}

// Both unions are little-endian and begin with the value.
static void to_raw(const wasm_val_t *values, size_t count, engine_value *raw) {
  for (size_t i = 0; i < count; i++) memcpy(&raw[i], &values[i].of, sizeof values[i].of);
}

static void from_raw(const engine_value *raw, const wasm_type *types, size_t count, wasm_val_t *values) {
  for (size_t i = 0; i < count; i++) {
    values[i].kind = kinds[types[i]];
    memcpy(&values[i].of, &raw[i], sizeof values[i].of);
  }
}

static wasm_trap_t *keep_host_error(capi_store *store, ubiq_error *error) {
  static char text[] = "the host ended the call";
  ubiq_error_delete(store->host_error);
  store->host_error = error;
  return wasm_trap_new(store->store, &(wasm_message_t){.size = sizeof text, .data = text});
}

wasm_trap_t *capi_enter_host(void *env, const wasm_val_vec_t *arguments, wasm_val_vec_t *results) {
  const capi_bound *bound = env;
  capi_store *store = bound->store;
  const engine_host_function *host = bound->host;
  engine_value values[WASM_SIGNATURE_MAX] = {0};
  to_raw(arguments->data, arguments->size, values);
  engine_call call = {.store = &store->base, .user = store->options.user, .caller = env};
  ubiq_error *error = links_call_host(host, &call, values);
  if (error) return keep_host_error(store, error);
  from_raw(values, host->signature->results, results->size, results->data);
  return NULL;
}

static ubiq_error *tick(capi_store *store) {
  unsigned epoch = atomic_load_explicit(&store->image->engine->epoch, memory_order_relaxed);
  if (epoch == store->epoch || !store->options.tick) return NULL;
  store->epoch = epoch;
  engine_tick_action action = ENGINE_TICK_GO_ON;
  return store->options.tick(store->options.user, &action);
}

// Takes the next slice from what is left; false when that is too little.
static bool take_slice(capi_store *store, uint64_t required) {
  uint64_t slice = required > CAPI_SLICE_FUEL ? required : CAPI_SLICE_FUEL;
  if (!store->image->engine->fuel) {
    ubiq_hook_fuel_set(store->guard, slice);
    return true;
  }
  uint64_t left = capi_fuel_get(&store->base);
  if (left < required) slice = left = 0; // what is left is too little for anything: it is used up
  if (slice > left) slice = left;
  ubiq_hook_fuel_set(store->guard, slice);
  store->fuel_left = left - slice;
  return slice > 0 || required == 0;
}

bool capi_refuel(void *user, uint64_t required) {
  capi_store *store = user;
  ubiq_error *error = tick(store);
  if (!error) return take_slice(store, required);
  ubiq_error_delete(store->host_error);
  store->host_error = error;
  return false;
}

uint64_t capi_fuel_get(engine_store *base) {
  capi_store *store = (capi_store *)base;
  if (!store->image->engine->fuel) return 0;
  uint64_t slice = ubiq_hook_fuel_get(store->guard);
  return slice > UINT64_MAX - store->fuel_left ? UINT64_MAX : store->fuel_left + slice;
}

ubiq_error *capi_fuel_set(engine_store *base, uint64_t fuel) {
  capi_store *store = (capi_store *)base;
  if (!store->image->engine->fuel) return ubiq_error_new(UBIQ_INTERNAL, "the engine was opened without fuel");
  ubiq_hook_fuel_set(store->guard, 0);
  store->fuel_left = fuel;
  return NULL;
}

ubiq_error *capi_call_now(engine_store *base, const engine_function *function, engine_value *values, size_t count) {
  (void)count;
  capi_store *store = (capi_store *)base;
  const wasm_signature *signature = (const wasm_signature *)(uintptr_t)function->opaque[1];
  if (!wasm_signature_within(signature, WASM_TYPE_F64))
    return ubiq_error_new(UBIQ_INVALID_INPUT, CAPI_NAME " takes numbers only as parameters and results");
  wasm_val_t given[WASM_SIGNATURE_MAX], taken[WASM_SIGNATURE_MAX];
  wasm_val_vec_t arguments = {.size = signature->params_count, .data = given};
  wasm_val_vec_t results = {.size = signature->results_count, .data = taken};
  from_raw(values, signature->params, signature->params_count, given);
  take_slice(store, 0);
  wasm_trap_t *trap =
      ubiq_hook_call(store->guard, (const wasm_func_t *)(uintptr_t)function->opaque[0], &arguments, &results);
  if (trap) return capi_take_trap(store, trap);
  memset(values, 0, results.size * sizeof *values);
  to_raw(taken, results.size, values);
  return NULL;
}
