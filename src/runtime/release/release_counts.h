// How the requests to a release ended. Each worker counts in a place of its own, so that none waits for another; whoever
// reads adds the places up.
#ifndef RUNTIME_RELEASE_RELEASE_COUNTS_H
#define RUNTIME_RELEASE_RELEASE_COUNTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { RELEASE_COUNTS_PLACES = 64 }; ///< of more workers, some share one

/// Zeroed: none were counted.
typedef struct release_counts {
  struct {
    atomic_ullong requests, failures;
    char padding[48]; ///< a cache line for each
  } places[RELEASE_COUNTS_PLACES];
} release_counts;

typedef struct release_totals {
  uint64_t requests; ///< that a function answered, well or not
  uint64_t failures; ///< those of them that ended with an error of the function's or the host's
} release_totals;

/// Counts a request that has ended, on worker number `worker`.
static inline void release_counts_add(release_counts *self, unsigned worker, bool has_failed) {
  unsigned place = worker % RELEASE_COUNTS_PLACES;
  atomic_fetch_add_explicit(&self->places[place].requests, 1, memory_order_relaxed);
  if (has_failed) atomic_fetch_add_explicit(&self->places[place].failures, 1, memory_order_relaxed);
}

/// Any thread. What is counted meanwhile may be missing.
release_totals release_counts_sum(const release_counts *self);

#endif
