// What the files of wasm_fence share.
#ifndef ENGINE_WASM_FENCE_PARTS_H
#define ENGINE_WASM_FENCE_PARTS_H

#include "engine/wasm_fence.h"
#include "engine/wasm_height.h"
#include "engine/wasm_merge_parts.h"

/// The types that are added, behind those of the module; then one for each type with several results, () -> those.
enum { FENCE_TYPE_CALL, FENCE_TYPE_GROW_MEMORY, FENCE_TYPE_GROW_FUNCREFS, FENCE_TYPE_GROW_EXTERNREFS, FENCE_TYPES };

/// The globals that are added, behind those of the module.
enum { FENCE_STACK, FENCE_DUE, FENCE_PAGES, FENCE_ELEMENTS, FENCE_GLOBALS };

typedef struct wasm_fencing {
  wasm_part part;
  wasm_shapes shapes;
  uint32_t *block_types; ///< for each type with several results: the index of () -> those
  uint32_t block_types_count;
  uint8_t *table_types; ///< of each table, as they stand in the module
  uint32_t imported[WASM_TAG + 1];
  uint32_t tables, memories, globals; ///< imported and defined
  wasm_fence_sizes sizes;
  wasm_writer out;
  ubiq_error *error; ///< the first
} wasm_fencing;

/// The index of the first function that is added: one for each memory, then one for each table, that grows it.
static inline uint32_t wasm_fencing_grow_memory(const wasm_fencing *self) {
  return self->shapes.functions_count;
}
static inline uint32_t wasm_fencing_grow_table(const wasm_fencing *self) {
  return self->shapes.functions_count + self->memories;
}
static inline void wasm_fencing_note(wasm_fencing *self, const wasm_reader *reader) {
  if (!self->error) self->error = wasm_reader_error(reader);
}

/// The code section: the bodies with the limits put in, and those of the functions that grow memories and tables.
void wasm_fencing_write_code(wasm_fencing *self);

#endif
