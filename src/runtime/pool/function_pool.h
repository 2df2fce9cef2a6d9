// What the pools of one function have in common: each worker has one of its own (pool.h).
#ifndef RUNTIME_POOL_FUNCTION_POOL_H
#define RUNTIME_POOL_FUNCTION_POOL_H

#include "runtime/pool/lifetime.h"
#include "runtime/pool/pin.h"
#include "runtime/pool/pool_gauges.h"
#include "runtime/pool/pool_policy.h"

/// Never changes; what it points to has locks of its own. Any thread.
typedef struct function_pool {
  const char *name;       ///< of the function; borrowed
  lifetime lifetime;      ///< of its instances
  pool_settings settings; ///< how many there are, in the process
  pin *pin;               ///< the instance of a pinned function; NULL for others. Owned
  pool_board *board;      ///< the numbers of the pools. Owned
} function_pool;

/// `name` is borrowed until function_pool_close. False when memory is out; function_pool_close is due then too.
UBIQ_NODISCARD bool function_pool_open(function_pool *self, const char *name, lifetime lifetime,
                                       const pool_settings *settings);

/// Ends a pinned instance too. Of zeroed memory nothing.
void function_pool_close(function_pool *self);

#endif
