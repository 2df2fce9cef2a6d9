// The process's engines, one for each implementation and size class, opened when first asked for and kept to the
// end of the process: opening one reserves address space and costs milliseconds.
#ifndef PLUGIN_PARTS_ENGINES_H
#define PLUGIN_PARTS_ENGINES_H

#include "engine/engine.h"

typedef enum engine_class {
  ENGINE_CLASS_SMALL, ///< memories up to 64 MiB, tens of thousands of stores, packed; the server's
  ENGINE_CLASS_LARGE, ///< memories up to 4 GiB, thousands of stores, no bounds checks in the code; embedders'
  ENGINE_CLASS_LOOSE, ///< no pool: for what the pools cannot hold
  ENGINE_CLASS_FUEL,  ///< no pool, fuel is counted
  ENGINE_CLASS_COUNT,
} engine_class;

enum { ENGINE_SMALL_BYTES = 64 << 20 };

/// The engine of a class; owned by the process. Any thread. Where the address space for a pool is not to be had (ulimit
/// -v, sanitizers) a smaller pool or none is opened instead, and a line in the log says so.
ubiq_error *engines_get(const engine_ops *ops, engine_class class, engine **out);

/// The settings' name for the module cache.
const char *engines_class_name(engine_class class);

#endif
