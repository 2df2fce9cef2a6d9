// What an engine's table for its loader is filled with.
#ifndef ENGINE_LOADED_ATTACH_H
#define ENGINE_LOADED_ATTACH_H

#include "engine/load.h"

/// Takes the functions that make and end errors; engine_exported.attach of every engine.
void loaded_attach(const engine_errors *errors);

/// The one symbol that an engine exports.
extern __attribute__((visibility("default"))) const engine_exported ENGINE_EXPORTED;

#endif
