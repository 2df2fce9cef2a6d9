// S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023), with sizes counted in bytes.
#include "services/cache/cache_shard.h"

#include <assert.h>
#include <stdlib.h>

enum {
  SLOTS_FIRST = 64,
  FREQUENCY_MAX = 3,
  FREQUENCY_STAYS = 2, ///< found so often in the small queue, it moves on to the main one
  SMALL_SHARE = 10,    ///< the small queue has this part of the room
  GHOST_EACH = 256,    ///< bytes of room for each key that is remembered
  GHOSTS_MIN = 64,
  GHOST_GROUP = 4,
  ALLOCATION_OVERHEAD = 16, ///< of malloc
};

// -------------------------------------------------------------------------------------------------------------- entries

cache_entry *cache_entry_new(text key, uint64_t hash, cache_owner owner, text media_type, ubiq_bytes value,
                             uint64_t expires_ns) {
  assert(key.size <= UINT16_MAX && media_type.size <= UINT32_MAX && value.size <= UINT32_MAX && owner < CACHE_OWNERS);
  cache_entry *self = malloc(sizeof *self + key.size + media_type.size + value.size);
  if (self == NULL) return NULL;
  *self = (cache_entry){.owner = owner,
                        .key_size = (uint16_t)key.size,
                        .media_type_size = (uint32_t)media_type.size,
                        .value_size = (uint32_t)value.size,
                        .hash = hash,
                        .expires_ns = expires_ns};
  atomic_init(&self->references, 1);
  memcpy(self->bytes, key.data, key.size);
  if (media_type.size > 0) memcpy(self->bytes + key.size, media_type.data, media_type.size);
  if (value.size > 0) memcpy(self->bytes + key.size + media_type.size, value.data, value.size);
  return self;
}

size_t cache_entry_size(const cache_entry *self) {
  return sizeof *self + ALLOCATION_OVERHEAD + self->key_size + self->media_type_size + self->value_size;
}

text cache_entry_key(const cache_entry *self) {
  return (text){self->bytes, self->key_size};
}

text cache_entry_media_type(const cache_entry *self) {
  return (text){self->bytes + self->key_size, self->media_type_size};
}

ubiq_bytes cache_entry_value(const cache_entry *self) {
  return (ubiq_bytes){(const uint8_t *)self->bytes + self->key_size + self->media_type_size, self->value_size};
}

cache_entry *cache_entry_hold(cache_entry *self) {
  atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
  return self;
}

void cache_entry_release(cache_entry *self) {
  if (self != NULL && atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) == 1) free(self);
}

// ------------------------------------------------------------------------------------------------------------ the table

static cache_entry **slot_of(const cache_shard *self, uint64_t hash) {
  return &self->slots[hash & (self->slots_count - 1)];
}

/// Where the pointer to a key's entry is, or the end of its slot's list.
static cache_entry **find(const cache_shard *self, text key, uint64_t hash) {
  cache_entry **at = slot_of(self, hash);
  while (*at != NULL && ((*at)->hash != hash || !text_equal(cache_entry_key(*at), key))) at = &(*at)->next_in_slot;
  return at;
}

/// Twice as many slots; without memory for them lists only become longer.
static void grow(cache_shard *self) {
  cache_entry **slots = calloc(self->slots_count * 2, sizeof *slots);
  if (slots == NULL) return;
  cache_entry **old = self->slots;
  size_t old_count = self->slots_count;
  self->slots = slots;
  self->slots_count *= 2;
  for (size_t i = 0; i < old_count; i++)
    for (cache_entry *entry = old[i], *next; entry != NULL; entry = next) {
      next = entry->next_in_slot;
      cache_entry **slot = slot_of(self, entry->hash);
      entry->next_in_slot = *slot;
      *slot = entry;
    }
  free(old);
}

// ------------------------------------------------------------------------------------------------------------ the queues

static void count_in(cache_shard *self, const cache_entry *entry) {
  size_t *bytes = &self->owned[entry->owner];
  if (*bytes == 0) self->owners_count++;
  *bytes += cache_entry_size(entry);
}

