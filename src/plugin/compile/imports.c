// Resolves what a plugin's modules import, and builds the hub that provides it.
//
// An import is looked for among, in this order: the modules of the manifest, the embedder's host functions, the kernel
// and the host under extism:host/env (and under the older env, with the prefix extism_), WASI. Whatever is nowhere is
// listed in one error.
#include "plugin/compile/compile.h"
#include "plugin/compile/core_module.h"
#include "plugin/compile/hub.h"
#include "plugin/host/core_host.h"
#include "plugin/host/host_env.h"
#include "plugin/host/limits.h"
#include "plugin/host/wasi_glue.h"
#include "plugin/parts/function.h"

#include "base/text.h"
#include "kernel/embedded.h"
#include "plugin/compile/hub_shim.h"
#include "plugin/host/completion.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_TEXT_SIZE = 256 };

typedef struct resolver {
  import_plan *plan;
  compiled *compiled;
  ubiq_bytes kernel_wasm; ///< the kernel that the engine can run
  wasm_module *kernel;    ///< what the kernel exports
  hub_function *hub;      ///< what the hub takes from the host, growing
  size_t hub_count, hub_capacity;
  engine_host_function *functions; ///< the same for the engine; up to two for each, and the kernel's own
  size_t functions_count;
  buffer missing;                 ///< the list of what nobody provides
  const wasm_item *first_missing; ///< the first of that list
} resolver;

static bool is_kernel_internal(const char *name) {
  return strcmp(name, "call_begin") == 0 || strncmp(name, "ubiq", 4) == 0;
}

// The name in extism:host/env that an import means; NULL when it means nothing there.
static const char *extism_name(const wasm_item *import) {
  if (strcmp(import->module, EXTISM_ENV_MODULE) == 0) return import->name;
  if (strcmp(import->module, EXTISM_OLD_MODULE) == 0 &&
      strncmp(import->name, EXTISM_OLD_PREFIX, strlen(EXTISM_OLD_PREFIX)) == 0)
    return import->name + strlen(EXTISM_OLD_PREFIX);
  return NULL;
}

// A module without the kernel is given what is made for its wire alone.
static const ubiq_function *find_function(const compiled *compiled, const wasm_item *import) {
  if (compiled->options.core && strcmp(import->module, CORE_WIRE_MODULE) != 0) return NULL;
  for (size_t i = compiled->functions_count; i-- > 0;) // a later one shadows an earlier one
    if (strcmp(compiled->functions[i]->module, import->module) == 0 &&
        strcmp(compiled->functions[i]->name, import->name) == 0)
      return compiled->functions[i];
  return NULL;
}

static bool describe_missing(buffer *out, const compiled_module *module, const wasm_item *import, const char *hint) {
  char type[SIGNATURE_TEXT_SIZE] = "";
  if (import->kind == WASM_FUNCTION) wasm_signature_print(&import->signature, type, sizeof type);
  return buffer_printf(out, "\n  %s %s %s%s%s", wasm_kind_name(import->kind), import->module, import->name,
                       *type ? " " : "", type) &&
         (strcmp(module->name, MANIFEST_MAIN) == 0 || buffer_printf(out, ", by module %s", module->name)) &&
         (!hint || buffer_printf(out, ": %s", hint));
}

// A module may import the same thing several times: it is listed once.
static bool note_missing(resolver *self, const compiled_module *module, const wasm_item *import, const char *hint) {
  buffer line = {0};
  bool good = describe_missing(&line, module, import, hint);
  bool listed = good && self->missing.size && memmem(self->missing.data, self->missing.size, line.data, line.size);
  if (!self->first_missing) self->first_missing = import;
  if (good && !listed) good = buffer_append(&self->missing, line.data, line.size);
  buffer_free(&line);
  return good;
}

static const char *hint_for_wasi(const resolver *self, const wasm_item *import, arena *arena) {
  char type[SIGNATURE_TEXT_SIZE];
  if (!self->compiled->options.wasi) return "WASI is not enabled for this plugin";
  const wasi_function *function = wasi_function_of(import->module, import->name);
  if (!function) return "not part of WASI preview 1";
  wasm_signature_print(&function->signature, type, sizeof type);
  return arena_printf(arena, "WASI has it with the type %s", type);
}

