/*
 * A kernel, Extism's or ours, instantiated in Wasmtime: its exports as plain functions.
 */
#ifndef UBIQ_TEST_KERNEL_INSTANCE_H
#define UBIQ_TEST_KERNEL_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasm.h>
#include <wasmtime.h>

#include "kernel/embedded.h"

/* clang-format off */
#define KERNEL_FUNCTIONS(X)                                                                                            \
  X(alloc) X(free) X(length) X(length_unsafe) X(load_u8) X(load_u64) X(input_load_u8) X(input_load_u64)                \
  X(store_u8) X(store_u64) X(input_set) X(output_set) X(input_length) X(input_offset) X(output_length)                 \
  X(output_offset) X(reset) X(error_set) X(error_get) X(memory_bytes)
/* clang-format on */

enum kernel_function {
#define X(name) KERNEL_##name,
  KERNEL_FUNCTIONS(X)
#undef X
      KERNEL_FUNCTION_COUNT
};

static const char *const kernel_function_names[] = {
#define X(name) #name,
    KERNEL_FUNCTIONS(X)
#undef X
};

struct kernel_instance {
  wasm_engine_t *engine;
  wasmtime_store_t *store;
  wasmtime_context_t *context;
  wasmtime_module_t *module;
  wasmtime_instance_t instance;
  wasmtime_func_t functions[KERNEL_FUNCTION_COUNT];
  wasmtime_memory_t memory;
  bool trapped; /* the last call did */
};

static inline void kernel_require(bool fine, const char *what) {
  if (!fine) {
    fprintf(stderr, "kernel: %s failed\n", what);
    abort();
  }
}

/* An engine for every build of the kernel. */
static inline wasm_engine_t *kernel_engine_new(void) {
  wasm_config_t *config = wasm_config_new();
  wasmtime_config_wasm_custom_page_sizes_set(config, true);
  return wasm_engine_new_with_config(config);
}

static inline wasmtime_extern_t kernel_export(struct kernel_instance *kernel, const char *name) {
  wasmtime_extern_t found;
  kernel_require(wasmtime_instance_export_get(kernel->context, &kernel->instance, name, strlen(name), &found), name);
  return found;
}

static inline wasm_trap_t *kernel_permit_growth(void *data, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                                                size_t count) {
  (void)data;
  (void)caller;
  (void)count;
  values[0].i32 = 1;
  return NULL;
}

/* The import of our own host's build (kernel.h); the others are given none. */
static inline wasmtime_extern_t kernel_grow_import(struct kernel_instance *kernel) {
  wasm_valtype_t *parameters[2] = {wasm_valtype_new_i32(), wasm_valtype_new_i32()};
  wasm_valtype_t *results[1] = {wasm_valtype_new_i32()};
  wasm_valtype_vec_t in, out;
  wasm_valtype_vec_new(&in, 2, parameters);
  wasm_valtype_vec_new(&out, 1, results);
  wasm_functype_t *type = wasm_functype_new(&in, &out);
  wasmtime_extern_t grow = {.kind = WASMTIME_EXTERN_FUNC};
  wasmtime_func_new_unchecked(kernel->context, type, kernel_permit_growth, NULL, NULL, &grow.of.func);
  wasm_functype_delete(type);
  return grow;
}

static inline size_t kernel_import_count(const struct kernel_instance *kernel) {
  wasm_importtype_vec_t imports;
  wasmtime_module_imports(kernel->module, &imports);
  size_t count = imports.size;
  wasm_importtype_vec_delete(&imports);
  return count;
}

/* Makes a fresh instance of the same module. `memory_bytes_max` below 0: no limit. */
static inline void kernel_restart(struct kernel_instance *kernel, int64_t memory_bytes_max) {
  if (kernel->store) wasmtime_store_delete(kernel->store);
  kernel->store = wasmtime_store_new(kernel->engine, NULL, NULL);
  kernel->context = wasmtime_store_context(kernel->store);
  wasmtime_store_limiter(kernel->store, memory_bytes_max, -1, -1, -1, -1);
  wasm_trap_t *trap = NULL;
  wasmtime_extern_t grow = kernel_grow_import(kernel);
  wasmtime_error_t *error = wasmtime_instance_new(kernel->context, kernel->module, &grow, kernel_import_count(kernel),
                                                  &kernel->instance, &trap);
  kernel_require(!error && !trap, "instantiating");
  for (int i = 0; i < KERNEL_FUNCTION_COUNT; i++)
    kernel->functions[i] = kernel_export(kernel, kernel_function_names[i]).of.func;
  kernel->memory = kernel_export(kernel, "memory").of.memory;
}

static inline void kernel_open(struct kernel_instance *kernel, wasm_engine_t *engine, const void *bytes, size_t size) {
  *kernel = (struct kernel_instance){.engine = engine};
  kernel_require(!wasmtime_module_new(engine, bytes, size, &kernel->module), "compiling");
  kernel_restart(kernel, -1);
}

static inline void kernel_open_ours(struct kernel_instance *kernel, wasm_engine_t *engine) {
  kernel_open(kernel, engine, extism_runtime_wasm, extism_runtime_wasm_size);
}

static inline void kernel_open_ours_for_hosts(struct kernel_instance *kernel, wasm_engine_t *engine) {
  kernel_open(kernel, engine, kernel_host_wasm, kernel_host_wasm_size);
}

/* False: scripts/setup has not fetched it. */
static inline bool kernel_open_official(struct kernel_instance *kernel, wasm_engine_t *engine) {
  static char bytes[1 << 16];
  FILE *file = fopen(UBIQ_DEPS_DIR "/extism/extism-runtime.wasm", "rb");
  if (!file) return false;
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  kernel_open(kernel, engine, bytes, size);
  return true;
}

static inline void kernel_close(struct kernel_instance *kernel) {
  if (kernel->store) wasmtime_store_delete(kernel->store);
  if (kernel->module) wasmtime_module_delete(kernel->module);
}

/* Calls an export. `b` goes in as an i64 whatever its type is: the low half of it is the i32. */
static inline uint64_t kernel_call(struct kernel_instance *kernel, enum kernel_function function, uint64_t a,
                                   uint64_t b) {
  wasmtime_val_raw_t values[2] = {{.i64 = (int64_t)a}, {.i64 = (int64_t)b}};
  wasm_trap_t *trap = NULL;
  wasmtime_error_t *error =
      wasmtime_func_call_unchecked(kernel->context, &kernel->functions[function], values, 2, &trap);
  kernel->trapped = trap != NULL;
  if (trap) wasm_trap_delete(trap);
  kernel_require(!error, kernel_function_names[function]);
  bool narrow = function == KERNEL_load_u8 || function == KERNEL_input_load_u8;
  return narrow ? (uint32_t)values[0].i32 : (uint64_t)values[0].i64;
}

static inline uint8_t *kernel_bytes(struct kernel_instance *kernel, uint64_t offset, uint64_t size) {
  uint64_t end = wasmtime_memory_data_size(kernel->context, &kernel->memory);
  kernel_require(offset <= end && size <= end - offset, "reaching a block's bytes");
  return wasmtime_memory_data(kernel->context, &kernel->memory) + offset;
}

#endif
