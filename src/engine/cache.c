// See cache.h. An entry is MAC, then the serialized module; the MAC is over the entry's name and the module.
#include "engine/cache.h"

#include "base/file.h"
#include "base/log.h"
#include "engine/cache_key.h"
#include "engine/cache_trim.h"

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

static ubiq_error *save(cache_place *self, const char *path, const char *name, engine_module *module) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  buffer entry = {0};
  ubiq_error *error = module->ops->serialize(module, &bytes, &size);
  if (error) return error;
  uint8_t mac[DIGEST_MAC_SIZE];
  ubiq_bytes parts[] = {{(const uint8_t *)name, CACHE_NAME_SIZE - 1}, {bytes, size}};
  digest_mac(self->key, parts, 2, mac);
  if (buffer_append(&entry, mac, sizeof mac) && buffer_append(&entry, bytes, size))
    error = file_write_atomic(path, 0600, entry.data, entry.size);
  else
    error = ubiq_error_no_memory();
  buffer_free(&entry);
  free(bytes);
  return error;
}

static void tell(ubiq_error *error, const char *what) {
  if (error) log_debug("module cache: %s: %s", what, ubiq_error_message(error));
  ubiq_error_delete(error);
}

static ubiq_error *compile_and_save(cache_place *self, engine *engine, const char *path, const char *name,
                                    const uint8_t *wasm, size_t size, engine_module **out) {
  ubiq_error *error = engine_compile(engine, wasm, size, out);
  if (error) return error;
  tell(save(self, path, name, *out), "cannot save an entry");
  cache_trim(self->folder, CACHE_BYTES_MAX);
  return NULL;
}

ubiq_error *cache_compile(engine *engine, const char *settings, const uint8_t *wasm, size_t size, engine_module **out) {
  char name[CACHE_NAME_SIZE];
  if (size < MODULE_BYTES_MIN || !(engine->ops->capabilities & ENGINE_CAN_SERIALIZE) ||
      !cache_name(engine->ops, settings, wasm, size, name))
    return engine_compile(engine, wasm, size, out);
  cache_place self = {0};
  ubiq_error *unusable = cache_place_open(&self);
  char *path = unusable || !self.folder ? NULL : file_path_join(self.folder, name);
  tell(unusable, "not used");
  *out = NULL;
  if (path) tell(load(&self, engine, path, name, out), "cannot load an entry");
  ubiq_error *error = NULL;
  if (!*out)
    error =
        path ? compile_and_save(&self, engine, path, name, wasm, size, out) : engine_compile(engine, wasm, size, out);
  free(path);
  cache_place_close(&self);
  return error;
}
