// See cache.h. An entry is MAC, then the serialized module; the MAC is over the entry's name and the module.
#include "engine/cache/cache.h"

#include "base/file.h"
#include "base/log.h"
#include "engine/cache/cache_key.h"
#include "engine/cache/cache_trim.h"

#include <stdlib.h>

enum {
  ENTRY_BYTES_MAX = 1 << 30,
  MODULE_BYTES_MIN = 4096, // smaller modules compile faster than a file is read and checked
};

// All entries together: past it those that were used longest ago go.
static const uint64_t CACHE_BYTES_MAX = UINT64_C(1) << 30;

static bool verifies(const cache_place *self, const char *name, const buffer *entry) {
  if (entry->size <= DIGEST_MAC_SIZE) return false;
  ubiq_bytes parts[] = {{(const uint8_t *)name, CACHE_NAME_SIZE - 1},
                        {entry->data + DIGEST_MAC_SIZE, entry->size - DIGEST_MAC_SIZE}};
  return digest_mac_valid(self->key, parts, 2, entry->data);
}

static ubiq_error *load(const cache_place *self, engine *engine, const char *path, const char *name,
                        engine_module **out) {
  buffer entry = {0};
  *out = NULL;
  if (!file_exists(path)) return NULL;
  ubiq_error *error = file_read_all(path, ENTRY_BYTES_MAX, &entry);
  cache_touch(path);
  if (!error && verifies(self, name, &entry))
    error = engine->ops->deserialize(engine, entry.data + DIGEST_MAC_SIZE, entry.size - DIGEST_MAC_SIZE, out);
  else if (!error)
    log_warn("cache entry %s does not verify; compiling again", path);
  buffer_free(&entry);
  return error;
}

static ubiq_error *save(cache_place *self, const char *path, const char *name, ubiq_bytes code) {
  buffer entry = {0};
  uint8_t mac[DIGEST_MAC_SIZE];
  ubiq_bytes parts[] = {{(const uint8_t *)name, CACHE_NAME_SIZE - 1}, code};
  digest_mac(self->key, parts, 2, mac);
  ubiq_error *error = buffer_append(&entry, mac, sizeof mac) && buffer_append(&entry, code.data, code.size)
                          ? file_write_atomic(path, 0600, entry.data, entry.size)
                          : ubiq_error_no_memory();
  buffer_free(&entry);
  return error;
}

static void tell(ubiq_error *error, const char *what) {
  if (error) log_debug("module cache: %s: %s", what, ubiq_error_message(error));
  ubiq_error_delete(error);
}

// What another process compiled is not looked at: deserializing trusts it (see engine/compiler.h).
static ubiq_error *compile_elsewhere(const engine_compiler *compiler, engine *engine, ubiq_bytes wasm, buffer *code,
                                     engine_module **out) {
  ubiq_error *error = compiler->compile(compiler->user, engine->ops->name, &engine->options, wasm, code);
  return error ? error : engine->ops->deserialize(engine, code->data, code->size, out);
}

static void save_code(cache_place *self, const char *path, const char *name, ubiq_bytes code) {
  tell(save(self, path, name, code), "cannot save an entry");
  cache_trim(self->folder, CACHE_BYTES_MAX);
}

static void save_module(cache_place *self, const char *path, const char *name, engine_module *module) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  ubiq_error *error = module->ops->serialize(module, &bytes, &size);
  if (!error) save_code(self, path, name, (ubiq_bytes){bytes, size});
  tell(error, "cannot serialize a module");
  free(bytes);
}

// `path` is NULL where nothing is to be kept.
static ubiq_error *compile(cache_place *self, const engine_compiler *compiler, engine *engine, const char *path,
                           const char *name, ubiq_bytes wasm, engine_module **out) {
  if (!compiler) {
    ubiq_error *error = engine_compile(engine, wasm.data, wasm.size, out);
    if (!error && path) save_module(self, path, name, *out);
    return error;
  }
  buffer code = {0};
  ubiq_error *error = compile_elsewhere(compiler, engine, wasm, &code, out);
  if (!error && path) save_code(self, path, name, buffer_bytes(&code));
  buffer_free(&code);
  return error;
}

static ubiq_error *compile_through(cache_place *self, const engine_compiler *compiler, engine *engine, const char *name,
                                   ubiq_bytes wasm, engine_module **out) {
  ubiq_error *unusable = cache_place_open(self);
  char *path = unusable || !self->folder ? NULL : file_path_join(self->folder, name);
  tell(unusable, "not used");
  *out = NULL;
  if (path) tell(load(self, engine, path, name, out), "cannot load an entry");
  ubiq_error *error = *out ? NULL : compile(self, compiler, engine, path, name, wasm, out);
  free(path);
  return error;
}

ubiq_error *cache_compile(engine *engine, const char *settings, const engine_compiler *compiler, const uint8_t *wasm,
                          size_t size, engine_module **out) {
  char name[CACHE_NAME_SIZE];
  cache_place self = {0};
  const ubiq_bytes bytes = {wasm, size};
  bool serializes = engine->ops->capabilities & ENGINE_CAN_SERIALIZE;
  if (!serializes || size < MODULE_BYTES_MIN || !cache_name(engine->ops, settings, wasm, size, name))
    return compile(&self, serializes ? compiler : NULL, engine, NULL, NULL, bytes, out);
  ubiq_error *error = compile_through(&self, compiler, engine, name, bytes, out);
  cache_place_close(&self);
  return error;
}
