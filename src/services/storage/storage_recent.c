// Sets of a few objects each, which an id chooses: 16 MiB when all of them are of STORAGE_ROW_MAX.
//
// LOCKS: one for each set, held for a copy.
#include "services/storage/storage_recent.h"

#include "services/storage/storage_parts.h"

#include <stdlib.h>

enum { SETS = 64, WAYS = 4 };

typedef struct kept {
  char id[STORAGE_ID_SIZE];
  ubiq_bytes bytes; ///< owned; `data` NULL: there is none
} kept;

typedef struct set {
  pthread_mutex_t lock;
  unsigned oldest;
  kept ways[WAYS];
} set;

struct storage_recent {
  set sets[SETS];
};

storage_recent *storage_recent_new(void) {
  storage_recent *self = calloc(1, sizeof *self);
  for (size_t i = 0; self != NULL && i < SETS; i++) pthread_mutex_init(&self->sets[i].lock, NULL);
  return self;
}

/// Ids are random digits.
static set *set_of(storage_recent *self, const char *id) {
  return &self->sets[((unsigned)id[0] * 16 + (unsigned)id[1]) % SETS];
}

static const kept *find(const set *self, const char *id) {
  for (size_t i = 0; i < WAYS; i++)
    if (self->ways[i].bytes.data != NULL && strcmp(self->ways[i].id, id) == 0) return &self->ways[i];
  return NULL;
}

bool storage_recent_read(storage_recent *self, const char *id, uint64_t from, size_t size, buffer *out) {
  set *set = set_of(self, id);
  if (!buffer_reserve(out, size)) return false;
  pthread_mutex_lock(&set->lock);
  const kept *found = find(set, id);
  bool is_good = found != NULL && from <= found->bytes.size && size <= found->bytes.size - from &&
                 buffer_append(out, found->bytes.data + from, size);
  pthread_mutex_unlock(&set->lock);
  return is_good;
}

void storage_recent_keep(storage_recent *self, const char *id, ubiq_bytes bytes) {
  set *set = set_of(self, id);
  uint8_t *copy = bytes.size == 0 ? NULL : malloc(bytes.size);
  if (copy == NULL) return;
  memcpy(copy, bytes.data, bytes.size);
  pthread_mutex_lock(&set->lock);
  const uint8_t *old = copy;
  if (find(set, id) == NULL) {
    kept *way = &set->ways[set->oldest];
    set->oldest = (set->oldest + 1) % WAYS;
    old = way->bytes.data;
    memcpy(way->id, id, STORAGE_ID_SIZE);
    way->bytes = (ubiq_bytes){copy, bytes.size};
  }
  pthread_mutex_unlock(&set->lock);
  free((void *)(uintptr_t)old);
}

void storage_recent_delete(storage_recent *self) {
  if (self == NULL) return;
  for (size_t i = 0; i < SETS; i++) {
    for (size_t j = 0; j < WAYS; j++) free((void *)(uintptr_t)self->sets[i].ways[j].bytes.data);
    pthread_mutex_destroy(&self->sets[i].lock);
  }
  free(self);
}
