// Copying pieces of WebAssembly binaries, code above all, with the indices in them changed: what it takes to put one
// module into another.
//
// A copier goes over a reader and copies what it passes, byte for byte, except for the indices that change. It knows the
// immediates of every instruction of WebAssembly 3.0 and of threads, legacy exceptions, relaxed SIMD and wide arithmetic;
// an instruction beyond these fails the reader, and so does an index that its module does not have: what a module could
// not reach by itself it must not reach in another. It does not validate: that is the engine's work.
#ifndef ENGINE_WASM_WASM_CODE_H
#define ENGINE_WASM_WASM_CODE_H

#include "engine/wasm/wasm_reader.h"
#include "engine/wasm/wasm_writer.h"

/// The index spaces but for functions.
typedef enum wasm_space {
  WASM_SPACE_TYPE,
  WASM_SPACE_TABLE,
  WASM_SPACE_MEMORY,
  WASM_SPACE_GLOBAL,
  WASM_SPACE_TAG,
  WASM_SPACE_ELEMENT,
  WASM_SPACE_DATA,
  WASM_SPACES,
} wasm_space;

/// What becomes of a module's indices.
typedef struct wasm_renumbering {
  const uint32_t *functions; ///< the new index of each function
  uint32_t functions_count;
  uint32_t count[WASM_SPACES]; ///< how many there are: an index at or above is refused
  uint32_t add[WASM_SPACES];   ///< by how much indices grow
} wasm_renumbering;

/// Asked at each call of a function: writes code that does the same instead, or answers false to have it called.
typedef bool (*wasm_call_writer)(void *user, uint32_t function, wasm_writer *out);

typedef struct wasm_copier {
  wasm_reader *in;  ///< fails when something cannot be copied
  wasm_writer *out; ///< behind `in` until wasm_copy_flush
  const wasm_renumbering *to;
  const uint8_t *kept;   ///< what lies between here and `in->at` is still to be copied as it is
  wasm_call_writer call; ///< NULL: calls stay calls
  void *call_user;
  uint32_t grow_functions; ///< memory.grow of memory N becomes a call of function (new index) this + N; 0: it stays
  const uint32_t *locals;  ///< new indices of locals; NULL: they stay
  uint32_t locals_count;
  const wasm_writer *at_loop; ///< stands at the beginning of every loop; NULL: nothing
  bool has_calls;             ///< set when a call was copied
  bool grows;                 ///< set when a memory.grow became a call
  bool changes_more;   ///< set when an instruction was copied that changes a table, drops a segment or has to do with
                       ///< objects or exceptions
  uint64_t locals_end; ///< a local at or above is refused: others may be added behind it
  bool no_return;      ///< a return is refused
} wasm_copier;

wasm_copier wasm_copier_open(wasm_reader *in, wasm_writer *out, const wasm_renumbering *to);
/// Brings `out` up to where `in` is.
void wasm_copy_flush(wasm_copier *self);

void wasm_copy_function_index(wasm_copier *self);
void wasm_copy_index(wasm_copier *self, wasm_space space);
void wasm_copy_value_type(wasm_copier *self);
/// A constant expression, its end included.
void wasm_copy_expression(wasm_copier *self);
/// How many locals a body declares, in how many groups: what it begins with.
typedef struct wasm_locals {
  uint32_t groups;
  uint64_t count;
} wasm_locals;
/// The groups of locals of a body; their number, which stands before them, is not copied.
wasm_locals wasm_copy_locals(wasm_copier *self);
/// One instruction; answers its opcode, or the prefix of that.
uint8_t wasm_copy_instruction(wasm_copier *self);
/// The instructions of a body: all that the reader has.
void wasm_copy_instructions(wasm_copier *self);
/// Copies `count` entries of a section of functions, tables, memories, globals, tags, elements or data: all that `body` has
/// behind their number. `body` fails when it is anything else.
void wasm_copy_entries(wasm_reader *body, wasm_section id, uint32_t count, wasm_writer *out,
                       const wasm_renumbering *to);
/// An active data segment's memory, where 0 is not written out: `flags` 0 or 2, then the index if it is 2.
void wasm_copy_data_memory(wasm_copier *self);

#endif
