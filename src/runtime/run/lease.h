// A lease: a release as one worker uses it. The worker's runs are counted here without atomics, and each function of the
// release has the worker's lane for it. The worker's thread only.
#ifndef RUNTIME_RUN_LEASE_H
#define RUNTIME_RUN_LEASE_H

#include "runtime/pool/pool.h"
#include "runtime/release/release.h"
#include "runtime/run/lane.h"

typedef struct lease {
  release *release;
  size_t holders; ///< requests under way, and the worker while it is the current one
  pool *pools;    ///< as many as the release has functions, in its order; made and retired by the worker's pool_keeper
  lane *lanes[];  ///< as many as the release has functions, in its order
} lease;

/// A lease with one holder; `release` gets one more owner. `lanes` are the worker's. NULL when memory is out.
lease *lease_new(release *release, lanes *lanes);

/// One holder less; the last ends it.
void lease_let_go(lease *self);

/// The lane of a function of the lease's release.
static inline lane *lease_lane(const lease *self, const function *function) {
  return self->lanes[function - self->release->functions];
}

/// The pool of a function of the lease's release.
static inline pool *lease_pool(const lease *self, const function *function) {
  return &self->pools[function - self->release->functions];
}

#endif
