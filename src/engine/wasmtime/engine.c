// The Wasmtime adapter: opening an engine, and the modules compiled with it.
#include "engine/wasmtime/component.h"
#include "engine_build.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// Which build of Wasmtime this is: what another build of the same version serializes may look otherwise.
#ifndef WT_BUILD
#define WT_BUILD ""
#endif

const engine_ops wasmtime_ops = {
    .name = "wasmtime",
    .version = WASMTIME_VERSION WT_BUILD,
    .build = ENGINE_BUILD,
    .capabilities = ENGINE_CAN_SUSPEND | ENGINE_CAN_INTERRUPT | ENGINE_CAN_FUEL | ENGINE_CAN_SERIALIZE |
                    ENGINE_LINKS_MODULES | ENGINE_HAS_MEMORIES | ENGINE_HAS_SMALL_PAGES | ENGINE_VALIDATES |
                    ENGINE_NAMES_FUNCTIONS,
    .memory_bytes_max = UINT64_C(4) << 30,
    .modules_max = WT_MODULES_MAX,
    .open = wt_open,
    .close = wt_close,
    .wat_to_wasm = wt_wat_to_wasm,
    .validate = wt_validate,
    .compile = wt_compile,
    .serialize = wt_serialize,
    .deserialize = wt_deserialize,
    .module_delete = wt_module_delete,
    .link = wt_link,
    .image_delete = wt_image_delete,
    .store_new = wt_store_new,
    .store_delete = wt_store_delete,
    .store_memory_limit = wt_store_memory_limit,
    .store_function = wt_store_function,
    .store_memory = wt_store_memory,
    .caller_memory = wt_caller_memory,
    .fuel_set = wt_fuel_set,
    .fuel_get = wt_fuel_get,
    .call_now = wt_call_now,
    .call_start = wt_call_start,
    .call_resume = wt_call_resume,
    .components = &wt_component_ops,
    .tick = wt_tick,
};

enum {
  WT_WASM_STACK_BYTES = 512 << 10,
  WT_FIBER_STACK_BYTES = 768 << 10,
  // Kept in a slot between two instances: more makes a fresh instance dearer, less makes it fault more. Enough for the
  // kernel's state and for the stack and first data of a small guest in C (runtime/bundle/build_source.c).
  WT_MEMORY_KEEP_BYTES = 20 << 10,
  WT_TABLE_KEEP_BYTES = 4 << 10,
  WT_TABLE_ELEMENTS = 100000,
  WT_MEMORIES_PER_STORE = 2, // the kernel's and the plugin's
  // A component's parts are instances with hardly anything of their own. They are counted, and no place is kept for them.
  WT_COMPONENT_INSTANCES = 16,
  // How many memories of ended stores are given back to the system by one call: each such call makes the processors that run
  // the process's other threads wait. What they hold meanwhile is bounded (WT_MEMORY_LINGERS_BYTES).
  WT_GIVEN_BACK_AT_ONCE = 16,
};

static const uint64_t WT_MEMORY_32BIT_BYTES = UINT64_C(4) << 30;
static const uint64_t WT_PLENTY_BYTES = UINT64_C(1) << 40; // of address space: room for a hundred large memories
static const uint64_t WT_MEMORY_LEAST_BYTES = 1 << 20;

// Whether the process may reserve that much address space now.
static bool can_reserve(uint64_t bytes) {
  void *place = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return false;
  munmap(place, bytes);
  return true;
}

// Wasmtime ends the process when a pool cannot be reserved, so that is tried first. A little more than what it takes.
static uint64_t pool_bytes(const engine_options *options) {
  enum { GUARDS_BYTES = 33 << 20, SLACK_BYTES = 1 << 30 };
  uint64_t memory = options->memory_bytes_max + GUARDS_BYTES;
  uint64_t table = WT_TABLE_ELEMENTS * sizeof(void *) + (64 << 10);
  uint64_t stack = (options->stack_bytes ? options->stack_bytes : WT_FIBER_STACK_BYTES) + (64 << 10);
  return options->stores_max * WT_MEMORIES_PER_STORE * (memory + table) + options->fibers_max * stack + SLACK_BYTES;
}

static void small_memories(wasm_config_t *config, uint64_t bytes) {
  wasmtime_config_memory_reservation_set(config, bytes);
  wasmtime_config_memory_guard_size_set(config, 0);
}

