// What the files of Extism's C ABI share.
#ifndef PLUGIN_EXTISM_INTERNAL_H
#define PLUGIN_EXTISM_INTERNAL_H

#include "extism.h"
#include "plugin/internal.h"

#include <pthread.h>

/// What the embedder holds: the function until a plugin takes it.
struct ExtismFunction {
  ubiq_function *function; ///< NULL once taken
};

/// Libraries do not write to their user's standard error unasked: no logs until one of extism_log_* is called.
void extism_log_quiet(void);

#endif
