/// A small map from strings to runs of bytes, in the order in which keys were first set.
///
/// A zeroed `map` is an empty one and allocates nothing until the first `map_set`. Keys and values are
/// copied; each value is followed by a NUL that its size does not count. One thread at a time, or many that
/// only read.
#ifndef UBIQ_BASE_MAP_H
#define UBIQ_BASE_MAP_H

#include "base/text.h"
#include "ubiq/base.h"

typedef struct map_entry {
  text key;         ///< ended by a NUL that is not counted
  ubiq_bytes value; ///< ended by a NUL that is not counted
  uint64_t hash;    ///< of the key
} map_entry;

typedef struct map {
  map_entry *entries; ///< owned, in order of insertion
  size_t count;       ///< entries in use
  size_t capacity;    ///< entries allocated
  uint32_t *slots;    ///< owned; index + 1 into `entries` by hash, 0 is free; NULL while the map is small
  size_t slots_count; ///< a power of two, or 0
  size_t bytes;       ///< bytes of all keys and values
} map;

/// Sets a key's value. False when memory is out; the map is as it was then.
UBIQ_NODISCARD bool map_set(map *self, text key, const void *value, size_t size);
/// The value of a key, borrowed until the next change; false when there is none.
bool map_get(const map *self, text key, ubiq_bytes *value);
/// Takes a key away; false when it was not there.
bool map_remove(map *self, text key);
/// Copies all of `from` into `self`, which must be empty. False when memory is out; `self` is empty then.
UBIQ_NODISCARD bool map_copy(map *self, const map *from);
/// Takes everything away and gives the memory back. Twice is allowed.
void map_free(map *self);

#endif
