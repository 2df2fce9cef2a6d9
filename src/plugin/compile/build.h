// From a manifest to an image in one engine: modules are read, put in order, checked, linked and compiled.
#ifndef PLUGIN_COMPILE_BUILD_H
#define PLUGIN_COMPILE_BUILD_H

#include "plugin/compile/compile.h"

/// Builds the image of a compiled plugin whose manifest and options are there; what was read stays with the compiled plugin,
/// also after an error. `artifact` may be NULL. Errors: `invalid_input`, `memory_limit`, `too_large` (a pool has no slot for it).
ubiq_error *build_image(compiled *compiled, engine *engine, engine_class class, compile_artifact *artifact);

#endif
