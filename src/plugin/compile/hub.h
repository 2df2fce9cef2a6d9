// Builds an image's hub: the host build of the kernel with exactly the host functions that one plugin imports spliced in.
//
// Host functions never call back into the engine. Where one answers with a block of memory, the hub has a shim in Wasm
// that does it in three steps: `start` (host: what is the answer, how long is it; may suspend), the kernel's own `alloc`,
// or the guest's `ubiq_alloc` where that is the one whose block it is (the wire `core`), `finish` (host: copies the answer
// to the block). Functions that wait are bound late, through a global of the hub, in images that suspend (see
// engine_host_function.slot).
#ifndef PLUGIN_COMPILE_HUB_H
#define PLUGIN_COMPILE_HUB_H

#include "engine/wasm/wasm.h"

/// Import modules of the hub's own imports, and what the names of the globals of slots begin with.
#define HUB_HOST_MODULE   "host"
#define HUB_FINISH_MODULE "finish"
#define HUB_SLOT_PREFIX   "slot:"

/// The imports of a hub that calls the guest on the wire `core`, by its exports (core.h): only merging the two can bind them
/// (wasm_merge_request.guest_module).
#define HUB_GUEST_MODULE "guest"
#define HUB_GUEST_ALLOC  "ubiq_alloc"  ///< (i32) -> i32
#define HUB_GUEST_FREE   "ubiq_free"   ///< (i32 i32) -> ()
#define HUB_GUEST_HANDLE "ubiq_handle" ///< (i32 i32 i32 i32 i32) -> i64

/// The hub's export () -> () that tells the host of a refused growth of a module's memory: it calls the kernel's import
/// `grow` in a phase that the kernel itself has not.
#define HUB_GROW_REFUSED "ubiq_grow_refused"

typedef enum hub_kind {
  HUB_DIRECT,      ///< the import is exported again as it is
  HUB_BLOCK,       ///< exported: (params) -> i64; imported: start (params) -> i64 length, finish (i64 offset) -> ()
  HUB_GUEST_BLOCK, ///< the same in the guest's memory: what is exported answers place << 32 | length, or 0 for no place
  HUB_GUEST_CALL, ///< exported: a whole call of the guest, for the host (hub_shim.h); imported: finish (i64 place) -> ()
} hub_kind;

/// One function that the hub takes from the host and gives to the plugin's modules.
typedef struct hub_function {
  const char *name;         ///< export name, unique; imported as module "host" under the same name
  hub_kind kind;            ///< for blocks `finish` is imported as module "finish" under the same name
  wasm_signature signature; ///< as the plugin sees it; blocks: exactly one result, i64
  bool slot;                ///< bound late: not imported but called through a mutable global exported as "slot:<name>"
} hub_function;

/// Builds the hub from the kernel's host build (kernel/kernel.h). Blocks: a length of 0 or less answers 0 with no finish; a
/// block that cannot be had calls finish with offset 0, which for HUB_BLOCK is expected to end the call with an error.
/// `*wasm` is owned by the caller (free). Errors: `internal` for a kernel that is not as it must be, out of memory.
ubiq_error *hub_build(const uint8_t *kernel, size_t kernel_size, const hub_function *functions, size_t count,
                      uint8_t **wasm, size_t *size);

#endif
