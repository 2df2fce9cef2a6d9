// See cache.h. An entry is MAC, then the serialized module; the MAC is over the entry's name and the module.
#include "engine/cache.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/cache_trim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  ENTRY_BYTES_MAX = 1 << 30,
  NAME_SIZE = DIGEST_SHA256_HEX_SIZE,
  MODULE_BYTES_MIN = 4096, // smaller modules compile faster than a file is read and checked
};

// All entries together: past it those that were used longest ago go.
static const uint64_t CACHE_BYTES_MAX = UINT64_C(1) << 30;

typedef struct cache {
  char *folder;
  uint8_t key[DIGEST_KEY_SIZE];
} cache;

static char *default_folder(void) {
  const char *named = getenv("UBIQ_CACHE");
  if (named) return *named ? strdup(named) : NULL;
  char *base = NULL;
  ubiq_error *error = file_cache_path(&base);
  if (error) {
    ubiq_error_delete(error);
    return NULL;
  }
  char *folder = file_path_join(base, "modules");
  free(base);
  return folder;
}

// Another process or thread may make the key at the same time: the first to link it in place wins, and both read what is
// there. The name beside it is a random one, so that nobody else writes to it.
static ubiq_error *make_key(const char *path) {
  uint8_t key[DIGEST_KEY_SIZE];
  uint64_t number;
  buffer temporary = {0};
  digest_random(key, sizeof key);
  digest_random(&number, sizeof number);
  const char *name =
      buffer_printf(&temporary, "%s.%016llx", path, (unsigned long long)number) ? buffer_string(&temporary) : NULL;
  ubiq_error *error = name ? file_write_atomic(name, 0600, key, sizeof key) : ubiq_error_no_memory();
  digest_wipe(key, sizeof key);
  if (!error && link(name, path) != 0 && errno != EEXIST) error = file_error(errno, path);
  if (name) unlink(name);
  buffer_free(&temporary);
  return error;
}

// A key of another size is of no use to anybody, so it goes.
static ubiq_error *check_key(const char *path) {
  struct stat status;
  if (stat(path, &status) == 0 && status.st_size != DIGEST_KEY_SIZE) {
    log_warn("cache key %s has %lld bytes; making another of %d", path, (long long)status.st_size, DIGEST_KEY_SIZE);
    unlink(path);
  }
  return file_exists(path) ? NULL : make_key(path);
}

static ubiq_error *read_key(const char *path, uint8_t key[DIGEST_KEY_SIZE]) {
  buffer bytes = {0};
  ubiq_error *error = check_key(path);
  if (!error) error = file_read_all(path, DIGEST_KEY_SIZE, &bytes);
  if (!error && bytes.size != DIGEST_KEY_SIZE)
    error = ubiq_error_new(UBIQ_INTERNAL, "%s has %zu bytes; expected %d", path, bytes.size, DIGEST_KEY_SIZE);
  if (!error) memcpy(key, bytes.data, DIGEST_KEY_SIZE);
  if (bytes.data) digest_wipe(bytes.data, bytes.size);
  buffer_free(&bytes);
  return error;
}

static ubiq_error *cache_open(cache *self) {
  self->folder = default_folder();
  if (!self->folder) return NULL;
  ubiq_error *error = file_make_private_directory(self->folder);
  char *path = error ? NULL : file_path_join(self->folder, "key");
  if (!error) error = path ? read_key(path, self->key) : ubiq_error_no_memory();
  free(path);
  return error;
}

static void cache_close(cache *self) {
  digest_wipe(self->key, sizeof self->key);
  free(self->folder);
}

static bool entry_name(const engine_ops *ops, const char *settings, const uint8_t *wasm, size_t size,
                       char name[NAME_SIZE]) {
  char module[DIGEST_SHA256_HEX_SIZE];
  digest_sha256_hex(wasm, size, module);
  buffer text = {0};
  bool ok = buffer_printf(&text, "%s %s %s %s", ops->name, ops->version, settings, module);
  if (ok) digest_sha256_hex(text.data, text.size, name);
  buffer_free(&text);
  return ok;
}

static bool verifies(const cache *self, const char *name, const buffer *entry) {
  if (entry->size <= DIGEST_MAC_SIZE) return false;
  ubiq_bytes parts[] = {{(const uint8_t *)name, NAME_SIZE - 1},
                        {entry->data + DIGEST_MAC_SIZE, entry->size - DIGEST_MAC_SIZE}};
  return digest_mac_valid(self->key, parts, 2, entry->data);
}

static ubiq_error *load(const cache *self, engine *engine, const char *path, const char *name, engine_module **out) {
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

static ubiq_error *save(cache *self, const char *path, const char *name, engine_module *module) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  buffer entry = {0};
  ubiq_error *error = module->ops->serialize(module, &bytes, &size);
  if (error) return error;
  uint8_t mac[DIGEST_MAC_SIZE];
  ubiq_bytes parts[] = {{(const uint8_t *)name, NAME_SIZE - 1}, {bytes, size}};
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

static ubiq_error *compile_and_save(cache *self, engine *engine, const char *path, const char *name,
                                    const uint8_t *wasm, size_t size, engine_module **out) {
  ubiq_error *error = engine_compile(engine, wasm, size, out);
  if (error) return error;
  tell(save(self, path, name, *out), "cannot save an entry");
  cache_trim(self->folder, CACHE_BYTES_MAX);
  return NULL;
}

ubiq_error *cache_compile(engine *engine, const char *settings, const uint8_t *wasm, size_t size, engine_module **out) {
  char name[NAME_SIZE];
  if (size < MODULE_BYTES_MIN || !(engine->ops->capabilities & ENGINE_CAN_SERIALIZE) ||
      !entry_name(engine->ops, settings, wasm, size, name))
    return engine_compile(engine, wasm, size, out);
  cache self = {0};
  ubiq_error *unusable = cache_open(&self);
  char *path = unusable || !self.folder ? NULL : file_path_join(self.folder, name);
  tell(unusable, "not used");
  *out = NULL;
  if (path) tell(load(&self, engine, path, name, out), "cannot load an entry");
  ubiq_error *error = NULL;
  if (!*out)
    error =
        path ? compile_and_save(&self, engine, path, name, wasm, size, out) : engine_compile(engine, wasm, size, out);
  free(path);
  cache_close(&self);
  return error;
}
