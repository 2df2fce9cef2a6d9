// The Wasmtime adapter: stores that begin anew.
//
// Most of what a short run costs is making its instance and ending it. So a store whose calls ended well is put back to how
// it began and kept for the next one that is asked for, of the same image and part: its memories by a copy of what they
// held (contents.c), all else that a module has by a function of its own (wasm_merge_rewind.c), which says when that cannot be.
// What has failed or was dropped on its way ends as Wasmtime ends it.
// How an image begins is read off its second store, so that who makes one alone pays nothing.
// LOCKS: a part's `lock` guards what is kept there; it is held for a few instructions, and never while a store ends.
#include "engine/wasmtime/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_LEFT = 16 }; // places of a part that are not taken by stores that are kept

// -- How stores begin --

// Puts back what is not in memories. False: it cannot be. No tick is for this call: it is no call of the store's user.
static bool reset_module(wt_store *store, const wt_start *start) {
  engine_function rewind;
  if (!wt_store_function(&store->base, 0, store->image->rewind, &rewind)) return false;
  engine_value answer = {0};
  engine_tick_callback tick = store->options.tick;
  store->options.tick = NULL;
  ubiq_error *error = wt_call_now(&store->base, &rewind, &answer, 1);
  store->options.tick = tick;
  bool is_put_back = !error && answer.i32 == (int32_t)start->memories_count;
  ubiq_error_delete(error);
  return is_put_back;
}

static const wt_start *learn(wt_store *store) {
  wt_start *start = calloc(1, sizeof *start);
  if (!start) return NULL;
  if (wt_contents_read(store, start) && reset_module(store, start)) return start;
  wt_contents_free(start);
  return NULL;
}

void wt_start_learn(wt_store *store) {
  wt_image_part *part = store->image_part;
  unsigned none = WT_START_NONE, one = WT_START_ONE_MADE;
  if (!store->image->rewind || atomic_compare_exchange_strong(&part->start_state, &none, WT_START_ONE_MADE)) return;
  if (!atomic_compare_exchange_strong(&part->start_state, &one, WT_START_SETTLED)) return;
  atomic_store_explicit(&part->start, (wt_start *)learn(store), memory_order_release);
}

void wt_start_forget(wt_image_part *part) {
  wt_start *start = atomic_load(&part->start);
  if (start) wt_contents_free(start);
}

// -- Back to the beginning --

static bool rewind_store(wt_store *store, const wt_start *start) {
  bool is_whole = !store->has_failed && !store->call.future && !store->wait.host && !store->host_error;
  return is_whole && reset_module(store, start) && wt_contents_write(store, start);
}

// -- What is kept --

// Takes the store at `index` out. With the lock.
static wt_store *remove_at(wt_part *part, uint32_t index) {
  wt_store *store = part->kept[index];
  part->kept_count--;
  memmove(&part->kept[index], &part->kept[index + 1], (part->kept_count - index) * sizeof *part->kept);
  return store;
}

static bool is_for(const wt_store *store, const wt_image *image, const engine_store_options *options) {
  return store->image == image && store->options.memory_bytes_max == options->memory_bytes_max &&
         store->options.table_elements_max == options->table_elements_max;
}

wt_store *wt_kept_take(wt_part *part, const wt_image *image, const engine_store_options *options) {
  wt_store *found = NULL;
  if (!image->rewind) return NULL;
  pthread_mutex_lock(&part->lock);
  for (uint32_t i = part->kept_count; i > 0 && !found; i--)
    if (is_for(part->kept[i - 1], image, options)) found = remove_at(part, i - 1);
  pthread_mutex_unlock(&part->lock);
  return found;
}

static bool has_room(const wt_part *part, uint32_t places) {
  return atomic_load_explicit(&part->stores, memory_order_relaxed) + part->kept_count + ROOM_LEFT < places;
}

bool wt_keep(wt_store *store) {
  wt_part *part = store->part;
  const wt_start *start = atomic_load_explicit(&store->image_part->start, memory_order_acquire);
  if (!start || !rewind_store(store, start)) return false;
  wt_store *oldest = NULL;
  pthread_mutex_lock(&part->lock);
  bool is_kept = has_room(part, store->image->engine->places);
  if (is_kept && part->kept_count == WT_KEPT_MAX) oldest = remove_at(part, 0);
  if (is_kept) part->kept[part->kept_count++] = store;
  pthread_mutex_unlock(&part->lock);
  if (is_kept) wt_part_give_back(part);
  if (oldest) wt_store_end(oldest);
  return is_kept;
}

// One that is kept, of an image or (NULL) of any.
static wt_store *take_any(wt_part *part, const wt_image *image) {
  wt_store *found = NULL;
  pthread_mutex_lock(&part->lock);
  for (uint32_t i = 0; i < part->kept_count && !found; i++)
    if (!image || part->kept[i]->image == image) found = remove_at(part, i);
  pthread_mutex_unlock(&part->lock);
  return found;
}

void wt_kept_end(wt_part *part, const wt_image *image) {
  for (wt_store *store = take_any(part, image); store; store = take_any(part, image)) wt_store_end(store);
}

void wt_kept_make_room(wt_part *part, uint32_t places) {
  while (atomic_load_explicit(&part->stores, memory_order_relaxed) + part->kept_count > places) {
    wt_store *store = take_any(part, NULL);
    if (!store) return;
    wt_store_end(store);
  }
}
