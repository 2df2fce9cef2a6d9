// Shards, each with a lock, and who waits for values that others make.
//
// LOCKS: a shard's `lock` guards the shard and its locks; `keeper_lock` guards when the keeper looks next, and is taken alone or inside
// of a shard's. Waiters are told with no lock held.
#include "services/cache/cache.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/thread.h"
#include "services/cache/cache_locks.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHARDS_MAX = 64, SHARD_BYTES_MIN = 4 << 20, NUMBER_SIZE = 24 };

#define NUMBER_MAX INT64_C(9007199254740991) ///< 2^53 - 1

typedef struct locked_shard {
  pthread_mutex_t lock;
  cache_shard shard;
  cache_locks locks;
} locked_shard;

struct cache {
  uint64_t (*now_ns)(void);
  size_t shards_count; ///< a power of two
  pthread_mutex_t keeper_lock;
  pthread_cond_t keeper_changed; ///< on the monotonic clock
  pthread_t keeper;
  bool has_keeper, is_ending;
  uint64_t look_at_ns; ///< when somebody has waited long enough, or held a lock too long; UINT64_MAX: nobody waits
  locked_shard shards[];
};

// ----------------------------------------------------------------------------------------------------------- the keeper

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static void look_at_all(cache *self) {
  uint64_t now_ns = self->now_ns(), next_ns = UINT64_MAX;
  cache_told told;
  cache_told_begin(&told);
  for (size_t i = 0; i < self->shards_count; i++) {
    pthread_mutex_lock(&self->shards[i].lock);
    next_ns = least(next_ns, cache_locks_look(&self->shards[i].locks, now_ns, &told));
    pthread_mutex_unlock(&self->shards[i].lock);
  }
  pthread_mutex_lock(&self->keeper_lock);
  self->look_at_ns = least(self->look_at_ns, next_ns);
  pthread_mutex_unlock(&self->keeper_lock);
  cache_told_tell(&told);
}

static void *keep(void *user) {
  cache *self = user;
  pthread_mutex_lock(&self->keeper_lock);
  while (!self->is_ending) {
    uint64_t now_ns = self->now_ns(), at_ns = self->look_at_ns;
    if (at_ns == UINT64_MAX) {
      pthread_cond_wait(&self->keeper_changed, &self->keeper_lock);
    } else if (at_ns > now_ns) {
      const uint64_t until_ns = clock_monotonic_ns() + (at_ns - now_ns);
      const struct timespec until = {(time_t)(until_ns / CLOCK_NS_PER_SECOND), (long)(until_ns % CLOCK_NS_PER_SECOND)};
      pthread_cond_timedwait(&self->keeper_changed, &self->keeper_lock, &until);
    } else {
      self->look_at_ns = UINT64_MAX;
      pthread_mutex_unlock(&self->keeper_lock);
      look_at_all(self);
      pthread_mutex_lock(&self->keeper_lock);
    }
  }
  pthread_mutex_unlock(&self->keeper_lock);
  return NULL;
}

/// Has the keeper look then. It is started when first somebody waits; false when it cannot be.
static bool look_then(cache *self, uint64_t at_ns) {
  pthread_mutex_lock(&self->keeper_lock);
  if (!self->has_keeper) self->has_keeper = thread_start(&self->keeper, NULL, keep, self) == 0;
  bool is_earlier = at_ns < self->look_at_ns;
  if (is_earlier) self->look_at_ns = at_ns;
  bool good = self->has_keeper;
  pthread_mutex_unlock(&self->keeper_lock);
  if (good && is_earlier) pthread_cond_signal(&self->keeper_changed);
  return good;
}

// ---------------------------------------------------------------------------------------------------------- operations

static locked_shard *shard_of(cache *self, uint64_t hash) {
  return &self->shards[(hash >> 48) & (self->shards_count - 1)];
}

static uint64_t hash_of(text key) {
  return digest_short(key.data, key.size);
}

static uint64_t expiry(uint64_t now_ns, uint64_t ttl_ms) {
  return ttl_ms == 0 ? UINT64_MAX : now_ns + ttl_ms * CLOCK_NS_PER_MS;
}

cache_owner cache_owner_of(text name) {
  return (cache_owner)(hash_of(name) % CACHE_OWNERS);
}

cache_entry *cache_get(cache *self, text key) {
  uint64_t hash = hash_of(key), now_ns = self->now_ns();
  locked_shard *shard = shard_of(self, hash);
  pthread_mutex_lock(&shard->lock);
  cache_entry *entry = cache_shard_find(&shard->shard, key, hash, now_ns, true);
  if (entry != NULL) cache_entry_hold(entry);
  pthread_mutex_unlock(&shard->lock);
  return entry;
}

