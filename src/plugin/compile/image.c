// From a plugin's resolved modules to its image.
//
// Nearly every plugin is one module. It is merged with the hub (engine/wasm/wasm_merge.h), so that an instance is made of one
// module and its calls of the kernel are plain calls. Whatever stands in the way of merging, a module that is not valid
// included, leaves the two to be compiled and linked as several modules are. UBIQ_MERGE=0 in the environment always does. A hub
// that calls the guest can only be merged with it. Either way no instance is used again then.
#include "plugin/compile/compile.h"

#include "base/log.h"
#include "engine/cache/cache.h"
#include "engine/cache/recent.h"
#include "engine/wasm/wasm_merge.h"
#include "plugin/compile/hub.h"

#include <stdlib.h>
#include <string.h>

// In a merged module: puts back what is not in memories.
#define REWIND "rewind"

// From the cache or the compiler; for an artefact into it, or out of it and from nowhere else.
static ubiq_error *to_code(const import_plan *plan, const uint8_t *wasm, size_t size, engine_module **out) {
  compile_artifact *artifact = plan->artifact;
  if (artifact && artifact->stored)
    return cache_set_load(artifact->stored, plan->engine, plan->settings, wasm, size, out);
  bool validates = plan->engine->ops->capabilities & ENGINE_VALIDATES;
  ubiq_error *error = validates ? NULL : engine_validate(wasm, size);
  if (!error) error = cache_compile(plan->engine, plan->settings, plan->compiled->compiler, wasm, size, out);
  return error || !artifact ? error : cache_set_add(&artifact->kept, plan->settings, wasm, size, *out);
}

// Merging.

// The kernel's exports and the slots stay. Those of host functions begin with a digit (imports.c): the guest calls them
// without.
static bool host_uses(const char *name) {
  return name[0] < '0' || name[0] > '9';
}

// A plugin's module, its hub, and which of the hub's exports each import of the module is.
typedef struct parts_to_merge {
  const compiled_module *hub;
  const compiled_module *guest;
  const char **bindings;
  recent_key key; // of all this, the engine's settings included
} parts_to_merge;

static ubiq_error *key_of(const import_plan *plan, parts_to_merge *parts) {
  buffer names = {0};
  bool is_there = true;
  for (size_t i = 0; i < parts->guest->wasm->imports_count; i++)
    is_there &= buffer_append(&names, parts->bindings[i], strlen(parts->bindings[i]) + 1);
  ubiq_bytes all[] = {{(const uint8_t *)plan->settings, strlen(plan->settings)},
                      {parts->hub->bytes.data, parts->hub->bytes.size},
                      {parts->guest->bytes.data, parts->guest->bytes.size},
                      {names.data, names.size}};
  if (is_there) parts->key = recent_key_of(all, sizeof all / sizeof *all);
  buffer_free(&names);
  return is_there ? NULL : ubiq_error_no_memory();
}

static ubiq_error *merge_bytes(const parts_to_merge *parts, uint8_t **wasm, size_t *size) {
  wasm_merge_request request = {.guest = parts->guest->bytes.data,
                                .guest_size = parts->guest->bytes.size,
                                .hub = parts->hub->bytes.data,
                                .hub_size = parts->hub->bytes.size,
                                .guest_module = HUB_GUEST_MODULE,
                                .bindings = parts->bindings,
                                .prefix = COMPILED_MERGED_PREFIX,
                                .grow_refused = HUB_GROW_REFUSED,
                                .rewind = REWIND,
                                .keeps = host_uses};
  return wasm_merge(&request, wasm, size);
}

static ubiq_error *merge_anew(const import_plan *plan, const parts_to_merge *parts, engine_module **out) {
  uint8_t *wasm = NULL;
  size_t size = 0;
  ubiq_error *error = merge_bytes(parts, &wasm, &size);
  if (!error) error = to_code(plan, wasm, size, out);
  if (!error) recent_keep(plan->engine, &parts->key, *out, size);
  free(wasm);
  return error;
}

