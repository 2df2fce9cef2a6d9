// Making a function's module before it can be loaded: C sources are compiled, build commands are run.
//
// Blocks for as long as a compiler does; not for a worker's thread.
#ifndef RUNTIME_BUNDLE_BUILD_H
#define RUNTIME_BUNDLE_BUILD_H

#include "runtime/bundle/build_stop.h"
#include "runtime/project/project.h"

/// Makes sure that a function's file is there and as new as its sources. `*file` is what is to be loaded, the caller's
/// (free): the function's own file, or the module made from its source. Errors: `invalid_input` with the compiler's
/// messages, `unavailable` when a tool is missing (it names the package), `not_found`, `cancelled` when `stop`, which may be
/// NULL, ended it.
ubiq_error *build_function(const project *project, const project_function *function, build_stop *stop, char **file);

/// Compiles one C or C++ file to a module in the cache folder, unless the one there is newer than all that went into
/// it. `stack_bytes` is the size of its C stack; 0: a small one, unless the compiler finds that it needs more. Errors as
/// above.
ubiq_error *build_source(const char *source, uint64_t stack_bytes, build_stop *stop, char **wasm);

/// Runs a function's build command when its file is absent or older than the project's sources.
ubiq_error *build_command(const project *project, const project_function *function, build_stop *stop);

#endif
