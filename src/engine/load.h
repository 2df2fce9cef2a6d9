// Engines that are shared objects of their own, engine-NAME.so: what one exports, what it is handed, and loading it.
//
// Each is loaded with RTLD_LOCAL, so that what two of them bring along cannot meet, and stays for the process's life. It
// may have anything of ours linked in that keeps no state; errors are the exception, because what one side makes the
// other ends: the object gets the functions for them as a table (src/engine/loaded/errors.c forwards to it).
#ifndef ENGINE_LOAD_H
#define ENGINE_LOAD_H

#include "engine/engine.h"

/// Grows by one with every change of engine.h or of the structs below.
enum { ENGINE_ABI = 4 };

/// What an engine is handed: the functions of ubiq/error.h of whoever loads it.
typedef struct engine_errors {
  ubiq_error *(*make)(ubiq_code code, const char *format, ...)UBIQ_PRINTF(2, 3);
  ubiq_error *(*wrap)(ubiq_error *cause, const char *format, ...)UBIQ_PRINTF(2, 3);
  ubiq_error *(*no_memory)(void);
  ubiq_code (*code)(const ubiq_error *error);
  const char *(*message)(const ubiq_error *error);
  ubiq_error *(*with_detail)(ubiq_error *error, int32_t detail);
  void (*end)(ubiq_error *error);
} engine_errors;

/// What an engine exports as `ubiq_engine`, and nothing else.
typedef struct engine_exported {
  uint32_t abi; ///< ENGINE_ABI; first for good
  const engine_ops *ops;
  void (*attach)(const engine_errors *errors); ///< called once, before anything of `ops`
} engine_exported;

#define ENGINE_EXPORTED ubiq_engine

/// Loads the shared object at `path`, whose engine must be called `name`. Errors: `not_found` when it is not there or
/// cannot be loaded, `unavailable` when it was built for another version of this library.
ubiq_error *engine_load_file(const char *path, const char *name, const engine_ops **out);

/// Loads engine-NAME.so, once, from where it is looked for: the folder UBIQ_ENGINE_PATH when the environment has that;
/// else `ubiq/` beside the library that this code is in, and `../lib/ubiq/` from the running program. Any thread.
ubiq_error *engine_load(const char *name, const engine_ops **out);

#endif
