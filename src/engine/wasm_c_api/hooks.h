// What an engine must give beside the standard C API (wasm.h): its shim, src/engine/shim/NAME, has these functions, and
// its engine.cmake says what it can do: CAPI_CAPABILITIES, of ENGINE_CAN_INTERRUPT and what follows it in engine.h.
#ifndef ENGINE_WASM_C_API_HOOKS_H
#define ENGINE_WASM_C_API_HOOKS_H

#include <stdbool.h>
#include <stdint.h>
#include <wasm.h>

/// What a store runs on.
typedef struct capi_terms {
  // Read whenever a memory or table of the store is made or grows.
  uint64_t memory_bytes_max; ///< for each memory
  uint64_t table_elements_max;
  /// Asked inside a call, on its thread, when a tick has come or fuel is used up; `required` is the least fuel with which
  /// the call can go on, 0 where it was not fuel. Sets the fuel anew and answers true, or ends the call.
  bool (*refuel)(void *user, uint64_t required);
  void *user;
} capi_terms;

/// The shim's part of a store.
typedef struct capi_guard capi_guard;

/// NULL when the engine panicked, as of the guard's.
wasm_engine_t *ubiq_hook_engine_new(bool counts_fuel);

/// Why no module can be made in this process as it is now; NULL when one can.
const char *ubiq_hook_hindrance(void);

/// A compiled module, which belongs to no store; any thread may use it.
typedef struct capi_unit capi_unit;

/// Compiles for stores of an engine that was made with that `counts_fuel`; `store` is one, and may go afterwards. NULL when
/// it does not compile: then `message`, which has no NUL and is owned by the caller, says why.
capi_unit *ubiq_hook_unit_new(const wasm_engine_t *engine, wasm_store_t *store, const wasm_byte_vec_t *wasm,
                              bool counts_fuel, wasm_byte_vec_t *message);
/// After everything that was made from it.
void ubiq_hook_unit_delete(capi_unit *unit);

/// As wasm_module_imports and wasm_module_exports, but that of each type its kind alone need be right.
void ubiq_hook_imports(wasm_store_t *store, const capi_unit *unit, wasm_importtype_vec_t *out);
void ubiq_hook_exports(wasm_store_t *store, const capi_unit *unit, wasm_exporttype_vec_t *out);

/// `out` is owned by the caller, and empty when it fails.
void ubiq_hook_serialize(const capi_unit *unit, wasm_byte_vec_t *out);
/// What ubiq_hook_serialize made, of an engine with that `counts_fuel`; NULL when it does not fit.
capi_unit *ubiq_hook_deserialize(const wasm_byte_vec_t *bytes, bool counts_fuel);

/// What a trap says, in one line, and in a second ` (in inner < caller)` where the engine knows the functions that it came
/// through. `message` is owned by the caller and has no NUL.
void ubiq_hook_trap_text(const wasm_trap_t *trap, wasm_byte_vec_t *message);

/// Of a store that has no instances yet. `terms` are borrowed and outlive the store.
capi_guard *ubiq_hook_guard_new(wasm_store_t *store, const capi_terms *terms);
/// Before the store is deleted.
void ubiq_hook_guard_delete(capi_guard *guard);

/// As wasm_instance_new, but that whatever fails is a trap, owned by the caller.
wasm_trap_t *ubiq_hook_instance_new(capi_guard *guard, const capi_unit *unit, const wasm_extern_vec_t *imports,
                                    wasm_instance_t **out);

uint64_t ubiq_hook_fuel_get(const capi_guard *guard);
void ubiq_hook_fuel_set(capi_guard *guard, uint64_t fuel);

/// As wasm_func_call, on the store's terms. All values are numbers. The trap is owned by the caller.
wasm_trap_t *ubiq_hook_call(capi_guard *guard, const wasm_func_t *function, const wasm_val_vec_t *arguments,
                            wasm_val_vec_t *results);

/// Has every call that is under way ask to be refuelled soon. Called from any thread. An engine that gives fuel by slices
/// need not do anything.
void ubiq_hook_tick(void);

#endif
