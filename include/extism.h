/// Extism's C ABI, as libextism 1.41 has it: the same names, types and values, so that every Extism SDK and every
/// program made for libextism runs with this library in its place. Where it behaves otherwise than
/// libextism, docs/extism.md says so.
///
/// Strings are UTF-8 ended by NUL. Any thread may make plugins; a plugin is used by one thread at a time, and a second
/// one that calls it waits.
#ifndef EXTISM_H
#define EXTISM_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__GNUC__)
#define EXTISM_API __attribute__((visibility("default")))
#else
#define EXTISM_API
#endif

/// Declares a host function.
#define EXTISM_FUNCTION(N)                                                                                             \
  extern void N(ExtismCurrentPlugin *, const ExtismVal *, ExtismSize, ExtismVal *, ExtismSize, void *)
#define EXTISM_GO_FUNCTION(N) extern void N(void *, ExtismVal *, ExtismSize, ExtismVal *, ExtismSize, uintptr_t)

/// What extism_plugin_call returns when all went well.
#define EXTISM_SUCCESS 0

/// The type of an offset in Extism memory.
#define EXTISM_PTR ExtismValType_I64

typedef enum {
  ExtismValType_I32,
  ExtismValType_I64,
  ExtismValType_F32,
  ExtismValType_F64,
  ExtismValType_V128,
  ExtismValType_FuncRef,
  ExtismValType_ExternRef,
} ExtismValType;

/// Cancels the call under way of one plugin; lives as long as the plugin.
typedef struct ExtismCancelHandle ExtismCancelHandle;
typedef struct ExtismCompiledPlugin ExtismCompiledPlugin;
/// The plugin that calls a host function; valid in that call.
typedef struct ExtismCurrentPlugin ExtismCurrentPlugin;
typedef struct ExtismFunction ExtismFunction;
typedef struct ExtismPlugin ExtismPlugin;

/// An offset of a block in Extism memory; 0 is none.
typedef uint64_t ExtismMemoryHandle;
typedef uint64_t ExtismSize; ///< in bytes, or a count

typedef union {
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
} ExtismValUnion;

typedef struct {
  ExtismValType t;
  ExtismValUnion v;
} ExtismVal;

/// A host function: reads `inputs`, writes `outputs[i].v`. `data` is what it was made with.
typedef void (*ExtismFunctionType)(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize n_inputs,
                                   ExtismVal *outputs, ExtismSize n_outputs, void *data);

/// Takes one line of log. `size` does not count the NUL behind it.
typedef void (*ExtismLogDrainFunctionType)(const char *data, ExtismSize size);

