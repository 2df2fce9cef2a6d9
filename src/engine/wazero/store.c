// The wazero adapter: stores, and their memories.
#include "engine/wazero/internal.h"

#include <stdlib.h>
#include <sys/mman.h>

static uint64_t limit_of(uint64_t bytes) {
  return bytes && bytes < WZ_MEMORY_BYTES_MAX ? bytes : WZ_MEMORY_BYTES_MAX;
}

static uint32_t elements_of(const engine_store_options *options) {
  uint64_t elements = options->table_elements_max;
  return elements && elements < WZ_TABLE_ELEMENTS_MAX ? (uint32_t)elements : WZ_TABLE_ELEMENTS_MAX;
}

// wazero panics when it gets less memory than a module begins with, and has no limit for what a table begins with.
static ubiq_error *check_size(const wasm_module *wasm, const engine_store_options *options) {
  uint64_t pages = wasm->memory_pages_min, elements = wasm->table_elements_min;
  if (pages > limit_of(options->memory_bytes_max) / WZ_PAGE_BYTES)
    return ubiq_error_new(UBIQ_MEMORY_LIMIT, "memory minimum size of %llu pages exceeds memory limits",
                          (unsigned long long)pages);
  if (elements > elements_of(options))
    return ubiq_error_new(UBIQ_MEMORY_LIMIT, "table minimum size of %llu elements exceeds table limits",
                          (unsigned long long)elements);
  return NULL;
}

static ubiq_error *check_sizes(const wz_image *image, const engine_store_options *options) {
  ubiq_error *error = NULL;
  for (size_t i = 0; i < image->links.modules_count && !error; i++)
    error = check_size(links_wasm(&image->links, (uint32_t)i), options);
  return error;
}

static ubiq_error *set_fences(wz_store *store) {
  wazero_message message;
  for (uint32_t i = 0; i < store->image->links.modules_count; i++) {
    if (!wz_is_fenced(store->image, i)) continue;
    ubiq_wazero_global_set(store->go, i, WASM_FENCE_ELEMENTS, elements_of(&store->options));
    store->dues[i] = (_Atomic(uint32_t) *)ubiq_wazero_global_place(store->go, i, WASM_FENCE_DUE, &message);
    if (!store->dues[i]) return wz_error(&message);
  }
  return NULL;
}

static ubiq_error *fill(wz_store *store) {
  size_t count = store->image->links.modules_count;
  store->memories = calloc(count, sizeof *store->memories);
  store->dues = calloc(count, sizeof *store->dues);
  if (!store->memories || !store->dues) return ubiq_error_no_memory();
  wazero_message message;
  store->go = ubiq_wazero_store_new(store->image->go, store, &message);
  ubiq_error *error = store->go ? set_fences(store) : wz_error(&message);
  if (!error) running_add(&store->image->engine->stores, &store->running, store);
  return error;
}

ubiq_error *wz_store_new(engine_image *base, const engine_store_options *options, engine_store **out) {
  wz_image *image = (wz_image *)base;
  ubiq_error *error = check_sizes(image, options);
  if (error) return ubiq_error_wrap(error, "instantiating");
  wz_store *store = calloc(1, sizeof *store);
  if (!store) return ubiq_error_no_memory();
  store->base.ops = &wazero_ops;
  store->image = image;
  store->options = *options;
  error = fill(store);
  if (error) {
    wz_store_delete(&store->base);
    return ubiq_error_wrap(error, "instantiating");
  }
  *out = &store->base;
  return NULL;
}

void wz_store_delete(engine_store *base) {
  wz_store *store = (wz_store *)base;
  running_remove(&store->image->engine->stores, &store->running);
  if (store->go) ubiq_wazero_store_delete(store->go);
  for (size_t i = 0; store->memories && i < store->image->links.modules_count; i++)
    if (store->memories[i].data) munmap(store->memories[i].data, store->memories[i].reserved);
  free(store->memories);
  free(store->dues);
  ubiq_error_delete(store->host_error);
  free(store);
}

void wz_store_memory_limit(engine_store *base, uint64_t bytes) {
  ((wz_store *)base)->options.memory_bytes_max = bytes;
}

bool wz_store_function(engine_store *base, uint32_t module, const char *name, engine_function *out) {
  wz_store *store = (wz_store *)base;
  const wasm_item *item = wasm_module_export(links_wasm(&store->image->links, module), name);
  if (!item || item->kind != WASM_FUNCTION) return false;
  out->opaque[0] = ubiq_wazero_function(store->go, module, name);
  out->opaque[1] = (uint64_t)(uintptr_t)&item->signature;
  return out->opaque[0] != 0;
}

// Memories: address space for all that one may become, of which its size so far can be used. Where there is not so much
// address space, a memory moves when it grows.

static bool reserve(wz_memory *self, size_t bytes) {
  void *place = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return false;
  *self = (wz_memory){.data = place, .reserved = bytes};
  return true;
}

static bool move(wz_memory *self, size_t bytes) {
  void *place = mremap(self->data, self->reserved, bytes, MREMAP_MAYMOVE);
  if (place == MAP_FAILED) return false;
  self->data = place;
  self->reserved = bytes;
  return true;
}

static bool make_room(wz_memory *self, size_t bytes, size_t most) {
  enum { LEAST = 4096 };
  if (!self->data) return reserve(self, most > LEAST ? most : LEAST) || reserve(self, bytes > LEAST ? bytes : LEAST);
  return bytes <= self->reserved || move(self, bytes);
}

uint8_t *wz_memory_resize(void *user, uint32_t module, uint64_t bytes, uint64_t most) {
  wz_store *store = user;
  wz_memory *memory = &store->memories[module];
  if (bytes > most || bytes > limit_of(store->options.memory_bytes_max)) return NULL;
  if (!make_room(memory, bytes, most)) return NULL;
  if (bytes > memory->size && mprotect(memory->data, bytes, PROT_READ | PROT_WRITE) != 0) return NULL;
  if (bytes > memory->size) memory->size = bytes;
  return memory->data;
}

static bool look_at(const wz_store *store, links_target target, engine_memory *out) {
  if (!target.item || !store->memories[target.module].data) return false;
  out->data = store->memories[target.module].data;
  out->size = store->memories[target.module].size;
  return true;
}

bool wz_store_memory(engine_store *base, uint32_t place, engine_memory *out) {
  const wz_store *store = (wz_store *)base;
  const links *links = &store->image->links;
  return place < links->memories_count && look_at(store, links->memories[place], out);
}

bool wz_caller_memory(engine_call *call, engine_memory *out) {
  const wz_store *store = (wz_store *)call->store;
  return look_at(store, links_caller_memory(&store->image->links, (uint32_t)(uintptr_t)call->caller), out);
}
