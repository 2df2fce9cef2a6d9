// The WasmEdge adapter: images, that is modules whose imports were led to a host function or to another module's export.
#include "engine/wasmedge/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const engine_host_function *find_host(const edge_image *image, const wasm_item *import) {
  for (size_t i = 0; i < image->hosts_count; i++) {
    const engine_host_function *host = &image->hosts[i];
    if (strcmp(host->module, import->module) == 0 && strcmp(host->name, import->name) == 0) return host;
  }
  return NULL;
}

static ubiq_error *check_signature(const engine_host_function *host, const wasm_item *import) {
  if (!edge_crosses(host->signature))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "import %s.%s: wasmedge cannot pass values of all its types",
                          import->module, import->name);
  if (import->kind == WASM_FUNCTION && wasm_signature_equal(host->signature, &import->signature)) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "incompatible import type for `%s::%s`", import->module, import->name);
}

static ubiq_error *resolve_host(const edge_image *image, const wasm_item *import, uint32_t place, edge_target *out) {
  *out = (edge_target){.host = find_host(image, import), .import = place};
  if (out->host) return check_signature(out->host, import);
  return ubiq_error_new(UBIQ_INVALID_INPUT, "unknown import: `%s::%s` has not been defined", import->module,
                        import->name);
}

static size_t imported_functions(const wasm_module *wasm) {
  size_t count = 0;
  for (size_t i = 0; i < wasm->imports_count; i++) count += wasm->imports[i].kind == WASM_FUNCTION;
  return count;
}

// Which import an exported function is, when a module exports again what it imports.
static const edge_target *passed_on(const edge_linked *provider, const wasm_item *item) {
  const wasm_module *wasm = provider->code->wasm;
  if (item->kind != WASM_FUNCTION || item->index >= imported_functions(wasm)) return NULL;
  uint32_t function = 0;
  for (size_t i = 0; i < wasm->imports_count; i++)
    if (wasm->imports[i].kind == WASM_FUNCTION && function++ == item->index) return &provider->targets[i];
  return NULL;
}

static ubiq_error *resolve_export(const edge_image *image, const engine_binding *binding, edge_target *out) {
  const edge_linked *provider = &image->modules[binding->module];
  assert(provider->code); // one of those before
  const wasm_item *item = wasm_module_export(provider->code->wasm, binding->name);
  if (!item) return ubiq_error_new(UBIQ_INTERNAL, "module %u exports no %s", binding->module, binding->name);
  const edge_target *leads_on = passed_on(provider, item);
  if (leads_on)
    *out = *leads_on;
  else
    *out = (edge_target){.module = binding->module, .name = item->name};
  return NULL;
}

// Modules come in the order of their imports, so that what a module's imports lead to is known already.
static ubiq_error *resolve(edge_image *image, size_t index, const engine_link_module *from) {
  edge_linked *linked = &image->modules[index];
  const wasm_module *wasm = linked->code->wasm;
  linked->targets = calloc(wasm->imports_count + 1, sizeof *linked->targets);
  if (!linked->targets) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  for (size_t i = 0; i < wasm->imports_count && !error; i++)
    error = index > 0 ? resolve_export(image, &from->bindings[i], &linked->targets[i])
                      : resolve_host(image, &wasm->imports[i], (uint32_t)i, &linked->targets[i]);
  return error;
}

static ubiq_error *parse(const edge_engine *engine, edge_linked *linked) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  ubiq_error *error = edge_name_imports(linked, &bytes, &size);
  if (!error) error = edge_parse(engine, bytes, size, &linked->parsed);
  free(bytes);
  return error;
}

static ubiq_error *resolve_all(edge_image *image, const engine_link *link) {
  image->modules = calloc(link->modules_count, sizeof *image->modules);
  if (!image->modules) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  for (size_t i = 0; i < link->modules_count && !error; i++) {
    image->modules[i].code = edge_code_retain(((edge_module *)link->modules[i].module)->code);
    image->modules_count = i + 1;
    error = resolve(image, i, &link->modules[i]);
    if (!error) error = parse(image->engine, &image->modules[i]);
  }
  return error;
}

static ubiq_error *copy_hosts(edge_image *image, const engine_link *link) {
  image->hosts = calloc(link->functions_count + 1, sizeof *image->hosts);
  if (!image->hosts) return ubiq_error_no_memory();
  for (size_t i = 0; i < link->functions_count; i++) image->hosts[image->hosts_count++] = link->functions[i];
  return NULL;
}

static ubiq_error *find_memories(edge_image *image, const engine_link *link) {
  image->memories = calloc(link->memories_count + 1, sizeof *image->memories);
  if (!image->memories) return ubiq_error_no_memory();
  for (size_t i = 0; i < link->memories_count; i++) {
    const engine_binding *memory = &link->memories[i];
    image->memories[image->memories_count++] = (edge_memory){.module = memory->module, .name = memory->name};
  }
  image->caller_memory = link->caller_memory;
  return NULL;
}

ubiq_error *edge_link(engine *engine, const engine_link *link, engine_image **out) {
  if (link->modules_count > EDGE_MODULES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%zu modules are linked; at most %d may be, the kernel included",
                          link->modules_count, EDGE_MODULES_MAX);
  if (link->suspends) return ubiq_error_new(UBIQ_INVALID_INPUT, "wasmedge cannot suspend calls");
  edge_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wasmedge_ops;
  image->engine = (edge_engine *)engine;
  ubiq_error *error = copy_hosts(image, link);
  if (!error) error = resolve_all(image, link);
  if (!error) error = find_memories(image, link);
  if (error) {
    edge_image_delete(&image->base);
    return ubiq_error_wrap(error, "linking");
  }
  *out = &image->base;
  return NULL;
}

void edge_image_delete(engine_image *base) {
  edge_image *image = (edge_image *)base;
  for (size_t i = 0; i < image->modules_count; i++) {
    WasmEdge_ASTModuleDelete(image->modules[i].parsed);
    edge_code_release(image->modules[i].code);
    free(image->modules[i].targets);
  }
  free(image->modules);
  free(image->memories);
  free(image->hosts);
  free(image);
}
