// The Wasmtime adapter: stores, one for each instance of a plugin.
#include "base/sanitized.h"
#include "engine/wasmtime/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static_assert(sizeof(wasmtime_func_t) == sizeof(engine_function), "engine_function holds a wasmtime_func_t");
static_assert(sizeof(wasmtime_val_raw_t) == sizeof(engine_value), "engine_value is a wasmtime_val_raw_t");

// A store's slots in the pool pass from thread to thread under locks of Wasmtime's that ThreadSanitizer cannot see, because
// that library is not instrumented. In its builds it is told.
#if SANITIZED_THREADS
#include <sanitizer/tsan_interface.h>
#define SLOTS_GIVEN_BACK(engine) __tsan_release(engine)
#define SLOTS_TAKEN(engine)      __tsan_acquire(engine)
#else
#define SLOTS_GIVEN_BACK(engine) ((void)(engine))
#define SLOTS_TAKEN(engine)      ((void)(engine))
#endif

// Runs inside guest code, about once a tick.
static wasmtime_error_t *on_tick(const wasmtime_context_t *context, void *env, uint64_t *delta,
                                 wasmtime_update_deadline_kind_t *kind) {
  (void)context;
  wt_store *store = env;
  *delta = 1;
  *kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
  if (!store->in_call || !store->options.tick) return NULL;
  engine_tick_action action = ENGINE_TICK_GO_ON;
  ubiq_error *error = store->options.tick(store->options.user, &action);
  if (error) {
    ubiq_error_delete(store->host_error);
    store->host_error = error;
    return wasmtime_error_new("interrupted");
  }
  if (action == ENGINE_TICK_YIELD && store->on_fiber) *kind = WASMTIME_UPDATE_DEADLINE_YIELD;
  return NULL;
}

static int64_t limit_of(uint64_t value) {
  return value == 0 || value > INT64_MAX ? -1 : (int64_t)value;
}

void wt_store_memory_limit(engine_store *base, uint64_t bytes) {
  wt_store *store = (wt_store *)base;
  if (store->has_limit && store->limit_bytes == bytes) return;
  store->has_limit = true;
  store->limit_bytes = bytes;
  wasmtime_store_limiter(store->store, limit_of(bytes), limit_of(store->options.table_elements_max), -1, -1, -1);
}

static ubiq_error *instantiate_linked(wt_store *store, size_t index) {
  wt_linked *linked = &store->image->modules[index];
  wasmtime_extern_t few[32];
  wasmtime_extern_t *imports = few;
  if (linked->bindings_count > sizeof few / sizeof *few) {
    imports = malloc(linked->bindings_count * sizeof *imports);
    if (!imports) return ubiq_error_no_memory();
  }
  ubiq_error *result = NULL;
  for (size_t i = 0; i < linked->bindings_count && !result; i++) {
    const engine_binding *binding = &linked->bindings[i];
    if (!wasmtime_instance_export_get(store->context, &store->instances[binding->module], binding->name,
                                      strlen(binding->name), &imports[i]))
      result = ubiq_error_new(UBIQ_INTERNAL, "module %u exports no %s", binding->module, binding->name);
  }
  if (!result) {
    wasm_trap_t *trap = NULL;
    const wasmtime_module_t *module = store->image_part->modules[index];
    wasmtime_error_t *error =
        wasmtime_instance_new(store->context, module, imports, linked->bindings_count, &store->instances[index], &trap);
    result = wt_take_error(store, error, trap);
  }
  if (imports != few) free(imports);
  return result;
}

static ubiq_error *bind_late(wt_store *store, const wt_host *host) {
  const engine_host_function *f = &host->function;
  wasmtime_extern_t slot, item;
  if (!wasmtime_instance_export_get(store->context, &store->instances[0], f->slot, strlen(f->slot), &slot) ||
      !wasmtime_linker_get(store->image_part->linker, store->context, f->module, strlen(f->module), f->name,
                           strlen(f->name), &item))
    return ubiq_error_new(UBIQ_INTERNAL, "the hub has no slot for host function %s", f->name);
  wasmtime_val_t value = {.kind = WASMTIME_FUNCREF, .of.funcref = item.of.func};
  return wt_take_error(store, wasmtime_global_set(store->context, &slot.of.global, &value), NULL);
}

static ubiq_error *instantiate(wt_store *store) {
  wt_image *image = store->image;
  wasm_trap_t *trap = NULL;
  wasmtime_error_t *failed =
      wasmtime_instance_pre_instantiate(store->image_part->hub, store->context, &store->instances[0], &trap);
  ubiq_error *error = wt_take_error(store, failed, trap);
  for (size_t i = 1; i < image->modules_count && !error; i++) error = instantiate_linked(store, i);
  for (size_t i = 0; i < image->hosts_count && !error; i++)
    if (image->hosts[i].late) error = bind_late(store, &image->hosts[i]);
  return error;
}

