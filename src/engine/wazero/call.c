// The wazero adapter: calls into guests, from guests to the host, and what interrupts them.
//
// wazero has values in words of 64 bits.
#include "engine/wazero/internal.h"

#include <string.h>

static void to_words(const engine_value *values, const wasm_type *types, uint16_t count, uint64_t *words) {
  for (uint16_t i = 0; i < count; i++) {
    bool is_short = types[i] == WASM_TYPE_I32 || types[i] == WASM_TYPE_F32;
    words[i] = 0;
    memcpy(&words[i], &values[i], is_short ? sizeof(uint32_t) : sizeof(uint64_t));
  }
}

static void from_words(const uint64_t *words, uint16_t count, engine_value *values) {
  for (uint16_t i = 0; i < count; i++) {
    memset(&values[i], 0, sizeof values[i]);
    memcpy(&values[i], &words[i], sizeof words[i]);
  }
}

static bool end_call(wz_store *store, ubiq_error *error) {
  ubiq_error_delete(store->host_error);
  store->host_error = error;
  return false;
}

bool wz_enter_host(void *user, uint32_t function, uint32_t module, uint64_t *words) {
  wz_store *store = user;
  const engine_host_function *host = store->image->links.modules[0].targets[function].host;
  const wasm_signature *signature = host->signature;
  engine_value values[WASM_SIGNATURE_MAX];
  from_words(words, signature->params_count, values);
  engine_call call = {.store = &store->base, .user = store->options.user, .caller = (void *)(uintptr_t)module};
  ubiq_error *error = links_call_host(host, &call, values);
  if (error) return end_call(store, error);
  to_words(values, signature->results, signature->results_count, words);
  return true;
}

// The fence.

static void set_due(const wz_store *store, uint32_t due) {
  for (size_t i = 0; i < store->image->links.modules_count; i++)
    if (store->dues[i]) atomic_store_explicit(store->dues[i], due, memory_order_relaxed);
}

bool wz_ask(void *user) {
  wz_store *store = user;
  set_due(store, 0);
  engine_tick_action action = ENGINE_TICK_GO_ON;
  ubiq_error *error = store->options.tick ? store->options.tick(store->options.user, &action) : NULL;
  return error ? end_call(store, error) : true;
}

static void call_for(void *store) {
  set_due(store, INT32_MAX);
}

void wz_tick(engine *engine) {
  running_tell(&((wz_engine *)engine)->stores, call_for);
}

// To the guest.

ubiq_error *wz_call_now(engine_store *base, const engine_function *function, engine_value *values, size_t count) {
  (void)count;
  wz_store *store = (wz_store *)base;
  const wasm_signature *signature = (const wasm_signature *)(uintptr_t)function->opaque[1];
  if (!wasm_signature_within(signature, WASM_TYPE_F64))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "wazero takes numbers only as parameters and results");
  uint64_t words[WASM_SIGNATURE_MAX];
  wazero_message message;
  size_t most = signature->params_count > signature->results_count ? signature->params_count : signature->results_count;
  to_words(values, signature->params, signature->params_count, words);
  running_begin(&store->running);
  bool succeeded = ubiq_wazero_call((wazero_handle)function->opaque[0], words, most, &message);
  running_end(&store->running);
  if (!succeeded) return wz_call_error(store, &message);
  from_words(words, signature->results_count, values);
  return NULL;
}