#ifdef __cplusplus
extern "C" {
#endif

/// The plugin's id: 16 bytes, a random UUID. Borrowed from the plugin.
EXTISM_API const uint8_t *extism_plugin_id(ExtismPlugin *plugin);

/// What extism_plugin_call_with_host_context was given for this call; NULL when nothing was.
EXTISM_API void *extism_current_plugin_host_context(ExtismCurrentPlugin *plugin);

/// The start of Extism memory, to which offsets are relative. Valid until the next allocation.
EXTISM_API uint8_t *extism_current_plugin_memory(ExtismCurrentPlugin *plugin);

/// Allocates a block of `n` bytes; 0 when there is no memory for it or `n` is 0.
EXTISM_API ExtismMemoryHandle extism_current_plugin_memory_alloc(ExtismCurrentPlugin *plugin, ExtismSize n);

/// The length of a block; 0 for anything that is not the start of one.
EXTISM_API ExtismSize extism_current_plugin_memory_length(ExtismCurrentPlugin *plugin, ExtismMemoryHandle n);

/// Frees a block; nothing happens for anything that is not the start of one.
EXTISM_API void extism_current_plugin_memory_free(ExtismCurrentPlugin *plugin, ExtismMemoryHandle ptr);

/// Makes a host function. The types are copied. `free_user_data` (may be NULL) is called once with `user_data` when the
/// function has been freed and no plugin uses it any more. `inputs` or `outputs` that are NULL mean none, whatever their
/// number. NULL for a name that is not UTF-8 and for more than 32 inputs or outputs; `free_user_data` is not called then.
EXTISM_API ExtismFunction *extism_function_new(const char *name, const ExtismValType *inputs, ExtismSize n_inputs,
                                               const ExtismValType *outputs, ExtismSize n_outputs,
                                               ExtismFunctionType func, void *user_data,
                                               void (*free_user_data)(void *_));

/// Frees a function. One that was given to a plugin lives on in it.
EXTISM_API void extism_function_free(ExtismFunction *f);

/// Sets the import module, `extism:host/user` otherwise. Before the function is given to a plugin.
EXTISM_API void extism_function_set_namespace(ExtismFunction *ptr, const char *namespace_);

/// Compiles a plugin from a module (Wasm or WAT) or a manifest (JSON or TOML). Each function can be given to one
/// plugin. NULL on failure; `*errmsg` is then for extism_plugin_new_error_free.
EXTISM_API ExtismCompiledPlugin *extism_compiled_plugin_new(const uint8_t *wasm, ExtismSize wasm_size,
                                                            const ExtismFunction **functions, ExtismSize n_functions,
                                                            bool with_wasi, char **errmsg);

/// The same, with fuel for each call. With a limit of 0 no plugin can be made of it.
EXTISM_API ExtismCompiledPlugin *extism_compiled_plugin_new_with_fuel_limit(const uint8_t *wasm, ExtismSize wasm_size,
                                                                            const ExtismFunction **functions,
                                                                            ExtismSize n_functions, bool with_wasi,
                                                                            uint64_t fuel_limit, char **errmsg);

/// Frees a compiled plugin. Plugins made from it live on.
EXTISM_API void extism_compiled_plugin_free(ExtismCompiledPlugin *plugin);

/// Compiles and makes a plugin. See extism_compiled_plugin_new.
EXTISM_API ExtismPlugin *extism_plugin_new(const uint8_t *wasm, ExtismSize wasm_size, const ExtismFunction **functions,
                                           ExtismSize n_functions, bool with_wasi, char **errmsg);

/// Makes a plugin from a compiled one. Many may be made, from any threads.
EXTISM_API ExtismPlugin *extism_plugin_new_from_compiled(const ExtismCompiledPlugin *compiled, char **errmsg);

/// As extism_plugin_new, with fuel for each call. A limit of 0 is none at all: there is no plugin, and an error says so.
EXTISM_API ExtismPlugin *extism_plugin_new_with_fuel_limit(const uint8_t *wasm, ExtismSize wasm_size,
                                                           const ExtismFunction **functions, ExtismSize n_functions,
                                                           bool with_wasi, uint64_t fuel_limit, char **errmsg);

/// Lets the plugin read the headers of HTTP responses.
EXTISM_API void extism_plugin_allow_http_response_headers(ExtismPlugin *plugin);

/// Frees what a failed extism_plugin_new left in `*errmsg`.
EXTISM_API void extism_plugin_new_error_free(char *err);

EXTISM_API void extism_plugin_free(ExtismPlugin *plugin);

/// Borrowed from the plugin.
EXTISM_API const ExtismCancelHandle *extism_plugin_cancel_handle(const ExtismPlugin *plugin);

/// Ends the call under way, from any thread; it fails with the error `timeout`.
EXTISM_API bool extism_plugin_cancel(const ExtismCancelHandle *handle);

/// Merges a JSON object of strings into the plugin's config; null takes a key away. False when it is not that.
EXTISM_API bool extism_plugin_config(ExtismPlugin *plugin, const uint8_t *json, ExtismSize json_size);

/// True when the plugin exports a function of this name that takes nothing and returns nothing or an i32.
EXTISM_API bool extism_plugin_function_exists(ExtismPlugin *plugin, const char *func_name);

/// Calls a function. Returns EXTISM_SUCCESS, the function's own code, its exit code, 134 after a trap, or -1.
EXTISM_API int32_t extism_plugin_call(ExtismPlugin *plugin, const char *func_name, const uint8_t *data,
                                      ExtismSize data_len);

/// The same, with a pointer for host functions (extism_current_plugin_host_context).
EXTISM_API int32_t extism_plugin_call_with_host_context(ExtismPlugin *plugin, const char *func_name,
                                                        const uint8_t *data, ExtismSize data_len, void *host_context);

/// Deprecated: the former name of extism_plugin_error.
EXTISM_API const char *extism_error(ExtismPlugin *plugin);

/// Why the last call failed, or NULL. Borrowed until the plugin is called again.
EXTISM_API const char *extism_plugin_error(ExtismPlugin *plugin);

/// Length of the last call's output, in bytes.
EXTISM_API ExtismSize extism_plugin_output_length(ExtismPlugin *plugin);

/// The last call's output. Borrowed until the plugin is called again, reset or freed.
EXTISM_API const uint8_t *extism_plugin_output_data(ExtismPlugin *plugin);

/// Writes log lines to a file, or to `stdout` or `stderr` (also "-" or NULL), from a level on: `trace`, `debug`,
/// `info`, `warn`, `error` (NULL), or a filter such as `extism=debug`.
EXTISM_API bool extism_log_file(const char *filename, const char *log_level);

/// Keeps log lines from a level on until extism_log_drain takes them; the oldest are dropped past 10,000. A line reads
/// `2026-11-21T13:15:23.554123Z  INFO extism::pdk: a message plugin="ID"`, with the id of the plugin that spoke.
EXTISM_API bool extism_log_custom(const char *log_level);

/// Hands over each kept line, in order.
EXTISM_API void extism_log_drain(ExtismLogDrainFunctionType handler);

/// Invalidates all Extism memory of the plugin. Vars stay.
EXTISM_API bool extism_plugin_reset(ExtismPlugin *plugin);

/// The version of Extism whose ABI this is.
EXTISM_API const char *extism_version(void);

#ifdef __cplusplus
}
#endif

#endif