// The large arrays of values inside are written before they are read: no need to clear them.
static wt_store *store_alloc(wt_image *image, const engine_store_options *options) {
  wt_store *store = malloc(sizeof *store + image->modules_count * sizeof *store->instances);
  if (!store) return NULL;
  store->instances = (wasmtime_instance_t *)(store + 1);
  store->base.ops = &wasmtime_ops;
  store->engine = image->engine;
  store->image = image;
  store->is_large = image->is_large;
  store->options = *options;
  store->host_error = NULL;
  store->on_fiber = store->in_call = false;
  store->has_failed = store->has_limit = false;
  store->found_count = 0;
  store->memories_known = 0;
  store->wait.host = NULL;
  store->call.future = NULL;
  return store;
}

void wt_store_open(wt_store *store) {
  store->store = wasmtime_store_new(wt_part_engine(store->part, store->is_large), store, NULL);
  store->context = wasmtime_store_context(store->store);
  wasmtime_context_set_epoch_deadline(store->context, 1);
  wasmtime_store_epoch_deadline_callback(store->store, on_tick, store, NULL);
  // Wasmtime compiles some of what initialises an instance, and that code takes fuel too.
  if (store->engine->base.options.fuel) ubiq_error_delete(wt_fuel_set(&store->base, UINT64_MAX));
}

void wt_store_taken(const wt_store *store) {
  SLOTS_TAKEN(store->engine);
}

void wt_store_close(wt_store *store) {
  SLOTS_GIVEN_BACK(store->engine);
  wasmtime_store_delete(store->store);
  ubiq_error_delete(store->host_error);
}

static ubiq_error *open_store(wt_store *store) {
  const engine_store_options *options = &store->options;
  wt_store_open(store);
  if (options->memory_bytes_max || options->table_elements_max)
    wt_store_memory_limit(&store->base, options->memory_bytes_max);
  ubiq_error *error = instantiate(store);
  wt_store_taken(store);
  return error;
}

// Those that are kept have places that another may need.
static ubiq_error *open_with_room(wt_store *store) {
  wt_kept_make_room(store->part, store->image->engine->places);
  ubiq_error *error = open_store(store);
  if (ubiq_error_code(error) != UBIQ_BUSY || store->part->kept_count == 0) return error;
  ubiq_error_delete(error);
  wt_store_close(store);
  store->host_error = NULL;
  store->memories_known = 0;
  store->has_limit = false;
  wt_kept_end(store->part, NULL);
  return open_store(store);
}

static ubiq_error *make_store(wt_image *image, wt_part *part, wt_image_part *image_part,
                              const engine_store_options *options, engine_store **out) {
  wt_store *store = store_alloc(image, options);
  if (!store) {
    wt_part_give_back(part);
    return ubiq_error_no_memory();
  }
  store->part = part;
  store->image_part = image_part;
  ubiq_error *error = open_with_room(store);
  if (error) {
    store->has_failed = true;
    wt_store_delete(&store->base);
    return ubiq_error_wrap(error, "instantiating");
  }
  wt_start_learn(store);
  *out = &store->base;
  return NULL;
}

static engine_store *begin_anew(wt_store *store, const engine_store_options *options) {
  store->options = *options;
  wasmtime_context_set_epoch_deadline(store->context, 1);
  if (options->memory_bytes_max || options->table_elements_max || store->has_limit)
    wt_store_memory_limit(&store->base, options->memory_bytes_max);
  return &store->base;
}

ubiq_error *wt_store_new(engine_image *base, const engine_store_options *options, engine_store **out) {
  wt_image *image = (wt_image *)base;
  uint32_t index = wt_part_take(image->engine, options->part);
  wt_part *part = &image->engine->parts[index];
  wt_store *kept = wt_kept_take(part, image, options);
  if (kept) {
    *out = begin_anew(kept, options);
    return NULL;
  }
  wt_image_part *image_part = NULL;
  ubiq_error *error = wt_image_part_get(image, index, &image_part);
  if (!error) return make_store(image, part, image_part, options, out);
  wt_part_give_back(part);
  return ubiq_error_wrap(error, "linking");
}

static void look_at(wasmtime_context_t *context, const wasmtime_memory_t *memory, engine_memory *out) {
  out->data = wasmtime_memory_data(context, memory);
  out->size = wasmtime_memory_data_size(context, memory);
}

