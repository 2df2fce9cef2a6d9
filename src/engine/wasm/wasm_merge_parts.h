// What the files of wasm_merge share: one of the two modules, and the merging of them. See wasm_merge.c.
#ifndef ENGINE_WASM_WASM_MERGE_PARTS_H
#define ENGINE_WASM_WASM_MERGE_PARTS_H

#include "engine/wasm/wasm_inline.h"
#include "engine/wasm/wasm_merge.h"
#include "engine/wasm/wasm_module.h"

/// One of the two modules.
typedef struct wasm_part {
  wasm_module *module;
  wasm_details details;
  wasm_section_view sections[WASM_SECTIONS]; ///< what is absent is an empty view
  bool present[WASM_SECTIONS];
  text names;          ///< the function names of the name section, as they stand there; empty where there are none
  uint32_t *functions; ///< the new index of each
  wasm_renumbering to;
  uint32_t copied; ///< how many bodies
} wasm_part;

/// What stands in the place of calls of the guest's imports.
typedef struct wasm_inlining {
  wasm_inline *functions; ///< by the import's index; `result` 0: is called
  size_t count;
  uint64_t base; ///< of the slots in the function at hand
  bool used;     ///< there
} wasm_inlining;

/// What stands in the place of the guest's memory.grow: a function for each of its memories, behind all others.
typedef struct wasm_growing {
  uint32_t count;   ///< of functions; 0: the instruction stays
  uint32_t first;   ///< index of the first
  uint32_t refused; ///< index of what they call when a growth is refused
} wasm_growing;

typedef struct wasm_merging {
  const wasm_merge_request *request;
  wasm_part guest, hub;
  uint32_t imports; ///< of the merged module: the hub's that are not the guest's to answer
  wasm_inlining inlining;
  wasm_growing growing;
  bool changes_more; ///< the guest's code changes tables, drops segments or has objects; known once code is written
  bool grows;        ///< it grows memories; known then, too
  bool can_rewind;   ///< all but memories can be put back; known once that function's code is written
  wasm_writer out;
  ubiq_error *error; ///< the first
} wasm_merging;

/// Reads a module, which must outlive the part. The part is to be freed, also on failure. Errors: `invalid_input` for a
/// malformed one; out of memory.
ubiq_error *wasm_part_read(wasm_part *self, const uint8_t *bytes, size_t size);
void wasm_part_free(wasm_part *self);

/// How many entries a section announces; 0 when it is absent.
uint32_t wasm_part_entries(const wasm_part *self, wasm_section id);

/// How many functions it defines.
uint32_t wasm_part_defined(const wasm_part *self);

/// Takes the next function's body off the code section.
wasm_reader wasm_part_take_body(wasm_reader *in);

/// Writes the sections whose entries are copied one by one, each of which does nothing once an error is noted.
void wasm_merging_write_definitions(wasm_merging *self); ///< functions, tables, memories, tags and globals
void wasm_merging_write_elements(wasm_merging *self);
void wasm_merging_write_code(wasm_merging *self);
void wasm_merging_write_data(wasm_merging *self);

/// Plans the functions that grow the guest's memories (wasm_merge_grow.c); the others are numbered. Errors: `invalid_input`
/// when the hub has not what they are to call.
ubiq_error *wasm_merging_plan_growing(wasm_merging *self);
/// Their entries in these sections, without a count. There are two types; the others `growing.count` times.
uint32_t wasm_merging_grow_types(const wasm_merging *self);
void wasm_merging_write_grow_types(const wasm_merging *self, wasm_writer *out);
void wasm_merging_write_grow_functions(const wasm_merging *self, wasm_writer *out);
void wasm_merging_write_grow_code(const wasm_merging *self, wasm_writer *out);
uint32_t wasm_merging_write_grow_names(const wasm_merging *self, wasm_writer *out);

/// The function that puts back what is not in memories (wasm_merge_rewind.c): whether there is one, 0 or 1, and its entries.
/// Its code is the last to be written.
uint32_t wasm_merging_rewinds(const wasm_merging *self);
void wasm_merging_write_rewind_type(const wasm_merging *self, wasm_writer *out);
void wasm_merging_write_rewind_function(const wasm_merging *self, wasm_writer *out);
void wasm_merging_write_rewind_export(const wasm_merging *self, wasm_writer *out);
void wasm_merging_write_rewind_code(wasm_merging *self, wasm_writer *out);
uint32_t wasm_merging_write_rewind_name(const wasm_merging *self, wasm_writer *out);
/// Writes the section WASM_MERGE_MARK, where it can be put back.
void wasm_merging_write_rewind_mark(wasm_merging *self);

/// Writes the name section: the functions' names by their index in the merged module.
void wasm_merging_write_names(wasm_merging *self);

#endif
