// An instance that a pool keeps, or that was made to be kept.
#ifndef RUNTIME_POOL_INSTANCE_H
#define RUNTIME_POOL_INSTANCE_H

#include "plugin/plugin.h"

typedef struct instance {
  plugin *plugin;                 ///< owned
  uint64_t made_ms;               ///< by the clock of the loop that it was made on
  uint64_t runs;                  ///< that it has had
  struct instance *older, *newer; ///< among the ready ones of its pool
} instance;

/// Takes the plugin over, also on failure, which ends it. NULL: memory is out. Owned by the caller.
instance *instance_new(plugin *plugin, uint64_t now_ms);

/// Ends the plugin too. NULL is allowed.
void instance_delete(instance *self);

#endif
