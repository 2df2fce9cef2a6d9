/// Host functions: functions of the embedder's that plugins import.
///
/// They run on the guest's stack, on the thread that calls the plugin. They may read, make and free blocks of Extism
/// memory; they may not call the plugin.
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

/// What a function is made from; everything but `user` is copied.
typedef struct ubiq_function_options {
  const char *module; ///< import module; NULL: "extism:host/user"
  const char *name;
  const ubiq_type *params;
  size_t params_count; ///< at most 32
  const ubiq_type *results;
  size_t results_count; ///< at most 32
  ubiq_function_callback callback;
  void *user;                      ///< for `callback`
  void (*user_delete)(void *user); ///< called once, when the function ends; may be NULL
} ubiq_function_options;

/// Makes a function for ubiq_compile_options.functions; any number of plugins may have it. Owned by the caller. Any
/// thread. Errors: `invalid_input` (too many parameters or results), `internal` (memory); `user` is then still the
/// caller's.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_function_new(const ubiq_function_options *options, ubiq_function **out);

/// Gives up the caller's share; the last share, plugins' included, ends the function. NULL is allowed.
UBIQ_API void ubiq_function_delete(ubiq_function *function);

// In a callback, with the plugin that it was given:

/// The bytes of the block at `offset`, borrowed until the plugin's memory grows or the callback returns; they may be
/// written to by casting the pointer. False when no block begins there.
UBIQ_API bool ubiq_plugin_block(ubiq_plugin *plugin, uint64_t offset, ubiq_bytes *out);

/// Makes a block that holds `data` and answers its offset in `*offset`; 0 for no bytes. Errors: `memory_limit`.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_plugin_block_new(ubiq_plugin *plugin, ubiq_bytes data, uint64_t *offset);

/// Frees a block; nothing happens when none begins there.
UBIQ_API void ubiq_plugin_block_free(ubiq_plugin *plugin, uint64_t offset);

UBIQ_END

#endif
