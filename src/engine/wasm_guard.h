// Making a module ask the host, every so often, whether it may go on: for engines that cannot interrupt what they run, or
// only at a price.
//
// The guarded module counts down in a global of its own: by one at the beginning of every loop and of every function that
// calls others, and wherever code goes straight on for WASM_GUARD_STRAIGHT instructions; before an instruction that copies or
// fills a range, by what its operand says. Below zero it calls a function that it imports, () -> i32, which answers from
// where to count down again or ends the call. So what lies between two counts is always small, and the longest time between
// two questions does not depend on what the guest does. On the way its imports get other names, and its tables a limit.
#ifndef ENGINE_WASM_GUARD_H
#define ENGINE_WASM_GUARD_H

#include "ubiq/error.h"

enum {
  WASM_GUARD_STRAIGHT = 64, ///< this many instructions without a loop count one; what may take long stands for sixteen
  WASM_GUARD_BULK = 8,      ///< what an instruction on a range counts at least,
  WASM_GUARD_RANGE = 256,   ///< and one more for each so many bytes or elements
};

typedef struct wasm_import_name {
  const char *module, *name;
} wasm_import_name;

typedef struct wasm_guard_request {
  const uint8_t *wasm;
  size_t size;
  const wasm_import_name *imports; ///< what each import is called in the copy
  const wasm_import_name *check;   ///< the import that is asked; NULL: nothing is counted
  uint32_t table_elements_max;     ///< no table grows above; one that begins with more does not grow
} wasm_guard_request;

/// Copies a module so. Custom sections are left out, the names of functions with them. `*out` is owned by the caller (free).
/// Errors: `invalid_input` for a malformed module; out of memory.
ubiq_error *wasm_guard(const wasm_guard_request *request, uint8_t **out, size_t *out_size);

#endif
