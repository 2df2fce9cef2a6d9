// Host functions of the embedder: shared, counted, with their C callbacks.
#ifndef PLUGIN_PARTS_FUNCTION_H
#define PLUGIN_PARTS_FUNCTION_H

#include "engine/engine.h"
#include "ubiq/function.h"

#include <stdatomic.h>

/// Called on the guest's stack. `inputs` and `outputs` are as many as the signature says; references are null.
typedef ubiq_error *(*function_callback)(struct ubiq_plugin *plugin, const engine_value *inputs, engine_value *outputs,
                                         const ubiq_function *function);

/// Of functions with `start`: as many parameters, and results, as an engine keeps of one that waits.
enum { FUNCTION_LATE_VALUES_MAX = 8 };

struct ubiq_function {
  atomic_size_t references;
  char *module; ///< import module; EXTISM_USER_MODULE unless set
  char *name;
  wasm_signature signature;
  wasm_type types[2 * WASM_SIGNATURE_MAX]; ///< what the signature points to
  bool has_references;                     ///< among the types
  function_callback call;
  ubiq_function_start start; ///< instead of `call`: it completes later (completion.c); NULL: it does not
  bool answers_block;        ///< with `start`
  void (*foreign)(void);     ///< the embedder's own C function, for `call` to cast back
  void *user;
  void (*user_delete)(void *user); ///< may be NULL; called once
};

/// Makes a function; owned by the caller. More than WASM_SIGNATURE_MAX parameters or results: `invalid_input`.
ubiq_error *function_new(const char *name, const wasm_signature *signature, ubiq_function **out);
const ubiq_function *function_retain(const ubiq_function *function);
void function_release(const ubiq_function *function);
/// Sets the import module. Only before the function is given to a plugin.
ubiq_error *function_set_module(ubiq_function *function, const char *module);

/// The engine's way in: `env` is the ubiq_function.
ubiq_error *function_enter(void *env, engine_call *call, engine_value *values);

#endif
