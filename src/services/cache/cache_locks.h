// Who makes the values of missing keys, and who waits for them: the locks of one shard of the cache. cache.h says what a lock is.
//
// Not thread-safe: cache.c holds the shard's lock. Those that are told something are taken out here, and told when it is held no more.
#ifndef SERVICES_CACHE_CACHE_LOCKS_H
#define SERVICES_CACHE_CACHE_LOCKS_H

#include "services/cache/cache.h"

/// The right to make a key's value.
typedef struct held_lock {
  struct held_lock *next;
  char lock[CACHE_LOCK_SIZE];
  uint64_t until_ns;
  cache_waiter *waiters, **last; ///< in the order in which they came
  size_t key_size;
  char key[];
} held_lock;

/// Zeroed: there are none.
typedef struct cache_locks {
  held_lock *first;
  size_t count, waiters_count;
} cache_locks;

/// Those that were taken out of their lists, with what they are to be told. Begins with cache_told_begin.
typedef struct cache_told {
  cache_waiter *first, **last;
} cache_told;

static inline void cache_told_begin(cache_told *self) {
  *self = (cache_told){.last = &self->first};
}

/// Tells them. No lock is held.
void cache_told_tell(cache_told *self);

/// Where the pointer to a key's lock is, or the end of the list.
held_lock **cache_locks_find(cache_locks *self, text key);
/// A lock for a key that has none; NULL when too many are held, or memory is out.
held_lock *cache_locks_add(cache_locks *self, text key, uint64_t now_ns);
/// It is the waiter's now.
void cache_locks_give(held_lock *lock, cache_waiter *waiter, uint64_t now_ns);
/// One more waits for it; false when too many do.
UBIQ_NODISCARD bool cache_locks_wait(cache_locks *self, held_lock *lock, cache_waiter *waiter);
/// Takes one out that waits. False when it does not.
bool cache_locks_leave(cache_locks *self, cache_waiter *waiter);
/// A lock ended without a value: the first that waits has it now. False when nobody does, and it is gone.
bool cache_locks_pass_on(cache_locks *self, held_lock **at, uint64_t now_ns, cache_told *told);
/// The value is there: all that wait get it, and the lock is gone.
void cache_locks_hand_out(cache_locks *self, held_lock **at, cache_entry *entry, cache_told *told);
/// Takes out those that waited long enough, and passes on what was held too long; answers when to look again.
uint64_t cache_locks_look(cache_locks *self, uint64_t now_ns, cache_told *told);
/// Nobody waits any more.
void cache_locks_free(cache_locks *self);

#endif
