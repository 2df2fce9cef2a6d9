// The cache of a process: values in memory, as many as fit, each for a time. Nothing in it lasts.
//
// Any thread, everything here. A shard's lock is held for a look or a change and never while a value is copied.
//
// A lock (get-or-lock) is the right to make a value that is missing. It is held for a time at most; a put gives it back, as does
// a put or a count of somebody without it, and those that wait for the value get it then. Who deletes the key, or is too late, ends
// the lock without a value: the first that waits has it then. A put with a lock that ended is refused, so that what was read before
// a key was deleted is not put after it.
#ifndef SERVICES_CACHE_CACHE_H
#define SERVICES_CACHE_CACHE_H

#include "services/cache/cache_shard.h"
#include "ubiq/error.h"

typedef struct cache cache;

enum {
  CACHE_BYTES_DEFAULT = 64 << 20,
  CACHE_VALUE_MAX = 1 << 20, ///< bytes
  CACHE_KEY_MAX = 1024,      ///< bytes of a key with what it is put behind
  CACHE_LOCK_SIZE = 33,      ///< bytes of a lock's text, its NUL included
  CACHE_LOCKS_MAX = 256,     ///< held at once, and
  CACHE_WAITERS_MAX = 4096,  ///< waiting, in each shard
};

/// `now_ns` is the monotonic clock; NULL: the machine's. NULL when memory is out.
UBIQ_NODISCARD cache *cache_new(size_t bytes_max, uint64_t (*now_ns)(void));
/// Nobody waits any more. NULL is allowed.
void cache_delete(cache *self);

/// A key's entry, held for the caller (cache_entry_release), or NULL.
cache_entry *cache_get(cache *self, text key);

/// Who puts or counts, by a name that is its own.
cache_owner cache_owner_of(text name);

/// Puts a value for `ttl_ms`, 0: as long as there is room. `lock` is that of cache_lock, or empty. Errors: `too_large`;
/// `conflict` when the lock is not held any more.
ubiq_error *cache_put(cache *self, text key, cache_owner owner, text media_type, ubiq_bytes value, uint64_t ttl_ms,
                      text lock);

/// Deletes a key, and ends its lock.
void cache_remove(cache *self, text key);

/// Adds to a JSON integer, which is 0 when it is not there; then it is kept for `ttl_ms`, and ends the key's lock as a put does
/// that has none. Errors: `conflict` when it is none, or would pass what JSON keeps exact.
ubiq_error *cache_increment(cache *self, text key, cache_owner owner, int64_t by, uint64_t ttl_ms, int64_t *number);

typedef enum cache_outcome {
  CACHE_FOUND,   ///< `entry`
  CACHE_LOCKED,  ///< the caller has the lock now: `lock`
  CACHE_TAKEN,   ///< another has it, and `wait_ms` is over
  CACHE_WAITING, ///< `done` will tell
  CACHE_FULL,    ///< too many locks are held, or too many wait
} cache_outcome;

/// Somebody who asks for a value or the right to make it. The caller's until it is told; what it points to as well.
typedef struct cache_waiter {
  text key;
  uint64_t hold_ms; ///< of the lock
  uint64_t wait_ms; ///< 0: do not wait
  /// On any thread, once, when cache_lock answered CACHE_WAITING; with another outcome than that.
  void (*done)(struct cache_waiter *self, cache_outcome outcome);
  void *user;
  // The answer.
  cache_entry *entry; ///< held for the caller
  char lock[CACHE_LOCK_SIZE];
  // The cache's.
  uint64_t until_ns;
  struct cache_waiter *next;
} cache_waiter;

cache_outcome cache_lock(cache *self, cache_waiter *waiter);
/// Takes back one that waits. True: it will not be told; false: it is told, or was.
bool cache_stop_waiting(cache *self, cache_waiter *waiter);

void cache_count(cache *self, cache_counts *out);

#endif
