// The adapter for wasm.h: stores. Each has its own instances and host functions.
#include "engine/wasm_c_api/internal.h"

#include <stdlib.h>
#include <string.h>

static uint64_t limit_of(uint64_t value) {
  return value ? value : UINT64_MAX;
}

static wasm_extern_t *bind_host(capi_store *store, uint32_t module, size_t import) {
  capi_instance *instance = &store->instances[module];
  const engine_host_function *host = store->image->links.modules[module].targets[import].host;
  capi_bound *bound = &instance->bound[import];
  *bound = (capi_bound){.store = store, .host = host, .module = module};
  wasm_functype_t *type = capi_functype(host->signature);
  instance->functions[import] = wasm_func_new_with_env(store->store, type, capi_enter_host, bound, NULL);
  wasm_functype_delete(type);
  return instance->functions[import] ? wasm_func_as_extern(instance->functions[import]) : NULL;
}

static wasm_extern_t *find_export(const capi_store *store, uint32_t module, const wasm_item *item) {
  const capi_module *provider = capi_image_module(store->image, module);
  uint32_t place = provider->export_places[item - provider->base.wasm->exports];
  return place == CAPI_NOWHERE ? NULL : store->instances[module].exports.data[place];
}

static ubiq_error *find_imports(capi_store *store, uint32_t module, wasm_extern_t **imports) {
  const capi_module *linked = capi_image_module(store->image, module);
  for (size_t i = 0; i < linked->base.wasm->imports_count; i++) {
    links_target target = store->image->links.modules[module].targets[i];
    wasm_extern_t *found = target.host ? bind_host(store, module, i) : find_export(store, target.module, target.item);
    imports[linked->import_places[i]] = found;
    if (!found) return ubiq_error_no_memory();
  }
  return NULL;
}

static ubiq_error *make(capi_store *store, capi_instance *instance, const capi_module *module,
                        wasm_extern_t **imports) {
  wasm_extern_vec_t vector = {.size = module->base.wasm->imports_count, .data = imports};
  wasm_trap_t *trap = ubiq_hook_instance_new(store->guard, module->unit, &vector, &instance->instance);
  if (trap) return capi_take_trap(NULL, trap);
  wasm_instance_exports(instance->instance, &instance->exports);
  return NULL;
}

static ubiq_error *instantiate(capi_store *store, uint32_t index) {
  capi_instance *instance = &store->instances[index];
  const capi_module *module = capi_image_module(store->image, index);
  size_t count = module->base.wasm->imports_count;
  instance->bound = calloc(count + 1, sizeof *instance->bound);
  instance->functions = calloc(count + 1, sizeof(wasm_func_t *));
  wasm_extern_t **imports = calloc(count + 1, sizeof(wasm_extern_t *));
  bool is_there = instance->bound && instance->functions && imports;
  ubiq_error *error = is_there ? find_imports(store, index, imports) : ubiq_error_no_memory();
  if (!error) error = make(store, instance, module, imports);
  free(imports);
  return error;
}

static ubiq_error *fill(capi_store *store) {
  capi_image *image = store->image;
  store->store = wasm_store_new(image->engine->engine);
  store->instances = calloc(image->links.modules_count, sizeof *store->instances);
  if (!store->store || !store->instances) return ubiq_error_no_memory();
  store->guard = ubiq_hook_guard_new(store->store, &store->terms);
  if (!store->guard) return ubiq_error_new(UBIQ_INTERNAL, CAPI_NAME " panicked");
  ubiq_hook_fuel_set(store->guard, UINT64_MAX); // initial data costs fuel, but is no run's
  ubiq_error *error = NULL;
  for (uint32_t i = 0; i < image->links.modules_count && !error; i++) error = instantiate(store, i);
  ubiq_hook_fuel_set(store->guard, 0);
  return error;
}

ubiq_error *capi_store_new(engine_image *base, const engine_store_options *options, engine_store **out) {
  capi_store *store = calloc(1, sizeof *store);
  if (!store) return ubiq_error_no_memory();
  store->base.ops = &wasm_c_api_ops;
  store->image = (capi_image *)base;
  store->options = *options;
  store->terms = (capi_terms){.memory_bytes_max = limit_of(options->memory_bytes_max),
                              .table_elements_max = limit_of(options->table_elements_max),
                              .refuel = capi_refuel,
                              .user = store};
  store->fuel_left = UINT64_MAX;
  ubiq_error *error = fill(store);
  if (error) {
    capi_store_delete(&store->base);
    return ubiq_error_wrap(error, "instantiating");
  }
  *out = &store->base;
  return NULL;
}

static void instance_free(capi_instance *instance, size_t imports_count) {
  for (size_t i = 0; instance->functions && i < imports_count; i++)
    if (instance->functions[i]) wasm_func_delete(instance->functions[i]);
  if (instance->instance) {
    wasm_extern_vec_delete(&instance->exports);
    wasm_instance_delete(instance->instance);
  }
  free(instance->functions);
  free(instance->bound);
}

void capi_store_delete(engine_store *base) {
  capi_store *store = (capi_store *)base;
  for (size_t i = 0; store->instances && i < store->image->links.modules_count; i++)
    instance_free(&store->instances[i], links_wasm(&store->image->links, (uint32_t)i)->imports_count);
  free(store->instances);
  if (store->guard) ubiq_hook_guard_delete(store->guard);
  if (store->store) wasm_store_delete(store->store);
  ubiq_error_delete(store->host_error);
  free(store);
}

void capi_store_memory_limit(engine_store *base, uint64_t bytes) {
  ((capi_store *)base)->terms.memory_bytes_max = limit_of(bytes);
}

bool capi_store_function(engine_store *base, uint32_t module, const char *name, engine_function *out) {
  const capi_store *store = (capi_store *)base;
  const wasm_item *item = wasm_module_export(links_wasm(&store->image->links, module), name);
  wasm_extern_t *found = item && item->kind == WASM_FUNCTION ? find_export(store, module, item) : NULL;
  if (!found) return false;
  out->opaque[0] = (uint64_t)(uintptr_t)wasm_extern_as_func(found);
  out->opaque[1] = (uint64_t)(uintptr_t)&item->signature;
  return out->opaque[0] != 0;
}

static bool look_at(const capi_store *store, links_target target, engine_memory *out) {
  wasm_extern_t *found = target.item ? find_export(store, target.module, target.item) : NULL;
  wasm_memory_t *memory = found ? wasm_extern_as_memory(found) : NULL;
  if (!memory) return false;
  out->data = (uint8_t *)wasm_memory_data(memory);
  out->size = wasm_memory_data_size(memory);
  return true;
}

bool capi_store_memory(engine_store *base, uint32_t place, engine_memory *out) {
  const capi_store *store = (capi_store *)base;
  const links *links = &store->image->links;
  return place < links->memories_count && look_at(store, links->memories[place], out);
}

bool capi_caller_memory(engine_call *call, engine_memory *out) {
  const capi_store *store = (capi_store *)call->store;
  uint32_t module = ((const capi_bound *)call->caller)->module;
  return look_at(store, links_caller_memory(&store->image->links, module), out);
}