static void count_out(cache_shard *self, const cache_entry *entry) {
  size_t *bytes = &self->owned[entry->owner];
  *bytes -= cache_entry_size(entry);
  if (*bytes == 0) self->owners_count--;
}

static void queue_add(cache_shard *self, cache_queue_kind kind, cache_entry *entry) {
  cache_queue *queue = &self->queues[kind];
  entry->queue = (uint8_t)kind;
  entry->newer = NULL;
  entry->older = queue->newest;
  *(queue->newest == NULL ? &queue->oldest : &queue->newest->newer) = entry;
  queue->newest = entry;
  queue->bytes += cache_entry_size(entry);
}

static void queue_remove(cache_shard *self, cache_entry *entry) {
  cache_queue *queue = &self->queues[entry->queue];
  *(entry->newer == NULL ? &queue->newest : &entry->newer->older) = entry->older;
  *(entry->older == NULL ? &queue->oldest : &entry->older->newer) = entry->newer;
  queue->bytes -= cache_entry_size(entry);
}

static size_t bytes_of(const cache_shard *self) {
  return self->queues[CACHE_SMALL].bytes + self->queues[CACHE_MAIN].bytes;
}

/// Takes the entry that `*at` leads to out of everything.
static void drop(cache_shard *self, cache_entry **at) {
  cache_entry *entry = *at;
  *at = entry->next_in_slot;
  queue_remove(self, entry);
  count_out(self, entry);
  self->counts.entries--;
  self->counts.bytes = bytes_of(self);
  cache_entry_release(entry);
}

static void drop_entry(cache_shard *self, const cache_entry *entry) {
  cache_entry **at = slot_of(self, entry->hash);
  while (*at != entry) at = &(*at)->next_in_slot;
  drop(self, at);
}

// ------------------------------------------------------------------------------------------------ what went, remembered

static cache_ghost *ghosts_of(const cache_shard *self, uint64_t hash) {
  return &self->ghosts[(hash >> 8) & (self->ghosts_count - GHOST_GROUP)];
}

static void remember(cache_shard *self, uint64_t hash) {
  cache_ghost *group = ghosts_of(self, hash), *oldest = group;
  for (int i = 1; i < GHOST_GROUP; i++)
    if (group[i].gone < oldest->gone) oldest = &group[i];
  self->gone++;
  *oldest = (cache_ghost){(uint32_t)(hash >> 32), self->gone};
}

/// Whether the key went of late: since then no more went than there are entries.
static bool recall(cache_shard *self, uint64_t hash) {
  cache_ghost *group = ghosts_of(self, hash);
  for (int i = 0; i < GHOST_GROUP; i++) {
    if (group[i].gone == 0 || group[i].mark != (uint32_t)(hash >> 32)) continue;
    bool is_recent = self->gone - group[i].gone <= self->counts.entries;
    group[i] = (cache_ghost){0, 0};
    return is_recent;
  }
  return false;
}

// --------------------------------------------------------------------------------------------------------- making room

static bool drop_expired(cache_shard *self, const cache_entry *entry, uint64_t now_ns) {
  if (entry->expires_ns > now_ns) return false;
  self->counts.expired++;
  drop_entry(self, entry);
  return true;
}

static void evict(cache_shard *self, cache_entry *entry) {
  self->counts.evicted++;
  if (entry->queue == CACHE_SMALL) remember(self, entry->hash);
  drop_entry(self, entry);
}

/// Whether its owner has no more than its share, beside others.
static bool is_spared(const cache_shard *self, const cache_entry *entry) {
  return self->owners_count > 1 && self->owned[entry->owner] <= self->bytes_max / (2 * self->owners_count);
}

/// Looks at the oldest of the small queue: it goes, or moves on.
static void turn_small(cache_shard *self, uint64_t now_ns) {
  cache_entry *entry = self->queues[CACHE_SMALL].oldest;
  if (drop_expired(self, entry, now_ns)) return;
  if (entry->frequency < FREQUENCY_STAYS && !is_spared(self, entry)) {
    evict(self, entry);
    return;
  }
  queue_remove(self, entry);
  entry->frequency = 0;
  queue_add(self, CACHE_MAIN, entry);
}

