// Whether too many of a new release's requests fail: judged over the last seconds, and not before there were enough of
// them. No clock and no thread of its own: whoever watches tells the time.
#ifndef RUNTIME_RELEASE_CANARY_H
#define RUNTIME_RELEASE_CANARY_H

#include "runtime/release/release_counts.h"

#include <stddef.h>

enum { CANARY_SAMPLES = 60 }; ///< of one window

typedef struct canary_rule {
  uint32_t failures_permille_max; ///< more is too many; 0: nothing is
  uint32_t requests_min;          ///< fewer within the window are not judged
  uint32_t window_s;              ///< from 1
} canary_rule;

typedef struct canary_sample {
  uint64_t at_ms;
  release_totals totals;
} canary_sample;

typedef struct canary {
  canary_rule rule;
  canary_sample samples[CANARY_SAMPLES]; ///< a ring; the window begins at the oldest
  size_t first, count;
  release_totals within; ///< the window, as of the last look
} canary;

/// Begins to watch; all totals begin at 0.
void canary_begin(canary *self, const canary_rule *rule, uint64_t now_ms);

/// Looks at what was counted until `now_ms`, which never goes back. True: too many fail; `within` says how many.
bool canary_look(canary *self, uint64_t now_ms, release_totals totals);

#endif
