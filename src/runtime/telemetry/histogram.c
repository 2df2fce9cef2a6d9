#include "runtime/telemetry/histogram.h"

#include "base/clock.h"
#include "base/counter.h"

#define US UINT64_C(1000)
#define MS CLOCK_NS_PER_MS
#define S  CLOCK_NS_PER_SECOND
#define KI UINT64_C(1024)
#define MI (KI * KI)

const histogram_bounds histogram_times = {18,
                                          {50 * US, 100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS,
                                           25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S, 2500 * MS, 5 * S,
                                           10 * S, 30 * S},
                                          S};

const histogram_bounds histogram_short_times = {18,
                                                {1 * US, 2500, 5 * US, 10 * US, 25 * US, 50 * US, 100 * US, 250 * US,
                                                 500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS, 50 * MS, 250 * MS, 1 * S,
                                                 5 * S, 30 * S},
                                                S};

const histogram_bounds histogram_sizes = {
    12, {256, KI, 4 * KI, 16 * KI, 64 * KI, 256 * KI, MI, 4 * MI, 16 * MI, 64 * MI, 256 * MI, 1024 * MI}, 1};

void histogram_add(histogram *self, const histogram_bounds *bounds, uint64_t value) {
  size_t at = 0;
  while (at < bounds->count && value > bounds->values[at]) at++;
  counter_add(&self->counts[at < bounds->count ? at : HISTOGRAM_BOUNDS_MAX], 1);
  counter_add(&self->sum, value);
}

void histogram_sum(const histogram *self, histogram_total *total) {
  for (size_t i = 0; i <= HISTOGRAM_BOUNDS_MAX; i++) total->counts[i] += counter_read(&self->counts[i]);
  total->sum += counter_read(&self->sum);
}
