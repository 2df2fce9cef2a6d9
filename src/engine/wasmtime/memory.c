// See memory.h.
//
// Places of one size stand in blocks whose addresses are multiples of the blocks' size, so that a place is found by an address
// within. The first place of a block holds what is known of the others. A place is readable and writable as far as any memory
// that was there, and all zeros when it is free: a memory that ends is cleared where it was touched, or given back to the system.
// LOCKS: the memories' `lock`; not held while one is cleared.
#include "engine/wasmtime/memory.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

enum {
  BLOCK_PLACES = 16,          // 1 GiB of address space with places of 64 MiB
  WARM_MAX = 16,              // free places whose pages are kept
  WARM_BYTES_MAX = 256 << 10, // of one place
};

/// A place for a memory.
typedef struct wt_memory {
  wt_memories *owner;
  uint8_t *data;
  size_t size;            ///< of the memory
  size_t accessible;      ///< what can be read and written: at least `size`, in whole pages
  struct wt_memory *next; ///< free ones
} wt_memory;

typedef struct wt_block {
  struct wt_block *next;
  wt_memory places[BLOCK_PLACES]; ///< [0] is not used: this stands there
} wt_block;

static size_t block_bytes(const wt_memories *self) {
  return self->place_bytes * BLOCK_PLACES;
}

static wt_memory *find(const wt_memories *self, const uint8_t *data) {
  uintptr_t offset = (uintptr_t)data & (block_bytes(self) - 1);
  wt_block *block = (wt_block *)((uintptr_t)data - offset); // NOLINT(performance-no-int-to-ptr): addresses are computed
  return &block->places[offset / self->place_bytes];
}

// -- Blocks --

// Address space, at a multiple of its size. NULL: there is none.
static uint8_t *reserve(size_t size) {
  uint8_t *all = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) return NULL;
  size_t before = (size - ((uintptr_t)all & (size - 1))) & (size - 1);
  if (before) munmap(all, before);
  if (size - before) munmap(all + before + size, size - before);
  return all + before;
}

// With the lock.
static bool add_block(wt_memories *self) {
  uint8_t *data = reserve(block_bytes(self));
  if (!data) return false;
  if (mprotect(data, sizeof(wt_block), PROT_READ | PROT_WRITE) != 0) {
    munmap(data, block_bytes(self));
    return false;
  }
  (void)madvise(data, block_bytes(self), MADV_NOHUGEPAGE); // what is touched is told by the page
  wt_block *block = (wt_block *)(void *)data;
  block->next = self->blocks;
  self->blocks = block;
  for (size_t i = BLOCK_PLACES - 1; i > 0; i--) {
    block->places[i] = (wt_memory){.owner = self, .data = data + i * self->place_bytes, .next = self->cold};
    self->cold = &block->places[i];
  }
  return true;
}

// -- Free places --

static wt_memory *pop(wt_memory **list) {
  wt_memory *place = *list;
  *list = place->next;
  return place;
}

static void push(wt_memory **list, wt_memory *place) {
  place->next = *list;
  *list = place;
}

// NULL: there is no more, and `*problem` says why in words that error.c knows.
static wt_memory *take(wt_memories *self, const char **problem) {
  wt_memory *place = NULL;
  pthread_mutex_lock(&self->lock);
  *problem = self->left == 0 ? "maximum concurrent memories reached" : "no address space for memories (os error 12)";
  if (self->left > 0 && self->warm) {
    place = pop(&self->warm);
    self->warm_count--;
  } else if (self->left > 0 && (self->cold || add_block(self))) {
    place = pop(&self->cold);
  }
  self->left -= place != NULL;
  pthread_mutex_unlock(&self->lock);
  return place;
}

typedef struct clearing {
  uint8_t *data;
  size_t page_bytes, left;
} clearing;

static bool clear_page(void *user, size_t from) {
  clearing *self = user;
  if (self->left < self->page_bytes) return false;
  self->left -= self->page_bytes;
  memset(self->data + from, 0, self->page_bytes);
  return true;
}

