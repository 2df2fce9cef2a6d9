// Making one module out of two: a guest that imports functions, and the hub that provides them.
//
// The merged module is instantiated at once, where the two would be one after the other, and calls from the guest into
// the hub are plain calls. It has the memories of both: the guest's first, so that the guest's indices stay; only those
// of functions change.
#ifndef ENGINE_WASM_WASM_MERGE_H
#define ENGINE_WASM_WASM_MERGE_H

#include "ubiq/error.h"

/// A custom section of merged modules that can be put back (`rewind`): one byte, whether a memory of the guest may grow.
#define WASM_MERGE_MARK "ubiq:begins-anew"

typedef struct wasm_merge_request {
  const uint8_t *guest; ///< imports functions only, and its start function was lifted (wasm_lift_start)
  size_t guest_size;
  const uint8_t *hub; ///< ours: imports functions only, and has neither tables nor elements nor a start function
  size_t hub_size;
  const char *guest_module;    ///< what the hub imports from this module are the guest's exports; NULL: nothing
  const char *const *bindings; ///< for each import of the guest the hub's export that it is bound to
  const char *prefix; ///< of the names under which the hub's exports are exported; the guest may have none such
  const char
      *grow_refused; ///< the hub's export () -> () to be called when a memory.grow of the guest answers -1; NULL: none
  const char
      *rewind; ///< name, behind the prefix, of a function that is added, () -> i32 (wasm_merge_rewind.c); NULL: none
  bool (*keeps)(const char *name); ///< whether an export of the hub stays one; NULL: all
} wasm_merge_request;

/// Merges. The merged module imports what the hub imports, but what it takes from the guest; it exports what the guest exports, under the same names, and
/// what is kept of the hub's exports, with the prefix. Functions keep their names for backtraces, and those without one
/// get one that tells their index in the guest. Other custom sections are left out. `*out` is owned by the caller (free).
/// Errors: `invalid_input` says why the two cannot be merged, and they can still be linked; out of memory.
ubiq_error *wasm_merge(const wasm_merge_request *request, uint8_t **out, size_t *out_size);

#endif
