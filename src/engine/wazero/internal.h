// What the files of the wazero adapter share. Nothing outside this folder includes it.
//
// DESIGN. wazero is Go, linked in as an archive (src/engine/shim/wazero; hooks.h is all that crosses). It links modules by
// names, so compiling waits until an image says what each import is bound to: then every module is copied with its imports
// renamed, and limits put in (engine/wasm/wasm_fence.h), because code that wazero itself can interrupt is many times slower. The
// hub has no limits: what its functions do ends by itself. Memories are ours, so that they stay where they are and are found
// without asking Go.
//
// The flag that code looks at is a global, in Go's memory. The ticker writes to it there: asking Go to would wait for one
// of its processors, and guests in a loop may have them all.
//
// LOCKS: that of the engine's list of stores alone.
#ifndef ENGINE_WAZERO_INTERNAL_H
#define ENGINE_WAZERO_INTERNAL_H

#include "engine/loaded/fenced.h"
#include "engine/loaded/running.h"
#include "engine/wazero/hooks.h"

typedef struct wz_engine {
  engine base;
  wazero_handle go;
  running_list stores; ///< a tick sets off the fences of those that run
} wz_engine;

typedef struct wz_module {
  links_module base;
  uint8_t *bytes;
  size_t size;
} wz_module;

typedef struct wz_image {
  engine_image base;
  wz_engine *engine;
  wazero_handle go;
  links links;
} wz_image;

/// The memory that a module defines.
typedef struct wz_memory {
  uint8_t *data; ///< NULL: there is none
  size_t size;
  size_t reserved; ///< bytes of address space
} wz_memory;

typedef struct wz_store {
  engine_store base;
  wz_image *image;
  wazero_handle go;
  engine_store_options options;
  ubiq_error *host_error; ///< what a host function or a tick ended the call with; owned until taken
  running running;
  _Atomic(uint32_t) **dues; ///< of each module, in Go's memory: what its code looks at; NULL for the hub
  wz_memory *memories;      ///< of each module
} wz_store;

enum { WZ_MODULES_MAX = 16 };
enum { WZ_PAGE_BYTES = 64 << 10, WZ_TABLE_ELEMENTS_MAX = 100000 };

/// A page less than addresses reach: wazero takes a size of 4 GiB for none.
#define WZ_MEMORY_BYTES_MAX (UINT64_C(65535) * WZ_PAGE_BYTES)

extern const engine_ops wazero_ops;

/// Whether limits are put into the module at that place: not into a hub, but into one that was merged with a guest.
static inline bool wz_is_fenced(const wz_image *image, size_t place) {
  return place > 0 || image->links.modules_count == 1;
}

/// What a failed call means, as an error of ours, and what a failed instantiation or compilation does.
ubiq_error *wz_call_error(wz_store *store, const wazero_message *message);
ubiq_error *wz_error(const wazero_message *message);

/// What Go calls: see wazero_callbacks.
bool wz_enter_host(void *store, uint32_t function, uint32_t module, uint64_t *values);
bool wz_ask(void *store);
uint8_t *wz_memory_resize(void *store, uint32_t module, uint64_t bytes, uint64_t most);

ubiq_error *wz_link(engine *engine, const engine_link *link, engine_image **out);
void wz_image_delete(engine_image *image);
ubiq_error *wz_store_new(engine_image *image, const engine_store_options *options, engine_store **out);
void wz_store_delete(engine_store *store);
void wz_store_memory_limit(engine_store *store, uint64_t bytes);
bool wz_store_function(engine_store *store, uint32_t module, const char *name, engine_function *out);
bool wz_store_memory(engine_store *store, uint32_t place, engine_memory *out);
bool wz_caller_memory(engine_call *call, engine_memory *out);
void wz_tick(engine *engine);
ubiq_error *wz_call_now(engine_store *store, const engine_function *function, engine_value *values, size_t count);

#endif
