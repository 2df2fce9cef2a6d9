// The wazero adapter: the engine, and modules. See internal.h.
#include "engine/loaded/attach.h"
#include "engine/wazero/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const wazero_callbacks callbacks = {.host = wz_enter_host, .check = wz_check, .resize = wz_memory_resize};

// Hardened hosts refuse to make memory executable; wazero, which compiles by default, panics there.
static bool may_make_code(void) {
  enum { PAGE = 4096 };
  void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  bool may = mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0;
  munmap(page, PAGE);
  return may;
}

static ubiq_error *open(const engine_options *options, engine **out) {
  if (options->fuel) return ubiq_error_new(UBIQ_INVALID_INPUT, "wazero does not count fuel");
  wz_engine *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  wazero_message message;
  self->base.ops = &wazero_ops;
  self->go = ubiq_wazero_open(&callbacks, !may_make_code(), &message);
  if (!self->go) {
    free(self);
    return ubiq_error_new(UBIQ_UNAVAILABLE, "wazero: %.*s", (int)message.size, message.text);
  }
  *out = &self->base;
  return NULL;
}

static void close(engine *engine) {
  ubiq_wazero_close(((wz_engine *)engine)->go);
  free(engine);
}

static void tick(engine *engine) {
  atomic_fetch_add_explicit(&((wz_engine *)engine)->epoch, 1, memory_order_relaxed);
}

wz_code *wz_code_retain(wz_code *code) {
  atomic_fetch_add_explicit(&code->owners, 1, memory_order_relaxed);
  return code;
}

void wz_code_release(wz_code *code) {
  if (!code || atomic_fetch_sub(&code->owners, 1) != 1) return;
  wasm_module_free(code->wasm);
  free(code->bytes);
  free(code);
}

static ubiq_error *code_new(const uint8_t *wasm, size_t size, wz_code **out) {
  wz_code *code = calloc(1, sizeof *code);
  if (!code) return ubiq_error_no_memory();
  atomic_init(&code->owners, 1);
  code->size = size;
  code->bytes = malloc(size ? size : 1);
  ubiq_error *error = code->bytes ? wasm_module_read(wasm, size, &code->wasm) : ubiq_error_no_memory();
  if (error) {
    wz_code_release(code);
    return error;
  }
  memcpy(code->bytes, wasm, size);
  *out = code;
  return NULL;
}

static ubiq_error *compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out) {
  (void)engine;
  wz_code *code = NULL;
  wz_module *self = calloc(1, sizeof *self);
  ubiq_error *error = self ? code_new(wasm, size, &code) : ubiq_error_no_memory();
  if (!error && code->wasm->memories_count > 1)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "it has several memories; wazero allows one");
  if (error) {
    wz_code_release(code);
    free(self);
    return ubiq_error_wrap(error, "module does not compile");
  }
  self->base.ops = &wazero_ops;
  self->code = code;
  *out = &self->base;
  return NULL;
}

static void module_delete(engine_module *module) {
  wz_code_release(((wz_module *)module)->code);
  free(module);
}

const engine_ops wazero_ops = {
    .name = "wazero",
    .version = WAZERO_VERSION,
    .capabilities = ENGINE_CAN_INTERRUPT | ENGINE_LINKS_MODULES,
    .memory_bytes_max = WZ_MEMORY_BYTES_MAX,
    .modules_max = WZ_MODULES_MAX,
    .open = open,
    .close = close,
    .compile = compile,
    .module_delete = module_delete,
    .link = wz_link,
    .image_delete = wz_image_delete,
    .store_new = wz_store_new,
    .store_delete = wz_store_delete,
    .store_memory_limit = wz_store_memory_limit,
    .store_function = wz_store_function,
    .store_memory = wz_store_memory,
    .caller_memory = wz_caller_memory,
    .call_now = wz_call_now,
    .tick = tick,
};

const engine_exported ENGINE_EXPORTED = {.abi = ENGINE_ABI, .ops = &wazero_ops, .attach = loaded_attach};