ubiq_error *cache_put(cache *self, text key, cache_owner owner, text media_type, ubiq_bytes value, uint64_t ttl_ms,
                      text lock) {
  uint64_t hash = hash_of(key), now_ns = self->now_ns();
  locked_shard *shard = shard_of(self, hash);
  cache_entry *entry = cache_entry_new(key, hash, owner, media_type, value, expiry(now_ns, ttl_ms));
  if (entry == NULL) return ubiq_error_no_memory();
  if (cache_entry_size(entry) > shard->shard.bytes_max) {
    cache_entry_release(entry);
    return ubiq_error_new(UBIQ_TOO_LARGE, "the value has %zu bytes, more than the cache has room for", value.size);
  }
  cache_told told;
  cache_told_begin(&told);
  pthread_mutex_lock(&shard->lock);
  held_lock **held = cache_locks_find(&shard->locks, key);
  bool is_allowed =
      lock.size == 0 || (*held != NULL && (*held)->until_ns > now_ns && text_equal_string(lock, (*held)->lock));
  if (is_allowed && *held != NULL) cache_locks_hand_out(&shard->locks, held, entry, &told);
  if (is_allowed) cache_shard_put(&shard->shard, entry, now_ns);
  pthread_mutex_unlock(&shard->lock);
  if (!is_allowed) cache_entry_release(entry);
  cache_told_tell(&told);
  return is_allowed ? NULL : ubiq_error_new(UBIQ_CONFLICT, "the lock is not held any more; nothing was put");
}

void cache_remove(cache *self, text key) {
  uint64_t hash = hash_of(key), now_ns = self->now_ns();
  locked_shard *shard = shard_of(self, hash);
  cache_told told;
  cache_told_begin(&told);
  pthread_mutex_lock(&shard->lock);
  cache_shard_remove(&shard->shard, key, hash, now_ns);
  held_lock **held = cache_locks_find(&shard->locks, key);
  bool is_passed_on = *held != NULL && cache_locks_pass_on(&shard->locks, held, now_ns, &told);
  if (is_passed_on && (*held)->waiters != NULL) (void)look_then(self, (*held)->until_ns); // the keeper runs: they wait
  pthread_mutex_unlock(&shard->lock);
  cache_told_tell(&told);
}

static bool read_number(const cache_entry *entry, int64_t *number) {
  char digits[NUMBER_SIZE] = "", *end;
  const ubiq_bytes value = cache_entry_value(entry);
  if (entry->media_type_size > 0 || value.size == 0 || value.size >= sizeof digits) return false;
  memcpy(digits, value.data, value.size);
  *number = strtoll(digits, &end, 10);
  return *end == '\0' && *number <= NUMBER_MAX && *number >= -NUMBER_MAX;
}

/// With the shard's lock. A key that is missing has a value now: who waits for it gets that.
static ubiq_error *increment(locked_shard *shard, text key, uint64_t hash, cache_owner owner, int64_t by,
                             uint64_t expires_ns, uint64_t now_ns, int64_t *number, cache_told *told) {
  char digits[NUMBER_SIZE];
  const cache_entry *old = cache_shard_find(&shard->shard, key, hash, now_ns, true);
  *number = 0;
  if (old != NULL && !read_number(old, number))
    return ubiq_error_new(UBIQ_CONFLICT, "the entry is not an integer of JSON, from -(2^53 - 1) to 2^53 - 1");
  if (__builtin_add_overflow(*number, by, number) || *number > NUMBER_MAX || *number < -NUMBER_MAX)
    return ubiq_error_new(UBIQ_CONFLICT, "the entry would pass 2^53 - 1, or its opposite");
  int size = snprintf(digits, sizeof digits, "%" PRId64, *number);
  cache_entry *entry =
      cache_entry_new(key, hash, owner, (text){NULL, 0}, (ubiq_bytes){(const uint8_t *)digits, (size_t)size},
                      old == NULL ? expires_ns : old->expires_ns);
  if (entry == NULL) return ubiq_error_no_memory();
  held_lock **held = cache_locks_find(&shard->locks, key);
  if (*held != NULL) cache_locks_hand_out(&shard->locks, held, entry, told);
  cache_shard_put(&shard->shard, entry, now_ns);
  return NULL;
}

ubiq_error *cache_increment(cache *self, text key, cache_owner owner, int64_t by, uint64_t ttl_ms, int64_t *number) {
  uint64_t hash = hash_of(key), now_ns = self->now_ns();
  locked_shard *shard = shard_of(self, hash);
  cache_told told;
  cache_told_begin(&told);
  pthread_mutex_lock(&shard->lock);
  ubiq_error *error = increment(shard, key, hash, owner, by, expiry(now_ns, ttl_ms), now_ns, number, &told);
  pthread_mutex_unlock(&shard->lock);
  cache_told_tell(&told);
  return error;
}

