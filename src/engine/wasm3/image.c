// The Wasm3 adapter: images, that is modules whose imports were led to a host function or a function of another module.
#include "engine/wasm3/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const engine_host_function *find_host(const w3_image *image, const wasm_item *import) {
  for (size_t i = 0; i < image->hosts_count; i++) {
    const engine_host_function *host = &image->hosts[i];
    if (strcmp(host->module, import->module) == 0 && strcmp(host->name, import->name) == 0) return host;
  }
  return NULL;
}

// A module may export again what it imports: that leads on.
static ubiq_error *resolve_export(const w3_image *image, const engine_binding *binding, w3_target *out) {
  const w3_linked *provider = &image->modules[binding->module];
  assert(binding->module < image->modules_count && provider->code);
  const wasm_module *wasm = provider->code->wasm;
  const wasm_item *item = wasm_module_export(wasm, binding->name);
  if (!item || item->kind != WASM_FUNCTION)
    return ubiq_error_new(UBIQ_INTERNAL, "module %u exports no function %s", binding->module, binding->name);
  if (item->index < wasm->imports_count)
    *out = provider->targets[item->index];
  else
    *out = (w3_target){.module = binding->module, .function = item->index, .signature = &item->signature};
  return NULL;
}

// Modules come in the order of their imports, so that what a module's imports lead to is known already.
static ubiq_error *resolve(w3_image *image, size_t index, const engine_link_module *from) {
  w3_linked *linked = &image->modules[index];
  const wasm_module *wasm = linked->code->wasm;
  linked->targets = calloc(wasm->imports_count + 1, sizeof *linked->targets);
  if (!linked->targets) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  for (size_t i = 0; i < wasm->imports_count && !error; i++) {
    w3_target *target = &linked->targets[i];
    if (index > 0) {
      error = resolve_export(image, &from->bindings[i], target);
      continue;
    }
    *target = (w3_target){.host = find_host(image, &wasm->imports[i]), .signature = &wasm->imports[i].signature};
    if (!target->host)
      error = ubiq_error_new(UBIQ_INVALID_INPUT, "unknown import: `%s::%s` has not been defined",
                             wasm->imports[i].module, wasm->imports[i].name);
  }
  return error;
}

static ubiq_error *resolve_all(w3_image *image, const engine_link *link) {
  image->modules = calloc(link->modules_count, sizeof *image->modules);
  if (!image->modules) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  for (size_t i = 0; i < link->modules_count && !error; i++) {
    image->modules[i].code = w3_code_retain(((w3_module *)link->modules[i].module)->code);
    image->modules_count = i + 1;
    error = resolve(image, i, &link->modules[i]);
  }
  return error;
}

static ubiq_error *copy_hosts(w3_image *image, const engine_link *link) {
  image->hosts = calloc(link->functions_count + 1, sizeof *image->hosts);
  if (!image->hosts) return ubiq_error_no_memory();
  for (size_t i = 0; i < link->functions_count; i++) image->hosts[image->hosts_count++] = link->functions[i];
  return NULL;
}

static ubiq_error *find_memories(w3_image *image, const engine_link *link) {
  image->memories = calloc(link->memories_count + 1, sizeof *image->memories);
  if (!image->memories) return ubiq_error_no_memory();
  for (size_t i = 0; i < link->memories_count; i++) {
    const engine_binding *memory = &link->memories[i];
    assert(memory->module < image->modules_count && image->modules[memory->module].code);
    const wasm_item *item = wasm_module_export(image->modules[memory->module].code->wasm, memory->name);
    image->memories[image->memories_count++] = item && item->kind == WASM_MEMORY ? memory->module : UINT32_MAX;
  }
  image->caller_memory = link->caller_memory;
  return NULL;
}

ubiq_error *w3_link(engine *engine, const engine_link *link, engine_image **out) {
  if (link->modules_count > W3_MODULES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%zu modules are linked; at most %d may be, the kernel included",
                          link->modules_count, W3_MODULES_MAX);
  if (link->suspends) return ubiq_error_new(UBIQ_INVALID_INPUT, "wasm3 cannot suspend calls");
  w3_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wasm3_ops;
  image->engine = (w3_engine *)engine;
  image->idle_taken = (atomic_flag)ATOMIC_FLAG_INIT;
  ubiq_error *error = copy_hosts(image, link);
  if (!error) error = resolve_all(image, link);
  if (!error) error = find_memories(image, link);
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
  for (size_t i = 0; i < image->modules_count; i++) {
    w3_code_release(image->modules[i].code);
    free(image->modules[i].targets);
  }
  free(image->modules);
  free(image->memories);
  free(image->hosts);
  free(image);
}
