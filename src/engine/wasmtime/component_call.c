// The Wasmtime adapter: stores of components, calls into them, and their calls to the host.
#include "engine/wasmtime/component.h"

#include <stdlib.h>
#include <string.h>

const engine_component_ops wt_component_ops = {
    .items = wt_component_items,
    .link = wt_component_link,
    .instantiate = wt_component_instantiate,
    .call = wt_component_call,
    .result = wt_component_result,
};

// -- Stores --

static ubiq_error *store_new(engine_image *base, const engine_store_options *options, engine_store **out) {
  wt_component_image *image = (wt_component_image *)base;
  wt_component_store *store = calloc(1, sizeof *store);
  if (!store) return ubiq_error_no_memory();
  arena_init(&store->arena);
  store->image = image;
  store->common.base.ops = &wt_component_engine_ops;
  store->common.engine = image->engine;
  store->common.options = *options;
  uint32_t part = wt_part_take(image->engine, options->part);
  store->common.part = &image->engine->parts[part];
  ubiq_error *error = wt_component_part_get(image, part, &store->part);
  if (error) {
    wt_part_give_back(store->common.part);
    free(store);
    return ubiq_error_wrap(error, "linking");
  }
  wt_kept_make_room(store->common.part, image->engine->places);
  wt_store_open(&store->common);
  wt_component_memory_limit(&store->common.base, options->memory_bytes_max);
  *out = &store->common.base;
  return NULL;
}

static void forget_call(wt_component_store *store) {
  if (store->future) wasmtime_call_future_delete(store->future);
  store->future = NULL;
  store->waiting = NULL;
  for (size_t i = 0; i < store->arguments_count; i++) wasmtime_component_val_delete(&store->arguments[i]);
  store->arguments_count = 0;
  if (store->has_result) wasmtime_component_val_delete(&store->result);
  store->has_result = false;
  arena_reset(&store->arena);
}

static void store_delete(engine_store *base) {
  wt_component_store *store = (wt_component_store *)base;
  forget_call(store);
  wt_store_close(&store->common);
  wt_part_give_back(store->common.part);
  arena_free(&store->arena);
  free(store);
}

// A component's memory is one: of several each could be as large as the limit.
void wt_component_memory_limit(engine_store *base, uint64_t bytes) {
  enum { MEMORIES_MAX = 1, TABLES_MAX = 8, INSTANCES_MAX = 32 };
  wt_store *store = (wt_store *)base;
  int64_t memory = bytes > 0 && bytes <= INT64_MAX ? (int64_t)bytes : -1;
  uint64_t elements = store->options.table_elements_max;
  wasmtime_store_limiter(store->store, memory, elements > 0 ? (int64_t)elements : -1, INSTANCES_MAX, TABLES_MAX,
                         memory > 0 ? MEMORIES_MAX : -1);
}

// What components have of memories is not to be seen from outside.
static bool no_memory(engine_store *store, uint32_t place, engine_memory *out) {
  (void)store;
  (void)place;
  *out = (engine_memory){0};
  return false;
}

// -- Calls --

static ubiq_error *finish(wt_component_store *store) {
  wasmtime_call_future_delete(store->future);
  store->future = NULL;
  wt_store_taken(&store->common);
  wasmtime_error_t *error = store->error;
  ubiq_error *host_error = store->common.host_error;
  store->error = NULL;
  if (error) return wt_take_component_error(&store->common, error);
  store->common.host_error = NULL; // of a host function without a result, which the guest did not see fail
  return host_error;
}

static ubiq_error *resume(engine_store *base, engine_state *state) {
  wt_component_store *store = (wt_component_store *)base;
  wt_store *common = &store->common;
  common->on_fiber = common->in_call = true;
  wasmtime_context_set_epoch_deadline(common->context, 1);
  bool done = wasmtime_call_future_poll(store->future);
  common->on_fiber = common->in_call = false;
  *state = done ? ENGINE_DONE : store->waiting ? ENGINE_WAITING : ENGINE_YIELDED;
  return done ? finish(store) : NULL;
}

ubiq_error *wt_component_instantiate(engine_store *base, engine_state *state) {
  wt_component_store *store = (wt_component_store *)base;
  forget_call(store);
  store->future = wasmtime_component_linker_instantiate_async(store->part->linker, store->common.context,
                                                              store->part->component, &store->instance, &store->error);
  return resume(base, state);
}

static bool find_function(wt_component_store *store, uint32_t place) {
  if (store->functions_known >> place & 1) return true;
  if (!wasmtime_component_instance_get_func(&store->instance, store->common.context, store->part->exports[place],
                                            &store->functions[place]))
    return false;
  store->functions_known |= 1u << place;
  return true;
}

static ubiq_error *take_arguments(wt_component_store *store, const component_value *arguments, size_t count) {
  ubiq_error *error = NULL;
  for (size_t i = 0; i < count && !error; i++)
    error = wt_component_lower(store->common.context, &arguments[i], &store->arguments[store->arguments_count++]);
  return error;
}

