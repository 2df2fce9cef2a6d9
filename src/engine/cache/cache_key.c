// See cache_key.h.
#include "engine/cache/cache_key.h"

#include "base/file.h"
#include "base/log.h"
#include "engine/cache/cache_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

ubiq_error *cache_place_open(cache_place *self) {
  ubiq_error *error = cache_folder(&self->folder);
  if (error || !self->folder) return error;
  error = file_make_private_directory(self->folder);
  char *path = error ? NULL : file_path_join(self->folder, "key");
  if (!error) error = path ? read_key(path, self->key) : ubiq_error_no_memory();
  free(path);
  return error;
}

void cache_place_close(cache_place *self) {
  digest_wipe(self->key, sizeof self->key);
  free(self->folder);
}

bool cache_name(const engine_ops *ops, const char *settings, const uint8_t *wasm, size_t size,
                char name[CACHE_NAME_SIZE]) {
  char module[DIGEST_SHA256_HEX_SIZE];
  digest_sha256_hex(wasm, size, module);
  buffer text = {0};
  bool ok = buffer_printf(&text, "%s %s %s %s %s", ops->name, ops->version, ops->build, settings, module);
  if (ok) digest_sha256_hex(text.data, text.size, name);
  buffer_free(&text);
  return ok;
}