// The pool gives memories back some at a time, and asks for the number alone. What a large one holds is dropped here, as the
// pool would: pages of the module's data come back as they were, all others as zeros. The image may be gone: who evicts a
// store that is kept holds no share of that one's.
static void give_back_large(wt_store *store) {
  if (!wt_gives_back_later(&store->engine->base.options) || store->is_large) return;
  for (uint32_t i = 0; store->memories_known >> i != 0; i++) {
    engine_memory memory = {0};
    if (store->memories_known >> i & 1) look_at(store->context, &store->memories[i], &memory);
    if (memory.size > WT_MEMORY_LINGERS_BYTES) (void)madvise(memory.data, memory.size, MADV_DONTNEED);
  }
}

void wt_store_end(wt_store *store) {
  if (store->call.future) wasmtime_call_future_delete(store->call.future);
  give_back_large(store);
  wt_store_close(store);
  free(store);
}

void wt_store_delete(engine_store *base) {
  wt_store *store = (wt_store *)base;
  if (wt_keep(store)) return;
  wt_part *part = store->part;
  wt_store_end(store);
  wt_part_give_back(part);
}

static bool find_function(wt_store *store, uint32_t module, const char *name, engine_function *out) {
  wasmtime_extern_t item;
  if (!wasmtime_instance_export_get(store->context, &store->instances[module], name, strlen(name), &item)) return false;
  if (item.kind != WASMTIME_EXTERN_FUNC) {
    wasmtime_extern_delete(&item);
    return false;
  }
  memcpy(out, &item.of.func, sizeof *out);
  return true;
}

static void remember(wt_store *store, const char *name, engine_function function) {
  size_t size = strlen(name) + 1;
  if (!store->image->rewind || store->found_count == WT_FOUND_MAX || size > WT_FOUND_NAME_BYTES) return;
  wt_found *found = &store->found[store->found_count++];
  found->function = function;
  memcpy(found->name, name, size);
}

bool wt_store_function(engine_store *base, uint32_t module, const char *name, engine_function *out) {
  wt_store *store = (wt_store *)base;
  for (uint32_t i = 0; i < store->found_count; i++) {
    if (strcmp(store->found[i].name, name) != 0) continue;
    *out = store->found[i].function;
    return true;
  }
  if (!find_function(store, module, name, out)) return false;
  remember(store, name, *out);
  return true;
}

static bool find_memory(wt_store *store, uint32_t place, wasmtime_memory_t *out) {
  wasmtime_extern_t item;
  if (place >= store->image->memories_count) return false;
  const engine_binding *memory = &store->image->memories[place];
  if (!wasmtime_instance_export_get(store->context, &store->instances[memory->module], memory->name,
                                    strlen(memory->name), &item))
    return false;
  if (item.kind != WASMTIME_EXTERN_MEMORY) {
    wasmtime_extern_delete(&item);
    return false;
  }
  *out = item.of.memory;
  return true;
}

bool wt_store_memory(engine_store *base, uint32_t place, engine_memory *out) {
  wt_store *store = (wt_store *)base;
  wasmtime_memory_t found, *memory = place < WT_MEMORIES_KNOWN ? &store->memories[place] : &found;
  bool is_known = place < WT_MEMORIES_KNOWN && (store->memories_known & 1u << place);
  if (!is_known && !find_memory(store, place, memory)) return false;
  if (place < WT_MEMORIES_KNOWN) store->memories_known |= 1u << place;
  look_at(store->context, memory, out);
  return true;
}

bool wt_caller_memory(engine_call *call, engine_memory *out) {
  wt_store *store = (wt_store *)call->store;
  uint32_t place = store->image->caller_memory;
  if (place == ENGINE_MEMORY_NONE) return false;
  if (place != ENGINE_MEMORY_BY_CALLER) return wt_store_memory(call->store, place, out);
  wasmtime_extern_t item;
  if (!wasmtime_caller_export_get(call->caller, "memory", 6, &item)) return false;
  if (item.kind != WASMTIME_EXTERN_MEMORY) {
    wasmtime_extern_delete(&item);
    return false;
  }
  look_at(store->context, &item.of.memory, out);
  return true;
}

ubiq_error *wt_fuel_set(engine_store *base, uint64_t fuel) {
  return wt_take_error(NULL, wasmtime_context_set_fuel(((wt_store *)base)->context, fuel), NULL);
}

uint64_t wt_fuel_get(engine_store *base) {
  uint64_t fuel = 0;
  wasmtime_error_t *error = wasmtime_context_get_fuel(((wt_store *)base)->context, &fuel);
  if (error) wasmtime_error_delete(error);
  return fuel;
}
