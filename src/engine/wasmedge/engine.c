// The WasmEdge adapter: the engine, and modules. See internal.h.
#include "engine/loaded/attach.h"
#include "engine/wasmedge/internal.h"

#include <stdlib.h>
#include <string.h>

static WasmEdge_ConfigureContext *configure(bool fuel) {
  WasmEdge_ConfigureContext *self = WasmEdge_ConfigureCreate();
  WasmEdge_ConfigureAddProposal(self, WasmEdge_Proposal_MultiMemories);
  WasmEdge_ConfigureAddProposal(self, WasmEdge_Proposal_TailCall);
  WasmEdge_ConfigureAddProposal(self, WasmEdge_Proposal_ExtendedConst);
  WasmEdge_ConfigureSetForceInterpreter(self, true); // machine code in a custom section is not to be trusted
  WasmEdge_ConfigureStatisticsSetCostMeasuring(self, fuel);
  return self;
}

static ubiq_error *open(const engine_options *options, engine **out) {
  edge_engine *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  WasmEdge_LogOff(); // it would write every trap to standard error
  self->base.ops = &wasmedge_ops;
  self->fuel = options->fuel;
  self->configuration = configure(options->fuel);
  running_list_open(&self->stores);
  *out = &self->base;
  return NULL;
}

static void close(engine *engine) {
  edge_engine *self = (edge_engine *)engine;
  WasmEdge_ConfigureDelete(self->configuration);
  running_list_close(&self->stores);
  free(self);
}

static ubiq_error *validate(const edge_engine *engine, const WasmEdge_ASTModuleContext *parsed) {
  WasmEdge_ValidatorContext *validator = WasmEdge_ValidatorCreate(engine->configuration);
  ubiq_error *error = edge_take_result(NULL, WasmEdge_ValidatorValidate(validator, parsed));
  WasmEdge_ValidatorDelete(validator);
  return error;
}

ubiq_error *edge_parse(const edge_engine *engine, const uint8_t *bytes, size_t size, WasmEdge_ASTModuleContext **out) {
  if (size > UINT32_MAX) return ubiq_error_new(UBIQ_TOO_LARGE, "the module has 4 GiB or more");
  WasmEdge_ASTModuleContext *parsed = NULL;
  WasmEdge_LoaderContext *loader = WasmEdge_LoaderCreate(engine->configuration);
  WasmEdge_Bytes wasm = WasmEdge_BytesWrap(bytes, (uint32_t)size);
  ubiq_error *error = edge_take_result(NULL, WasmEdge_LoaderParseFromBytes(loader, &parsed, wasm));
  WasmEdge_LoaderDelete(loader);
  if (!error) error = validate(engine, parsed);
  if (error)
    WasmEdge_ASTModuleDelete(parsed);
  else
    *out = parsed;
  return error;
}

static ubiq_error *check(const edge_engine *engine, const uint8_t *bytes, size_t size) {
  WasmEdge_ASTModuleContext *parsed = NULL;
  ubiq_error *error = edge_parse(engine, bytes, size, &parsed);
  if (!error) WasmEdge_ASTModuleDelete(parsed);
  return error;
}

static void module_delete(engine_module *base) {
  edge_module *self = (edge_module *)base;
  wasm_module_free(self->base.wasm);
  free(self->bytes);
  free(self);
}

static ubiq_error *keep_bytes(edge_module *self, const uint8_t *wasm, size_t size) {
  self->bytes = malloc(size);
  if (!self->bytes) return ubiq_error_no_memory();
  memcpy(self->bytes, wasm, size);
  self->size = size;
  return NULL;
}

static ubiq_error *compile(engine *base, const uint8_t *wasm, size_t size, engine_module **out) {
  const edge_engine *engine = (edge_engine *)base;
  edge_module *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->base.base.ops = &wasmedge_ops;
  ubiq_error *error = wasm_module_read(wasm, size, &self->base.wasm);
  if (!error) error = check(engine, wasm, size);
  if (!error) error = keep_bytes(self, wasm, size);
  if (error) {
    module_delete(&self->base.base);
    return ubiq_error_wrap(error, "module does not compile");
  }
  *out = &self->base.base;
  return NULL;
}

const engine_ops wasmedge_ops = {
    .name = "wasmedge",
    .version = WASMEDGE_VERSION,
    .capabilities =
        ENGINE_CAN_INTERRUPT | ENGINE_CAN_FUEL | ENGINE_LINKS_MODULES | ENGINE_HAS_MEMORIES | ENGINE_VALIDATES,
    .memory_bytes_max = UINT64_C(4) << 30,
    .modules_max = EDGE_MODULES_MAX,
    .open = open,
    .close = close,
    .compile = compile,
    .module_delete = module_delete,
    .link = edge_link,
    .image_delete = edge_image_delete,
    .store_new = edge_store_new,
    .store_delete = edge_store_delete,
    .store_memory_limit = edge_store_memory_limit,
    .store_function = edge_store_function,
    .store_memory = edge_store_memory,
    .caller_memory = edge_caller_memory,
    .fuel_set = edge_fuel_set,
    .fuel_get = edge_fuel_get,
    .call_now = edge_call_now,
    .tick = edge_tick,
};

const engine_exported ENGINE_EXPORTED = {.abi = ENGINE_ABI, .ops = &wasmedge_ops, .attach = loaded_attach};