static bool is_platform(const wasm_item *import) {
  return (strcmp(import->module, EXTISM_USER_MODULE) == 0 && strcmp(import->name, "InvokeHost") == 0) ||
         (strcmp(import->module, CORE_WIRE_MODULE) == 0 && strcmp(import->name, "invoke") == 0);
}

static const char *hint_for(resolver *self, const wasm_item *import, arena *arena) {
  assert(import->module && import->name);
  if (self->compiled->options.core && extism_name(import))
    return "there is no Extism kernel for a module for the wire \"core\"";
  if (import->kind != WASM_FUNCTION && extism_name(import))
    return "linked modules cannot access non-function exports of the extism kernel";
  const char *name = extism_name(import);
  const ubiq_function *function = find_function(self->compiled, import);
  const host_entry *entry = name ? host_entry_find(name) : NULL;
  char type[SIGNATURE_TEXT_SIZE];
  if (function) {
    wasm_signature_print(&function->signature, type, sizeof type);
    return arena_printf(arena, "the embedder's has the type %s", type);
  }
  if (entry) {
    wasm_signature_print(&entry->signature, type, sizeof type);
    return arena_printf(arena, "since Extism %s its type is %s", entry->since, type);
  }
  const wasm_item *item = name ? wasm_module_export(self->kernel, name) : NULL;
  if (item && item->kind == WASM_FUNCTION) {
    wasm_signature_print(&item->signature, type, sizeof type);
    return arena_printf(arena, "the kernel's has the type %s", type);
  }
  if (name) return "Extism has no such function; a newer PDK may have been used";
  bool is_wasi = strcmp(import->module, WASI_MODULE) == 0 || strcmp(import->module, WASI_OLD_MODULE) == 0;
  if (is_wasi) return hint_for_wasi(self, import, arena);
  if (!self->compiled->options.core && strcmp(import->module, CORE_WIRE_MODULE) == 0)
    return "it is for functions with wire = \"core\"";
  if (is_platform(import))
    return "the platform's API, which functions of a project have (`ubiq dev`, `serve`, `test` and `run`); elsewhere "
           "the "
           "embedder has to provide it";
  if (strcmp(import->module, EXTISM_USER_MODULE) == 0) return "a host function that the embedder has to provide";
  return NULL;
}

// Takes one more function from the host into the hub, once; answers the name under which the hub exports it. The length
// in it keeps a.b + c and a + b.c apart.
static const char *hub_take(resolver *self, const wasm_item *import, hub_kind kind, const engine_host_function *host) {
  arena *arena = &self->compiled->arena;
  const char *name = arena_printf(arena, "%zu:%s.%s", strlen(import->module), import->module, import->name);
  if (!name) return NULL;
  for (size_t i = 0; i < self->hub_count; i++)
    if (strcmp(self->hub[i].name, name) == 0) return self->hub[i].name;
  if (self->hub_count == self->hub_capacity) return NULL;
  bool late = self->compiled->options.suspends && host->ready;
  self->hub[self->hub_count++] =
      (hub_function){.name = name, .kind = kind, .signature = *host->signature, .slot = late};
  engine_host_function *function = &self->functions[self->functions_count++];
  *function = *host;
  function->module = HUB_HOST_MODULE;
  function->name = name;
  function->slot = late ? arena_printf(arena, "slot:%s", name) : NULL;
  if (kind != HUB_DIRECT) {
    static const wasm_type i64 = WASM_TYPE_I64;
    static const wasm_signature finish = {.params = &i64, .params_count = 1};
    engine_host_callback call = kind == HUB_GUEST_BLOCK ? core_finish : host_finish;
    self->functions[self->functions_count++] =
        (engine_host_function){.module = HUB_FINISH_MODULE, .name = name, .signature = &finish, .call = call};
  }
  return late && !function->slot ? NULL : name;
}

// How a module without the kernel is called.
static void take_core_call(resolver *self) {
  static const wasm_type i32[HUB_CALL_PARAMS] = {WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32,
                                                 WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32};
  static const wasm_type i64 = WASM_TYPE_I64;
  static const wasm_signature place = {.params = &i64, .params_count = 1};
  self->hub[self->hub_count++] =
      (hub_function){.name = CORE_CALL, .kind = HUB_GUEST_CALL, .signature = {i32, &i64, HUB_CALL_PARAMS, 1}};
  self->functions[self->functions_count++] =
      (engine_host_function){.module = HUB_FINISH_MODULE, .name = CORE_CALL, .signature = &place, .call = core_place};
}

