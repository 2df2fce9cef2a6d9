// A pool: the instances of one function on one worker. What is ready, what a run gets, and what becomes of it afterwards;
// how many there should be is pool_policy.h's to say, and when to start and drop them pool_keeper.h's.
//
// The worker's thread only, but for the numbers (pool_gauges.h).
#ifndef RUNTIME_POOL_POOL_H
#define RUNTIME_POOL_POOL_H

#include "runtime/pool/function_pool.h"
#include "runtime/pool/instance.h"

typedef struct pool {
  const function_pool *shared; ///< with the pools of other workers; borrowed
  pool_settings settings;      ///< the worker's share of `shared`
  pool_scale scale;
  pool_gauges *gauges;
  instance *newest, *oldest; ///< the ready ones; the newest is used first
  instance *pinned;          ///< that pool_admit took for the run which has the function's only place
  bool has_claimed;          ///< a start of this worker makes the pinned instance
  bool is_closed;            ///< nothing is kept any more

  uint32_t *all_ready; ///< counts the ready ones of all pools that share their places; borrowed

  // For pool_keeper.h.
  const struct function *function;
  struct lease *lease;       ///< that it belongs to
  struct pool *next;         ///< of all that are not retired
  struct pool *next_watched; ///< in the list of those that are looked at
  struct pool *next_short;   ///< in the list of those that miss instances
  bool is_watched, is_short; ///< in these lists
  uint64_t look_ms;          ///< while it is watched: when next; the loop's clock
  uint64_t retry_ms;         ///< no start ahead before that; 0: none has failed since the last that went well
  uint32_t failures;         ///< starts ahead that failed, in a row
} pool;

/// A worker's part of a number that workers share, rounded up.
static inline uint32_t pool_share_of(uint32_t total, unsigned workers) {
  return total / workers + (total % workers != 0);
}

/// A worker's part of a function's pool: `min` and `max` are shared out, rounded up.
pool_settings pool_share(const pool_settings *settings, unsigned workers);

/// Makes an empty pool of worker number `worker` of `workers` in zeroed memory; `shared` and `all_ready` are borrowed. False when
/// memory is out.
UBIQ_NODISCARD bool pool_open(pool *self, const function_pool *shared, unsigned worker, unsigned workers,
                              uint32_t *all_ready);

/// Takes the demand over that another pool of the same function has seen, so that as much is made ready.
void pool_inherit(pool *self, const pool *from, uint64_t now_ms);

/// From now on nothing is kept: ready instances end.
void pool_close(pool *self);

/// Whether a run may have an instance now. Errors: `unavailable` for that of a pinned function which was lost, and is not yet
/// to be started again; its detail is in how many seconds it may be worth another try. Not an error: the run has the
/// pinned instance, when there is one, and pool_take answers it.
ubiq_error *pool_admit(pool *self, uint64_t now_ms);

/// An instance for a run: the one that became ready last, and is not too old. NULL: the run makes its own. Either way the
/// run is busy until pool_give_back.
instance *pool_take(pool *self, uint64_t now_ms);

/// A run has an instance, one it made or was given, and is done with it: it is kept for the next if the function's lifetime
/// is such and it is fit, or ended. `instance` is NULL where the run's plugin was made without one. `plugin` may be NULL.
void pool_give_back(pool *self, instance *instance, plugin *plugin, uint64_t now_ms);

/// Keeps an instance that was started ahead.
void pool_add_started(pool *self, instance *instance);

/// Whether an instance is to be started now.
bool pool_is_short(const pool *self, uint64_t now_ms);

/// Whether a start of this worker may make the pinned instance now; it is the start's then.
bool pool_claim_pinned(pool *self, uint64_t now_ms);

/// Says that the pinned instance, if it was this pool's to start, is lost: it is started again when its time has come.
void pool_lose_claimed(pool *self, uint64_t now_ms);

/// Ends ready instances, the oldest first, as many as `count`.
void pool_drop(pool *self, uint32_t count, pool_end why);

/// Tells others the pool's numbers.
void pool_publish(pool *self);

#endif