// An artefact is to hold, or to be taken from, all code: it goes round what is kept in memory.
static ubiq_error *merge(const import_plan *plan, engine_module **out) {
  const compiled *compiled = plan->compiled;
  parts_to_merge parts = {.hub = &compiled->modules[HUB_MODULE], .guest = &compiled->modules[compiled->main]};
  size_t count = parts.guest->wasm->imports_count;
  parts.bindings = calloc(count + 1, sizeof *parts.bindings);
  if (!parts.bindings) return ubiq_error_no_memory();
  for (size_t i = 0; i < count; i++) parts.bindings[i] = parts.guest->bindings[i].name;
  ubiq_error *error = key_of(plan, &parts);
  if (!error && !plan->artifact) *out = recent_find(plan->engine, &parts.key);
  if (!error && !*out) error = merge_anew(plan, &parts, out);
  free(parts.bindings);
  return error;
}

static ubiq_error *rename_slots(const import_plan *plan) {
  for (size_t i = 0; i < plan->functions_count; i++) {
    engine_host_function *function = &plan->functions[i];
    if (function->slot)
      function->slot = arena_printf(&plan->compiled->arena, COMPILED_MERGED_PREFIX "%s", function->slot);
    if (function->ready && plan->compiled->options.suspends && !function->slot) return ubiq_error_no_memory();
  }
  return NULL;
}

static ubiq_error *compile_merged(const import_plan *plan) {
  compiled *compiled = plan->compiled;
  ubiq_error *error = merge(plan, &compiled->modules[compiled->main].code);
  if (error) return error;
  compiled->is_merged = true;
  return rename_slots(plan);
}

static ubiq_error *compile_each(const import_plan *plan) {
  compiled *compiled = plan->compiled;
  ubiq_error *error = NULL;
  for (size_t i = 0; i < compiled->modules_count && !error; i++) {
    compiled_module *module = &compiled->modules[i];
    error = to_code(plan, module->bytes.data, module->bytes.size, &module->code);
  }
  return error;
}

static bool is_turned_off(void) {
  const char *asked = getenv("UBIQ_MERGE");
  return asked && strcmp(asked, "0") == 0;
}

// The merged module has the memories of both.
static bool may_merge(const import_plan *plan) {
  return plan->compiled->modules_count == 2 && (plan->engine->ops->capabilities & ENGINE_HAS_MEMORIES) &&
         !is_turned_off();
}

static bool must_merge(const import_plan *plan) {
  const wasm_module *hub = plan->compiled->modules[HUB_MODULE].wasm;
  for (size_t i = 0; i < hub->imports_count; i++)
    if (strcmp(hub->imports[i].module, HUB_GUEST_MODULE) == 0) return true;
  return false;
}

// What is wrong with a module by itself is better said than that it cannot be merged.
static ubiq_error *explain(const compiled *compiled, ubiq_error *error) {
  const buffer *guest = &compiled->modules[compiled->main].bytes;
  if (ubiq_error_code(error) != UBIQ_INVALID_INPUT) return error;
  ubiq_error *invalid = engine_validate(guest->data, guest->size);
  if (!invalid) return error;
  ubiq_error_delete(error);
  return invalid;
}

static ubiq_error *compile_modules(const import_plan *plan) {
  if (must_merge(plan)) return explain(plan->compiled, compile_merged(plan));
  if (!may_merge(plan)) return compile_each(plan);
  ubiq_error *error = compile_merged(plan);
  bool is_unfit = ubiq_error_code(error) == UBIQ_INVALID_INPUT || ubiq_error_code(error) == UBIQ_TOO_LARGE;
  if (!is_unfit || plan->compiled->is_merged) return error;
  log_debug("%s: linked to the kernel, not merged with it: %s", plan->compiled->name, ubiq_error_message(error));
  ubiq_error_delete(error);
  return compile_each(plan);
}

// Memories.

