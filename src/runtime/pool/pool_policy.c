// The window is a ring of buckets, so that it takes the same room whatever the settings.
#include "runtime/pool/pool_policy.h"

#include <assert.h>

static uint64_t divide_up(uint64_t value, uint64_t by) {
  return value / by + (value % by != 0);
}

/// A bucket is an interval wide, or wider where the window would not fit: one bucket is for what is half gone.
static uint64_t bucket_ms(const pool_settings *settings) {
  uint64_t fitting_ms = divide_up(settings->idle_ms, POOL_WINDOW_BUCKETS - 1);
  assert(settings->interval_ms > 0);
  return fitting_ms > settings->interval_ms ? fitting_ms : settings->interval_ms;
}

void pool_window_add(pool_window *self, const pool_settings *settings, uint64_t now_ms, uint32_t busy_peak) {
  uint64_t bucket = now_ms / bucket_ms(settings);
  uint64_t passed = bucket > self->newest ? bucket - self->newest : 0;
  if (passed > POOL_WINDOW_BUCKETS) passed = POOL_WINDOW_BUCKETS;
  if (bucket > self->newest) self->newest = bucket;
  for (uint64_t i = 0; i < passed; i++) self->peaks[(bucket - i) % POOL_WINDOW_BUCKETS] = 0;
  uint32_t *peak = &self->peaks[self->newest % POOL_WINDOW_BUCKETS];
  if (busy_peak > *peak) *peak = busy_peak;
}

uint32_t pool_window_peak(const pool_window *self, const pool_settings *settings, uint64_t now_ms) {
  uint64_t width_ms = bucket_ms(settings), now = now_ms / width_ms;
  uint64_t reach = divide_up(settings->idle_ms, width_ms);
  uint64_t behind = now > self->newest ? now - self->newest : 0;
  uint32_t peak = 0;
  for (uint64_t i = 0; behind + i <= reach && i < POOL_WINDOW_BUCKETS && i <= self->newest; i++) {
    uint32_t found = self->peaks[(self->newest - i) % POOL_WINDOW_BUCKETS];
    if (found > peak) peak = found;
  }
  return peak;
}

uint32_t pool_aim(const pool_settings *settings, uint32_t demand) {
  uint64_t aim = divide_up((uint64_t)demand * (100 + settings->overprovision_percent), 100);
  if (aim > settings->max) aim = settings->max;
  return aim < settings->min ? settings->min : (uint32_t)aim;
}

void pool_scale_init(pool_scale *self, const pool_settings *settings) {
  *self = (pool_scale){.settings = settings, .target = pool_aim(settings, 0)};
}

uint32_t pool_scale_look(pool_scale *self, uint64_t now_ms) {
  pool_window_add(&self->window, self->settings, now_ms, self->busy_peak);
  self->busy_peak = self->busy;
  self->demand = pool_window_peak(&self->window, self->settings, now_ms);
  uint32_t aim = pool_aim(self->settings, self->demand), all = self->busy + self->ready + self->starting;
  self->target = aim < self->target ? aim + (self->target - aim) / 2 : aim;
  uint32_t surplus = all > self->target ? all - self->target : 0;
  return surplus < self->ready ? surplus : self->ready;
}

bool pool_scale_is_at_rest(const pool_scale *self) {
  return self->busy == 0 && self->busy_peak == 0 && self->demand == 0 && self->target == pool_aim(self->settings, 0) &&
         self->ready + self->starting <= self->target;
}