// A memory whose slot is as large as the address space of wasm32 needs no bounds checks in the code; smaller slots pack
// more instances into the process's address space and check. Without a pool, and with little address space, memories
// begin small and move when they grow.
static void configure_memories(wasm_config_t *config, const engine_options *options) {
  if (options->memory_bytes_max && options->memory_bytes_max < WT_MEMORY_32BIT_BYTES)
    small_memories(config, options->memory_bytes_max);
  if (options->memory_bytes_max == 0 && !can_reserve(WT_PLENTY_BYTES)) small_memories(config, WT_MEMORY_LEAST_BYTES);
}

static void configure_pool(wasm_config_t *config, const engine_options *options) {
  uint32_t instances = options->stores_max * WT_MEMORIES_PER_STORE;
  wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();
  wasmtime_pooling_allocation_config_total_memories_set(pool, instances);
  wasmtime_pooling_allocation_config_total_core_instances_set(pool, instances * WT_COMPONENT_INSTANCES);
  wasmtime_pooling_allocation_config_total_component_instances_set(pool, options->stores_max);
  wasmtime_pooling_allocation_config_total_tables_set(pool, instances);
  wasmtime_pooling_allocation_config_total_stacks_set(pool, options->fibers_max);
  wasmtime_pooling_allocation_config_total_gc_heaps_set(pool, options->stores_max);
  wasmtime_pooling_allocation_config_max_memory_size_set(pool, options->memory_bytes_max);
  wasmtime_pooling_allocation_config_max_memories_per_module_set(pool, WT_START_MEMORIES_MAX);
  wasmtime_pooling_allocation_config_max_tables_per_module_set(pool, WT_TABLES_MAX);
  wasmtime_pooling_allocation_config_table_elements_set(pool, WT_TABLE_ELEMENTS);
  wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, WT_MEMORY_KEEP_BYTES);
  wasmtime_pooling_allocation_config_table_keep_resident_set(pool, WT_TABLE_KEEP_BYTES);
  if (wt_gives_back_later(options))
    wasmtime_pooling_allocation_config_decommit_batch_size_set(pool, WT_GIVEN_BACK_AT_ONCE);
  wasmtime_pooling_allocation_strategy_set(config, pool);
  wasmtime_pooling_allocation_config_delete(pool);
}

// For all that is made of the code.
static wasm_config_t *configure_code(const engine_options *options) {
  wasm_config_t *config = wasm_config_new();
  wasmtime_config_epoch_interruption_set(config, true);
  wasmtime_config_consume_fuel_set(config, options->fuel);
  wasmtime_config_wasm_tail_call_set(config, true);
  wasmtime_config_wasm_function_references_set(config, true);
  wasmtime_config_wasm_gc_set(config, true);
  wasmtime_config_wasm_exceptions_set(config, true);
  wasmtime_config_wasm_custom_page_sizes_set(config, true);
  // Components call and are called one at a time: the rest of the model costs each call, and is not finished.
  wasmtime_config_wasm_component_model_async_set(config, false);
  wasmtime_config_concurrency_support_set(config, false);
  wasmtime_config_max_wasm_stack_set(config, WT_WASM_STACK_BYTES);
  wasmtime_config_async_stack_size_set(config, options->stack_bytes ? options->stack_bytes : WT_FIBER_STACK_BYTES);
  configure_memories(config, options);
  return config;
}

static wasm_config_t *configure(const engine_options *options) {
  wasm_config_t *config = configure_code(options);
  if (options->memory_bytes_max && !options->compiles_only) configure_pool(config, options);
  return config;
}

// For modules with much memory: without a pool, and without images of memories, which would be in the way of memories of ours.
// Those shrink, and what is behind them stays accessible. So no room is promised to the code, which then compares every
// address with the memory's length and never relies on a page that cannot be read.
static void open_large(wt_part *part, const wt_pagemap *pagemap, const engine_options *options) {
  wasm_config_t *config = configure_code(options);
  wasmtime_config_memory_init_cow_set(config, false);
  small_memories(config, 0);
  wt_memories_open(&part->memories, pagemap, options->memory_bytes_max, options->fibers_max * WT_MEMORIES_PER_STORE);
  wt_memories_provide(&part->memories, config);
  part->large = wasm_engine_new_with_config(config);
}