static void add_memories(compiled *compiled, uint32_t index) {
  const wasm_module *wasm = compiled->modules[index].wasm;
  for (uint32_t i = 0; i < wasm->memories_count; i++)
    compiled->memories[compiled->memories_count++] =
        (engine_binding){.module = compiled->is_merged ? 0 : index, .name = wasm_module_memory(wasm, i)->name};
}

// Where there is no kernel there is no such export.
static const char *kernel_memory_name(const compiled *compiled) {
  if (compiled->options.core) return COMPILED_MERGED_PREFIX "no memory";
  return compiled->is_merged ? COMPILED_MERGED_PREFIX "memory" : "memory";
}

static ubiq_error *list_memories(compiled *compiled) {
  size_t count = 1;
  for (size_t i = 1; i < compiled->modules_count; i++) count += compiled->modules[i].wasm->memories_count;
  compiled->memories = arena_array(&compiled->arena, count, sizeof *compiled->memories);
  if (!compiled->memories) return ubiq_error_no_memory();
  compiled->memories[KERNEL_MEMORY] = (engine_binding){.module = HUB_MODULE, .name = kernel_memory_name(compiled)};
  compiled->memories_count = 1;
  for (uint32_t i = 1; i < compiled->modules_count; i++) add_memories(compiled, i);
  return NULL;
}

// Beside the hub's functions only the plugin's call the host: where they are of one module, the memory is that one's.
static uint32_t caller_memory(const compiled *compiled) {
  if (compiled->modules_count > 2) return ENGINE_MEMORY_BY_CALLER;
  const wasm_item *memory = wasm_module_export(compiled->modules[compiled->main].wasm, "memory");
  return memory && memory->kind == WASM_MEMORY ? KERNEL_MEMORY + 1 + memory->index : ENGINE_MEMORY_NONE;
}

// Linking.

static void list_modules(const compiled *compiled, engine_link_module *modules) {
  if (compiled->is_merged) {
    modules[0] = (engine_link_module){.module = compiled->modules[compiled->main].code};
    return;
  }
  for (size_t i = 0; i < compiled->modules_count; i++) {
    const compiled_module *module = &compiled->modules[i];
    modules[i] = (engine_link_module){
        .module = module->code, .bindings = module->bindings, .bindings_count = i ? module->wasm->imports_count : 0};
  }
}

static ubiq_error *link_image(const import_plan *plan) {
  compiled *compiled = plan->compiled;
  engine_link_module *modules = calloc(compiled->modules_count, sizeof *modules);
  if (!modules) return ubiq_error_no_memory();
  list_modules(compiled, modules);
  engine_link link = {.modules = modules,
                      .modules_count = compiled->is_merged ? 1 : compiled->modules_count,
                      .memories = compiled->memories,
                      .memories_count = compiled->memories_count,
                      .caller_memory = caller_memory(compiled),
                      .functions = plan->functions,
                      .functions_count = plan->functions_count,
                      .suspends = compiled->options.suspends,
                      .rewind = compiled->is_merged && !is_turned_off() ? COMPILED_MERGED_PREFIX REWIND : NULL};
  ubiq_error *error = engine_link_modules(plan->engine, &link, &compiled->image);
  free(modules);
  return error;
}

// What modules import from each other, tables and memories with their sizes, only the engine compares: it is asked by
// making one instance. What else may be wrong with that one is for the first call to say.
static ubiq_error *check_links(const compiled *compiled) {
  if (compiled->modules_count <= 2) return NULL;
  engine_store *store = NULL;
  ubiq_error *error = engine_store_new(compiled->image, &(engine_store_options){0}, &store);
  engine_store_delete(store);
  if (ubiq_error_code(error) == UBIQ_INVALID_INPUT) return error;
  ubiq_error_delete(error);
  return NULL;
}

ubiq_error *image_build(const import_plan *plan) {
  compiled *compiled = plan->compiled;
  ubiq_error *error = compile_modules(plan);
  if (!error) error = list_memories(compiled);
  if (!error) error = link_image(plan);
  for (size_t i = 0; i < compiled->modules_count; i++) buffer_free(&compiled->modules[i].bytes);
  return error ? error : check_links(compiled);
}
