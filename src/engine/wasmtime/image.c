// The Wasmtime adapter: images, that is modules whose imports are resolved once. What each part of the engine has of one is
// made in part.c.
#include "engine/wasm/wasm_merge.h"
#include "engine/wasmtime/internal.h"

#include <stdlib.h>
#include <string.h>

static ubiq_error *copy_hosts(wt_image *image, const engine_link *link) {
  image->hosts = calloc(link->functions_count ? link->functions_count : 1, sizeof *image->hosts);
  if (!image->hosts) return ubiq_error_no_memory();
  image->hosts_count = link->functions_count;
  for (size_t i = 0; i < link->functions_count; i++) {
    const engine_host_function *f = &link->functions[i];
    image->hosts[i] = (wt_host){.function = *f, .late = image->suspends && f->ready && f->slot};
  }
  return NULL;
}

static ubiq_error *copy_bindings(wt_linked *linked, const engine_link_module *from) {
  linked->module = wasmtime_module_clone(((wt_module *)from->module)->module);
  linked->bindings = calloc(from->bindings_count ? from->bindings_count : 1, sizeof *linked->bindings);
  if (!linked->bindings) return ubiq_error_no_memory();
  linked->bindings_count = from->bindings_count;
  for (size_t i = 0; i < from->bindings_count; i++) {
    char *name = strdup(from->bindings[i].name);
    if (!name) return ubiq_error_no_memory();
    linked->bindings[i] = (engine_binding){.module = from->bindings[i].module, .name = name};
  }
  return NULL;
}

static ubiq_error *copy_modules(wt_image *image, const engine_link *link) {
  image->modules = calloc(link->modules_count, sizeof *image->modules);
  if (!image->modules) return ubiq_error_no_memory();
  image->modules_count = link->modules_count;
  for (size_t i = 0; i < link->modules_count; i++) {
    ubiq_error *error = copy_bindings(&image->modules[i], &link->modules[i]);
    if (error) return error;
  }
  return NULL;
}

static ubiq_error *copy_memories(wt_image *image, const engine_link *link) {
  image->memories = calloc(link->memories_count ? link->memories_count : 1, sizeof *image->memories);
  if (!image->memories) return ubiq_error_no_memory();
  for (size_t i = 0; i < link->memories_count; i++) image->memories[i] = link->memories[i];
  image->memories_count = link->memories_count;
  image->caller_memory = link->caller_memory;
  return NULL;
}

// Those with memories of ours are of another engine of Wasmtime's. What merging makes is linked alone.
static ubiq_error *check_engines(const engine_link *link) {
  for (size_t i = 0; i < link->modules_count && link->modules_count > 1; i++)
    if (((wt_module *)link->modules[i].module)->is_large)
      return ubiq_error_new(UBIQ_INVALID_INPUT,
                            "linking: module %zu has a section " WASM_MERGE_MARK ", which is the host's to make", i);
  return NULL;
}

ubiq_error *wt_link(engine *engine, const engine_link *link, engine_image **out) {
  if (link->modules_count > WT_MODULES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%zu modules are linked; at most %d may be, the kernel included",
                          link->modules_count, WT_MODULES_MAX);
  ubiq_error *mixed = check_engines(link);
  if (mixed) return mixed;
  wt_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wasmtime_ops;
  image->engine = (wt_engine *)engine;
  image->suspends = link->suspends;
  image->is_large = ((wt_module *)link->modules[0].module)->is_large;
  bool is_pooled = engine->options.memory_bytes_max > 0 && !engine->options.fuel;
  if (is_pooled && link->modules_count == 1) image->rewind = link->rewind;
  pthread_mutex_init(&image->making, NULL);
  ubiq_error *error = copy_hosts(image, link);
  if (!error) error = copy_modules(image, link);
  if (!error) error = copy_memories(image, link);
  wt_image_part *first;
  if (!error) error = wt_image_part_get(image, 0, &first);
  if (error) {
    wt_image_delete(&image->base);
    return ubiq_error_wrap(error, "linking");
  }
  *out = &image->base;
  return NULL;
}

static void linked_free(wt_linked *linked) {
  for (size_t i = 0; i < linked->bindings_count; i++) free((char *)linked->bindings[i].name);
  free(linked->bindings);
  if (linked->module) wasmtime_module_delete(linked->module);
}

void wt_image_delete(engine_image *base) {
  wt_image *image = (wt_image *)base;
  for (uint32_t i = 0; i < image->engine->parts_count; i++) wt_kept_end(&image->engine->parts[i], image);
  for (uint32_t i = 0; i < image->engine->parts_count; i++)
    wt_image_part_delete(atomic_load(&image->parts[i]), image->modules_count);
  for (size_t i = 0; i < image->modules_count; i++) linked_free(&image->modules[i]);
  free(image->modules);
  free(image->memories);
  pthread_mutex_destroy(&image->making);
  free(image->hosts);
  free(image);
}
