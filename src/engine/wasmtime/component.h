// What the files of the Wasmtime adapter for components share. Nothing outside this folder includes it.
#ifndef ENGINE_WASMTIME_COMPONENT_H
#define ENGINE_WASMTIME_COMPONENT_H

#include "engine/component.h"
#include "engine/wasmtime/internal.h"

/// A component's import as its image keeps it: `env` of the callbacks that Wasmtime calls.
typedef struct wt_import {
  component_item item; ///< its strings are the image's
  component_import import;
} wt_import;

/// An image as one part of the engine has it.
typedef struct wt_component_part {
  wasmtime_component_t *component;
  wasmtime_component_linker_t *linker;
  wasmtime_component_export_index_t *exports[COMPONENT_EXPORTS_MAX];
} wt_component_part;

typedef struct wt_component_image {
  engine_image base;
  wt_engine *engine;
  engine_module *module; ///< a share
  arena arena;           ///< of the imports and their names
  wt_import *imports;
  size_t imports_count;
  component_item exports[COMPONENT_EXPORTS_MAX];
  size_t exports_count;
  pthread_mutex_t making; ///< held while a part is made
  _Atomic(wt_component_part *) parts[WT_PARTS_MAX];
} wt_component_image;

enum { WT_COMPONENT_ARGUMENTS_MAX = 4 };

/// A store with a component's instance. Its calls use of `common` what is not of calls of core functions.
typedef struct wt_component_store {
  wt_store common; ///< first: what Wasmtime's store knows it by
  wt_component_image *image;
  const wt_component_part *part;
  wasmtime_component_instance_t instance;
  wasmtime_component_func_t functions[COMPONENT_EXPORTS_MAX];
  unsigned functions_known; ///< bit i: functions[i] was looked up

  // The call under way, or the one that was done last.
  arena arena;
  wasmtime_call_future_t *future; ///< NULL: no call under way
  wasmtime_error_t *error;
  wasmtime_component_val_t arguments[WT_COMPONENT_ARGUMENTS_MAX];
  size_t arguments_count;
  wasmtime_component_val_t result;
  bool has_result;

  // The host function that waits.
  const wt_import *waiting; ///< NULL: nothing waits
  bool failed;              ///< its first half failed: ready at once
  wasmtime_component_val_t *waiting_result;
} wt_component_store;

extern const engine_component_ops wt_component_ops;

extern const engine_ops wt_component_engine_ops; ///< of images and stores

ubiq_error *wt_component_link(engine *engine, engine_module *component, const component_link *link, engine_image **out);
void wt_component_image_delete(engine_image *image);
/// What part `index` of the engine has of an image, made now if it has not been. Any thread.
ubiq_error *wt_component_part_get(wt_component_image *image, uint32_t index, const wt_component_part **out);

ubiq_error *wt_component_instantiate(engine_store *store, engine_state *state);
ubiq_error *wt_component_call(engine_store *store, uint32_t place, const component_value *arguments, size_t count,
                              engine_state *state);
ubiq_error *wt_component_result(engine_store *store, const component_value **out);
void wt_component_memory_limit(engine_store *store, uint64_t bytes);

/// The callbacks behind every host function: one that answers at once, and one that waits.
wasmtime_error_t *wt_component_enter(void *env, wasmtime_context_t *context, const wasmtime_component_func_type_t *type,
                                     wasmtime_component_val_t *arguments, size_t count,
                                     wasmtime_component_val_t *results, size_t results_count);
void wt_component_begin(void *env, wasmtime_context_t *context, const wasmtime_component_func_type_t *type,
                        wasmtime_component_val_t *arguments, size_t count, wasmtime_component_val_t *results,
                        size_t results_count, wasmtime_error_t **failed, wasmtime_async_continuation_t *continuation);

ubiq_error *wt_component_items(engine_module *module, bool exports, arena *arena, component_items *out);

/// Turns a value of Wasmtime's into a tree in `arena` that borrows its texts. Resources are the host's, or COMPONENT_OTHER.
ubiq_error *wt_component_lift(wasmtime_context_t *context, arena *arena, const wasmtime_component_val_t *value,
                              component_value *out);
/// Makes a value of Wasmtime's, the caller's to delete. Errors: `internal` for what no such value is, such as text that is
/// not UTF-8, with which Wasmtime would end the process.
ubiq_error *wt_component_lower(wasmtime_context_t *context, const component_value *value,
                               wasmtime_component_val_t *out);

/// What Wasmtime reports of a call of a component. Nearly all of it is what the guest did.
ubiq_error *wt_take_component_error(wt_store *store, wasmtime_error_t *error);

#endif