static const char *take_entry(resolver *self, const wasm_item *import, const host_entry *entry) {
  engine_host_function host = {.signature = &entry->signature, .call = entry->call, .ready = entry->ready};
  return hub_take(self, import, entry->is_block ? HUB_BLOCK : HUB_DIRECT, &host);
}

static const char *take_wasi(resolver *self, const wasm_item *import, const wasi_function *function) {
  engine_host_function host = {.signature = &function->signature,
                               .call = function->call,
                               .ready = function->ready,
                               .wait = function->wait,
                               .env = (void *)&plugin_wasi_binding};
  return hub_take(self, import, HUB_DIRECT, &host);
}

static const char *take_function(resolver *self, const wasm_item *import, const ubiq_function *function) {
  engine_host_function host = {.signature = &function->signature, .call = function_enter, .env = (void *)function};
  if (function->start) {
    host.call = function_begin;
    host.ready = function_ready;
    host.wait = function_wait;
  }
  if (!function->answers_block) return hub_take(self, import, HUB_DIRECT, &host);
  if (!self->compiled->options.core) return hub_take(self, import, HUB_BLOCK, &host);
  host.call = core_begin;
  host.ready = core_ready;
  return hub_take(self, import, HUB_GUEST_BLOCK, &host);
}

// The kernel's exports keep their names; the list that they stand in does not outlive the resolver.
static const char *take_kernel(resolver *self, const wasm_item *import, const wasm_item *item) {
  if (item->kind != WASM_FUNCTION || !wasm_signature_equal(&item->signature, &import->signature)) return NULL;
  return arena_string(&self->compiled->arena, item->name, strlen(item->name));
}

// Finds an import in the hub's reach; NULL when it is not there or is of another type.
static const char *find_in_hub(resolver *self, const wasm_item *import) {
  if (import->kind != WASM_FUNCTION) return NULL;
  const ubiq_function *function = find_function(self->compiled, import);
  if (function)
    return wasm_signature_equal(&function->signature, &import->signature) ? take_function(self, import, function)
                                                                          : NULL;
  const char *name = self->compiled->options.core ? NULL : extism_name(import);
  const host_entry *entry = name ? host_entry_find(name) : NULL;
  if (entry)
    return wasm_signature_equal(&entry->signature, &import->signature) ? take_entry(self, import, entry) : NULL;
  const wasm_item *item = name && !is_kernel_internal(name) ? wasm_module_export(self->kernel, name) : NULL;
  if (item) return take_kernel(self, import, item);
  const wasi_function *wasi = self->compiled->options.wasi ? wasi_function_of(import->module, import->name) : NULL;
  return wasi && wasm_signature_equal(&wasi->signature, &import->signature) ? take_wasi(self, import, wasi) : NULL;
}

// Finds an import among the modules that come before `before`; false when it is not there.
static bool find_in_modules(resolver *self, const wasm_item *import, size_t before, engine_binding *out) {
  for (uint32_t i = 1; i < before; i++) {
    const compiled_module *module = &self->compiled->modules[i];
    if (strcmp(module->name, import->module) != 0) continue;
    const wasm_item *item = wasm_module_export(module->wasm, import->name);
    bool fits = item && item->kind == import->kind &&
                (item->kind != WASM_FUNCTION || wasm_signature_equal(&item->signature, &import->signature));
    *out = (engine_binding){.module = i, .name = fits ? item->name : NULL};
    return fits;
  }
  return false;
}

static ubiq_error *resolve_module(resolver *self, size_t index) {
  compiled_module *module = &self->compiled->modules[index];
  const wasm_module *wasm = module->wasm;
  module->bindings = arena_array(&self->compiled->arena, wasm->imports_count + 1, sizeof *module->bindings);
  if (!module->bindings) return ubiq_error_no_memory();
  for (size_t i = 0; i < wasm->imports_count; i++) {
    const wasm_item *import = &wasm->imports[i];
    if (find_in_modules(self, import, index, &module->bindings[i])) continue;
    const char *name = find_in_hub(self, import);
    module->bindings[i] = (engine_binding){.module = HUB_MODULE, .name = name};
    if (!name && !note_missing(self, module, import, hint_for(self, import, &self->compiled->arena)))
      return ubiq_error_no_memory();
  }
  return NULL;
}