/// Looks at the oldest of the main queue: it goes, or goes round once more.
static void turn_main(cache_shard *self, uint64_t now_ns) {
  cache_entry *entry = self->queues[CACHE_MAIN].oldest;
  if (drop_expired(self, entry, now_ns)) return;
  if (entry->frequency == 0 && !is_spared(self, entry)) {
    evict(self, entry);
    return;
  }
  queue_remove(self, entry);
  if (entry->frequency > 0) entry->frequency--;
  queue_add(self, CACHE_MAIN, entry);
}

static void make_room(cache_shard *self, uint64_t now_ns) {
  while (bytes_of(self) > self->bytes_max) {
    bool is_small = self->queues[CACHE_SMALL].bytes > self->bytes_max / SMALL_SHARE;
    if (is_small || self->queues[CACHE_MAIN].oldest == NULL)
      turn_small(self, now_ns);
    else
      turn_main(self, now_ns);
  }
}

// ---------------------------------------------------------------------------------------------------------- operations

cache_entry *cache_shard_find(cache_shard *self, text key, uint64_t hash, uint64_t now_ns, bool counts) {
  cache_entry **at = find(self, key, hash);
  bool is_expired = *at != NULL && (*at)->expires_ns <= now_ns;
  if (is_expired) {
    self->counts.expired++;
    drop(self, at);
  }
  cache_entry *entry = is_expired ? NULL : *at;
  if (!counts) return entry;
  *(entry == NULL ? &self->counts.misses : &self->counts.hits) += 1;
  if (entry != NULL && entry->frequency < FREQUENCY_MAX) entry->frequency++;
  return entry;
}

void cache_shard_put(cache_shard *self, cache_entry *entry, uint64_t now_ns) {
  cache_entry **at = find(self, cache_entry_key(entry), entry->hash);
  cache_queue_kind kind;
  if (*at != NULL) {
    kind = (cache_queue_kind)(*at)->queue;
    entry->frequency = (*at)->frequency;
    drop(self, at);
  } else {
    kind = recall(self, entry->hash) ? CACHE_MAIN : CACHE_SMALL;
  }
  if (self->counts.entries >= self->slots_count) grow(self);
  cache_entry **slot = slot_of(self, entry->hash);
  entry->next_in_slot = *slot;
  *slot = entry;
  queue_add(self, kind, entry);
  count_in(self, entry);
  self->counts.entries++;
  make_room(self, now_ns);
  self->counts.bytes = bytes_of(self);
}

bool cache_shard_remove(cache_shard *self, text key, uint64_t hash, uint64_t now_ns) {
  cache_entry **at = find(self, key, hash);
  if (*at == NULL) return false;
  bool was_there = (*at)->expires_ns > now_ns;
  drop(self, at);
  return was_there;
}

static size_t power_of_two(size_t least) {
  size_t power = GHOSTS_MIN;
  while (power < least) power *= 2;
  return power;
}

bool cache_shard_init(cache_shard *self, size_t bytes_max) {
  *self = (cache_shard){
      .bytes_max = bytes_max, .slots_count = SLOTS_FIRST, .ghosts_count = power_of_two(bytes_max / GHOST_EACH)};
  self->slots = calloc(self->slots_count, sizeof *self->slots);
  self->ghosts = calloc(self->ghosts_count, sizeof *self->ghosts);
  if (self->slots != NULL && self->ghosts != NULL) return true;
  cache_shard_free(self);
  return false;
}

void cache_shard_free(cache_shard *self) {
  for (int i = 0; i < CACHE_QUEUES; i++)
    while (self->queues[i].oldest != NULL) drop_entry(self, self->queues[i].oldest);
  free(self->slots);
  free(self->ghosts);
  *self = (cache_shard){0};
}
