// The wazero adapter: the engine, and modules. See internal.h.
#include "engine/loaded/attach.h"
#include "engine/wazero/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const wazero_callbacks callbacks = {.host = wz_enter_host, .ask = wz_ask, .resize = wz_memory_resize};

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
  running_list_open(&self->stores);
  self->go = ubiq_wazero_open(&callbacks, !may_make_code(), &message);
  if (!self->go) {
    running_list_close(&self->stores);
    free(self);
    return ubiq_error_new(UBIQ_UNAVAILABLE, "wazero: %.*s", (int)message.size, message.text);
  }
  *out = &self->base;
  return NULL;
}

static void close(engine *engine) {
  wz_engine *self = (wz_engine *)engine;
  ubiq_wazero_close(self->go);
  running_list_close(&self->stores);
  free(self);
}

static void module_delete(engine_module *base) {
  wz_module *self = (wz_module *)base;
  wasm_module_free(self->base.wasm);
  free(self->bytes);
  free(self);
}

static ubiq_error *read_module(wz_module *self, const uint8_t *wasm, size_t size) {
  self->size = size;
  self->bytes = malloc(size + 1);
  if (!self->bytes) return ubiq_error_no_memory();
  memcpy(self->bytes, wasm, size);
  return wasm_module_read(wasm, size, &self->base.wasm);
}

static ubiq_error *compile(engine *engine, const uint8_t *wasm, size_t size, engine_module **out) {
  (void)engine;
  wz_module *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->base.base.ops = &wazero_ops;
  ubiq_error *error = read_module(self, wasm, size);
  if (!error && self->base.wasm->memories_count > 1)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "it has several memories; wazero allows one");
  if (error) {
    module_delete(&self->base.base);
    return ubiq_error_wrap(error, "module does not compile");
  }
  *out = &self->base.base;
  return NULL;
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
    .tick = wz_tick,
};

const engine_exported ENGINE_EXPORTED = {.abi = ENGINE_ABI, .ops = &wazero_ops, .attach = loaded_attach};
