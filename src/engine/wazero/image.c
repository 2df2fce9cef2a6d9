// The wazero adapter: images, that is modules whose imports were given the names of what they are bound to, compiled.
#include "engine/wazero/internal.h"

#include "base/arena.h"
#include "engine/wasm_guard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Names and numbers of an image that is being made; they go when it is.
typedef struct linking {
  wz_image *image;
  const engine_link *link;
  wazero_module_source *sources; // owned bytes
  arena names;
} linking;

// Host functions.

static const engine_host_function *find_host(const engine_link *link, const wasm_item *import) {
  for (size_t i = 0; i < link->functions_count; i++) {
    const engine_host_function *host = &link->functions[i];
    if (strcmp(host->module, import->module) == 0 && strcmp(host->name, import->name) == 0) return host;
  }
  return NULL;
}

static ubiq_error *take_host(wz_image *image, const engine_link *link, const wasm_item *import) {
  const engine_host_function *host = find_host(link, import);
  if (!host)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "unknown import: `%s::%s` has not been defined", import->module,
                          import->name);
  if (!wz_crosses(host->signature))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "import %s.%s: wazero takes numbers only", import->module, import->name);
  if (import->kind != WASM_FUNCTION || !wasm_signature_equal(host->signature, &import->signature))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "incompatible import type for `%s::%s`", import->module, import->name);
  image->hosts[image->hosts_count++] = *host;
  return NULL;
}

static ubiq_error *take_hosts(wz_image *image, const engine_link *link) {
  const wasm_module *hub = image->modules[0].code->wasm;
  image->hosts = calloc(hub->imports_count + 1, sizeof *image->hosts);
  ubiq_error *error = image->hosts ? NULL : ubiq_error_no_memory();
  for (size_t i = 0; i < hub->imports_count && !error; i++) error = take_host(image, link, &hub->imports[i]);
  return error;
}

// Modules.

// A module has the memory that it defines or that of where its import leads.
static uint32_t memory_of(const wz_image *image, uint32_t place, const engine_link_module *from) {
  const wasm_module *wasm = image->modules[place].code->wasm;
  if (wasm->memories_count > 0) return place;
  for (size_t i = 0; place > 0 && i < wasm->imports_count; i++)
    if (wasm->imports[i].kind == WASM_MEMORY) return image->modules[from->bindings[i].module].memory;
  return WZ_NOWHERE;
}

static ubiq_error *take_modules(wz_image *image, const engine_link *link) {
  image->modules = calloc(link->modules_count, sizeof *image->modules);
  if (!image->modules) return ubiq_error_no_memory();
  for (uint32_t i = 0; i < link->modules_count; i++) {
    image->modules[i].code = wz_code_retain(((wz_module *)link->modules[i].module)->code);
    image->modules[i].memory = memory_of(image, i, &link->modules[i]);
    image->modules_count = i + 1;
  }
  return NULL;
}

static ubiq_error *find_memories(wz_image *image, const engine_link *link) {
  image->memories = calloc(link->memories_count + 1, sizeof *image->memories);
  if (!image->memories) return ubiq_error_no_memory();
  for (size_t i = 0; i < link->memories_count; i++) {
    const engine_binding *memory = &link->memories[i];
    const wz_linked *linked = &image->modules[memory->module];
    assert(memory->module < image->modules_count && linked->code);
    const wasm_item *item = wasm_module_export(linked->code->wasm, memory->name);
    image->memories[image->memories_count++] = item && item->kind == WASM_MEMORY ? linked->memory : WZ_NOWHERE;
  }
  image->caller_memory = link->caller_memory;
  return NULL;
}

// Compiling.

static const wasm_import_name *name_imports(linking *self, size_t place) {
  const wasm_module *wasm = self->image->modules[place].code->wasm;
  wasm_import_name *names = arena_array(&self->names, wasm->imports_count + 1, sizeof *names);
  for (size_t i = 0; names && i < wasm->imports_count; i++) {
    const engine_binding *binding = place > 0 ? &self->link->modules[place].bindings[i] : NULL;
    names[i].module = binding ? arena_printf(&self->names, "%u", binding->module) : WAZERO_HOST_MODULE;
    names[i].name = binding ? binding->name : arena_printf(&self->names, "%zu", i);
    if (!names[i].module || !names[i].name) return NULL;
  }
  return names;
}

