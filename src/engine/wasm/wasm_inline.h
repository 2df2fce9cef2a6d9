// Putting a short function's code where it is called.
//
// What is inlined calls nothing, does not return early, has numbers of 32 and 64 bits only, and at most as many of each as
// there are slots: locals that are added to each function in which something was inlined, shared by all that was.
#ifndef ENGINE_WASM_WASM_INLINE_H
#define ENGINE_WASM_WASM_INLINE_H

#include "engine/wasm/wasm_code.h"

/// The slots: so many locals of type i32, then so many of type i64, declared in so many groups.
enum { WASM_INLINE_SLOTS_I32 = 3, WASM_INLINE_SLOTS_I64 = 4, WASM_INLINE_GROUPS = 2 };
enum { WASM_INLINE_LOCALS_MAX = WASM_INLINE_SLOTS_I32 + WASM_INLINE_SLOTS_I64, WASM_INLINE_BYTES_MAX = 128 };

/// A function that can be inlined.
typedef struct wasm_inline {
  wasm_reader code;                      ///< its instructions, the last `end` included
  wasm_renumbering to;                   ///< of its module; has no functions and no types
  uint32_t params_count, count;          ///< parameters; parameters and locals
  uint8_t types[WASM_INLINE_LOCALS_MAX]; ///< of both
  uint8_t result;                        ///< as a block's type
} wasm_inline;

/// Whether a function can be inlined; if so, fills `out`. `body` is its entry in the code section, without the size;
/// its bytes must stay. `to` is what becomes of its module's indices.
bool wasm_inline_read(wasm_reader body, const wasm_signature *signature, const wasm_renumbering *to, wasm_inline *out);

/// Writes code that takes the parameters from the stack and leaves the result there. The slots begin at local `base`.
void wasm_inline_write(const wasm_inline *self, uint32_t base, wasm_writer *out);

/// Writes the groups that declare the slots.
void wasm_inline_write_slots(wasm_writer *out);

#endif