// A part's pool must be worth having.
static uint32_t count_parts(const engine_options *options) {
  enum { PLACES_MIN = 64 };
  if (options->compiles_only) return 1;
  uint32_t count = options->parts < WT_PARTS_MAX ? options->parts : WT_PARTS_MAX;
  while (count > 1 && (options->stores_max / count < PLACES_MIN || options->fibers_max / count < PLACES_MIN)) count--;
  return count > 0 ? count : 1;
}

ubiq_error *wt_open(const engine_options *options, engine **out) {
  if (options->memory_bytes_max && !options->compiles_only && !can_reserve(pool_bytes(options)))
    return ubiq_error_new(UBIQ_UNAVAILABLE,
                          "wasmtime: cannot reserve address space for %u stores of %llu bytes; allow more "
                          "(ulimit -v) or ask for fewer",
                          options->stores_max, (unsigned long long)options->memory_bytes_max);
  wt_engine *self = aligned_alloc(_Alignof(wt_engine), sizeof *self);
  if (!self) return ubiq_error_no_memory();
  *self = (wt_engine){.base.ops = &wasmtime_ops, .parts_count = count_parts(options)};
  engine_options each = *options;
  each.stores_max /= self->parts_count;
  each.fibers_max /= self->parts_count;
  self->places = each.fibers_max;
  wt_pagemap_open(&self->pagemap);
  for (uint32_t i = 0; i < self->parts_count; i++) {
    self->parts[i].engine = wasm_engine_new_with_config(configure(&each));
    if (wt_has_large(options)) open_large(&self->parts[i], &self->pagemap, &each);
    pthread_mutex_init(&self->parts[i].lock, NULL);
  }
  *out = &self->base;
  return NULL;
}

void wt_close(engine *engine) {
  wt_engine *self = (wt_engine *)engine;
  for (uint32_t i = 0; i < self->parts_count; i++) {
    pthread_mutex_destroy(&self->parts[i].lock);
    wasm_engine_delete(self->parts[i].engine);
    if (!self->parts[i].large) continue;
    wasm_engine_delete(self->parts[i].large);
    wt_memories_close(&self->parts[i].memories);
  }
  wt_pagemap_close(&self->pagemap);
  free(self);
}

void wt_tick(engine *engine) {
  wt_engine *self = (wt_engine *)engine;
  for (uint32_t i = 0; i < self->parts_count; i++) {
    wasmtime_engine_increment_epoch(self->parts[i].engine);
    if (self->parts[i].large) wasmtime_engine_increment_epoch(self->parts[i].large);
  }
}

// Wasmtime's vectors are freed by its own library: ours are copies.
static ubiq_error *take_bytes(wasm_byte_vec_t *vector, uint8_t **bytes, size_t *size) {
  uint8_t *copy = malloc(vector->size ? vector->size : 1);
  if (copy) memcpy(copy, vector->data, vector->size);
  *bytes = copy;
  *size = vector->size;
  wasm_byte_vec_delete(vector);
  return copy ? NULL : ubiq_error_no_memory();
}

ubiq_error *wt_wat_to_wasm(const char *text, size_t size, uint8_t **wasm, size_t *wasm_size) {
  wasm_byte_vec_t vector;
  wasmtime_error_t *error = wasmtime_wat2wasm(text, size, &vector);
  if (error) {
    ubiq_error *cause = wt_take_error(NULL, error, NULL);
    ubiq_error *result = ubiq_error_new(UBIQ_INVALID_INPUT, "module text (WAT): %s", ubiq_error_message(cause));
    ubiq_error_delete(cause);
    return result;
  }
  return take_bytes(&vector, wasm, wasm_size);
}

// Takes ownership of the module or the component, whichever it is.
static ubiq_error *module_wrap(wt_module made, engine_module **out) {
  made.base.ops = &wasmtime_ops;
  wt_module *self = malloc(sizeof *self);
  if (!self) {
    if (made.module) wasmtime_module_delete(made.module);
    if (made.component) wasmtime_component_delete(made.component);
    return ubiq_error_no_memory();
  }
  *self = made;
  *out = &self->base;
  return NULL;
}

