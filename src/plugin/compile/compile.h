// What the steps of compiling share: the plan of what the modules import, and where code comes from.
#ifndef PLUGIN_COMPILE_COMPILE_H
#define PLUGIN_COMPILE_COMPILE_H

#include "engine/cache/cache_set.h"
#include "plugin/parts/compiled.h"
#include "plugin/parts/engines.h"

/// How compiling is tied to a compiled plugin in a file (artifact.c).
typedef struct compile_artifact {
  const cache_set *stored; ///< not NULL: nothing is compiled, all code is taken from here
  engine_class class;      ///< which engine the code is for; said with `stored`, otherwise told
  cache_set kept;          ///< told: what was compiled
  buffer *modules;         ///< told, owned: the manifest's modules as binaries
  size_t modules_count;
} compile_artifact;

/// As ubiq_compiled_new. `artifact` and `compiler` may be NULL; one of them is.
ubiq_error *compiled_make(const uint8_t *source, size_t size, const ubiq_compile_options *options,
                          const engine_compiler *compiler, compile_artifact *artifact, ubiq_compiled **out);

/// Compiles a plugin again, from what it was compiled from, for an engine without a pool. Where the structure of the
/// image is concerned the two are the same.
ubiq_error *compiled_make_unpooled(const compiled *original, compiled **out);

// imports.c: resolves what the modules import and builds the hub.
typedef struct import_plan {
  compiled *compiled;
  engine *engine;
  engine_class class;              ///< which of the implementation's engines it is
  const char *settings;            ///< for the module cache
  compile_artifact *artifact;      ///< NULL: none
  engine_host_function *functions; ///< out: what the hub imports; in the compiled plugin's arena
  size_t functions_count;
} import_plan;

/// Fills the bindings of every module, the hub and the plan. One error lists everything that is missing.
ubiq_error *imports_resolve(import_plan *plan);

// image.c
/// Compiles what was resolved, as one module where that is possible, and makes the image.
ubiq_error *image_build(const import_plan *plan);

#endif
