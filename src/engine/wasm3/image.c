// The Wasm3 adapter: images, that is modules whose imports were led to a host function or a function of another module.
#include "engine/wasm3/internal.h"

#include <stdlib.h>

ubiq_error *w3_link(engine *engine, const engine_link *link, engine_image **out) {
  w3_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wasm3_ops;
  image->engine = (w3_engine *)engine;
  image->idle_taken = (atomic_flag)ATOMIC_FLAG_INIT;
  ubiq_error *error = links_open(&image->links, &wasm3_ops, link, WASM_TYPE_F64);
  if (error) {
    w3_image_delete(&image->base);
    return ubiq_error_wrap(error, "linking");
  }
  *out = &image->base;
  return NULL;
}

enum { IDLE_TRIES_MAX = 100 };

static bool take_idle_list(w3_image *image) {
  for (int i = 0; i < IDLE_TRIES_MAX; i++)
    if (!atomic_flag_test_and_set_explicit(&image->idle_taken, memory_order_acquire)) return true;
  return false;
}

static void leave_idle_list(w3_image *image) {
  atomic_flag_clear_explicit(&image->idle_taken, memory_order_release);
}

w3_store *w3_image_take(w3_image *image) {
  if (!take_idle_list(image)) return NULL;
  w3_store *store = image->idle_count > 0 ? image->idle[--image->idle_count] : NULL;
  leave_idle_list(image);
  return store;
}

bool w3_image_give(w3_image *image, w3_store *store) {
  if (!take_idle_list(image)) return false;
  bool is_taken = image->idle_count < W3_IDLE_MAX;
  if (is_taken) image->idle[image->idle_count++] = store;
  leave_idle_list(image);
  return is_taken;
}

void w3_image_delete(engine_image *base) {
  w3_image *image = (w3_image *)base;
  while (image->idle_count > 0) w3_store_free(image->idle[--image->idle_count]);
  links_close(&image->links);
  free(image);
}
