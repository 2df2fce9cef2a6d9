// Stores for plugins that the pool of their engine has no place for.
#ifndef PLUGIN_COMPILE_OVERFLOW_H
#define PLUGIN_COMPILE_OVERFLOW_H

#include "plugin/parts/compiled.h"

/// As engine_store_new with the image of a compiled plugin; in an engine without a pool where the pool is full.
ubiq_error *overflow_store_new(compiled *compiled, const engine_store_options *options, engine_store **out);

#endif
