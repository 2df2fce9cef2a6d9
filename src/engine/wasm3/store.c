// The Wasm3 adapter: stores. Each has an environment and a runtime for each module of its own: Wasm3 shares nothing between
// threads.
#include "engine/wasm3/internal.h"

#include <stdlib.h>
#include <string.h>

static ubiq_error *parse(w3_store *store, w3_instance *instance) {
  const w3_module *module = (const w3_module *)instance->linked->module;
  instance->runtime = m3_NewRuntime(store->environment, W3_STACK_BYTES, &store->guard);
  if (!instance->runtime) return ubiq_error_no_memory();
  return w3_take_error(NULL, m3_ParseModule(store->environment, &instance->module, module->bytes, module->size));
}

static uint32_t pages_allowed(const w3_instance *instance, uint64_t bytes) {
  uint32_t own = instance->module->memoryInfo.maxPages;
  uint64_t pages = bytes ? bytes / W3_PAGE_BYTES : d_m3MaxLinearMemoryPages;
  if (own && own < pages) pages = own;
  return pages < d_m3MaxLinearMemoryPages ? (uint32_t)pages : d_m3MaxLinearMemoryPages;
}

static ubiq_error *check_memory(const w3_instance *instance, uint64_t limit) {
  uint64_t bytes = (uint64_t)instance->module->memoryInfo.initPages * W3_PAGE_BYTES;
  uint64_t most = limit && limit < (uint64_t)d_m3MaxLinearMemoryPages * W3_PAGE_BYTES
                      ? limit
                      : (uint64_t)d_m3MaxLinearMemoryPages * W3_PAGE_BYTES;
  if (bytes <= most) return NULL;
  return ubiq_error_new(UBIQ_MEMORY_LIMIT, "memory minimum size of %u pages exceeds memory limits",
                        instance->module->memoryInfo.initPages);
}

// Segments that do not fit are the guest's own fault, as any access out of bounds.
static ubiq_error *load(w3_instance *instance) {
  M3Result result = m3_LoadModule(instance->runtime, instance->module);
  if (!result) return NULL;
  if (strcmp(result, "data segment out of bounds") == 0) result = m3Err_trapOutOfBoundsMemoryAccess;
  if (strncmp(result, "table ", 6) == 0) result = m3Err_trapTableIndexOutOfRange;
  return w3_take_error(NULL, result);
}

static ubiq_error *link_imports(w3_store *store, w3_instance *instance) {
  size_t count = instance->linked->module->wasm->imports_count;
  instance->imports = calloc(count + 1, sizeof *instance->imports);
  if (!instance->imports) return ubiq_error_no_memory();
  M3Result result = m3Err_none;
  for (size_t i = 0; i < count && !result; i++) {
    const links_target *target = &instance->linked->targets[i];
    w3_import *import = &instance->imports[i];
    *import = (w3_import){.caller = instance, .target = target};
    if (!target->host) import->callee = &store->instances[target->module].module->functions[target->item->index];
    M3RawCall callback = target->host ? w3_enter_host : w3_enter_module;
    result = LinkRawFunction(instance->module, &instance->module->functions[i], NULL, callback, import);
  }
  return w3_take_error(NULL, result);
}

static ubiq_error *instantiate(w3_store *store, size_t index) {
  w3_instance *instance = &store->instances[index];
  instance->store = store;
  instance->linked = &store->image->links.modules[index];
  ubiq_error *error = parse(store, instance);
  if (!error) error = check_memory(instance, store->options.memory_bytes_max);
  if (error) return error;
  error = load(instance);
  if (error) return error;
  error = w3_instance_remember(instance);
  return error ? error : link_imports(store, instance);
}

static ubiq_error *fill(w3_store *store) {
  w3_image *image = store->image;
  store->environment = m3_NewEnvironment();
  store->instances = calloc(image->links.modules_count, sizeof *store->instances);
  if (!store->environment || !store->instances) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  for (size_t i = 0; i < image->links.modules_count && !error; i++) error = instantiate(store, i);
  return error;
}

