// The Wasmtime adapter: images, that is modules whose imports are resolved once.
//
// The hub is linked with its host functions by an instance_pre, which costs a store nothing to look up. Functions that
// wait are not imported in an image that suspends: Wasmtime marks a store that knows an asynchronous function and then
// instantiates only by its slower asynchronous calls, so they are handed over last, through the hub's slots.
#include "engine/wasmtime/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Host functions have no other types: their signatures are the host's own.
static wasm_valtype_t *valtype(wasm_type type) {
  static const wasm_valkind_t kinds[] = {
      [WASM_TYPE_I32] = WASM_I32, [WASM_TYPE_I64] = WASM_I64,         [WASM_TYPE_F32] = WASM_F32,
      [WASM_TYPE_F64] = WASM_F64, [WASM_TYPE_FUNCREF] = WASM_FUNCREF, [WASM_TYPE_EXTERNREF] = WASM_EXTERNREF,
  };
  assert(type < WASM_TYPE_OTHER);
  return type == WASM_TYPE_V128 ? wasmtime_wasm_valtype_v128() : wasm_valtype_new(kinds[type]);
}

static void valtypes(wasm_valtype_vec_t *out, const wasm_type *types, size_t count) {
  wasm_valtype_vec_new_uninitialized(out, count);
  for (size_t i = 0; i < count; i++) out->data[i] = valtype(types[i]);
}

wasm_functype_t *wt_functype(const wasm_signature *signature) {
  wasm_valtype_vec_t params, results;
  valtypes(&params, signature->params, signature->params_count);
  valtypes(&results, signature->results, signature->results_count);
  return wasm_functype_new(&params, &results);
}

static ubiq_error *define(wt_image *image, wt_host *host) {
  const engine_host_function *f = &host->function;
  host->late = image->suspends && f->ready && f->slot;
  if (host->late &&
      (f->signature->params_count > WT_WAIT_VALUES_MAX || f->signature->results_count > WT_WAIT_VALUES_MAX))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it waits and has more than %d parameters or results",
                          WT_WAIT_VALUES_MAX);
  wasm_functype_t *type = wt_functype(f->signature);
  wasmtime_error_t *error =
      host->late ? wasmtime_linker_define_async_func(image->linker, f->module, strlen(f->module), f->name,
                                                     strlen(f->name), type, wt_host_begin, host, NULL)
                 : wasmtime_linker_define_func_unchecked(image->linker, f->module, strlen(f->module), f->name,
                                                         strlen(f->name), type, wt_host_enter, host, NULL);
  wasm_functype_delete(type);
  return wt_take_error(NULL, error, NULL);
}

static ubiq_error *define_hosts(wt_image *image, const engine_link *link) {
  image->hosts = calloc(link->functions_count ? link->functions_count : 1, sizeof *image->hosts);
  if (!image->hosts) return ubiq_error_no_memory();
  image->hosts_count = link->functions_count;
  for (size_t i = 0; i < link->functions_count; i++) {
    image->hosts[i].function = link->functions[i];
    ubiq_error *error = define(image, &image->hosts[i]);
    if (error) return ubiq_error_wrap(error, "host function %s", link->functions[i].name);
  }
  return NULL;
}

static ubiq_error *copy_bindings(wt_linked *linked, const engine_link_module *from) {
  linked->module = wasmtime_module_clone(((wt_module *)from->module)->module);
  linked->bindings = calloc(from->bindings_count ? from->bindings_count : 1, sizeof *linked->bindings);
  if (!linked->bindings) return ubiq_error_no_memory();
  linked->bindings_count = from->bindings_count;
  for (size_t i = 0; i < from->bindings_count; i++) {
    char *name = strdup(from->bindings[i].name);
    if (!name) return ubiq_error_no_memory();
    linked->bindings[i] = (engine_binding){.module = from->bindings[i].module, .name = name};
  }
  return NULL;
}

static ubiq_error *copy_modules(wt_image *image, const engine_link *link) {
  image->modules = calloc(link->modules_count, sizeof *image->modules);
  if (!image->modules) return ubiq_error_no_memory();
  image->modules_count = link->modules_count;
  for (size_t i = 0; i < link->modules_count; i++) {
    ubiq_error *error = copy_bindings(&image->modules[i], &link->modules[i]);
    if (error) return error;
  }
  return NULL;
}

static ubiq_error *copy_memories(wt_image *image, const engine_link *link) {
  image->memories = calloc(link->memories_count ? link->memories_count : 1, sizeof *image->memories);
  if (!image->memories) return ubiq_error_no_memory();
  for (size_t i = 0; i < link->memories_count; i++) image->memories[i] = link->memories[i];
  image->memories_count = link->memories_count;
  image->caller_memory = link->caller_memory;
  return NULL;
}

ubiq_error *wt_link(engine *engine, const engine_link *link, engine_image **out) {
  if (link->modules_count > WT_MODULES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%zu modules are linked; at most %d may be, the kernel included",
                          link->modules_count, WT_MODULES_MAX);
  wt_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wasmtime_ops;
  image->engine = (wt_engine *)engine;
  image->suspends = link->suspends;
  image->linker = wasmtime_linker_new(image->engine->engine);
  ubiq_error *error = define_hosts(image, link);
  if (!error) error = copy_modules(image, link);
  if (!error) error = copy_memories(image, link);
  if (!error)
    error = wt_take_error(NULL, wasmtime_linker_instantiate_pre(image->linker, image->modules[0].module, &image->hub),
                          NULL);
  if (error) {
    wt_image_delete(&image->base);
    return ubiq_error_wrap(error, "linking");
  }
  *out = &image->base;
  return NULL;
}

static void linked_free(wt_linked *linked) {
  for (size_t i = 0; i < linked->bindings_count; i++) free((char *)linked->bindings[i].name);
  free(linked->bindings);
  if (linked->module) wasmtime_module_delete(linked->module);
}

void wt_image_delete(engine_image *base) {
  wt_image *image = (wt_image *)base;
  if (image->hub) wasmtime_instance_pre_delete(image->hub);
  for (size_t i = 0; i < image->modules_count; i++) linked_free(&image->modules[i]);
  free(image->modules);
  free(image->memories);
  if (image->linker) wasmtime_linker_delete(image->linker);
  free(image->hosts);
  free(image);
}
