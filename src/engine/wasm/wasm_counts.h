// How much of each thing a module may have, before anything is made of it.
//
// Engines take what browsers take, a million functions for example, and spend many seconds and gigabytes on that. These bounds
// are several times what the largest programs that compilers make have. They hold for everybody, libraries' callers included.
#ifndef ENGINE_WASM_WASM_COUNTS_H
#define ENGINE_WASM_WASM_COUNTS_H

#include "engine/wasm/wasm.h"

enum {
  WASM_COUNT_TYPES_MAX = 50000,
  WASM_COUNT_FUNCTIONS_MAX = 200000,
  WASM_COUNT_ITEMS_MAX = 100000, ///< imports, exports, globals, tags: each
  WASM_COUNT_ELEMENT_SEGMENTS_MAX = 10000,
  WASM_COUNT_ELEMENTS_MAX = 500000, ///< of all element segments together
  WASM_COUNT_DATA_SEGMENTS_MAX = 50000,
};

/// Looks at the numbers with which sections begin, and at element segments. What is malformed is left to who reads it. Errors:
/// `too_large`, which names what there is too much of and the bound.
ubiq_error *wasm_check_counts(const uint8_t *bytes, size_t size);

#endif
