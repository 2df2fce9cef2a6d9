// The Wasmtime adapter: what memories hold when a store is new, and putting that back.
//
// Memories of the pool are written as a whole, and are refused when there is much of them or they have grown. Memories of ours
// (memory.h) are written where they were touched, by this run or one before, and shrink to what they began with. How much
// of them stays there between two runs is bounded.
#include "engine/wasmtime/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
  CONTENT_BYTES_MAX = 4 << 20, // of one memory's first and last byte that is not zero, and what is between
  TOUCHED_BYTES_MAX = 2 << 20, // of a store's memories: writing more takes longer than making a new instance
};

void wt_contents_free(wt_start *start) {
  for (uint32_t i = 0; i < start->memories_count; i++) free(start->memories[i].bytes);
  free(start);
}

/// A memory that is being read: what of it is not zeros.
typedef struct reading {
  const engine_memory *memory;
  size_t page_bytes;
  wt_start_memory *out;
} reading;

static size_t page_end(const reading *self, size_t from) {
  size_t to = from + self->page_bytes;
  return to < self->memory->size ? to : self->memory->size;
}

// Pages come in their order.
static bool find_ends(void *user, size_t from) {
  const reading *self = user;
  const uint8_t *data = self->memory->data;
  size_t to = page_end(self, from);
  while (to > from && data[to - 1] == 0) to--;
  while (from < to && data[from] == 0) from++;
  if (from == to) return true;
  if (self->out->to == 0) self->out->from = from;
  self->out->to = to;
  return true;
}

static bool copy_page(void *user, size_t from) {
  const reading *self = user;
  wt_start_memory *out = self->out;
  size_t low = out->from > from ? out->from : from, end = page_end(self, from), high = out->to < end ? out->to : end;
  if (low < high) memcpy(out->bytes + (low - out->from), self->memory->data + low, high - low);
  return true;
}

// Of memories of ours it looks at nothing that was not written: looking would make the system say that there is something.
static bool for_each_page(const wt_store *store, reading *self, wt_touched visit) {
  const wt_pagemap *pagemap = &store->engine->pagemap;
  self->page_bytes = store->is_large ? pagemap->page_bytes : self->memory->size;
  if (!store->is_large) return visit(self, 0);
  return wt_pagemap_tell(pagemap, self->memory->data, self->memory->size, visit, self);
}

static bool read_memory(const wt_store *store, const engine_memory *memory, wt_start_memory *out) {
  reading all = {.memory = memory, .out = out};
  *out = (wt_start_memory){.size = memory->size};
  if (!for_each_page(store, &all, find_ends) || out->to - out->from > CONTENT_BYTES_MAX) return false;
  out->bytes = calloc(1, out->to - out->from + 1);
  return out->bytes && for_each_page(store, &all, copy_page);
}

// The image's lists of memories name all that there are. A name may be of none.
bool wt_contents_read(wt_store *store, wt_start *start) {
  size_t bytes = 0, bytes_max = store->is_large ? WT_LARGE_BYTES_MAX : WT_WRITTEN_BYTES_MAX;
  for (uint32_t place = 0; place < store->image->memories_count; place++) {
    engine_memory memory;
    if (!wt_store_memory(&store->base, place, &memory)) continue;
    bytes += memory.size;
    if (bytes > bytes_max || start->memories_count == WT_START_MEMORIES_MAX || place >= WT_MEMORIES_KNOWN) return false;
    wt_start_memory *read = &start->memories[start->memories_count];
    start->memories_count++;
    if (!read_memory(store, &memory, read)) return false;
    read->place = place;
  }
  return true;
}

static void write_range(const wt_start_memory *start, uint8_t *data, size_t from, size_t to) {
  size_t low = start->from < from ? from : start->from, high = start->to < to ? start->to : to;
  if (low >= high) {
    memset(data + from, 0, to - from);
    return;
  }
  memset(data + from, 0, low - from);
  memcpy(data + low, start->bytes + (low - start->from), high - low);
  memset(data + high, 0, to - high);
}

/// One memory that is being written where it was touched.
typedef struct writing {
  const wt_start_memory *start;
  engine_memory memory;
  size_t page_bytes;
  size_t *left; ///< of TOUCHED_BYTES_MAX
} writing;

static bool write_page(void *user, size_t from) {
  writing *self = user;
  size_t to = from + self->page_bytes;
  if (*self->left < self->page_bytes) return false;
  *self->left -= self->page_bytes;
  write_range(self->start, self->memory.data, from, to < self->memory.size ? to : self->memory.size);
  return true;
}

// Wasmtime asks for a memory's size whenever it is to grow, be it by nothing.
static bool shrink(wt_store *store, const wt_start_memory *start, engine_memory *memory) {
  uint64_t before;
  wt_memory_shrink(&store->part->memories, memory->data, start->size);
  wasmtime_error_t *error = wasmtime_memory_grow(store->context, &store->memories[start->place], 0, &before);
  if (error) wasmtime_error_delete(error);
  return !error && wt_store_memory(&store->base, start->place, memory) && memory->size == start->size;
}

static bool write_touched(wt_store *store, const wt_start_memory *start, engine_memory memory, size_t *left) {
  const wt_pagemap *pagemap = &store->engine->pagemap;
  writing all = {.start = start, .memory = memory, .page_bytes = pagemap->page_bytes, .left = left};
  if (memory.size < start->size || memory.size > WT_LARGE_BYTES_MAX) return false;
  if (memory.size <= WT_WRITTEN_BYTES_MAX / 2)
    write_range(start, memory.data, 0, memory.size);
  else if (!wt_pagemap_tell(pagemap, memory.data, memory.size, write_page, &all))
    return false;
  return memory.size == start->size || shrink(store, start, &memory);
}

bool wt_contents_write(wt_store *store, const wt_start *start) {
  engine_memory memories[WT_START_MEMORIES_MAX];
  bool is_large = store->is_large;
  size_t left = TOUCHED_BYTES_MAX;
  for (uint32_t i = 0; i < start->memories_count; i++) {
    bool is_there = wt_store_memory(&store->base, start->memories[i].place, &memories[i]);
    if (!is_there || (!is_large && memories[i].size != start->memories[i].size)) return false;
  }
  for (uint32_t i = 0; i < start->memories_count; i++) {
    if (!is_large)
      write_range(&start->memories[i], memories[i].data, 0, memories[i].size);
    else if (!write_touched(store, &start->memories[i], memories[i], &left))
      return false;
  }
  return true;
}
