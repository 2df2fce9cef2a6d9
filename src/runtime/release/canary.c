// Totals of some moments within the window: what came since the oldest is the totals now less those then.
#include "runtime/release/canary.h"

void canary_begin(canary *self, const canary_rule *rule, uint64_t now_ms) {
  *self = (canary){.rule = *rule, .samples = {{.at_ms = now_ms}}, .count = 1};
}

static canary_sample *sample_at(canary *self, size_t index) {
  return &self->samples[(self->first + index) % CANARY_SAMPLES];
}

/// Lets go of the oldest while the next one begins the window as well.
static void forget_old(canary *self, uint64_t now_ms) {
  uint64_t window_ms = (uint64_t)self->rule.window_s * 1000;
  while (self->count > 1 && now_ms - sample_at(self, 1)->at_ms >= window_ms) {
    self->first = (self->first + 1) % CANARY_SAMPLES;
    self->count--;
  }
}

/// The samples divide the window evenly, so that it is never much longer than it should be.
static void remember(canary *self, uint64_t now_ms, release_totals totals) {
  uint64_t step_ms = (uint64_t)self->rule.window_s * 1000 / (CANARY_SAMPLES - 2);
  if (self->count == CANARY_SAMPLES || now_ms - sample_at(self, self->count - 1)->at_ms < step_ms) return;
  *sample_at(self, self->count) = (canary_sample){now_ms, totals};
  self->count++;
}

bool canary_look(canary *self, uint64_t now_ms, release_totals totals) {
  forget_old(self, now_ms);
  const canary_sample *oldest = sample_at(self, 0);
  self->within = (release_totals){totals.requests - oldest->totals.requests, totals.failures - oldest->totals.failures};
  remember(self, now_ms, totals);
  return self->rule.failures_permille_max > 0 && self->within.requests >= self->rule.requests_min &&
         self->within.failures * 1000 > self->within.requests * self->rule.failures_permille_max;
}
