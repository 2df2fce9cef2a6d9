// How many instances of a function there should be: the arithmetic of pools, with no clock, thread or instance of its own.
//
// A pool's instances are *busy* (a run has them), *ready* (started, nobody has them) or *starting*. At every
// `interval_ms` the pool is looked at: the most instances that were busy at once since the last look is a sample, and
// the *demand* is the largest sample of the last `idle_ms`. What the pool then aims at, all its instances together, is
//
//     aim = ceil(demand x (1 + overprovision_percent / 100)), at least `min` and at most `max`
//
// so that aim - busy instances are ready before anybody asks for them. The *target*, which the pool is kept at between
// looks, grows to the aim at once: a pool grows at the first look after demand has grown, and before that where a run finds
// none ready and makes its own. It shrinks no sooner than `idle_ms` after demand has fallen, so that a burst which comes
// again within that time finds what the last one left; and then half of the way at each look, so that one which comes a
// little later finds some of it. Only ready instances are dropped. What a run used up, or what fell out for other reasons,
// is made anew as soon as there is time for it.
#ifndef RUNTIME_POOL_POOL_POLICY_H
#define RUNTIME_POOL_POOL_POLICY_H

#include "ubiq/base.h"

typedef struct pool_settings {
  uint32_t min;                   ///< instances that there always are
  uint32_t max;                   ///< instances that there are at most; runs beyond wait
  uint32_t overprovision_percent; ///< of instances above the demand
  uint64_t idle_ms;               ///< how long what is not needed is kept; not less than the interval
  uint64_t interval_ms;           ///< between looks; not 0
} pool_settings;

enum { POOL_MIN_MAX = 10000, POOL_MAX_MAX = 1000000, POOL_OVERPROVISION_MAX = 1000 };

static const pool_settings pool_settings_default = {
    .min = 2, .max = 1000, .overprovision_percent = 10, .idle_ms = 30 * 1000, .interval_ms = 1000};

/// The peaks of the last `idle_ms`, in as many buckets as there is room for. Zeroed: nobody was busy.
enum { POOL_WINDOW_BUCKETS = 64 };
typedef struct pool_window {
  uint64_t newest; ///< number of the newest bucket: its beginning, divided by a bucket's width
  uint32_t peaks[POOL_WINDOW_BUCKETS];
} pool_window;

/// Adds a sample. Time does not go back. A sample counts from now on for `idle_ms` at least, and for a bucket (an
/// interval, or a little more where `idle_ms` has more than POOL_WINDOW_BUCKETS of them) longer at most.
void pool_window_add(pool_window *self, const pool_settings *settings, uint64_t now_ms, uint32_t busy_peak);

/// The largest sample that counts at `now_ms`.
uint32_t pool_window_peak(const pool_window *self, const pool_settings *settings, uint64_t now_ms);

/// What the pool aims at for a demand.
uint32_t pool_aim(const pool_settings *settings, uint32_t demand);

/// A pool's numbers, kept by who has the instances. Begin with pool_scale_init.
typedef struct pool_scale {
  const pool_settings *settings; ///< borrowed
  pool_window window;
  uint32_t busy, ready, starting;
  uint32_t busy_peak; ///< the most that were busy at once since the last look
  uint32_t demand;    ///< at the last look
  uint32_t target;    ///< instances that it is kept at since the last look
} pool_scale;

void pool_scale_init(pool_scale *self, const pool_settings *settings);

/// A run gets an instance. True: one that was ready; false: it makes its own.
static inline bool pool_scale_take(pool_scale *self) {
  bool is_ready = self->ready > 0;
  self->ready -= is_ready;
  if (++self->busy > self->busy_peak) self->busy_peak = self->busy;
  return is_ready;
}

/// A run has ended. True: its instance, which `is_fit` to be used again, is kept ready; false: it ends.
static inline bool pool_scale_give_back(pool_scale *self, bool is_fit) {
  self->busy--;
  bool is_kept = is_fit && self->ready + self->busy + self->starting < self->settings->max;
  self->ready += is_kept;
  return is_kept;
}

/// How many instances are to be started now, so that the target is reached.
static inline uint32_t pool_scale_missing(const pool_scale *self) {
  uint32_t all = self->busy + self->ready + self->starting;
  return all < self->target ? self->target - all : 0;
}

/// Looks at the pool: sets demand and target. The result is how many ready instances are to be dropped, which who calls
/// takes from `ready`.
uint32_t pool_scale_look(pool_scale *self, uint64_t now_ms);

/// Whether nothing will change without a run: there is no need to look again before one comes.
bool pool_scale_is_at_rest(const pool_scale *self);

#endif