// False: its pages are not there any more.
static bool clear(const wt_memory *place, bool stays_warm) {
  const wt_pagemap *pagemap = place->owner->pagemap;
  clearing all = {.data = place->data, .page_bytes = pagemap->page_bytes, .left = WARM_BYTES_MAX};
  if (stays_warm && wt_pagemap_tell(pagemap, place->data, place->accessible, clear_page, &all)) return true;
  if (place->accessible > 0 && madvise(place->data, place->accessible, MADV_DONTNEED) != 0)
    memset(place->data, 0, place->accessible); // locked in memory
  return false;
}

static void give_back(wt_memory *place) {
  wt_memories *self = place->owner;
  pthread_mutex_lock(&self->lock);
  bool stays_warm = self->warm_count < WARM_MAX;
  self->warm_count += stays_warm;
  pthread_mutex_unlock(&self->lock);
  bool is_warm = clear(place, stays_warm);
  pthread_mutex_lock(&self->lock);
  self->warm_count -= stays_warm && !is_warm;
  push(is_warm ? &self->warm : &self->cold, place);
  self->left++;
  pthread_mutex_unlock(&self->lock);
}

static bool reach(wt_memory *place, size_t size) {
  size_t page = place->owner->pagemap->page_bytes, wanted = (size + page - 1) & ~(page - 1);
  if (size > place->owner->bytes_max) return false;
  if (wanted > place->accessible) {
    if (mprotect(place->data, wanted, PROT_READ | PROT_WRITE) != 0) return false;
    place->accessible = wanted;
  }
  place->size = size;
  return true;
}

// -- Wasmtime's callbacks --

static uint8_t *look(void *env, size_t *size, size_t *capacity) {
  const wt_memory *place = env;
  *size = place->size;
  *capacity = place->owner->bytes_max;
  return place->data;
}

static wasmtime_error_t *grow(void *env, size_t size) {
  return reach(env, size) ? NULL : wasmtime_error_new("no room for a larger memory (os error 12)");
}

static void end(void *env) {
  give_back(env);
}

static wasmtime_error_t *provide(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                 size_t reserved, size_t guard, wasmtime_linear_memory_t *out) {
  (void)type, (void)maximum;
  wt_memories *self = env;
  const char *problem;
  if (reserved > 0 || guard > 0) return wasmtime_error_new("the code relies on guards of its memories");
  wt_memory *place = take(self, &problem);
  if (!place) return wasmtime_error_new(problem);
  if (!reach(place, minimum)) {
    give_back(place);
    return wasmtime_error_new("no room for a memory (os error 12)");
  }
  *out = (wasmtime_linear_memory_t){.env = place, .get_memory = look, .grow_memory = grow, .finalizer = end};
  return NULL;
}

void wt_memories_provide(wt_memories *self, wasm_config_t *config) {
  wasmtime_memory_creator_t creator = {.env = self, .new_memory = provide};
  wasmtime_config_host_memory_creator_set(config, &creator);
}

void wt_memory_shrink(const wt_memories *self, const uint8_t *data, size_t size) {
  wt_memory *place = find(self, data);
  assert(place->data == data && size <= place->size);
  place->size = size;
}

// -- All of them --

void wt_memories_open(wt_memories *self, const wt_pagemap *pagemap, size_t bytes_max, uint32_t count_max) {
  *self = (wt_memories){.pagemap = pagemap, .bytes_max = bytes_max, .place_bytes = 64 << 10, .left = count_max};
  while (self->place_bytes < bytes_max) self->place_bytes *= 2;
  pthread_mutex_init(&self->lock, NULL);
}

void wt_memories_close(wt_memories *self) {
  for (wt_block *block = self->blocks, *next; block; block = next) {
    next = block->next;
    munmap(block, block_bytes(self));
  }
  pthread_mutex_destroy(&self->lock);
}
