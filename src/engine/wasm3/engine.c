// The Wasm3 adapter: the engine, and modules. See internal.h.
#include "engine/loaded/attach.h"
#include "engine/wasm3/internal.h"

#include <stdlib.h>
#include <string.h>

static ubiq_error *open(const engine_options *options, engine **out) {
  if (options->fuel) return ubiq_error_new(UBIQ_INVALID_INPUT, "wasm3 does not count fuel");
  w3_engine *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->base.ops = &wasm3_ops;
  *out = &self->base;
  return NULL;
}

static void close(engine *engine) {
  free(engine);
}

static void tick(engine *engine) {
  atomic_fetch_add_explicit(&((w3_engine *)engine)->epoch, 1, memory_order_relaxed);
}

static void module_delete(engine_module *base) {
  w3_module *self = (w3_module *)base;
  wasm_module_free(self->base.wasm);
  free(self->bytes);
  free(self);
}

static ubiq_error *read_module(w3_module *self, const uint8_t *wasm, size_t size) {
  if (size > UINT32_MAX) return ubiq_error_new(UBIQ_TOO_LARGE, "the module has 4 GiB or more");
  self->size = (uint32_t)size;
  self->bytes = malloc(size + 1);
  if (!self->bytes) return ubiq_error_no_memory();
  memcpy(self->bytes, wasm, size);
  return wasm_module_read(wasm, size, &self->base.wasm);
}

// What cannot be linked, and what the parser of Wasm3 would misread.
static ubiq_error *check_imports(const wasm_module *wasm) {
  for (size_t i = 0; i < wasm->imports_count; i++) {
    const wasm_item *import = &wasm->imports[i];
    if (import->kind != WASM_FUNCTION)
      return ubiq_error_new(UBIQ_INVALID_INPUT, "it imports the %s %s.%s; wasm3 links functions alone",
                            wasm_kind_name(import->kind), import->module, import->name);
    if (import->signature.params_count > WASM_SIGNATURE_MAX || import->signature.results_count > WASM_SIGNATURE_MAX)
      return ubiq_error_new(UBIQ_INVALID_INPUT, "the import %s.%s has more than %d parameters or results",
                            import->module, import->name, WASM_SIGNATURE_MAX);
  }
  if (wasm->memories_count > 1) return ubiq_error_new(UBIQ_INVALID_INPUT, "it has several memories; wasm3 allows one");
  return NULL;
}

// Compiles all functions of a module that is linked to nothing, to learn whether Wasm3 can.
static ubiq_error *try_functions(IM3Module module) {
  M3Result result = m3Err_none;
  for (uint32_t i = 0; i < module->numFuncImports && !result; i++)
    result = LinkRawFunction(module, &module->functions[i], NULL, w3_enter_host, NULL);
  if (result) return w3_take_error(NULL, result);
  for (uint32_t i = module->numFuncImports; i < module->numFunctions; i++) {
    IM3Function function = &module->functions[i];
    result = function->compiled ? m3Err_none : CompileFunction(function);
    if (result) return ubiq_error_wrap(w3_take_error(NULL, result), "function %u", i);
  }
  return NULL;
}

static ubiq_error *try_module(IM3Environment environment, IM3Runtime runtime, const w3_module *self) {
  IM3Module module = NULL;
  M3Result result = m3_ParseModule(environment, &module, self->bytes, self->size);
  if (result) return w3_take_error(NULL, result);
  module->runtime = runtime; // not loaded: neither memory nor segments are wanted
  runtime->modules = module;
  return try_functions(module);
}

static ubiq_error *try_code(const w3_module *self) {
  atomic_uint epoch = 0;
  w3_guard guard = {.epoch = &epoch};
  w3_guard_set_limit(&guard);
  IM3Environment environment = m3_NewEnvironment();
  IM3Runtime runtime = environment ? m3_NewRuntime(environment, W3_PAGE_BYTES, &guard) : NULL;
  ubiq_error *error = runtime ? try_module(environment, runtime, self) : ubiq_error_no_memory();
  m3_FreeRuntime(runtime);
  if (environment) m3_FreeEnvironment(environment);
  return error;
}

static ubiq_error *compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out) {
  (void)engine;
  w3_module *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->base.base.ops = &wasm3_ops;
  ubiq_error *error = read_module(self, wasm, size);
  if (!error) error = check_imports(self->base.wasm);
  if (!error) error = try_code(self);
  if (error) {
    module_delete(&self->base.base);
    return ubiq_error_wrap(error, "module does not compile");
  }
  *out = &self->base.base;
  return NULL;
}

const engine_ops wasm3_ops = {
    .name = "wasm3",
    .version = M3_VERSION,
    .capabilities = ENGINE_CAN_INTERRUPT | ENGINE_NAMES_FUNCTIONS,
    .memory_bytes_max = (uint64_t)d_m3MaxLinearMemoryPages * W3_PAGE_BYTES,
    .modules_max = W3_MODULES_MAX,
    .open = open,
    .close = close,
    .compile = compile,
    .module_delete = module_delete,
    .link = w3_link,
    .image_delete = w3_image_delete,
    .store_new = w3_store_new,
    .store_delete = w3_store_delete,
    .store_memory_limit = w3_store_memory_limit,
    .store_function = w3_store_function,
    .store_memory = w3_store_memory,
    .caller_memory = w3_caller_memory,
    .call_now = w3_call_now,
    .tick = tick,
};

const engine_exported ENGINE_EXPORTED = {.abi = ENGINE_ABI, .ops = &wasm3_ops, .attach = loaded_attach};
