#include "engine/links.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// -- Host functions --

static int compare_hosts(const void *one, const void *other) {
  const engine_host_function *a = one, *b = other;
  int order = strcmp(a->module, b->module);
  return order ? order : strcmp(a->name, b->name);
}

static ubiq_error *copy_hosts(links *self, const engine_link *link) {
  self->hosts = calloc(link->functions_count + 1, sizeof *self->hosts);
  if (!self->hosts) return ubiq_error_no_memory();
  for (size_t i = 0; i < link->functions_count; i++) self->hosts[self->hosts_count++] = link->functions[i];
  qsort(self->hosts, self->hosts_count, sizeof *self->hosts, compare_hosts);
  return NULL;
}

static const engine_host_function *find_host(const links *self, const wasm_item *import) {
  engine_host_function wanted = {.module = import->module, .name = import->name};
  return bsearch(&wanted, self->hosts, self->hosts_count, sizeof wanted, compare_hosts);
}

static ubiq_error *resolve_hosts(links *self, const char *engine, wasm_type last) {
  const wasm_module *hub = links_wasm(self, 0);
  for (size_t i = 0; i < hub->imports_count; i++) {
    const wasm_item *import = &hub->imports[i];
    const engine_host_function *host = find_host(self, import);
    if (!host)
      return ubiq_error_new(UBIQ_INVALID_INPUT, "unknown import: `%s::%s` has not been defined", import->module,
                            import->name);
    if (!wasm_signature_within(host->signature, last))
      return ubiq_error_new(UBIQ_INVALID_INPUT, "import %s.%s: %s cannot pass values of all its types", import->module,
                            import->name, engine);
    if (import->kind != WASM_FUNCTION || !wasm_signature_equal(host->signature, &import->signature))
      return ubiq_error_new(UBIQ_INVALID_INPUT, "incompatible import type for `%s::%s`", import->module, import->name);
    self->modules[0].targets[i] = (links_target){.host = host, .item = import};
  }
  return NULL;
}

ubiq_error *links_call_host(const engine_host_function *host, engine_call *call, engine_value *values) {
  ubiq_error *error = host->call(host->env, call, values);
  if (error || !host->ready) return error;
  while (!host->ready(host->env, call, values, &error) && !error) host->wait(host->env, call);
  return error;
}

// -- Modules --

// Sorts a module's imports by their kinds, which keep their order: indices count each kind for itself.
static void sort_imports(links_linked *linked) {
  const wasm_module *wasm = linked->module->wasm;
  uint32_t next[WASM_TAG + 1];
  for (size_t i = 0; i < wasm->imports_count; i++) linked->firsts[wasm->imports[i].kind + 1]++;
  for (size_t kind = 0; kind <= WASM_TAG; kind++) {
    linked->firsts[kind + 1] += linked->firsts[kind];
    next[kind] = linked->firsts[kind];
  }
  for (size_t i = 0; i < wasm->imports_count; i++) linked->by_kind[next[wasm->imports[i].kind]++] = (uint32_t)i;
}

static ubiq_error *take_module(links *self, engine_module *module) {
  links_linked *linked = &self->modules[self->modules_count++];
  linked->module = (links_module *)engine_module_retain(module);
  size_t count = linked->module->wasm->imports_count;
  linked->targets = calloc(count + 1, sizeof *linked->targets);
  linked->by_kind = calloc(count + 1, sizeof *linked->by_kind);
  if (!linked->targets || !linked->by_kind) return ubiq_error_no_memory();
  sort_imports(linked);
  return NULL;
}

links_target links_find(const links *self, uint32_t module, const char *name, wasm_kind kind) {
  assert(module < self->modules_count);
  const links_linked *linked = &self->modules[module];
  const wasm_item *item = wasm_module_export(linked->module->wasm, name);
  if (!item || item->kind != kind) return (links_target){0};
  uint32_t first = linked->firsts[kind], imported = linked->firsts[kind + 1] - first;
  if (item->index < imported) return linked->targets[linked->by_kind[first + item->index]];
  return (links_target){.module = module, .item = item};
}

// Modules come in the order of their imports, so that what they lead to is known already.
static ubiq_error *resolve_bindings(links *self, const engine_link_module *from) {
  const links_linked *linked = &self->modules[self->modules_count - 1];
  const wasm_module *wasm = linked->module->wasm;
  for (size_t i = 0; i < wasm->imports_count; i++) {
    const engine_binding *binding = &from->bindings[i];
    linked->targets[i] = links_find(self, binding->module, binding->name, wasm->imports[i].kind);
    if (!linked->targets[i].item)
      return ubiq_error_new(UBIQ_INVALID_INPUT, "module %u exports no %s %s", binding->module,
                            wasm_kind_name(wasm->imports[i].kind), binding->name);
  }
  return NULL;
}

static ubiq_error *resolve_modules(links *self, const char *engine, const engine_link *link, wasm_type last) {
  self->modules = calloc(link->modules_count, sizeof *self->modules);
  if (!self->modules) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  for (size_t i = 0; i < link->modules_count && !error; i++) {
    error = take_module(self, link->modules[i].module);
    if (!error) error = i > 0 ? resolve_bindings(self, &link->modules[i]) : resolve_hosts(self, engine, last);
  }
  return error;
}

// -- Memories --

static ubiq_error *find_memories(links *self, const engine_link *link) {
  self->memories = calloc(link->memories_count + 1, sizeof *self->memories);
  if (!self->memories) return ubiq_error_no_memory();
  for (size_t i = 0; i < link->memories_count; i++) {
    const engine_binding *memory = &link->memories[i];
    self->memories[self->memories_count++] = links_find(self, memory->module, memory->name, WASM_MEMORY);
  }
  self->caller_memory = link->caller_memory;
  return NULL;
}

links_target links_caller_memory(const links *self, uint32_t module) {
  uint32_t place = self->caller_memory;
  if (place == ENGINE_MEMORY_BY_CALLER) return links_find(self, module, "memory", WASM_MEMORY);
  return place < self->memories_count ? self->memories[place] : (links_target){0};
}

// -- The whole --

ubiq_error *links_open(links *self, const engine_ops *ops, const engine_link *link, wasm_type last) {
  *self = (links){0};
  if (link->modules_count > ops->modules_max)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%zu modules are linked; at most %u may be, the kernel included",
                          link->modules_count, ops->modules_max);
  if (link->suspends) return ubiq_error_new(UBIQ_INVALID_INPUT, "%s cannot suspend calls", ops->name);
  ubiq_error *error = copy_hosts(self, link);
  if (!error) error = resolve_modules(self, ops->name, link, last);
  return error ? error : find_memories(self, link);
}

void links_close(links *self) {
  for (size_t i = 0; i < self->modules_count; i++) {
    engine_module_delete(&self->modules[i].module->base);
    free(self->modules[i].targets);
    free(self->modules[i].by_kind);
  }
  free(self->modules);
  free(self->memories);
  free(self->hosts);
}
