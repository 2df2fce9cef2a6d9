// The WasmEdge adapter: calls into guests, from guests to the host, and what interrupts them.
#include "engine/wasmedge/internal.h"

#include <string.h>

static WasmEdge_ValType value_type(wasm_type type) {
  switch (type) {
  case WASM_TYPE_I32: return WasmEdge_ValTypeGenI32();
  case WASM_TYPE_I64: return WasmEdge_ValTypeGenI64();
  case WASM_TYPE_F32: return WasmEdge_ValTypeGenF32();
  case WASM_TYPE_F64: return WasmEdge_ValTypeGenF64();
  case WASM_TYPE_FUNCREF: return WasmEdge_ValTypeGenFuncRef();
  case WASM_TYPE_EXTERNREF: return WasmEdge_ValTypeGenExternRef();
  default: return WasmEdge_ValTypeGenV128();
  }
}

WasmEdge_FunctionTypeContext *edge_function_type(const wasm_signature *signature) {
  WasmEdge_ValType params[WASM_SIGNATURE_MAX], results[WASM_SIGNATURE_MAX];
  for (uint16_t i = 0; i < signature->params_count; i++) params[i] = value_type(signature->params[i]);
  for (uint16_t i = 0; i < signature->results_count; i++) results[i] = value_type(signature->results[i]);
  return WasmEdge_FunctionTypeCreate(params, signature->params_count, results, signature->results_count);
}

static bool is_reference(wasm_type type) {
  return type == WASM_TYPE_FUNCREF || type == WASM_TYPE_EXTERNREF;
}

static ubiq_error *refuse_reference(void) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "wasmedge passes no references but null between host and guest");
}

// Both have 16 bytes, little-endian; of references only null crosses, which is 0.
static ubiq_error *to_raw(const WasmEdge_Value *values, const wasm_type *types, size_t count, engine_value *raw) {
  for (size_t i = 0; i < count; i++) {
    memcpy(&raw[i], &values[i].Value, sizeof raw[i]);
    if (!is_reference(types[i])) continue;
    if (!WasmEdge_ValueIsNullRef(values[i])) return refuse_reference();
    raw[i] = (engine_value){0};
  }
  return NULL;
}

static ubiq_error *from_raw(const engine_value *raw, const wasm_type *types, size_t count, WasmEdge_Value *values) {
  for (size_t i = 0; i < count; i++) {
    memcpy(&values[i].Value, &raw[i], sizeof raw[i]);
    values[i].Type = value_type(types[i]);
    if (!is_reference(types[i])) continue;
    if (raw[i].i64) return refuse_reference();
    values[i] = types[i] == WASM_TYPE_FUNCREF ? WasmEdge_ValueGenFuncRef(NULL) : WasmEdge_ValueGenExternRef(NULL);
  }
  return NULL;
}

void edge_set_global(WasmEdge_GlobalInstanceContext *global, uint32_t value) {
  WasmEdge_GlobalInstanceSetValue(global, WasmEdge_ValueGenI32((int32_t)value));
}

// To the host.

static WasmEdge_Result end_call(edge_store *store, ubiq_error *error) {
  ubiq_error_delete(store->host_error);
  store->host_error = error;
  return WasmEdge_ResultGen(WasmEdge_ErrCategory_UserLevelError, 1);
}

WasmEdge_Result edge_enter_host(void *data, const WasmEdge_CallingFrameContext *frame, const WasmEdge_Value *arguments,
                                WasmEdge_Value *results) {
  const edge_bound *bound = data;
  const engine_host_function *host = bound->host;
  const wasm_signature *signature = host->signature;
  engine_value values[WASM_SIGNATURE_MAX] = {0};
  ubiq_error *error = to_raw(arguments, signature->params, signature->params_count, values);
  if (error) return end_call(bound->store, error);
  engine_call call = {.store = &bound->store->base, .user = bound->store->options.user, .caller = (void *)frame};
  error = links_call_host(host, &call, values);
  if (!error) error = from_raw(values, signature->results, signature->results_count, results);
  return error ? end_call(bound->store, error) : WasmEdge_Result_Success;
}

// The fence.

static void set_due(const edge_store *store, uint32_t due) {
  for (size_t i = 0; i < store->image->links.modules_count; i++) edge_set_global(store->instances[i].due, due);
}

