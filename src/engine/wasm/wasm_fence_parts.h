// What the files of wasm_fence share.
#ifndef ENGINE_WASM_WASM_FENCE_PARTS_H
#define ENGINE_WASM_WASM_FENCE_PARTS_H

#include "engine/wasm/wasm_fence.h"
#include "engine/wasm/wasm_height.h"
#include "engine/wasm/wasm_merge_parts.h"

/// Types as they stand in a module.
enum { TYPE_FUNCTION = 0x60, TYPE_FUNCREF = 0x70, TYPE_EXTERNREF = 0x6f, TYPE_I32 = 0x7f };

/// The types that are added, behind those of the module; then, where calls are counted, one for each type with several
/// results, () -> those.
enum {
  FENCE_TYPE_ASK,             ///< () -> ()
  FENCE_TYPE_GROW_MEMORY,     ///< (i32) -> i32
  FENCE_TYPE_GROW_FUNCREFS,   ///< (funcref, i32) -> i32
  FENCE_TYPE_GROW_EXTERNREFS, ///< (externref, i32) -> i32
  FENCE_TYPE_RANGE,           ///< (i32, i32, i32) -> ()
  FENCE_TYPES
};

/// The globals that are added, behind those of the module; FENCE_LENGTH is not exported.
enum { FENCE_DUE, FENCE_PAGES, FENCE_ELEMENTS, FENCE_LENGTH, FENCE_STACK, FENCE_GLOBALS };

/// A function that does a long memory.fill or memory.copy in pieces.
typedef struct wasm_fence_range {
  bool is_copy;
  uint32_t to, from; ///< memories
} wasm_fence_range;

/// The functions that are added, behind those of the module: one for each memory, then one for each table, that grows it,
/// then the ranges, as they are met.
typedef struct wasm_fencing {
  const wasm_fence_request *request;
  wasm_part part;
  wasm_shapes shapes;    ///< where calls are counted
  uint32_t *block_types; ///< there, for each type with several results: the index of () -> those
  uint32_t block_types_count;
  uint8_t *table_types; ///< of each table, as they stand in the module
  uint32_t imported[WASM_TAG + 1];
  uint32_t tables, memories, globals; ///< imported and defined
  wasm_fence_range *ranges;
  uint32_t ranges_count, ranges_room;
  uint32_t *range_of; ///< for each kind and pair of memories: its place in `ranges`, plus 1
  wasm_writer turn;   ///< the look that is put in
  wasm_writer bodies; ///< of all functions
  wasm_writer out;
  ubiq_error *error; ///< the first
} wasm_fencing;

static inline void wasm_fencing_note(wasm_fencing *self, const wasm_reader *reader) {
  if (!self->error) self->error = wasm_reader_error(reader);
}

/// The index of the first function that is added.
static inline uint32_t wasm_fencing_first(const wasm_fencing *self) {
  return self->part.details.functions_count + 1;
}
static inline uint32_t wasm_fencing_type(const wasm_fencing *self, uint32_t type) {
  return self->part.details.types_count + type;
}
static inline uint32_t wasm_fencing_added(const wasm_fencing *self) {
  return self->memories + self->tables + self->ranges_count;
}

/// Reads the module: makes what stands between `part` and `globals`, and room for `range_of`. A failure is `error`.
void wasm_fencing_read(wasm_fencing *self);
/// Passes what an import is behind its names; `*table_type` is set where it is a table.
void wasm_fencing_read_import(wasm_reader *in, uint8_t *table_type);
/// A reader behind the number of entries of a section; `*count` is that number, 0 where there is no such section.
wasm_reader wasm_fencing_open(const wasm_fencing *self, wasm_section id, uint32_t *count);

/// An instruction and its index.
void wasm_fencing_op(wasm_writer *out, uint8_t op, uint32_t operand);
/// A positive number.
void wasm_fencing_constant(wasm_writer *out, uint32_t number);
/// An instruction on one of the globals that are added.
void wasm_fencing_global(const wasm_fencing *self, wasm_writer *out, uint8_t op, uint32_t global);

/// Makes `turn` and `bodies`, and with them `ranges`.
void wasm_fencing_make_code(wasm_fencing *self);
/// Copies the instruction that comes next if it grows a table or works on a range; false when it is another.
bool wasm_fencing_copy_bulk(wasm_fencing *self, wasm_copier *copier);
/// The bodies of the functions that are added.
void wasm_fencing_write_growing(wasm_fencing *self, wasm_writer *out);
void wasm_fencing_write_ranges(wasm_fencing *self, wasm_writer *out);

#endif
