/// Host functions: functions of the embedder's that plugins import.
///
/// They run on the guest's stack, on the thread that calls the plugin: in a plugin that suspends that is a fiber with
/// 256 KiB left for the host. They may read, make and free blocks of Extism memory; they may not call the plugin.
///
/// A function has a `callback`, which answers when it returns, or a `start`, which only begins: the answer may come later
/// and from any thread. Meanwhile ubiq_plugin_call blocks its thread, and a call in turns (ubiq/call.h) is suspended.
#ifndef UBIQ_FUNCTION_H
#define UBIQ_FUNCTION_H

#include "ubiq/plugin.h"

UBIQ_BEGIN

/// The types of parameters and results.
typedef enum ubiq_type { UBIQ_I32, UBIQ_I64, UBIQ_F32, UBIQ_F64 } ubiq_type;

typedef union ubiq_value {
  int32_t i32;
  int64_t i64; ///< also an offset in Extism memory
  float f32;
  double f64;
} ubiq_value;

/// Answers a call: reads `inputs`, writes `outputs`, as many as were declared; `outputs` begin as zeros. An error ends the
/// guest's call with that error.
typedef ubiq_error *(*ubiq_function_callback)(void *user, ubiq_plugin *plugin, const ubiq_value *inputs,
                                              ubiq_value *outputs);

/// The answer that a function with `start` owes: exactly one of ubiq_completion_done, _done_block and _fail, once.
typedef struct ubiq_completion ubiq_completion;

/// Begins to answer a call. `inputs` and the plugin's blocks are borrowed until it returns; it may not make blocks.
/// `completion` may be completed in here or later.
typedef void (*ubiq_function_start)(void *user, ubiq_plugin *plugin, const ubiq_value *inputs,
                                    ubiq_completion *completion);

/// What a function is made from; everything but `user` is copied.
typedef struct ubiq_function_options {
  const char *module; ///< import module; NULL: "extism:host/user"
  const char *name;
  const ubiq_type *params;
  size_t params_count; ///< at most 32; 8 with `start`
  const ubiq_type *results;
  size_t results_count; ///< at most 32; 8 with `start`
  ubiq_function_callback callback;
  ubiq_function_start start;       ///< instead of `callback`
  bool answers_block;              ///< with `start`: the one result, an I64, is a block (ubiq_completion_done_block)
  void *user;                      ///< for `callback` and `start`
  void (*user_delete)(void *user); ///< called once, when the function ends; may be NULL
} ubiq_function_options;

/// Makes a function for ubiq_compile_options.functions; any number of plugins may have it. Owned by the caller. Any
/// thread. Errors: `invalid_input` (too many parameters or results, neither or both of `callback` and `start`,
/// `answers_block` with other results), `internal` (memory); `user` is then still the caller's.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_function_new(const ubiq_function_options *options, ubiq_function **out);

/// Gives up the caller's share; the last share, those of plugins and of answers still owed included, ends the function.
/// NULL is allowed.
UBIQ_API void ubiq_function_delete(ubiq_function *function);

// In a callback, with the plugin that it was given:

/// The bytes of the block at `offset`, borrowed until the plugin's memory grows or the callback returns; they may be
/// written to by casting the pointer. False when no block begins there.
UBIQ_API bool ubiq_plugin_block(ubiq_plugin *plugin, uint64_t offset, ubiq_bytes *out);

/// Makes a block that holds `data` and answers its offset in `*offset`; 0 for no bytes. Errors: `memory_limit`;
/// `invalid_input` in a `start`.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_plugin_block_new(ubiq_plugin *plugin, ubiq_bytes data, uint64_t *offset);

/// Frees a block; nothing happens when none begins there.
UBIQ_API void ubiq_plugin_block_free(ubiq_plugin *plugin, uint64_t offset);

// Completing what `start` began. Any thread, also inside `start`. Each ends the completion, which is not to be used
// afterwards. It has no effect when the call was cancelled, timed out or deleted meanwhile, nor when its plugin was.

/// Answers with `outputs`, as many as were declared; borrowed for the call. NULL is allowed for none.
UBIQ_API void ubiq_completion_done(ubiq_completion *completion, const ubiq_value *outputs);

/// Answers with a block that holds a copy of `block`; no bytes are the offset 0. For functions with `answers_block`.
UBIQ_API void ubiq_completion_done_block(ubiq_completion *completion, ubiq_bytes block);

/// Ends the guest's call with `error`, of which it takes ownership.
UBIQ_API void ubiq_completion_fail(ubiq_completion *completion, ubiq_error *error);

/// True when nobody waits for the answer any more: work on it can be left off. The completion still is to be completed.
UBIQ_API bool ubiq_completion_abandoned(ubiq_completion *completion);

UBIQ_END

#endif
