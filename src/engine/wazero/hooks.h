// What the adapter and its side in Go (src/engine/shim/wazero) tell each other. Go includes this too.
#ifndef ENGINE_WAZERO_HOOKS_H
#define ENGINE_WAZERO_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Something that Go keeps for us; 0: nothing. Go's collector does not move it.
typedef uintptr_t wazero_handle;

/// Why something failed, in wazero's words. Not ended by NUL.
typedef struct wazero_message {
  char text[1000];
  size_t size;
} wazero_message;

typedef struct wazero_module_source {
  const uint8_t *wasm;
  size_t size;
} wazero_module_source;

/// The types of a host function, as a module writes them.
typedef struct wazero_host_type {
  const uint8_t *params, *results;
  size_t params_count, results_count;
} wazero_host_type;

/// What Go calls. `store` is what the store was made with, `module` the place of a module in the image.
typedef struct wazero_callbacks {
  /// Calls host function `function` of the image for that module; false ends the guest's call.
  bool (*host)(void *store, uint32_t function, uint32_t module, uint64_t *values);
  /// A module with limits asks (engine/wasm/wasm_fence.h); false ends the guest's call.
  bool (*ask)(void *store);
  /// Makes the memory that a module defines so large, in bytes, and answers where it is; NULL when it may not or cannot be.
  /// It never has to be larger than `most`, which is always the same.
  uint8_t *(*resize)(void *store, uint32_t module, uint64_t bytes, uint64_t most);
} wazero_callbacks;

/// Where the imports of a module come from, by their module's name: the host, or the module at that place of the image.
#define WAZERO_HOST_MODULE "host"
#define WAZERO_ASK_IMPORT  "ask"

#ifndef UBIQ_GO
// Of all that may fail the message is set when they do.

/// What is compiled is machine code, or is interpreted.
wazero_handle ubiq_wazero_open(const wazero_callbacks *callbacks, bool interprets, wazero_message *message);
void ubiq_wazero_close(wazero_handle engine);

/// Compiles modules. Their bytes and the types need not outlive the call. Module 0 imports host function N as "N".
wazero_handle ubiq_wazero_image_new(wazero_handle engine, const wazero_module_source *modules, size_t modules_count,
                                    const wazero_host_type *hosts, size_t hosts_count, wazero_message *message);
void ubiq_wazero_image_delete(wazero_handle image);

wazero_handle ubiq_wazero_store_new(wazero_handle image, void *store, wazero_message *message);
void ubiq_wazero_store_delete(wazero_handle store);

/// Sets a mutable global of type i32 that a module exports.
void ubiq_wazero_global_set(wazero_handle store, uint32_t module, const char *name, uint32_t value);
/// Where such a global is until the store is deleted: code reads those four bytes, and any thread may write them. 0 when
/// they are not found.
uintptr_t ubiq_wazero_global_place(wazero_handle store, uint32_t module, const char *name, wazero_message *message);

/// An exported function of a module; 0 when there is none. It ends with its store.
wazero_handle ubiq_wazero_function(wazero_handle store, uint32_t module, const char *name);

/// Calls with the parameters in `values`, where the results will be; `count` is the larger of both numbers.
bool ubiq_wazero_call(wazero_handle function, uint64_t *values, size_t count, wazero_message *message);
#endif

#endif
