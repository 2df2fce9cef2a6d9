// How values are spread: counts of those up to each of some bounds, which never change. One thread writes, any reads.
#ifndef RUNTIME_TELEMETRY_HISTOGRAM_H
#define RUNTIME_TELEMETRY_HISTOGRAM_H

#include "ubiq/base.h"

#include <stdatomic.h>

enum { HISTOGRAM_BOUNDS_MAX = 18 };

/// The bounds of a kind of values, in order.
typedef struct histogram_bounds {
  size_t count;
  uint64_t values[HISTOGRAM_BOUNDS_MAX];
  uint64_t unit; ///< so many of a value are one of what is shown: 10^9 where nanoseconds are shown as seconds
} histogram_bounds;

extern const histogram_bounds histogram_times;       ///< in nanoseconds: 50 µs to 30 s
extern const histogram_bounds histogram_short_times; ///< in nanoseconds: 1 µs to 30 s
extern const histogram_bounds histogram_sizes;       ///< in bytes: 256 B to 1 GiB

/// Zeroed: nothing was counted.
typedef struct histogram {
  _Atomic uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1]; ///< the last: above all bounds
  _Atomic uint64_t sum;
} histogram;

/// The same, for one thread, and of any number of histograms.
typedef struct histogram_total {
  uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1];
  uint64_t sum;
} histogram_total;

/// The histogram's own thread only.
void histogram_add(histogram *self, const histogram_bounds *bounds, uint64_t value);

/// Adds what a histogram has counted so far. Any thread.
void histogram_sum(const histogram *self, histogram_total *total);

#endif