ubiq_error *wt_component_call(engine_store *base, uint32_t place, const component_value *arguments, size_t count,
                              engine_state *state) {
  wt_component_store *store = (wt_component_store *)base;
  forget_call(store);
  if (count > WT_COMPONENT_ARGUMENTS_MAX || !find_function(store, place))
    return ubiq_error_new(UBIQ_INTERNAL, "the component has no export %u with %zu arguments", place, count);
  ubiq_error *error = take_arguments(store, arguments, count);
  if (error) return error;
  store->result = (wasmtime_component_val_t){.kind = WASMTIME_COMPONENT_BOOL};
  store->has_result = true;
  store->future = wasmtime_component_func_call_async(&store->functions[place], store->common.context, store->arguments,
                                                     count, &store->result, 1, &store->error);
  return resume(base, state);
}

ubiq_error *wt_component_result(engine_store *base, const component_value **out) {
  wt_component_store *store = (wt_component_store *)base;
  component_value *value = arena_alloc(&store->arena, sizeof *value);
  if (!value) return ubiq_error_no_memory();
  *out = value;
  return wt_component_lift(store->common.context, &store->arena, &store->result, value);
}

// -- Host functions --

static component_call describe(wt_component_store *store) {
  return (component_call){.store = &store->common.base, .user = store->common.options.user, .arena = &store->arena};
}

static wasmtime_error_t *keep_host_error(wt_component_store *store, ubiq_error *error) {
  ubiq_error_delete(store->common.host_error);
  store->common.host_error = error;
  return wasmtime_error_new("host");
}

static ubiq_error *lift_arguments(wt_component_store *store, const wasmtime_component_val_t *arguments, size_t count,
                                  component_value **out) {
  *out = arena_array(&store->arena, count + 1, sizeof **out);
  if (!*out) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  for (size_t i = 0; i < count && !error; i++)
    error = wt_component_lift(store->common.context, &store->arena, &arguments[i], &(*out)[i]);
  return error;
}

// Half made when it fails: what there was of it is deleted, and it stays a bool.
static ubiq_error *lower_result(wt_component_store *store, const component_value *value,
                                wasmtime_component_val_t *out) {
  ubiq_error *error = wt_component_lower(store->common.context, value, out);
  if (!error) return NULL;
  wasmtime_component_val_delete(out);
  *out = (wasmtime_component_val_t){.kind = WASMTIME_COMPONENT_BOOL};
  return error;
}

wasmtime_error_t *wt_component_enter(void *env, wasmtime_context_t *context, const wasmtime_component_func_type_t *type,
                                     wasmtime_component_val_t *arguments, size_t count,
                                     wasmtime_component_val_t *results, size_t results_count) {
  (void)type;
  const wt_import *import = env;
  wt_component_store *store = wasmtime_context_get_data(context);
  component_call call = describe(store);
  component_value *lifted, result = {0};
  ubiq_error *error = lift_arguments(store, arguments, count, &lifted);
  if (!error) error = import->import.call(import->import.env, &call, lifted, count, &result);
  if (!error && results_count == 1) error = lower_result(store, &result, results);
  return error ? keep_host_error(store, error) : NULL;
}

// Polled by Wasmtime while a fiber waits. A failure is left as the store's error. Wasmtime is told of none here: a result that
// was not made is of another type than it expects, which ends the call.
static bool is_ready(void *env) {
  wt_component_store *store = env;
  const wt_import *import = store->waiting;
  component_call call = describe(store);
  component_value result = {0};
  ubiq_error *error = NULL;
  if (!import->import.ready(import->import.env, &call, &result, &error)) return false;
  store->waiting = NULL;
  if (!error && store->waiting_result) error = lower_result(store, &result, store->waiting_result);
  if (error) wasmtime_error_delete(keep_host_error(store, error));
  return true;
}

void wt_component_begin(void *env, wasmtime_context_t *context, const wasmtime_component_func_type_t *type,
                        wasmtime_component_val_t *arguments, size_t count, wasmtime_component_val_t *results,
                        size_t results_count, wasmtime_error_t **failed, wasmtime_async_continuation_t *continuation) {
  (void)type;
  wt_import *import = env;
  wt_component_store *store = wasmtime_context_get_data(context);
  component_call call = describe(store);
  component_value *lifted, result = {0};
  ubiq_error *error = lift_arguments(store, arguments, count, &lifted);
  if (!error) error = import->import.call(import->import.env, &call, lifted, count, &result);
  store->waiting = import;
  store->waiting_result = results_count == 1 ? results : NULL;
  *continuation = (wasmtime_async_continuation_t){.callback = is_ready, .env = store};
  if (!error) return;
  store->waiting = NULL;
  *failed = keep_host_error(store, error);
}

// -- The engine's functions, of images and stores of components --

const engine_ops wt_component_engine_ops = {
    .name = "wasmtime",
    .image_delete = wt_component_image_delete,
    .store_new = store_new,
    .store_delete = store_delete,
    .store_memory_limit = wt_component_memory_limit,
    .store_memory = no_memory,
    .fuel_set = wt_fuel_set,
    .fuel_get = wt_fuel_get,
    .call_resume = resume,
};
