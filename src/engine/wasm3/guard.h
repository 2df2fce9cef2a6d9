// What the interpreter looks at in every call and every turn of a loop. It is included by Wasm3's own sources too, where
// patch.py puts the checks in. One for each store; its modules' runtimes have it as their userdata.
#ifndef ENGINE_WASM3_GUARD_H
#define ENGINE_WASM3_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/// How many functions a message names of those that a trap came through.
enum { W3_TRACE_MAX = 12 };

typedef struct w3_guard {
  atomic_uint *epoch;      ///< the engine's: a tick adds one
  unsigned seen;           ///< when it differs from the epoch, the store's tick is due
  const char *stack_limit; ///< of the native stack: calls do not go below
  unsigned left_count; ///< of the functions that this call left without success; those beyond W3_TRACE_MAX are not kept
  const void *left[W3_TRACE_MAX]; ///< IM3Function each, the innermost first
} w3_guard;

/// Why a function cannot be compiled: its blocks, or the calls that lead to it, are nested too deep for the stack.
extern const char w3_nested_too_deep[];

/// The rare end of a check: a tick that lets the call go on answers NULL, all else is what ends it.
const void *w3_guard_act(w3_guard *guard);

static inline const void *w3_guard_check(void *userdata) {
  w3_guard *guard = userdata;
  if (__builtin_expect(atomic_load_explicit(guard->epoch, memory_order_relaxed) == guard->seen &&
                           (const char *)__builtin_frame_address(0) > guard->stack_limit,
                       1))
    return NULL;
  return w3_guard_act(guard);
}

/// Remembers that `function` ended in a trap. NULL, one of the host's, is not kept.
static inline void w3_guard_left(void *userdata, const void *function) {
  w3_guard *guard = userdata;
  if (!function) return;
  if (guard->left_count < W3_TRACE_MAX) guard->left[guard->left_count] = function;
  guard->left_count++;
}

/// Whether the compiler must not go deeper. Constant expressions, which know no store, need no blocks to speak of.
static inline bool w3_guard_is_low(const void *userdata, int depth) {
  enum { CONSTANT_DEPTH_MAX = 16 };
  const w3_guard *guard = userdata;
  return guard ? (const char *)__builtin_frame_address(0) <= guard->stack_limit : depth > CONSTANT_DEPTH_MAX;
}

#endif
