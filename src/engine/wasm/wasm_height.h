// How many values a function's instructions have on the stack at most: what a frame of it takes beside its locals.
#ifndef ENGINE_WASM_WASM_HEIGHT_H
#define ENGINE_WASM_WASM_HEIGHT_H

#include "engine/wasm/wasm_reader.h"

/// A function type, as far as it matters here.
typedef struct wasm_shape {
  uint32_t params, results;
  const uint8_t *result_types; ///< as they stand in the module, a byte each
} wasm_shape;

/// A module's function types, and the type of each of its functions. Borrowed from whoever made it.
typedef struct wasm_shapes {
  wasm_shape *types;
  uint32_t types_count;
  uint32_t *functions; ///< index of the type of each, the imported ones first
  uint32_t functions_count;
} wasm_shapes;

typedef struct wasm_height_label {
  uint64_t base; ///< values below the block
  uint32_t params, results;
} wasm_height_label;

/// A zeroed one with `shapes` stands at a function's beginning.
typedef struct wasm_height {
  const wasm_shapes *shapes;
  uint64_t now, most;
  wasm_height_label *labels; ///< of the blocks that are open
  size_t depth, room;
  size_t dead; ///< blocks open in code that is never reached, the one that it began in included
  bool failed; ///< memory ran out
} wasm_height;

/// Follows one instruction of a valid module, opcode and immediates. The height is never told too low; for instructions on
/// vectors it may be told too high.
void wasm_height_follow(wasm_height *self, wasm_reader instruction);
void wasm_height_free(wasm_height *self);

#endif