static ubiq_error *make(w3_image *image, const engine_store_options *options, w3_store **out) {
  w3_store *store = calloc(1, sizeof *store);
  if (!store) return ubiq_error_no_memory();
  store->base.ops = &wasm3_ops;
  store->image = image;
  store->options = *options;
  store->guard.epoch = &image->engine->epoch;
  w3_guard_set_limit(&store->guard);
  ubiq_error *error = fill(store);
  if (error)
    w3_store_free(store);
  else
    *out = store;
  return error;
}

static ubiq_error *use_again(w3_store *store, const engine_store_options *options) {
  store->options = *options;
  ubiq_error *error = NULL;
  for (size_t i = 0; i < store->image->links.modules_count && !error; i++)
    error = check_memory(&store->instances[i], options->memory_bytes_max);
  if (error) w3_store_delete(&store->base);
  return error;
}

ubiq_error *w3_store_new(engine_image *base, const engine_store_options *options, engine_store **out) {
  w3_image *image = (w3_image *)base;
  w3_store *store = w3_image_take(image);
  ubiq_error *error = store ? use_again(store, options) : make(image, options, &store);
  if (error) return ubiq_error_wrap(error, "instantiating");
  w3_store_memory_limit(&store->base, options->memory_bytes_max);
  *out = &store->base;
  return NULL;
}

// A runtime frees the modules that were loaded into it.
static void instance_free(w3_instance *instance) {
  bool is_loaded = instance->module && instance->module->runtime;
  if (instance->module && !is_loaded) m3_FreeModule(instance->module);
  m3_FreeRuntime(instance->runtime);
  free(instance->imports);
  free(instance->globals);
  free(instance->offsets);
}

void w3_store_free(w3_store *store) {
  for (size_t i = 0; store->instances && i < store->image->links.modules_count; i++)
    instance_free(&store->instances[i]);
  free(store->instances);
  if (store->environment) m3_FreeEnvironment(store->environment);
  ubiq_error_delete(store->host_error);
  free(store);
}

static bool reset(w3_store *store) {
  if (store->is_spent || store->depth > 0) return false;
  ubiq_error_delete(store->host_error);
  store->host_error = NULL;
  for (size_t i = 0; i < store->image->links.modules_count; i++)
    if (!w3_instance_reset(&store->instances[i])) return false;
  return true;
}

void w3_store_delete(engine_store *base) {
  w3_store *store = (w3_store *)base;
  if (!reset(store) || !w3_image_give(store->image, store)) w3_store_free(store);
}

void w3_store_memory_limit(engine_store *base, uint64_t bytes) {
  w3_store *store = (w3_store *)base;
  for (size_t i = 0; i < store->image->links.modules_count; i++)
    store->instances[i].runtime->memory.maxPages = pages_allowed(&store->instances[i], bytes);
}

bool w3_store_function(engine_store *base, uint32_t module, const char *name, engine_function *out) {
  w3_store *store = (w3_store *)base;
  const w3_instance *instance = &store->instances[module];
  const wasm_item *item = wasm_module_export(instance->linked->module->wasm, name);
  if (!item || item->kind != WASM_FUNCTION) return false;
  out->opaque[0] = (uint64_t)(uintptr_t)&instance->module->functions[item->index];
  return true;
}

static bool look_at(const w3_store *store, links_target target, engine_memory *out) {
  if (!target.item) return false;
  M3MemoryHeader *memory = store->instances[target.module].runtime->memory.mallocated;
  out->data = (uint8_t *)(memory + 1);
  out->size = memory->length;
  return true;
}

bool w3_store_memory(engine_store *base, uint32_t place, engine_memory *out) {
  const w3_store *store = (w3_store *)base;
  const links *links = &store->image->links;
  return place < links->memories_count && look_at(store, links->memories[place], out);
}

bool w3_caller_memory(engine_call *call, engine_memory *out) {
  const w3_store *store = (w3_store *)call->store;
  const w3_instance *caller = ((const w3_import *)call->caller)->caller;
  return look_at(store, links_caller_memory(&store->image->links, (uint32_t)(caller - store->instances)), out);
}
