// Parts of the whole, which a key's hash chooses, each with a table and a list in the order of use.
//
// LOCKS: one for each part, held for a look and a few pointers. Items are counted by reference, so that they are copied from without it.
#include "base/memo.h"

#include "base/digest.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
  PARTS = 8,
  SLOT_EACH = 512, ///< bytes of room for each slot of the table
  ITEM_SHARE = 4,  ///< of a part's room: no item is larger
  OVERHEAD = 16,   ///< of malloc, for each item
};

struct memo_item {
  atomic_uint references; ///< the part's, and those who hold it
  uint32_t key_size;
  uint64_t hash;
  size_t size; ///< of the value
  memo_item *next_in_slot;
  memo_item *newer, *older;
  uint8_t bytes[]; ///< key, value
};

typedef struct part {
  pthread_mutex_t lock;
  uint64_t turn; ///< how often something was dropped
  memo_item **slots;
  memo_item *newest, *oldest;
  size_t bytes;
} part;

struct memo {
  size_t part_max;    ///< bytes
  size_t slots_count; ///< of each part; a power of two
  part parts[PARTS];
};

// --------------------------------------------------------------------------------------------------------------- items

static size_t size_of(const memo_item *item) {
  return sizeof *item + OVERHEAD + item->key_size + item->size;
}

static memo_item *item_new(text key, uint64_t hash, const ubiq_bytes *parts, size_t count, size_t size) {
  memo_item *self = malloc(sizeof *self + key.size + size);
  if (self == NULL) return NULL;
  *self = (memo_item){.key_size = (uint32_t)key.size, .hash = hash, .size = size};
  atomic_init(&self->references, 1);
  uint8_t *at = self->bytes;
  if (key.size > 0) memcpy(at, key.data, key.size);
  at += key.size;
  for (size_t i = 0; i < count; i++) {
    if (parts[i].size > 0) memcpy(at, parts[i].data, parts[i].size);
    at += parts[i].size;
  }
  return self;
}

ubiq_bytes memo_bytes(const memo_item *item) {
  return (ubiq_bytes){item->bytes + item->key_size, item->size};
}

void memo_release(memo_item *item) {
  if (item != NULL && atomic_fetch_sub_explicit(&item->references, 1, memory_order_acq_rel) == 1) free(item);
}

// ------------------------------------------------------------------------------------------- a part, with its lock held

static part *part_of(memo *self, uint64_t hash) {
  return &self->parts[(hash >> 48) % PARTS];
}

/// Where the pointer to a key's item is, or the end of its slot's list.
static memo_item **place_of(const memo *self, const part *part, text key, uint64_t hash) {
  memo_item **at = &part->slots[hash & (self->slots_count - 1)];
  while (*at != NULL && ((*at)->hash != hash || !text_equal((text){(const char *)(*at)->bytes, (*at)->key_size}, key)))
    at = &(*at)->next_in_slot;
  return at;
}

static void leave_order(part *part, memo_item *item) {
  *(item->newer == NULL ? &part->newest : &item->newer->older) = item->older;
  *(item->older == NULL ? &part->oldest : &item->older->newer) = item->newer;
}

static void enter_order(part *part, memo_item *item) {
  item->newer = NULL;
  item->older = part->newest;
  *(part->newest == NULL ? &part->oldest : &part->newest->newer) = item;
  part->newest = item;
}

static void remove_at(part *part, memo_item **at) {
  memo_item *item = *at;
  *at = item->next_in_slot;
  leave_order(part, item);
  part->bytes -= size_of(item);
  memo_release(item);
}

static void remove_item(const memo *self, part *part, const memo_item *item) {
  memo_item **at = place_of(self, part, (text){(const char *)item->bytes, item->key_size}, item->hash);
  assert(*at == item);
  remove_at(part, at);
}

static void add(const memo *self, part *part, memo_item *item) {
  memo_item **slot = &part->slots[item->hash & (self->slots_count - 1)];
  item->next_in_slot = *slot;
  *slot = item;
  enter_order(part, item);
  part->bytes += size_of(item);
  while (part->bytes > self->part_max) remove_item(self, part, part->oldest);
}

// ------------------------------------------------------------------------------------------------------- from outside

memo_item *memo_find(memo *self, text key) {
  uint64_t hash = digest_short(key.data, key.size);
  part *part = part_of(self, hash);
  pthread_mutex_lock(&part->lock);
  memo_item *found = *place_of(self, part, key, hash);
  if (found != NULL) atomic_fetch_add_explicit(&found->references, 1, memory_order_relaxed);
  if (found != NULL && found != part->newest) {
    leave_order(part, found);
    enter_order(part, found);
  }
  pthread_mutex_unlock(&part->lock);
  return found;
}

uint64_t memo_turn(memo *self, text key) {
  part *part = part_of(self, digest_short(key.data, key.size));
  pthread_mutex_lock(&part->lock);
  uint64_t turn = part->turn;
  pthread_mutex_unlock(&part->lock);
  return turn;
}

void memo_keep(memo *self, text key, uint64_t turn, const ubiq_bytes *parts, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; i++) size += parts[i].size;
  if (key.size > self->part_max / ITEM_SHARE || size > self->part_max / ITEM_SHARE) return;
  uint64_t hash = digest_short(key.data, key.size);
  memo_item *item = item_new(key, hash, parts, count, size);
  if (item == NULL) return;
  part *part = part_of(self, hash);
  pthread_mutex_lock(&part->lock);
  bool is_good = part->turn == turn;
  if (is_good) {
    memo_item **old = place_of(self, part, key, hash);
    if (*old != NULL) remove_at(part, old);
    add(self, part, item);
  }
  pthread_mutex_unlock(&part->lock);
  if (!is_good) memo_release(item);
}

bool memo_drop(memo *self, text key) {
  uint64_t hash = digest_short(key.data, key.size);
  part *part = part_of(self, hash);
  pthread_mutex_lock(&part->lock);
  part->turn++;
  memo_item **at = place_of(self, part, key, hash);
  bool was_there = *at != NULL;
  if (was_there) remove_at(part, at);
  pthread_mutex_unlock(&part->lock);
  return was_there;
}

static void empty(const memo *self, part *part) {
  part->turn++;
  while (part->oldest != NULL) remove_item(self, part, part->oldest);
}

void memo_drop_all(memo *self) {
  for (size_t i = 0; i < PARTS; i++) {
    pthread_mutex_lock(&self->parts[i].lock);
    empty(self, &self->parts[i]);
    pthread_mutex_unlock(&self->parts[i].lock);
  }
}

memo *memo_new(size_t bytes_max) {
  memo *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->part_max = bytes_max / PARTS;
  self->slots_count = 1;
  while (self->slots_count < self->part_max / SLOT_EACH) self->slots_count *= 2;
  bool is_good = true;
  for (size_t i = 0; i < PARTS; i++) {
    pthread_mutex_init(&self->parts[i].lock, NULL);
    self->parts[i].slots = calloc(self->slots_count, sizeof *self->parts[i].slots);
    is_good = is_good && self->parts[i].slots != NULL;
  }
  if (is_good) return self;
  memo_delete(self);
  return NULL;
}

void memo_delete(memo *self) {
  if (self == NULL) return;
  for (size_t i = 0; i < PARTS; i++) {
    if (self->parts[i].slots != NULL) empty(self, &self->parts[i]);
    free(self->parts[i].slots);
    pthread_mutex_destroy(&self->parts[i].lock);
  }
  free(self);
}
