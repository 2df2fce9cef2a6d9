// The Wasmtime adapter: what each part of an engine has of an image, and which part a store is made in.
//
// The hub is linked with its host functions by an instance_pre, which costs a store nothing to look up. Functions that
// wait are not imported in an image that suspends: Wasmtime marks a store that knows an asynchronous function and then
// instantiates only by its slower asynchronous calls, so they are handed over last, through the hub's slots.
// Modules are compiled by the engine's first part. Others get a copy of the code, which is no slower to make than to read.
// LOCKS: an image's `making`, while one of its parts is made; those that are there are read without it.
#include "engine/wasmtime/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// -- Linking --

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

static wasm_functype_t *functype(const wasm_signature *signature) {
  wasm_valtype_vec_t params, results;
  valtypes(&params, signature->params, signature->params_count);
  valtypes(&results, signature->results, signature->results_count);
  return wasm_functype_new(&params, &results);
}

static ubiq_error *define(wasmtime_linker_t *linker, wt_host *host) {
  const engine_host_function *f = &host->function;
  if (host->late &&
      (f->signature->params_count > WT_WAIT_VALUES_MAX || f->signature->results_count > WT_WAIT_VALUES_MAX))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it waits and has more than %d parameters or results",
                          WT_WAIT_VALUES_MAX);
  wasm_functype_t *type = functype(f->signature);
  wasmtime_error_t *error =
      host->late ? wasmtime_linker_define_async_func(linker, f->module, strlen(f->module), f->name, strlen(f->name),
                                                     type, wt_host_begin, host, NULL)
                 : wasmtime_linker_define_func_unchecked(linker, f->module, strlen(f->module), f->name, strlen(f->name),
                                                         type, wt_host_enter, host, NULL);
  wasm_functype_delete(type);
  return wt_take_error(NULL, error, NULL);
}

static ubiq_error *define_hosts(wt_image_part *part, wt_image *image) {
  for (size_t i = 0; i < image->hosts_count; i++) {
    ubiq_error *error = define(part->linker, &image->hosts[i]);
    if (error) return ubiq_error_wrap(error, "host function %s", image->hosts[i].function.name);
  }
  return NULL;
}

static ubiq_error *copy_code(wasm_engine_t *engine, wasmtime_module_t *module, wasmtime_module_t **out) {
  wasm_byte_vec_t bytes;
  ubiq_error *error = wt_take_error(NULL, wasmtime_module_serialize(module, &bytes), NULL);
  if (error) return error;
  error = wt_take_error(NULL, wasmtime_module_deserialize(engine, (const uint8_t *)bytes.data, bytes.size, out), NULL);
  wasm_byte_vec_delete(&bytes);
  return error;
}

static ubiq_error *get_modules(wt_image_part *part, const wt_image *image, uint32_t index) {
  part->modules = calloc(image->modules_count, sizeof *part->modules);
  if (!part->modules) return ubiq_error_no_memory();
  for (size_t i = 0; i < image->modules_count; i++) {
    wasmtime_module_t *module = image->modules[i].module;
    ubiq_error *error = NULL;
    if (index == 0)
      part->modules[i] = wasmtime_module_clone(module);
    else
      error = copy_code(wt_part_engine(&image->engine->parts[index], image->is_large), module, &part->modules[i]);
    if (error) return error;
  }
  return NULL;
}

static ubiq_error *make(wt_image *image, uint32_t index, wt_image_part **out) {
  wt_image_part *part = calloc(1, sizeof *part);
  if (!part) return ubiq_error_no_memory();
  part->linker = wasmtime_linker_new(wt_part_engine(&image->engine->parts[index], image->is_large));
  ubiq_error *error = define_hosts(part, image);
  if (!error) error = get_modules(part, image, index);
  if (!error)
    error = wt_take_error(NULL, wasmtime_linker_instantiate_pre(part->linker, part->modules[0], &part->hub), NULL);
  if (error)
    wt_image_part_delete(part, image->modules_count);
  else
    *out = part;
  return error;
}

ubiq_error *wt_image_part_get(wt_image *image, uint32_t index, wt_image_part **out) {
  ubiq_error *error = NULL;
  wt_image_part *part = atomic_load_explicit(&image->parts[index], memory_order_acquire);
  if (!part) {
    pthread_mutex_lock(&image->making);
    part = atomic_load(&image->parts[index]);
    if (!part) error = make(image, index, &part);
    atomic_store_explicit(&image->parts[index], part, memory_order_release);
    pthread_mutex_unlock(&image->making);
  }
  *out = part;
  return error;
}

void wt_image_part_delete(wt_image_part *part, size_t modules_count) {
  if (!part) return;
  wt_start_forget(part);
  if (part->hub) wasmtime_instance_pre_delete(part->hub);
  for (size_t i = 0; part->modules && i < modules_count; i++)
    if (part->modules[i]) wasmtime_module_delete(part->modules[i]);
  free(part->modules);
  wasmtime_linker_delete(part->linker);
  free(part);
}

// -- Places --

uint32_t wt_part_take(wt_engine *engine, uint32_t wanted) {
  uint32_t count = engine->parts_count, chosen = wanted % count;
  for (uint32_t i = 0; i < count && count > 1; i++) {
    uint32_t index = (wanted + i) % count;
    if (atomic_load_explicit(&engine->parts[index].stores, memory_order_relaxed) >= engine->places) continue;
    chosen = index;
    break;
  }
  atomic_fetch_add_explicit(&engine->parts[chosen].stores, 1, memory_order_relaxed);
  return chosen;
}

void wt_part_give_back(wt_part *part) {
  atomic_fetch_sub_explicit(&part->stores, 1, memory_order_relaxed);
}
