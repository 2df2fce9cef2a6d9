// The keeper of a worker's pools: looks at them, drops what is too much, and starts what is missing while there is time.
//
// DESIGN. A pool is *watched* from a run of it until it is at rest: then it has a look every `scale_interval`. When no pool
// is watched no timer runs. A pool that misses instances is *short*: while there are such, the loop does not sleep, and each
// of its rounds that finds nothing to read and no run ready starts one. A start is a run of its own without an answer: it
// has the function's limits and its share of the worker's time, and may wait. So a worker that is never idle starts nothing
// ahead, and its runs make their own instances as if there were no pool. Starts that fail are tried again later and later.
// The worker's thread only.
#ifndef RUNTIME_RUN_POOL_KEEPER_H
#define RUNTIME_RUN_POOL_KEEPER_H

#include "runtime/pool/pool.h"

#include <uv.h>

struct lease;
struct starter;
struct worker;

typedef struct pool_keeper {
  struct worker *worker;
  uv_timer_t looks;  ///< for the first look that is due; active while any pool is watched
  uv_idle_t filling; ///< active while a pool is short and something can be started
  uint64_t timer_ms; ///< when `looks` is due; UINT64_MAX: it is not active
  pool *all;         ///< that are not retired
  pool *watched;     ///< in no order
  pool *first_short, *last_short;
  struct starter *starters; ///< the starts under way
  uint32_t starting;        ///< how many
  uint32_t ready;           ///< instances that are ready, of all pools
  plugin_host host;         ///< of instances that are ready: they are in no call
  uint64_t busy_ms;         ///< when the loop was last found with something to do
} pool_keeper;

/// Makes what a worker's loop needs for pools. The loop is not running yet.
void pool_keeper_open(pool_keeper *self, struct worker *worker);

/// Closes what is on the loop. No pool is open any more.
void pool_keeper_close(pool_keeper *self);

/// Makes the pools of a lease, one for each function, and begins to fill them. False when memory is out.
UBIQ_NODISCARD bool pool_keeper_add(pool_keeper *self, struct lease *lease);

/// Lets the pools of a new lease begin with the demand that those of an older one have, by function.
void pool_keeper_inherit(pool_keeper *self, struct lease *lease, const struct lease *older);

/// Starts one instance that a lease misses, whether there is time for it or not. False: there is nothing to start or to wait for
/// any more, because all are there, there is no room for more, or what is missing could not be started.
bool pool_keeper_press(pool_keeper *self, struct lease *lease);

/// A lease is not used by new requests any more: its starts and ready instances end, and nothing of it is kept.
void pool_keeper_retire(pool_keeper *self, struct lease *lease);

/// Something of a pool has changed: watches it, and has it filled where it is short.
void pool_keeper_touch(pool_keeper *self, pool *pool);

/// Makes room for an instance in use where ready ones have taken all that is left.
void pool_keeper_make_room(pool_keeper *self);

/// The loop has polled and no run is ready: starts an instance if one is missing and there is time.
void pool_keeper_fill(pool_keeper *self);

#endif
