// Putting limits into a module's code, for engines that lack them: a look at a flag of the host's wherever much may
// happen, how deep calls nest, how large memories and tables grow.
//
// The host writes to the globals that are exported under the names below. Code looks at WASM_FENCE_DUE in every turn of a
// loop, in every function that calls others, every WASM_FENCE_STRAIGHT instructions where it goes straight on, before
// each instruction on a range, and every WASM_FENCE_PIECE bytes of a long memory.fill or memory.copy. Where it is not 0,
// code calls a function that it imports, () -> (), which ends the call or sets it to 0. So nothing that the guest does
// takes long between two looks, and a look is a load and a branch. Any thread may set it.
//
// Where calls are counted, a function that calls others takes what its frame needs from WASM_FENCE_STACK and gives it back
// when it ends (after a trap the host sets it anew); that function is called also when too little is left.
#ifndef ENGINE_WASM_WASM_FENCE_H
#define ENGINE_WASM_WASM_FENCE_H

#include "engine/wasm/wasm.h"

#include <stddef.h>
#include <stdint.h>

#define WASM_FENCE_DUE   "ubiq:due"   ///< mutable i32: INT32_MAX when the host wants to be called; begins as 0
#define WASM_FENCE_PAGES "ubiq:pages" ///< mutable i32, unsigned: what each memory may grow to; begins as 65536
#define WASM_FENCE_ELEMENTS                                                                                            \
  "ubiq:elements"                     ///< mutable i32, unsigned: what each table may grow to; begins as UINT32_MAX
#define WASM_FENCE_STACK "ubiq:stack" ///< mutable i32: values that frames may still take; less than 0: too many

enum {
  WASM_FENCE_STRAIGHT = 256,    ///< instructions; what may take longer stands for sixteen
  WASM_FENCE_PIECE = 1 << 20,   ///< bytes
  WASM_FENCE_LOCALS_MAX = 50000 ///< more in a function are refused: engines and browsers share this limit
};

typedef struct wasm_import_name {
  const char *module, *name;
} wasm_import_name;

typedef struct wasm_fence_request {
  const uint8_t *wasm;
  size_t size;
  const wasm_import_name *imports; ///< what each import is called in the copy
  const wasm_import_name *ask;     ///< what is called where the host wants to be; NULL: the imports' names alone change
  bool counts_stack;               ///< of valid modules alone, without exceptions and types that are not of functions
} wasm_fence_request;

/// Copies a module so. Custom sections are left out, the names of functions with them. The engine checks the copy; what
/// would reach what is added is refused here. Memories and tables have addresses of 32 bits, pages of 64 KiB, and tables
/// hold functions or anything of the host's. `*out` is owned by the caller (free). Errors: `invalid_input`.
ubiq_error *wasm_fence(const wasm_fence_request *request, uint8_t **out, size_t *out_size);

#endif
