// Shards, each with a lock, and who waits for values that others make.
//
// LOCKS: a shard's `lock` guards the shard and its locks; `keeper_lock` guards when the keeper looks next, and is taken alone or inside
// of a shard's. Waiters are told with no lock held.
#include "services/cache.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/thread.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHARDS_MAX = 64, SHARD_BYTES_MIN = 4 << 20, NUMBER_SIZE = 24 };

#define NUMBER_MAX INT64_C(9007199254740991) ///< 2^53 - 1

/// The right to make a key's value.
typedef struct held_lock {
  struct held_lock *next;
  char lock[CACHE_LOCK_SIZE];
  uint64_t until_ns;
  cache_waiter *waiters, **last; ///< in the order in which they came
  size_t key_size;
  char key[];
} held_lock;

typedef struct locked_shard {
  pthread_mutex_t lock;
  cache_shard shard;
  held_lock *locks;
  size_t locks_count, waiters_count;
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

// -------------------------------------------------------------------------------------------- those who are to be told

/// Those that were taken out of their lists with what they are to be told.
typedef struct told {
  cache_waiter *first, **last;
  cache_outcome outcome; ///< of all but those that have a lock or an entry
} told;

static void told_add(told *self, cache_waiter *waiter) {
  waiter->next = NULL;
  *self->last = waiter;
  self->last = &waiter->next;
}

static void tell(told *self) {
  for (cache_waiter *waiter = self->first, *next; waiter != NULL; waiter = next) {
    next = waiter->next;
    cache_outcome outcome = waiter->entry != NULL ? CACHE_FOUND : waiter->lock[0] != '\0' ? CACHE_LOCKED : CACHE_TAKEN;
    waiter->done(waiter, outcome);
  }
}

// ---------------------------------------------------------------------------------------------------------------- locks

static void make_token(char out[CACHE_LOCK_SIZE]) {
  uint8_t random[(CACHE_LOCK_SIZE - 1) / 2];
  digest_random(random, sizeof random);
  for (size_t i = 0; i < sizeof random; i++) snprintf(out + i * 2, 3, "%02x", random[i]);
}

static held_lock **find_lock(locked_shard *self, text key) {
  held_lock **at = &self->locks;
  while (*at != NULL && !text_equal((text){(*at)->key, (*at)->key_size}, key)) at = &(*at)->next;
  return at;
}

static void end_lock(locked_shard *self, held_lock **at) {
  held_lock *ended = *at;
  *at = ended->next;
  self->locks_count--;
  free(ended);
}

/// Ends locks that were held too long and that nobody waits for.
static void drop_late_locks(locked_shard *self, uint64_t now_ns) {
  for (held_lock **at = &self->locks; *at != NULL;) {
    if ((*at)->until_ns <= now_ns && (*at)->waiters == NULL)
      end_lock(self, at);
    else
      at = &(*at)->next;
  }
}

static held_lock *add_lock(locked_shard *self, text key, uint64_t now_ns) {
  if (self->locks_count == CACHE_LOCKS_MAX) drop_late_locks(self, now_ns);
  held_lock *made = self->locks_count == CACHE_LOCKS_MAX ? NULL : malloc(sizeof *made + key.size);
  if (made == NULL) return NULL;
  *made = (held_lock){.next = self->locks, .key_size = key.size};
  made->last = &made->waiters;
  memcpy(made->key, key.data, key.size);
  self->locks = made;
  self->locks_count++;
  return made;
}

/// Takes the first waiter out of a lock's list.
static cache_waiter *take_waiter(locked_shard *self, held_lock *lock) {
  cache_waiter *waiter = lock->waiters;
  lock->waiters = waiter->next;
  if (lock->waiters == NULL) lock->last = &lock->waiters;
  self->waiters_count--;
  return waiter;
}

static void give(held_lock *lock, cache_waiter *waiter, uint64_t now_ns) {
  make_token(lock->lock);
  memcpy(waiter->lock, lock->lock, sizeof lock->lock);
  lock->until_ns = now_ns + waiter->hold_ms * CLOCK_NS_PER_MS;
}

/// A lock ended without a value: the first that waits has it now. False when nobody does, and it is gone.
static bool pass_on(locked_shard *self, held_lock **at, uint64_t now_ns, told *told) {
  if ((*at)->waiters == NULL) {
    end_lock(self, at);
    return false;
  }
  cache_waiter *waiter = take_waiter(self, *at);
  give(*at, waiter, now_ns);
  told_add(told, waiter);
  return true;
}

/// The value is there: all that wait get it.
static void hand_out(locked_shard *self, held_lock **at, cache_entry *entry, told *told) {
  while ((*at)->waiters != NULL) {
    cache_waiter *waiter = take_waiter(self, *at);
    waiter->entry = cache_entry_hold(entry);
    told_add(told, waiter);
  }
  end_lock(self, at);
}

// ----------------------------------------------------------------------------------------------------------- the keeper

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/// Takes those that waited long enough out of a lock's list; answers when the next has.
static uint64_t take_late(locked_shard *self, held_lock *lock, uint64_t now_ns, told *told) {
  uint64_t next_ns = UINT64_MAX;
  for (cache_waiter **at = &lock->waiters; *at != NULL;) {
    cache_waiter *waiter = *at;
    if (waiter->until_ns > now_ns) {
      next_ns = least(next_ns, waiter->until_ns);
      at = &waiter->next;
      continue;
    }
    *at = waiter->next;
    if (*at == NULL) lock->last = at;
    self->waiters_count--;
    told_add(told, waiter);
  }
  return next_ns;
}

/// Passes on, too, what was held too long; answers when to look again.
static uint64_t look_at(locked_shard *self, uint64_t now_ns, told *told) {
  uint64_t next_ns = UINT64_MAX;
  for (held_lock **at = &self->locks; *at != NULL;) {
    next_ns = least(next_ns, take_late(self, *at, now_ns, told));
    if ((*at)->until_ns <= now_ns && !pass_on(self, at, now_ns, told)) continue;
    if ((*at)->waiters != NULL) next_ns = least(next_ns, (*at)->until_ns);
    at = &(*at)->next;
  }
  return next_ns;
}

static void look_at_all(cache *self) {
  uint64_t now_ns = self->now_ns(), next_ns = UINT64_MAX;
  told told = {.last = &told.first};
  for (size_t i = 0; i < self->shards_count; i++) {
    pthread_mutex_lock(&self->shards[i].lock);
    next_ns = least(next_ns, look_at(&self->shards[i], now_ns, &told));
    pthread_mutex_unlock(&self->shards[i].lock);
  }
  pthread_mutex_lock(&self->keeper_lock);
  self->look_at_ns = least(self->look_at_ns, next_ns);
  pthread_mutex_unlock(&self->keeper_lock);
  tell(&told);
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
  told told = {.last = &told.first};
  pthread_mutex_lock(&shard->lock);
  held_lock **held = find_lock(shard, key);
  bool is_allowed =
      lock.size == 0 || (*held != NULL && (*held)->until_ns > now_ns && text_equal_string(lock, (*held)->lock));
  if (is_allowed && *held != NULL) hand_out(shard, held, entry, &told);
  if (is_allowed) cache_shard_put(&shard->shard, entry, now_ns);
  pthread_mutex_unlock(&shard->lock);
  if (!is_allowed) cache_entry_release(entry);
  tell(&told);
  return is_allowed ? NULL : ubiq_error_new(UBIQ_CONFLICT, "the lock is not held any more; nothing was put");
}

void cache_remove(cache *self, text key) {
  uint64_t hash = hash_of(key), now_ns = self->now_ns();
  locked_shard *shard = shard_of(self, hash);
  told told = {.last = &told.first};
  pthread_mutex_lock(&shard->lock);
  cache_shard_remove(&shard->shard, key, hash, now_ns);
  held_lock **held = find_lock(shard, key);
  if (*held != NULL) pass_on(shard, held, now_ns, &told);
  pthread_mutex_unlock(&shard->lock);
  tell(&told);
}

static bool read_number(const cache_entry *entry, int64_t *number) {
  char digits[NUMBER_SIZE] = "", *end;
  const ubiq_bytes value = cache_entry_value(entry);
  if (entry->media_type_size > 0 || value.size == 0 || value.size >= sizeof digits) return false;
  memcpy(digits, value.data, value.size);
  *number = strtoll(digits, &end, 10);
  return *end == '\0' && *number <= NUMBER_MAX && *number >= -NUMBER_MAX;
}

/// With the shard's lock.
static ubiq_error *increment(cache_shard *shard, text key, uint64_t hash, cache_owner owner, int64_t by,
                             uint64_t expires_ns, uint64_t now_ns, int64_t *number) {
  char digits[NUMBER_SIZE];
  const cache_entry *old = cache_shard_find(shard, key, hash, now_ns, true);
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
  cache_shard_put(shard, entry, now_ns);
  return NULL;
}

ubiq_error *cache_increment(cache *self, text key, cache_owner owner, int64_t by, uint64_t ttl_ms, int64_t *number) {
  uint64_t hash = hash_of(key), now_ns = self->now_ns();
  locked_shard *shard = shard_of(self, hash);
  pthread_mutex_lock(&shard->lock);
  ubiq_error *error = increment(&shard->shard, key, hash, owner, by, expiry(now_ns, ttl_ms), now_ns, number);
  pthread_mutex_unlock(&shard->lock);
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
  held_lock *held = *find_lock(shard, waiter->key);
  bool is_free = held == NULL || (held->until_ns <= now_ns && held->waiters == NULL);
  if (is_free) {
    if (held == NULL) held = add_lock(shard, waiter->key, now_ns);
    if (held == NULL) return CACHE_FULL;
    give(held, waiter, now_ns);
    return CACHE_LOCKED;
  }
  if (waiter->wait_ms == 0) return CACHE_TAKEN;
  waiter->until_ns = now_ns + waiter->wait_ms * CLOCK_NS_PER_MS;
  if (shard->waiters_count == CACHE_WAITERS_MAX || !look_then(self, least(waiter->until_ns, held->until_ns)))
    return CACHE_FULL;
  *held->last = waiter;
  held->last = &waiter->next;
  shard->waiters_count++;
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
  held_lock *held = *find_lock(shard, waiter->key);
  cache_waiter **at = held == NULL ? NULL : &held->waiters;
  while (at != NULL && *at != NULL && *at != waiter) at = &(*at)->next;
  bool is_there = at != NULL && *at == waiter;
  if (is_there) {
    *at = waiter->next;
    if (*at == NULL) held->last = at;
    shard->waiters_count--;
  }
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
    while (self->shards[i].locks != NULL) end_lock(&self->shards[i], &self->shards[i].locks);
    cache_shard_free(&self->shards[i].shard);
    pthread_mutex_destroy(&self->shards[i].lock);
  }
  pthread_cond_destroy(&self->keeper_changed);
  pthread_mutex_destroy(&self->keeper_lock);
  free(self);
}
