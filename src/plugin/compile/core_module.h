// What a module for the wire `core` (call/core.h) is expected to be.
#ifndef PLUGIN_COMPILE_CORE_MODULE_H
#define PLUGIN_COMPILE_CORE_MODULE_H

#include "plugin/parts/compiled.h"

/// The hub's function that makes a call.
#define CORE_CALL "call"

/// The module that takes the kernel's place when the hub is built: it has no memory, and no code that anybody calls.
ubiq_bytes core_no_kernel(void);

/// Whether the plugin is what the wire expects: one module with those exports. Errors: `invalid_input`.
ubiq_error *core_check(compiled *compiled);

/// The operation `name`, which is borrowed; every module has all, and answers those that it does not know with an error.
void core_function(const compiled *compiled, const char *name, compiled_function *out);

#endif
