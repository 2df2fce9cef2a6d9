// What the files of the adapter for the standard C API (wasm.h) share. Nothing outside this folder includes it.
//
// DESIGN. It is compiled once for each engine that has this API, with that engine's headers, and linked with its shim,
// which has what wasm.h lacks (hooks.h). CAPI_NAME and CAPI_VERSION tell which engine it is, CAPI_CAPABILITIES what it can
// do. In wasm.h everything belongs to a store; modules alone are shared. A host function there is not told who calls it:
// so each module of a store gets host functions of its own. Calls are interrupted where they ask for fuel.
#ifndef ENGINE_WASM_C_API_INTERNAL_H
#define ENGINE_WASM_C_API_INTERNAL_H

#include "base/buffer.h"
#include "engine/links.h"
#include "engine/wasm_c_api/hooks.h"

typedef struct capi_engine {
  engine base;
  wasm_engine_t *engine;
  bool fuel;
  atomic_uint epoch; ///< counts ticks
} capi_engine;

typedef struct capi_module {
  links_module base;
  capi_unit *unit;
  buffer interface; ///< what `base` was read from; for engines that serialize
  // Engines may have imports and exports in an order of their own.
  uint32_t *import_places; ///< of each import of ours among the engine's
  uint32_t *export_places; ///< of each export of ours among the engine's
} capi_module;

typedef struct capi_image {
  engine_image base;
  capi_engine *engine;
  links links;
} capi_image;

static inline const capi_module *capi_image_module(const capi_image *image, uint32_t place) {
  return (const capi_module *)image->links.modules[place].module;
}

typedef struct capi_store capi_store;

/// A host function of an instance: the environment of its callback.
typedef struct capi_bound {
  capi_store *store;
  const engine_host_function *host;
  uint32_t module; ///< whose import it is
} capi_bound;

typedef struct capi_instance {
  wasm_instance_t *instance;
  wasm_extern_vec_t exports;
  wasm_func_t **functions; ///< host functions, one for each import that is one
  capi_bound *bound;       ///< one for each import
} capi_instance;

struct capi_store {
  engine_store base;
  capi_image *image;
  wasm_store_t *store;
  engine_store_options options;
  capi_guard *guard;
  capi_terms terms;
  ubiq_error *host_error;   ///< what a host function or a tick ended the call with; owned until taken
  uint64_t fuel_left;       ///< beside the slice under way
  unsigned epoch;           ///< at the last tick
  capi_instance *instances; ///< one for each module of the image
};

enum { CAPI_NOWHERE = INT32_MAX, CAPI_MODULES_MAX = 16 };

extern const engine_ops wasm_c_api_ops;

/// What a trap means, as an error of ours; it is ended. NULL for NULL. `store` may be NULL.
ubiq_error *capi_take_trap(capi_store *store, wasm_trap_t *trap);

/// The callback behind every host function; `env` is a capi_bound.
wasm_trap_t *capi_enter_host(void *env, const wasm_val_vec_t *arguments, wasm_val_vec_t *results);
/// The type of a host function whose signature crosses. Owned by the caller.
wasm_functype_t *capi_functype(const wasm_signature *signature);

ubiq_error *capi_compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out);
ubiq_error *capi_serialize(engine_module *module, uint8_t **bytes, size_t *size);
ubiq_error *capi_deserialize(engine *engine, const uint8_t *bytes, size_t size, engine_module **out);
void capi_module_delete(engine_module *module);

ubiq_error *capi_link(engine *engine, const engine_link *link, engine_image **out);
void capi_image_delete(engine_image *image);

ubiq_error *capi_store_new(engine_image *image, const engine_store_options *options, engine_store **out);
void capi_store_delete(engine_store *store);
void capi_store_memory_limit(engine_store *store, uint64_t bytes);
bool capi_store_function(engine_store *store, uint32_t module, const char *name, engine_function *out);
bool capi_store_memory(engine_store *store, uint32_t place, engine_memory *out);
bool capi_caller_memory(engine_call *call, engine_memory *out);
ubiq_error *capi_fuel_set(engine_store *store, uint64_t fuel);
uint64_t capi_fuel_get(engine_store *store);
/// capi_terms.refuel; `user` is the store.
bool capi_refuel(void *user, uint64_t required);
ubiq_error *capi_call_now(engine_store *store, const engine_function *function, engine_value *values, size_t count);

#endif
