// The WasmEdge adapter: stores. Each has an executor, instances and host functions of its own.
#include "engine/wasmedge/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_BYTES = 12 };

static WasmEdge_String name_of(const char *text) {
  return WasmEdge_StringWrap(text, (uint32_t)strlen(text));
}

// What imports of a host function, or of a module at that place, are named (loaded/fenced.h).
static void write_place(uint32_t place, char name[static PLACE_BYTES]) {
  snprintf(name, PLACE_BYTES, "%u", place);
}

static uint32_t pages_of(uint64_t bytes) {
  uint64_t pages = bytes / EDGE_PAGE_BYTES;
  return bytes && pages < UINT16_MAX + 1 ? (uint32_t)pages : UINT16_MAX + 1;
}

static uint32_t elements_of(uint64_t elements) {
  return elements && elements < UINT32_MAX ? (uint32_t)elements : UINT32_MAX;
}

// The host functions.

static void add_host(edge_store *store, const char *name, const wasm_signature *signature, WasmEdge_HostFunc_t call,
                     void *data) {
  WasmEdge_FunctionTypeContext *type = edge_function_type(signature);
  WasmEdge_FunctionInstanceContext *function = WasmEdge_FunctionInstanceCreate(type, call, data, 0);
  WasmEdge_FunctionTypeDelete(type);
  WasmEdge_ModuleInstanceAddFunction(store->hosts, name_of(name), function);
}

static void bind_host(edge_store *store, uint32_t import) {
  char name[PLACE_BYTES];
  const engine_host_function *host = store->image->links.modules[0].targets[import].host;
  store->bound[import] = (edge_bound){.store = store, .host = host};
  write_place(import, name);
  add_host(store, name, host->signature, edge_enter_host, &store->bound[import]);
}

static ubiq_error *bind_hosts(edge_store *store) {
  static const wasm_signature of_fence = {0};
  size_t count = links_wasm(&store->image->links, 0)->imports_count;
  store->bound = calloc(count + 1, sizeof *store->bound);
  store->hosts = WasmEdge_ModuleInstanceCreate(name_of(EDGE_HOST_MODULE));
  if (!store->bound || !store->hosts) return ubiq_error_no_memory();
  for (uint32_t i = 0; i < count; i++) bind_host(store, i);
  add_host(store, EDGE_ASK_IMPORT, &of_fence, edge_enter_fence, store);
  return edge_take_result(NULL, WasmEdge_ExecutorRegisterImport(store->executor, store->names, store->hosts));
}

// Instances.

static ubiq_error *check_sizes(const edge_store *store, const wasm_module *wasm) {
  if (wasm->memory_pages_most > pages_of(store->options.memory_bytes_max))
    return ubiq_error_new(UBIQ_MEMORY_LIMIT, "memory minimum size of %llu pages exceeds memory limits",
                          (unsigned long long)wasm->memory_pages_most);
  if (wasm->table_elements_min > elements_of(store->options.table_elements_max))
    return ubiq_error_new(UBIQ_MEMORY_LIMIT, "table minimum size of %llu elements exceeds table limits",
                          (unsigned long long)wasm->table_elements_min);
  return NULL;
}

static void set_fence(const edge_store *store, edge_instance *self) {
  const WasmEdge_ModuleInstanceContext *instance = self->instance;
  self->stack = WasmEdge_ModuleInstanceFindGlobal(instance, name_of(WASM_FENCE_STACK));
  self->due = WasmEdge_ModuleInstanceFindGlobal(instance, name_of(WASM_FENCE_DUE));
  self->pages = WasmEdge_ModuleInstanceFindGlobal(instance, name_of(WASM_FENCE_PAGES));
  self->elements = WasmEdge_ModuleInstanceFindGlobal(instance, name_of(WASM_FENCE_ELEMENTS));
  edge_set_global(self->stack, EDGE_STACK_VALUES);
  edge_set_global(self->pages, pages_of(store->options.memory_bytes_max));
  edge_set_global(self->elements, elements_of(store->options.table_elements_max));
}

static ubiq_error *instantiate(edge_store *store, uint32_t index) {
  char name[PLACE_BYTES];
  const edge_image *image = store->image;
  edge_instance *self = &store->instances[index];
  ubiq_error *error = check_sizes(store, links_wasm(&image->links, index));
  if (error) return error;
  write_place(index, name);
  error = edge_take_result(NULL, WasmEdge_ExecutorRegister(store->executor, &self->instance, store->names,
                                                           image->parsed[index], name_of(name)));
  if (!error) set_fence(store, self);
  return error;
}

