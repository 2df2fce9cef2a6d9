// What an engine must give beside the standard C API (wasm.h): its shim, src/engine/shim/NAME, has these functions.
#ifndef ENGINE_WASM_C_API_HOOKS_H
#define ENGINE_WASM_C_API_HOOKS_H

#include <stdbool.h>
#include <stdint.h>
#include <wasm.h>

/// How large memories and tables of a store may become: read whenever one is made or grows.
typedef struct capi_limits {
  uint64_t memory_bytes_max; ///< for each memory
  uint64_t table_elements_max;
} capi_limits;

/// Asked when a call has used up its fuel; `required` is the least with which it can go on. Sets the fuel anew and answers
/// true, or ends the call.
typedef bool (*capi_refuel)(void *user, uint64_t required);

/// An engine that counts fuel.
wasm_engine_t *ubiq_hook_engine_new(void);

/// Why a module does not compile. `message` is owned by the caller and has no NUL.
void ubiq_hook_explain(const wasm_engine_t *engine, const wasm_byte_vec_t *wasm, wasm_byte_vec_t *message);

/// What a trap says, in one line. `message` is owned by the caller and has no NUL.
void ubiq_hook_trap_text(const wasm_trap_t *trap, wasm_byte_vec_t *message);

/// `limits` are borrowed and outlive the store.
void ubiq_hook_limit(wasm_store_t *store, const capi_limits *limits);

uint64_t ubiq_hook_fuel_get(const wasm_store_t *store);
void ubiq_hook_fuel_set(wasm_store_t *store, uint64_t fuel);

/// As wasm_func_call, and goes on where it was when `refuel` gives more. The trap is owned by the caller.
wasm_trap_t *ubiq_hook_call(wasm_store_t *store, const wasm_func_t *function, const wasm_val_vec_t *arguments,
                            wasm_val_vec_t *results, capi_refuel refuel, void *user);

#endif
