// Compiling a component for the wire `component` (call/component.h), and what it is expected to be.
#ifndef PLUGIN_COMPILE_COMPONENT_BUILD_H
#define PLUGIN_COMPILE_COMPONENT_BUILD_H

#include "plugin/compile/compile.h"

#define COMPONENT_HOST_INTERFACE  "metatype:wit-wire/typegate-wire"
#define COMPONENT_GUEST_INTERFACE "metatype:wit-wire/mat-wire"

/// Places of the exports.
enum { COMPONENT_INIT, COMPONENT_HANDLE, COMPONENT_EXPORTS };

/// Steps of an instance's start.
enum { COMPONENT_STEP_INSTANTIATE, COMPONENT_STEP_INIT, COMPONENT_STEPS };

/// Compiles the plugin's one module, a component, and binds what it imports. Errors: `invalid_input`, listing what is missing
/// or of another type; as image_build.
ubiq_error *component_build(const import_plan *plan, ubiq_bytes wasm);

#endif