// A memory for which no address space is left is empty, without a word.
static ubiq_error *find_memories(edge_store *store) {
  for (size_t i = 0; i < store->image->links.memories_count; i++) {
    links_target target = store->image->links.memories[i];
    if (!target.item) continue;
    store->memories[i] =
        WasmEdge_ModuleInstanceFindMemory(store->instances[target.module].instance, name_of(target.item->name));
    if (store->memories[i] && WasmEdge_MemoryInstanceGetPageSize(store->memories[i]) < target.item->pages_min)
      return ubiq_error_new(UBIQ_UNAVAILABLE, "wasmedge needs 12 GiB of address space for each memory");
  }
  return NULL;
}

static ubiq_error *fill(edge_store *store) {
  const edge_image *image = store->image;
  store->instances = calloc(image->links.modules_count, sizeof *store->instances);
  store->memories = calloc(image->links.memories_count + 1, sizeof(WasmEdge_MemoryInstanceContext *));
  if (!store->instances || !store->memories) return ubiq_error_no_memory();
  if (image->engine->fuel) store->statistics = WasmEdge_StatisticsCreate();
  store->executor = WasmEdge_ExecutorCreate(image->engine->configuration, store->statistics);
  store->names = WasmEdge_StoreCreate();
  ubiq_error *error = bind_hosts(store);
  for (uint32_t i = 0; i < image->links.modules_count && !error; i++) error = instantiate(store, i);
  if (!error) error = find_memories(store);
  if (!error) running_add(&image->engine->stores, &store->running, store);
  return error;
}

ubiq_error *edge_store_new(engine_image *base, const engine_store_options *options, engine_store **out) {
  edge_store *store = calloc(1, sizeof *store);
  if (!store) return ubiq_error_no_memory();
  store->base.ops = &wasmedge_ops;
  store->image = (edge_image *)base;
  store->options = *options;
  store->fuel_limit = UINT64_MAX;
  ubiq_error *error = fill(store);
  if (error) {
    edge_store_delete(&store->base);
    return ubiq_error_wrap(error, "instantiating");
  }
  *out = &store->base;
  return NULL;
}

// Later modules hold what they import of earlier ones.
void edge_store_delete(engine_store *base) {
  edge_store *store = (edge_store *)base;
  running_remove(&store->image->engine->stores, &store->running);
  for (size_t i = store->instances ? store->image->links.modules_count : 0; i-- > 0;)
    WasmEdge_ModuleInstanceDelete(store->instances[i].instance);
  WasmEdge_ModuleInstanceDelete(store->hosts);
  WasmEdge_StoreDelete(store->names);
  WasmEdge_ExecutorDelete(store->executor);
  WasmEdge_StatisticsDelete(store->statistics);
  free(store->instances);
  free(store->memories);
  free(store->bound);
  ubiq_error_delete(store->host_error);
  free(store);
}

void edge_store_memory_limit(engine_store *base, uint64_t bytes) {
  edge_store *store = (edge_store *)base;
  for (size_t i = 0; i < store->image->links.modules_count; i++)
    edge_set_global(store->instances[i].pages, pages_of(bytes));
}

bool edge_store_function(engine_store *base, uint32_t module, const char *name, engine_function *out) {
  edge_store *store = (edge_store *)base;
  const wasm_item *item = wasm_module_export(links_wasm(&store->image->links, module), name);
  if (!item || item->kind != WASM_FUNCTION) return false;
  WasmEdge_FunctionInstanceContext *function =
      WasmEdge_ModuleInstanceFindFunction(store->instances[module].instance, name_of(name));
  out->opaque[0] = (uint64_t)(uintptr_t)function;
  out->opaque[1] = (uint64_t)(uintptr_t)&item->signature;
  return function != NULL;
}

static bool look_at(WasmEdge_MemoryInstanceContext *memory, engine_memory *out) {
  if (!memory) return false;
  out->data = WasmEdge_MemoryInstanceGetPointer(memory, 0, 0);
  out->size = (size_t)WasmEdge_MemoryInstanceGetPageSize(memory) * EDGE_PAGE_BYTES;
  return true;
}

bool edge_store_memory(engine_store *base, uint32_t place, engine_memory *out) {
  edge_store *store = (edge_store *)base;
  return place < store->image->links.memories_count && look_at(store->memories[place], out);
}

bool edge_caller_memory(engine_call *call, engine_memory *out) {
  uint32_t place = ((edge_store *)call->store)->image->links.caller_memory;
  if (place == ENGINE_MEMORY_NONE) return false;
  if (place != ENGINE_MEMORY_BY_CALLER) return edge_store_memory(call->store, place, out);
  const WasmEdge_ModuleInstanceContext *caller = WasmEdge_CallingFrameGetModuleInstance(call->caller);
  return look_at(WasmEdge_ModuleInstanceFindMemory(caller, name_of("memory")), out);
}