// Whether what an import names is there, but of another type.
static bool is_other_type(const resolver *self, const wasm_item *import) {
  const char *name = extism_name(import);
  if (import->kind != WASM_FUNCTION) return false;
  if (find_function(self->compiled, import) || (name && host_entry_find(name))) return true;
  if (name && !is_kernel_internal(name) && wasm_module_export(self->kernel, name)) return true;
  return self->compiled->options.wasi && wasi_function_of(import->module, import->name);
}

// The first line is what the official library says of the first import, because users of Extism's SDKs match on it.
static ubiq_error *missing_error(resolver *self) {
  const wasm_item *first = self->first_missing;
  const char *list = buffer_string(&self->missing);
  if (is_other_type(self, first))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "incompatible import type for `%s::%s`; imports that nobody provides:%s",
                          first->module, first->name, list);
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "unknown import: `%s::%s` has not been defined; imports that nobody provides:%s", first->module,
                        first->name, list);
}

static ubiq_error *make_hub(resolver *self) {
  compiled_module *hub = &self->compiled->modules[HUB_MODULE];
  uint8_t *wasm = NULL;
  size_t size = 0;
  ubiq_error *error =
      hub_build(self->kernel_wasm.data, self->kernel_wasm.size, self->hub, self->hub_count, &wasm, &size);
  if (error) return error;
  hub->bytes = (buffer){.data = wasm, .size = size, .capacity = size};
  return wasm_module_read(wasm, size, &hub->wasm);
}

// Small pages make a pool's memory cheap to clear, but cost a check of bounds with every load and store. In the small class
// there is one anyway; elsewhere it is the loads and stores that count.
static ubiq_bytes kernel_for(const import_plan *plan) {
  if (plan->compiled->options.core) return core_no_kernel();
  bool has_small_pages = (plan->engine->ops->capabilities & ENGINE_HAS_SMALL_PAGES) != 0;
  if (has_small_pages && plan->class == ENGINE_CLASS_SMALL)
    return (ubiq_bytes){kernel_host_wasm, kernel_host_wasm_size};
  return (ubiq_bytes){kernel_host_64k_wasm, kernel_host_64k_wasm_size};
}

static ubiq_error *prepare(resolver *self) {
  static const wasm_type i32[] = {WASM_TYPE_I32, WASM_TYPE_I32};
  static const wasm_signature grow = {.params = i32, .results = i32, .params_count = 2, .results_count = 1};
  compiled *compiled = self->compiled;
  size_t imports = 0;
  for (size_t i = 1; i < compiled->modules_count; i++) imports += compiled->modules[i].wasm->imports_count;
  self->hub_capacity = imports + 1;
  self->hub = calloc(imports + 1, sizeof *self->hub);
  self->functions = arena_array(&compiled->arena, 2 * imports + 2, sizeof *self->functions);
  if (!self->hub || !self->functions) return ubiq_error_no_memory();
  self->functions[self->functions_count++] =
      (engine_host_function){.module = "ubiq:kernel", .name = "grow", .signature = &grow, .call = plugin_kernel_grow};
  if (compiled->options.core) take_core_call(self);
  self->kernel_wasm = kernel_for(self->plan);
  return wasm_module_read(self->kernel_wasm.data, self->kernel_wasm.size, &self->kernel);
}

ubiq_error *imports_resolve(import_plan *plan) {
  resolver self = {.plan = plan, .compiled = plan->compiled};
  ubiq_error *error = prepare(&self);
  for (size_t i = 1; i < self.compiled->modules_count && !error; i++) error = resolve_module(&self, i);
  if (!error && self.missing.size) error = missing_error(&self);
  if (!error) error = make_hub(&self);
  plan->functions = self.functions;
  plan->functions_count = self.functions_count;
  wasm_module_free(self.kernel);
  buffer_free(&self.missing);
  free(self.hub);
  return error;
}
