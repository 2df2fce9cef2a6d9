/// A function's pool under a load, on a clock of its own: what tests assert and what bench/pool_load prints for the plot.
///
/// Each step of 100 ms ends the runs of the one before and begins as many as the load says. An instance serves one run. In
/// between there is time to start instances, at most `starts_per_step`.
#ifndef UBIQ_TEST_POOL_SIMULATION_H
#define UBIQ_TEST_POOL_SIMULATION_H

#include "runtime/pool/pool_policy.h"

enum { SIMULATION_STEP_MS = 100, SIMULATION_STEPS_PER_SECOND = 10 };

/// Runs at once, at a time.
typedef uint32_t (*simulation_load)(uint64_t now_ms);

typedef struct simulation {
  pool_scale scale;
  simulation_load load;
  uint32_t starts_per_step;
  uint64_t now_ms;  ///< of the last step
  uint64_t look_ms; ///< of the next look
  uint32_t cold;    ///< runs of the second that found no instance ready
  uint32_t dropped; ///< ready instances that were given up in the second
} simulation;

static inline void simulation_init(simulation *self, const pool_settings *settings, simulation_load load) {
  *self = (simulation){.load = load, .starts_per_step = UINT32_MAX, .look_ms = settings->interval_ms};
  pool_scale_init(&self->scale, settings);
}

static inline void simulation_step(simulation *self) {
  pool_scale *scale = &self->scale;
  self->now_ms += SIMULATION_STEP_MS;
  while (scale->busy > 0) pool_scale_give_back(scale, false);
  uint32_t missing = pool_scale_missing(scale);
  scale->ready += missing < self->starts_per_step ? missing : self->starts_per_step;
  uint32_t load = self->load(self->now_ms);
  for (uint32_t i = 0; i < load; i++) self->cold += !pool_scale_take(scale);
  if (self->now_ms < self->look_ms) return;
  uint32_t dropped = pool_scale_look(scale, self->now_ms);
  scale->ready -= dropped;
  self->dropped += dropped;
  self->look_ms += scale->settings->interval_ms;
}

/// A second: all its steps. What `cold` and `dropped` count begins anew.
static inline void simulation_second(simulation *self) {
  self->cold = self->dropped = 0;
  for (int i = 0; i < SIMULATION_STEPS_PER_SECOND; i++) simulation_step(self);
}

// The loads.

/// Nothing, then 100 from second 10 on, then 5 from second 40 on.
static inline uint32_t simulation_load_step(uint64_t now_ms) {
  return now_ms <= 10000 ? 0 : now_ms <= 40000 ? 100 : 5;
}

/// From nothing to 100 within a minute, and back within another.
static inline uint32_t simulation_load_ramp(uint64_t now_ms) {
  uint64_t at = now_ms <= 60000 ? now_ms : now_ms <= 120000 ? 120000 - now_ms : 0;
  return (uint32_t)(at / 600);
}

/// 10, and for half a second at seconds 20, 35 and 90, 200.
static inline uint32_t simulation_load_spike(uint64_t now_ms) {
  static const uint64_t at_ms[] = {20000, 35000, 90000};
  for (int i = 0; i < 3; i++)
    if (now_ms > at_ms[i] && now_ms <= at_ms[i] + 500) return 200;
  return 10;
}

/// Up to 100 and down at once, every 20 seconds, until second 80.
static inline uint32_t simulation_load_sawtooth(uint64_t now_ms) {
  return now_ms <= 80000 ? (uint32_t)(now_ms % 20000 / 200) : 0;
}

#endif