static ubiq_error *copy_module(linking *self, size_t place) {
  static const wasm_import_name check = {WAZERO_HOST_MODULE, WAZERO_CHECK_IMPORT};
  const wz_code *code = self->image->modules[place].code;
  bool is_hub = place == 0 && self->image->modules_count > 1;
  wasm_guard_request request = {.wasm = code->bytes,
                                .size = code->size,
                                .imports = name_imports(self, place),
                                .check = is_hub ? NULL : &check,
                                .table_elements_max = WZ_TABLE_ELEMENTS_MAX};
  if (!request.imports) return ubiq_error_no_memory();
  uint8_t *wasm = NULL;
  ubiq_error *error = wasm_guard(&request, &wasm, &self->sources[place].size);
  self->sources[place].wasm = wasm;
  return error;
}

static const uint8_t *write_types(arena *arena, const wasm_type *types, size_t count) {
  static const uint8_t codes[] = {
      [WASM_TYPE_I32] = 0x7f, [WASM_TYPE_I64] = 0x7e, [WASM_TYPE_F32] = 0x7d, [WASM_TYPE_F64] = 0x7c};
  uint8_t *written = arena_array(arena, count + 1, sizeof *written);
  for (size_t i = 0; written && i < count; i++) written[i] = codes[types[i]];
  return written;
}

static ubiq_error *compile(linking *self) {
  wz_image *image = self->image;
  wazero_host_type *hosts = arena_array(&self->names, image->hosts_count + 1, sizeof *hosts);
  if (!hosts) return ubiq_error_no_memory();
  for (size_t i = 0; i < image->hosts_count; i++) {
    const wasm_signature *signature = image->hosts[i].signature;
    hosts[i] = (wazero_host_type){.params = write_types(&self->names, signature->params, signature->params_count),
                                  .results = write_types(&self->names, signature->results, signature->results_count),
                                  .params_count = signature->params_count,
                                  .results_count = signature->results_count};
    if (!hosts[i].params || !hosts[i].results) return ubiq_error_no_memory();
  }
  wazero_message message;
  image->go = ubiq_wazero_image_new(image->engine->go, self->sources, image->modules_count, hosts, image->hosts_count,
                                    &message);
  return image->go ? NULL : wz_error(&message);
}

static ubiq_error *copy_and_compile(wz_image *image, const engine_link *link) {
  linking self = {.image = image, .link = link};
  self.sources = calloc(image->modules_count, sizeof *self.sources);
  ubiq_error *error = self.sources ? NULL : ubiq_error_no_memory();
  for (size_t i = 0; i < image->modules_count && !error; i++) error = copy_module(&self, i);
  if (!error) error = compile(&self);
  for (size_t i = 0; self.sources && i < image->modules_count; i++) free((void *)self.sources[i].wasm);
  free(self.sources);
  arena_free(&self.names);
  return error;
}

ubiq_error *wz_link(engine *engine, const engine_link *link, engine_image **out) {
  if (link->modules_count > WZ_MODULES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%zu modules are linked; at most %d may be, the kernel included",
                          link->modules_count, WZ_MODULES_MAX);
  if (link->suspends) return ubiq_error_new(UBIQ_INVALID_INPUT, "wazero cannot suspend calls");
  wz_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wazero_ops;
  image->engine = (wz_engine *)engine;
  ubiq_error *error = take_modules(image, link);
  if (!error) error = take_hosts(image, link);
  if (!error) error = find_memories(image, link);
  if (!error) error = copy_and_compile(image, link);
  if (error) {
    wz_image_delete(&image->base);
    return ubiq_error_wrap(error, "linking");
  }
  *out = &image->base;
  return NULL;
}

void wz_image_delete(engine_image *base) {
  wz_image *image = (wz_image *)base;
  if (image->go) ubiq_wazero_image_delete(image->go);
  for (size_t i = 0; i < image->modules_count; i++) wz_code_release(image->modules[i].code);
  free(image->modules);
  free(image->memories);
  free(image->hosts);
  free(image);
}
