// Putting limits into a module's code, for engines that have none of their own: how deep calls nest, how large memories
// and tables grow, and a look at the clock in loops and calls.
//
// What the host sets and reads is exported under the names below. A function that calls others takes what its frame needs
// from WASM_FENCE_STACK and gives it back when it ends (after a trap the host sets it anew). When too little is left, or
// WASM_FENCE_DUE is not 0 at a call, a turn of a loop or an instruction on a range, element 0 of WASM_FENCE_TABLE is
// called: a function of the host, () -> (), that ends the call or sets WASM_FENCE_DUE to 0.
#ifndef ENGINE_WASM_FENCE_H
#define ENGINE_WASM_FENCE_H

#include "engine/wasm.h"

#define WASM_FENCE_STACK    "ubiq:stack"    ///< mutable i32: values that frames may still take; less than 0: too many
#define WASM_FENCE_DUE      "ubiq:due"      ///< mutable i32: INT32_MAX when the host wants to be called, else 0
#define WASM_FENCE_PAGES    "ubiq:pages"    ///< mutable i32, unsigned: what each memory may grow to
#define WASM_FENCE_ELEMENTS "ubiq:elements" ///< mutable i32, unsigned: what each table may grow to
#define WASM_FENCE_TABLE    "ubiq:fence"    ///< table of functions, with one element

/// More locals in a function are refused: engines and browsers share this limit.
enum { WASM_FENCE_LOCALS_MAX = 50000 };

/// The largest initial sizes of what a module defines: nothing in the code limits these.
typedef struct wasm_fence_sizes {
  uint64_t pages, elements;
} wasm_fence_sizes;

/// Copies a module, without its custom sections, with the limits put in. The module must be valid (the engine checked it)
/// in WebAssembly 2.0 with tail calls, extended constants and several memories. `*out` is owned by the caller (free).
/// Errors: `invalid_input`.
ubiq_error *wasm_fence(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size, wasm_fence_sizes *sizes);

#endif
