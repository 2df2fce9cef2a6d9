// Compiling in another process than this one: for modules of strangers, whose compilation may take any time and memory.
//
// What comes back is native code, and is believed: whoever takes over such a process decides what the module that it was
// given does when it is run here. A compiler keeps this process alive and answering; it does not make the code trustworthy.
#ifndef ENGINE_COMPILER_H
#define ENGINE_COMPILER_H

#include "base/buffer.h"
#include "engine/engine.h"

/// Both append to a buffer, which is as it was on failure. Any thread.
typedef struct engine_compiler {
  /// What `serialize` of the engine of that name answers for a module, compiled for an engine that was opened with `options`.
  /// Errors: those of engine_compile; `quota` when it takes more time or memory than it may.
  ubiq_error *(*compile)(void *user, const char *engine, const engine_options *options, ubiq_bytes wasm, buffer *code);
  /// As engine_wat_to_wasm. Errors: also `quota`.
  ubiq_error *(*assemble)(void *user, ubiq_bytes source, buffer *wasm);
  void *user;
} engine_compiler;

#endif
