// A small map from strings to bytes: entries in order of insertion, and a table of hashes once there are more than a
// few.
//
// Key and value of an entry share one block that begins with the key. Keys may come from a guest, so the hash has a
// secret key.
#include "base/map.h"

#include "base/digest.h"

#include <stdlib.h>
#include <string.h>

enum {
  SMALL_COUNT = 8,  ///< up to here keys are compared one by one
  CAPACITY_MIN = 4, ///< entries of the first allocation
};

static bool is_hashed(const map *self) {
  return self->slots != NULL;
}

static uint64_t hash_of(text key) {
  return digest_short(key.data == NULL ? "" : key.data, key.size);
}

/// The index of a key in the order of insertion, or `count`.
static size_t find(const map *self, text key) {
  if (!is_hashed(self)) {
    size_t i = 0;
    while (i < self->count && !text_equal(self->entries[i].key, key)) i++;
    return i;
  }

  uint64_t hash = hash_of(key);
  for (size_t slot = hash & (self->slots_count - 1); self->slots[slot] != 0;
       slot = (slot + 1) & (self->slots_count - 1)) {
    size_t index = self->slots[slot] - 1;
    if (self->entries[index].hash == hash && text_equal(self->entries[index].key, key)) return index;
  }
  return self->count;
}

static void put_slot(map *self, size_t index) {
  size_t slot = self->entries[index].hash & (self->slots_count - 1);
  while (self->slots[slot] != 0) slot = (slot + 1) & (self->slots_count - 1);
  self->slots[slot] = (uint32_t)index + 1;
}

static void rebuild_slots(map *self) {
  memset(self->slots, 0, self->slots_count * sizeof *self->slots);
  for (size_t i = 0; i < self->count; i++) put_slot(self, i);
}

/// Makes the table at least twice as large as `count` entries need. False when memory is out.
static bool grow_slots(map *self, size_t count) {
  if (count <= SMALL_COUNT || count * 2 <= self->slots_count) return true;
  size_t slots_count = self->slots_count == 0 ? (size_t)SMALL_COUNT * 4 : self->slots_count * 2;
  uint32_t *slots = realloc(self->slots, slots_count * sizeof *slots);
  if (slots == NULL) return false;
  bool first = self->slots == NULL;
  self->slots = slots;
  self->slots_count = slots_count;
  for (size_t i = 0; first && i < self->count; i++) self->entries[i].hash = hash_of(self->entries[i].key);
  rebuild_slots(self);
  return true;
}

static bool grow_entries(map *self) {
  if (self->count < self->capacity) return true;
  if (self->count >= UINT32_MAX / 4) return false;
  size_t capacity = self->capacity == 0 ? CAPACITY_MIN : self->capacity * 2;
  map_entry *entries = realloc(self->entries, capacity * sizeof *entries);
  if (entries == NULL) return false;
  self->entries = entries;
  self->capacity = capacity;
  return true;
}

/// Fills an entry with copies. False when memory is out.
static bool entry_init(map_entry *entry, text key, const void *value, size_t size) {
  if (key.size > SIZE_MAX / 4 || size > SIZE_MAX / 4) return false;
  char *block = malloc(key.size + 1 + size + 1);
  if (block == NULL) return false;
  if (key.size > 0) memcpy(block, key.data, key.size);
  block[key.size] = 0;
  char *copy = block + key.size + 1;
  if (size > 0) memcpy(copy, value, size);
  copy[size] = 0;
  *entry = (map_entry){.key = {block, key.size}, .value = {(const uint8_t *)copy, size}};
  return true;
}

static void entry_free(map_entry *entry) {
  free((char *)entry->key.data);
}

static size_t entry_bytes(const map_entry *entry) {
  return entry->key.size + entry->value.size;
}

static bool insert(map *self, map_entry entry) {
  if (!grow_entries(self) || !grow_slots(self, self->count + 1)) return false;
  if (is_hashed(self)) entry.hash = hash_of(entry.key);
  self->entries[self->count++] = entry;
  if (is_hashed(self)) put_slot(self, self->count - 1);
  return true;
}

static void replace(map *self, size_t index, map_entry entry) {
  entry.hash = self->entries[index].hash;
  self->bytes -= entry_bytes(&self->entries[index]);
  entry_free(&self->entries[index]);
  self->entries[index] = entry;
}

bool map_set(map *self, text key, const void *value, size_t size) {
  map_entry entry;
  if (!entry_init(&entry, key, value, size)) return false;

  size_t index = find(self, key);
  if (index < self->count) {
    replace(self, index, entry);
  } else if (!insert(self, entry)) {
    entry_free(&entry);
    return false;
  }
  self->bytes += entry_bytes(&entry);
  return true;
}

bool map_get(const map *self, text key, ubiq_bytes *value) {
  size_t index = find(self, key);
  if (index == self->count) return false;
  *value = self->entries[index].value;
  return true;
}

bool map_remove(map *self, text key) {
  size_t index = find(self, key);
  if (index == self->count) return false;
  self->bytes -= entry_bytes(&self->entries[index]);
  entry_free(&self->entries[index]);
  self->count--;
  memmove(&self->entries[index], &self->entries[index + 1], (self->count - index) * sizeof *self->entries);
  if (is_hashed(self)) rebuild_slots(self);
  return true;
}

bool map_copy(map *self, const map *from) {
  for (size_t i = 0; i < from->count; i++) {
    const map_entry *entry = &from->entries[i];
    if (!map_set(self, entry->key, entry->value.data, entry->value.size)) {
      map_free(self);
      return false;
    }
  }
  return true;
}

void map_free(map *self) {
  for (size_t i = 0; i < self->count; i++) entry_free(&self->entries[i]);
  free(self->entries);
  free(self->slots);
  *self = (map){0};
}
