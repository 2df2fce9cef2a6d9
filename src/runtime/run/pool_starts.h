// Starts of instances ahead of runs; for pool_keeper.c, which says when. A start is a run without an answer: it has the
// function's limits, its place and its share of the worker's time, and may wait. The worker's thread only.
#ifndef RUNTIME_RUN_POOL_STARTS_H
#define RUNTIME_RUN_POOL_STARTS_H

#include "runtime/run/pool_keeper.h"

/// Starts an instance of a pool, which is touched (pool_keeper_touch) when that is over, be it before this returns. One
/// that fails is tried again later, and each time later than before, up to a minute.
void pool_starts_begin(pool_keeper *self, pool *pool);

/// Whether an instance of a lease is being started.
bool pool_starts_has(const pool_keeper *self, const struct lease *lease);

/// Ends the starts of a lease whose pools are closed.
void pool_starts_cancel(pool_keeper *self, const struct lease *lease);

#endif
