// The adapter for wasm.h: the engine, and the table of what it does. See internal.h.
#include "engine/loaded/attach.h"
#include "engine/wasm_c_api/internal.h"
#include "engine_build.h"

#include <stdlib.h>

static ubiq_error *open(const engine_options *options, engine **out) {
  capi_engine *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->base.ops = &wasm_c_api_ops;
  self->fuel = options->fuel;
  self->engine = ubiq_hook_engine_new(options->fuel);
  if (!self->engine) {
    free(self);
    return ubiq_error_new(UBIQ_INTERNAL, CAPI_NAME " panicked");
  }
  *out = &self->base;
  return NULL;
}

static void close(engine *engine) {
  wasm_engine_delete(((capi_engine *)engine)->engine);
  free(engine);
}

static void tick(engine *engine) {
  atomic_fetch_add_explicit(&((capi_engine *)engine)->epoch, 1, memory_order_relaxed);
  ubiq_hook_tick();
}

const engine_ops wasm_c_api_ops = {
    .name = CAPI_NAME,
    .version = CAPI_VERSION,
    .build = ENGINE_BUILD,
    .capabilities = CAPI_CAPABILITIES,
    .memory_bytes_max = UINT64_C(4) << 30,
    .modules_max = CAPI_MODULES_MAX,
    .open = open,
    .close = close,
    .compile = capi_compile,
    .serialize = capi_serialize,
    .deserialize = capi_deserialize,
    .module_delete = capi_module_delete,
    .link = capi_link,
    .image_delete = capi_image_delete,
    .store_new = capi_store_new,
    .store_delete = capi_store_delete,
    .store_memory_limit = capi_store_memory_limit,
    .store_function = capi_store_function,
    .store_memory = capi_store_memory,
    .caller_memory = capi_caller_memory,
    .fuel_set = capi_fuel_set,
    .fuel_get = capi_fuel_get,
    .call_now = capi_call_now,
    .tick = tick,
};

const engine_exported ENGINE_EXPORTED = {.abi = ENGINE_ABI, .ops = &wasm_c_api_ops, .attach = loaded_attach};