static ubiq_code compile_failure(const char *message) {
  if (strstr(message, "memory executable")) return UBIQ_UNAVAILABLE;
  return strstr(message, "pooling allocator") ? UBIQ_TOO_LARGE : UBIQ_INVALID_INPUT;
}

// Compiling fails for what the module is; the class says so, or that only the pool is too small for it, or that this process
// may not make code.
static ubiq_error *take_compile_error(wasmtime_error_t *error, const char *what) {
  ubiq_error *cause = wt_take_error(NULL, error, NULL);
  ubiq_code code = compile_failure(ubiq_error_message(cause));
  const char *advice = code == UBIQ_UNAVAILABLE ? "; take an engine that interprets (see docs/engines.md)" : "";
  ubiq_error *result = ubiq_error_new(code, "%s: %s%s", what, ubiq_error_message(cause), advice);
  ubiq_error_delete(cause);
  return result;
}

// For the engines that do not check what they run: seldom, so that it opens an engine each time.
ubiq_error *wt_validate(const uint8_t *wasm, size_t size) {
  engine_options plain = {0};
  wasm_engine_t *engine = wasm_engine_new_with_config(configure(&plain));
  wasmtime_error_t *error = wasmtime_module_validate(engine, wasm, size);
  wasm_engine_delete(engine);
  return error ? take_compile_error(error, "module does not compile") : NULL;
}

// Where the system does not tell what was touched, memories of ours are cleared as the pool's are, and all else takes longer.
// What was compiled elsewhere has them still. Who compiles for others may not be told, and they are.
static bool has_use_of_large(const wt_engine *self) {
  return self->parts[0].large && (self->pagemap.is_ours || self->base.options.compiles_only);
}

ubiq_error *wt_compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out) {
  wt_module made = {.engine = (wt_engine *)engine};
  made.is_large = has_use_of_large(made.engine) && wt_needs_large(&engine->options, wasm, size);
  wasm_engine_t *first = wt_part_engine(&made.engine->parts[0], made.is_large);
  bool is_component = wasm_is_component(wasm, size);
  wasmtime_error_t *error = is_component ? wasmtime_component_new(first, wasm, size, &made.component)
                                         : wasmtime_module_new(first, wasm, size, &made.module);
  if (error) return take_compile_error(error, is_component ? "component does not compile" : "module does not compile");
  return module_wrap(made, out);
}

ubiq_error *wt_serialize(engine_module *module, uint8_t **bytes, size_t *size) {
  wasm_byte_vec_t vector;
  const wt_module *self = (wt_module *)module;
  wasmtime_error_t *error = self->component ? wasmtime_component_serialize(self->component, &vector)
                                            : wasmtime_module_serialize(self->module, &vector);
  if (error) return wt_take_error(NULL, error, NULL);
  return take_bytes(&vector, bytes, size);
}

static bool deserialize_large(wt_module *made, const uint8_t *bytes, size_t size) {
  wasm_engine_t *large = made->engine->parts[0].large;
  wasmtime_error_t *error = large ? wasmtime_module_deserialize(large, bytes, size, &made->module) : NULL;
  if (error) wasmtime_error_delete(error);
  made->is_large = large && !error;
  return made->is_large;
}

ubiq_error *wt_deserialize(engine *engine, const uint8_t *bytes, size_t size, engine_module **out) {
  wt_module made = {.engine = (wt_engine *)engine};
  wasm_engine_t *first = made.engine->parts[0].engine;
  wasmtime_error_t *error = wasmtime_module_deserialize(first, bytes, size, &made.module);
  if (!error) return module_wrap(made, out);
  // What was serialized does not say to others which it is: it is tried as each in turn.
  if (deserialize_large(&made, bytes, size)) {
    wasmtime_error_delete(error);
    return module_wrap(made, out);
  }
  wasmtime_error_t *no_component = wasmtime_component_deserialize(first, bytes, size, &made.component);
  if (no_component) {
    wasmtime_error_delete(no_component);
    return take_compile_error(error, "compiled module does not fit this engine");
  }
  wasmtime_error_delete(error);
  return module_wrap(made, out);
}

void wt_module_delete(engine_module *base) {
  wt_module *self = (wt_module *)base;
  if (self->module) wasmtime_module_delete(self->module);
  if (self->component) wasmtime_component_delete(self->component);
  free(self);
}
