// The adapter for wasm.h: the engine, and modules. See internal.h.
#include "engine/loaded/attach.h"
#include "engine/wasm_c_api/internal.h"

#include <stdlib.h>
#include <string.h>

static ubiq_error *open(const engine_options *options, engine **out) {
  capi_engine *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->base.ops = &wasm_c_api_ops;
  self->fuel = options->fuel;
  self->engine = ubiq_hook_engine_new(options->fuel);
  *out = &self->base;
  return NULL;
}

static void close(engine *engine) {
  wasm_engine_delete(((capi_engine *)engine)->engine);
  free(engine);
}

static void tick(engine *engine) {
  atomic_fetch_add_explicit(&((capi_engine *)engine)->epoch, 1, memory_order_relaxed);
  ubiq_hook_tick();
}

capi_code *capi_code_retain(capi_code *code) {
  atomic_fetch_add_explicit(&code->owners, 1, memory_order_relaxed);
  return code;
}

void capi_code_release(capi_code *code) {
  if (!code || atomic_fetch_sub(&code->owners, 1) != 1) return;
  if (code->shared) wasm_shared_module_delete(code->shared);
  wasm_module_free(code->wasm);
  free(code->import_places);
  free(code->export_places);
  free(code);
}

uint32_t capi_code_place(const capi_code *code, const char *name, wasm_kind kind) {
  const wasm_item *item = wasm_module_export(code->wasm, name);
  return item && item->kind == kind ? code->export_places[item - code->wasm->exports] : CAPI_NOWHERE;
}

static bool is_named(const wasm_name_t *name, const char *text) {
  return name->size == strlen(text) && memcmp(name->data, text, name->size) == 0;
}

static ubiq_error *find_exports(capi_code *code, const wasm_exporttype_vec_t *exports) {
  size_t count = code->wasm->exports_count;
  code->export_places = calloc(count + 1, sizeof *code->export_places);
  if (!code->export_places) return ubiq_error_no_memory();
  for (size_t i = 0; i < count; i++) {
    uint32_t place = 0;
    while (place < exports->size && !is_named(wasm_exporttype_name(exports->data[place]), code->wasm->exports[i].name))
      place++;
    code->export_places[i] = place < exports->size ? place : CAPI_NOWHERE;
  }
  return NULL;
}

static bool is_import(const wasm_importtype_t *theirs, const wasm_item *ours) {
  static const wasm_externkind_t kinds[] = {[WASM_FUNCTION] = WASM_EXTERN_FUNC,
                                            [WASM_TABLE] = WASM_EXTERN_TABLE,
                                            [WASM_MEMORY] = WASM_EXTERN_MEMORY,
                                            [WASM_GLOBAL] = WASM_EXTERN_GLOBAL};
  return ours->kind <= WASM_GLOBAL && kinds[ours->kind] == wasm_externtype_kind(wasm_importtype_type(theirs)) &&
         is_named(wasm_importtype_module(theirs), ours->module) && is_named(wasm_importtype_name(theirs), ours->name);
}

// Several imports may have one name: those of one kind keep their order.
static ubiq_error *find_imports(capi_code *code, const wasm_importtype_vec_t *imports) {
  size_t count = code->wasm->imports_count;
  code->import_places = calloc(count + 1, sizeof *code->import_places);
  bool *taken = calloc(count + 1, sizeof *taken);
  bool all = imports->size == count;
  for (size_t i = 0; i < count && all && taken && code->import_places; i++) {
    uint32_t place = 0;
    while (place < count && (taken[place] || !is_import(imports->data[place], &code->wasm->imports[i]))) place++;
    all = place < count;
    taken[place] = true;
    code->import_places[i] = place;
  }
  bool is_there = taken && code->import_places;
  free(taken);
  if (!is_there) return ubiq_error_no_memory();
  return all ? NULL : ubiq_error_new(UBIQ_INTERNAL, CAPI_NAME " tells other imports than the module has");
}

static ubiq_error *find_places(capi_code *code, const wasm_module_t *module) {
  wasm_exporttype_vec_t exports;
  wasm_importtype_vec_t imports;
  wasm_module_exports(module, &exports);
  wasm_module_imports(module, &imports);
  ubiq_error *error = find_exports(code, &exports);
  if (!error) error = find_imports(code, &imports);
  wasm_importtype_vec_delete(&imports);
  wasm_exporttype_vec_delete(&exports);
  return error;
}

static ubiq_error *refuse(wasm_byte_vec_t *message) {
  ubiq_error *error = ubiq_error_new(UBIQ_INVALID_INPUT, "%.*s", (int)message->size, message->data);
  wasm_byte_vec_delete(message);
  return error;
}

// A module is made in a store, but shared it belongs to none.
static ubiq_error *compile_in(const capi_engine *engine, wasm_store_t *store, const wasm_byte_vec_t *wasm,
                              capi_code *code) {
  wasm_byte_vec_t message;
  wasm_module_t *module = ubiq_hook_module_new(engine->engine, store, wasm, engine->fuel, &message);
  if (!module) return refuse(&message);
  ubiq_error *error = find_places(code, module);
  if (!error) code->shared = wasm_module_share(module);
  wasm_module_delete(module);
  return error;
}

static ubiq_error *code_new(const capi_engine *engine, const uint8_t *bytes, size_t size, capi_code **out) {
  capi_code *code = calloc(1, sizeof *code);
  if (!code) return ubiq_error_no_memory();
  atomic_init(&code->owners, 1);
  wasm_byte_vec_t wasm = {.size = size, .data = (char *)bytes};
  wasm_store_t *store = wasm_store_new(engine->engine);
  ubiq_error *error = wasm_module_read(bytes, size, &code->wasm);
  if (!error) error = compile_in(engine, store, &wasm, code);
  wasm_store_delete(store);
  *out = code;
  return error;
}

static ubiq_error *compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out) {
  capi_code *code = NULL;
  capi_module *self = calloc(1, sizeof *self);
  ubiq_error *error = self ? code_new((capi_engine *)engine, wasm, size, &code) : ubiq_error_no_memory();
  if (error) {
    capi_code_release(code);
    free(self);
    return ubiq_error_wrap(error, "module does not compile");
  }
  self->base.ops = &wasm_c_api_ops;
  self->code = code;
  *out = &self->base;
  return NULL;
}

static void module_delete(engine_module *module) {
  capi_code_release(((capi_module *)module)->code);
  free(module);
}

const engine_ops wasm_c_api_ops = {
    .name = CAPI_NAME,
    .version = CAPI_VERSION,
    .capabilities = CAPI_CAPABILITIES,
    .memory_bytes_max = UINT64_C(4) << 30,
    .modules_max = CAPI_MODULES_MAX,
    .open = open,
    .close = close,
    .compile = compile,
    .module_delete = module_delete,
    .link = capi_link,
    .image_delete = capi_image_delete,
    .store_new = capi_store_new,
    .store_delete = capi_store_delete,
    .store_memory_limit = capi_store_memory_limit,
    .store_function = capi_store_function,
    .store_memory = capi_store_memory,
    .caller_memory = capi_caller_memory,
    .fuel_set = capi_fuel_set,
    .fuel_get = capi_fuel_get,
    .call_now = capi_call_now,
    .tick = tick,
};

const engine_exported ENGINE_EXPORTED = {.abi = ENGINE_ABI, .ops = &wasm_c_api_ops, .attach = loaded_attach};