// ----------------------------------------------------------------------------------------------------------- get or lock

/// With the shard's lock.
static cache_outcome ask(cache *self, locked_shard *shard, cache_waiter *waiter, uint64_t hash, uint64_t now_ns) {
  cache_entry *entry = cache_shard_find(&shard->shard, waiter->key, hash, now_ns, true);
  if (entry != NULL) {
    waiter->entry = cache_entry_hold(entry);
    return CACHE_FOUND;
  }
  held_lock *held = *cache_locks_find(&shard->locks, waiter->key);
  bool is_free = held == NULL || (held->until_ns <= now_ns && held->waiters == NULL);
  if (is_free) {
    if (held == NULL) held = cache_locks_add(&shard->locks, waiter->key, now_ns);
    if (held == NULL) return CACHE_FULL;
    cache_locks_give(held, waiter, now_ns);
    return CACHE_LOCKED;
  }
  if (waiter->wait_ms == 0) return CACHE_TAKEN;
  waiter->until_ns = now_ns + waiter->wait_ms * CLOCK_NS_PER_MS;
  if (!look_then(self, least(waiter->until_ns, held->until_ns)) || !cache_locks_wait(&shard->locks, held, waiter))
    return CACHE_FULL;
  return CACHE_WAITING;
}

cache_outcome cache_lock(cache *self, cache_waiter *waiter) {
  uint64_t hash = hash_of(waiter->key);
  locked_shard *shard = shard_of(self, hash);
  waiter->entry = NULL;
  waiter->lock[0] = '\0';
  waiter->next = NULL;
  pthread_mutex_lock(&shard->lock);
  cache_outcome outcome = ask(self, shard, waiter, hash, self->now_ns());
  pthread_mutex_unlock(&shard->lock);
  return outcome;
}

bool cache_stop_waiting(cache *self, cache_waiter *waiter) {
  locked_shard *shard = shard_of(self, hash_of(waiter->key));
  pthread_mutex_lock(&shard->lock);
  bool is_there = cache_locks_leave(&shard->locks, waiter);
  pthread_mutex_unlock(&shard->lock);
  return is_there;
}

// ---------------------------------------------------------------------------------------------------- beginning and end

void cache_count(cache *self, cache_counts *out) {
  *out = (cache_counts){0};
  for (size_t i = 0; i < self->shards_count; i++) {
    pthread_mutex_lock(&self->shards[i].lock);
    const cache_counts *counts = &self->shards[i].shard.counts;
    out->hits += counts->hits;
    out->misses += counts->misses;
    out->evicted += counts->evicted;
    out->expired += counts->expired;
    out->entries += counts->entries;
    out->bytes += counts->bytes;
    pthread_mutex_unlock(&self->shards[i].lock);
  }
}

cache *cache_new(size_t bytes_max, uint64_t (*now_ns)(void)) {
  size_t count = 1;
  while (count < SHARDS_MAX && bytes_max / (count * 2) >= SHARD_BYTES_MIN) count *= 2;
  cache *self = calloc(1, sizeof *self + count * sizeof self->shards[0]);
  if (self == NULL) return NULL;
  self->now_ns = now_ns == NULL ? clock_monotonic_ns : now_ns;
  self->look_at_ns = UINT64_MAX;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&self->keeper_changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&self->keeper_lock, NULL);
  for (; self->shards_count < count; self->shards_count++) {
    locked_shard *shard = &self->shards[self->shards_count];
    if (!cache_shard_init(&shard->shard, bytes_max / count)) {
      cache_delete(self);
      return NULL;
    }
    pthread_mutex_init(&shard->lock, NULL);
  }
  return self;
}

void cache_delete(cache *self) {
  if (self == NULL) return;
  pthread_mutex_lock(&self->keeper_lock);
  self->is_ending = true;
  pthread_mutex_unlock(&self->keeper_lock);
  pthread_cond_signal(&self->keeper_changed);
  if (self->has_keeper) pthread_join(self->keeper, NULL);
  for (size_t i = 0; i < self->shards_count; i++) {
    cache_locks_free(&self->shards[i].locks);
    cache_shard_free(&self->shards[i].shard);
    pthread_mutex_destroy(&self->shards[i].lock);
  }
  pthread_cond_destroy(&self->keeper_changed);
  pthread_mutex_destroy(&self->keeper_lock);
  free(self);
}
