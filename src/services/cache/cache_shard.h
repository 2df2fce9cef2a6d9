// A part of the cache: a table of entries, and S3-FIFO, which decides what goes when there is no more room.
//
// New entries come into a small queue, a tenth of the room; those that were asked for twice there move on to the main one, the
// others go, and only a hash of their key is remembered: who comes back soon is put into the main queue at once. So what is asked for once, a
// scan for instance, passes through without pushing out what is asked for often. Being found costs a counter and moves nothing.
//
// Nobody pushes out all that others put: entries of an owner that has no more than its share are passed over. The shares of all are half
// of the room, so that something else can always go; who is alone has no share, and is not touched by any of this.
//
// Not thread-safe: cache.c holds a lock. Only references are counted by any thread.
#ifndef SERVICES_CACHE_CACHE_SHARD_H
#define SERVICES_CACHE_CACHE_SHARD_H

#include "base/text.h"

#include <stdatomic.h>

enum { CACHE_OWNERS = 64 };

/// Whose an entry is, up to CACHE_OWNERS; two that happen to have the same number have one share.
typedef uint8_t cache_owner;

/// An entry. It never changes: a put makes another one. Key, media type and value lie behind it, in this order.
typedef struct cache_entry {
  atomic_uint references; ///< the shard's, and those of readers
  uint8_t frequency : 4;  ///< how often it was found of late, 3 at most
  uint8_t queue : 4;      ///< cache_queue_kind
  cache_owner owner;
  uint16_t key_size;
  uint32_t media_type_size; ///< 0: the value is JSON text
  uint32_t value_size;
  uint64_t hash;       ///< of the key
  uint64_t expires_ns; ///< monotonic clock; UINT64_MAX: never
  struct cache_entry *next_in_slot;
  struct cache_entry *newer, *older;
  char bytes[];
} cache_entry;

typedef enum cache_queue_kind { CACHE_SMALL, CACHE_MAIN, CACHE_QUEUES } cache_queue_kind;

typedef struct cache_queue {
  cache_entry *newest, *oldest;
  size_t bytes;
} cache_queue;

/// A key that went of late: half of its hash, and when.
typedef struct cache_ghost {
  uint32_t mark;
  uint32_t gone; ///< the shard's count of what went; 0: free
} cache_ghost;

typedef struct cache_counts {
  uint64_t hits, misses, evicted, expired;
  size_t entries, bytes;
} cache_counts;

typedef struct cache_shard {
  size_t bytes_max;
  cache_entry **slots; ///< a power of two
  size_t slots_count;
  cache_queue queues[CACHE_QUEUES];
  cache_ghost *ghosts;        ///< groups of four, by hash
  size_t ghosts_count;        ///< a power of two
  size_t owned[CACHE_OWNERS]; ///< bytes of each
  size_t owners_count;        ///< that have any
  uint32_t gone;              ///< entries that went for want of room, ever
  cache_counts counts;
} cache_shard;

/// False when memory is out.
UBIQ_NODISCARD bool cache_shard_init(cache_shard *self, size_t bytes_max);
void cache_shard_free(cache_shard *self);

/// Makes an entry that is in no shard yet, with one reference; NULL when memory is out.
UBIQ_NODISCARD cache_entry *cache_entry_new(text key, uint64_t hash, cache_owner owner, text media_type,
                                            ubiq_bytes value, uint64_t expires_ns);
/// What it takes, as it is counted.
size_t cache_entry_size(const cache_entry *self);
text cache_entry_key(const cache_entry *self);
text cache_entry_media_type(const cache_entry *self);
ubiq_bytes cache_entry_value(const cache_entry *self);
/// One more reader. Any thread that has a reference, or the shard's lock.
cache_entry *cache_entry_hold(cache_entry *self);
/// Ends a reference. Any thread. NULL is allowed.
void cache_entry_release(cache_entry *self);

/// The entry, borrowed, or NULL. `counts`: it was asked for, which keeps it longer and is counted.
cache_entry *cache_shard_find(cache_shard *self, text key, uint64_t hash, uint64_t now_ns, bool counts);
/// Puts an entry in, in place of one with its key, and makes room. Takes the reference. The entry is smaller than the shard.
void cache_shard_put(cache_shard *self, cache_entry *entry, uint64_t now_ns);
/// Takes a key's entry out; false when there was none.
bool cache_shard_remove(cache_shard *self, text key, uint64_t hash, uint64_t now_ns);

#endif
