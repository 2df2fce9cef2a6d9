// A quota: a number of something that the workers of a process have together (runs at once, requests that wait), split among
// them so that each counts for itself. None of them ever has more than all may have.
//
// DESIGN: each worker holds a share that it takes from and gives back to without atomics. A share that is used up grows by
// what nobody holds (`spare`). What a worker held and did not use for a second goes back there (quota_share_settle).
// When a share is used up and nothing is spare, its worker is *short*: from then on the others give up what they are
// given back, as long as they hold more than is fair by what each wants, and the short worker is told that this is for it.
//
// LOCKS: none; shares are their workers', the rest is atomics, which are touched where a share runs out or somebody is short.
#ifndef RUNTIME_LIMITS_QUOTA_H
#define RUNTIME_LIMITS_QUOTA_H

#include "ubiq/base.h"

typedef struct quota quota;

/// Called, on any worker's thread, when there may be something for a worker that was short.
typedef void (*quota_tell)(void *user, unsigned worker);

/// A quota of `total` for workers 0 to `workers` - 1. NULL when memory is out. The caller's, for quota_delete.
quota *quota_new(unsigned workers, uint32_t total, quota_tell tell, void *user);
void quota_delete(quota *self);

/// Sets the total anew. What is used beyond a smaller one is not taken away, but not given out again. Any thread.
void quota_set_total(quota *self, uint32_t total);
uint32_t quota_total(const quota *self);

/// One worker's share; its thread only. Begin with {.quota = ..., .worker = ...}; it holds nothing.
typedef struct quota_share {
  quota *quota;
  unsigned worker;
  uint32_t held;  ///< of the total, by this worker
  uint32_t used;  ///< of those; at most `held`
  uint32_t peak;  ///< the most that were used at once since it was settled
  bool is_short;  ///< as the others see it
  bool has_asked; ///< the others may count on what it said that it wants
} quota_share;

/// The rest of quota_take, where the share is used up. What is spare is left to others that are short, unless this worker was
/// told, or has less than is fair.
bool quota_take_spare(quota_share *share);

/// Takes one. False: there is none now, and this worker is short until it takes one or is settled.
static inline bool quota_take(quota_share *share) {
  if (share->used == share->held && !quota_take_spare(share)) return false;
  if (++share->used > share->peak) share->peak = share->used;
  return true;
}

/// Gives one back. `wanted` is how many the worker wants altogether, those included that it uses.
void quota_give_back(quota_share *share, uint32_t wanted);

/// To be called once a second: says what the worker wants, and gives up what it did not use. It is no longer short.
void quota_share_settle(quota_share *share, uint32_t wanted);

/// To be called when this worker was told: if nobody here wants what it was told of, the next is told. True: it was for this
/// share, and with `wanted` above what is used it is to be taken now.
bool quota_share_was_told(quota_share *share, uint32_t wanted);

/// Gives everything up; nothing is used any more.
void quota_share_end(quota_share *share);

#endif