static void set_stack(const edge_store *store) {
  for (size_t i = 0; i < store->image->links.modules_count; i++)
    edge_set_global(store->instances[i].stack, EDGE_STACK_VALUES);
}

static bool is_exhausted(const edge_store *store) {
  for (size_t i = 0; i < store->image->links.modules_count; i++)
    if (WasmEdge_ValueGetI32(WasmEdge_GlobalInstanceGetValue(store->instances[i].stack)) < 0) return true;
  return false;
}

// What calling the fence cost is not the guest's.
static void give_back_fuel(edge_store *store) {
  enum { FENCE_CALL_COST = 1 };
  if (!store->statistics || store->fuel_limit > UINT64_MAX - FENCE_CALL_COST) return;
  store->fuel_limit += FENCE_CALL_COST;
  WasmEdge_StatisticsSetCostLimit(store->statistics, store->fuel_limit);
}

WasmEdge_Result edge_enter_fence(void *data, const WasmEdge_CallingFrameContext *frame, const WasmEdge_Value *arguments,
                                 WasmEdge_Value *results) {
  edge_store *store = data;
  (void)frame, (void)arguments, (void)results;
  give_back_fuel(store);
  if (is_exhausted(store)) return end_call(store, ubiq_error_new(UBIQ_TRAP, "call stack exhausted"));
  set_due(store, 0);
  engine_tick_action action = ENGINE_TICK_GO_ON;
  ubiq_error *error = store->options.tick ? store->options.tick(store->options.user, &action) : NULL;
  return error ? end_call(store, error) : WasmEdge_Result_Success;
}

static void call_for(void *store) {
  set_due(store, INT32_MAX);
}

// The ticker's thread writes to a global that the guest's reads, and WasmEdge has no atomic way to: its globals are 16
// bytes, written at once or in aligned halves by a function of its library, which no compiler sees into from here. All
// that matters is whether the four bytes of the i32, aligned within these, are 0, and either value may be read: they
// arrive whole, now or later, as those of a relaxed atomic store would. The guest writes none; a flag that the guest's
// thread puts down at the same time as a tick raises it costs that tick at most.
void edge_tick(engine *engine) {
  running_tell(&((edge_engine *)engine)->stores, call_for);
}

// To the guest.

ubiq_error *edge_call_now(engine_store *base, const engine_function *function, engine_value *values, size_t count) {
  (void)count;
  edge_store *store = (edge_store *)base;
  const wasm_signature *signature = (const wasm_signature *)(uintptr_t)function->opaque[1];
  if (!wasm_signature_within(signature, WASM_TYPE_EXTERNREF))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "wasmedge cannot pass values of all its types");
  WasmEdge_Value given[WASM_SIGNATURE_MAX], taken[WASM_SIGNATURE_MAX];
  ubiq_error *error = from_raw(values, signature->params, signature->params_count, given);
  if (error) return error;
  running_begin(&store->running);
  WasmEdge_Result result =
      WasmEdge_ExecutorInvoke(store->executor, (const WasmEdge_FunctionInstanceContext *)(uintptr_t)function->opaque[0],
                              given, signature->params_count, taken, signature->results_count);
  running_end(&store->running);
  if (WasmEdge_ResultOK(result)) return to_raw(taken, signature->results, signature->results_count, values);
  set_stack(store); // frames that ended so gave nothing back
  return edge_take_result(store, result);
}

// Fuel: an instruction costs one.

ubiq_error *edge_fuel_set(engine_store *base, uint64_t fuel) {
  edge_store *store = (edge_store *)base;
  if (!store->statistics) return ubiq_error_new(UBIQ_INTERNAL, "the engine was opened without fuel");
  store->fuel_limit = fuel;
  WasmEdge_StatisticsClear(store->statistics);
  WasmEdge_StatisticsSetCostLimit(store->statistics, fuel);
  return NULL;
}

uint64_t edge_fuel_get(engine_store *base) {
  edge_store *store = (edge_store *)base;
  if (!store->statistics) return 0;
  uint64_t used = WasmEdge_StatisticsGetTotalCost(store->statistics);
  return used < store->fuel_limit ? store->fuel_limit - used : 0;
}
