// Getting a module's bytes: from a file, from a URL through the caller's fetcher, or from the manifest; and checking
// their hash.
#include "base/digest.h"
#include "base/file.h"
#include "plugin/manifest/manifest.h"

#include <stdlib.h>
#include <string.h>

static ubiq_error *append_bytes(ubiq_bytes bytes, size_t bytes_max, buffer *out) {
  if (bytes.size > bytes_max) {
    return ubiq_error_new(UBIQ_TOO_LARGE, "manifest: a module has %zu bytes; at most %zu are allowed", bytes.size,
                          bytes_max);
  }
  return buffer_append(out, bytes.data, bytes.size) ? NULL : ubiq_error_no_memory();
}

static ubiq_error *load_from(const ubiq_files *files, const char *path, size_t bytes_max, buffer *out) {
  ubiq_bytes bytes;
  ubiq_error *error = files->read(files->user, path, &bytes);
  return error == NULL ? append_bytes(bytes, bytes_max, out) : error;
}

static ubiq_error *load_path(const manifest_module *module, const manifest_loader *loader, size_t bytes_max,
                             buffer *out) {
  if (loader->files != NULL)
    return ubiq_error_wrap(load_from(loader->files, module->location, bytes_max, out), "Unable to load Wasm file");
  char *path = file_path_join(loader->directory, module->location);
  if (path == NULL) return ubiq_error_no_memory();
  ubiq_error *error = file_read_all(path, bytes_max, out);
  free(path);
  return ubiq_error_wrap(error, "Unable to load Wasm file");
}

static ubiq_error *load_url(const manifest_module *module, const manifest_loader *loader, size_t bytes_max,
                            buffer *out) {
  if (loader->fetch == NULL) {
    return ubiq_error_new(UBIQ_DENIED, "manifest: a module is at %s; expected no URL here", module->location);
  }
  ubiq_error *error = loader->fetch(loader->fetch_user, module, bytes_max, out);
  return ubiq_error_wrap(error, "Unable to load Wasm from %s", module->location);
}

static ubiq_error *load_bytes(const manifest_module *module, const manifest_loader *loader, size_t bytes_max,
                              buffer *out) {
  switch (module->kind) {
  case MANIFEST_PATH: return load_path(module, loader, bytes_max, out);
  case MANIFEST_URL: return load_url(module, loader, bytes_max, out);
  default: return append_bytes((ubiq_bytes){module->data, module->data_size}, bytes_max, out);
  }
}

/// The hash is compared as text, in lower case only, as Extism does.
static ubiq_error *check_hash(const manifest_module *module, const uint8_t *data, size_t size) {
  if (module->hash == NULL) return NULL;
  char found[DIGEST_SHA256_HEX_SIZE];
  digest_sha256_hex(data, size, found);
  if (strcmp(found, module->hash) == 0) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "Hash mismatch, found %s but expected %s", found, module->hash);
}

ubiq_error *manifest_module_load(const manifest_module *module, const manifest_loader *loader, buffer *out) {
  static const manifest_loader defaults = {0};
  if (loader == NULL) loader = &defaults;
  size_t start = out->size;
  ubiq_error *error =
      load_bytes(module, loader, loader->bytes_max == 0 ? MANIFEST_MODULE_BYTES_MAX : loader->bytes_max, out);
  if (error == NULL) {
    const uint8_t *data = out->data == NULL ? (const uint8_t *)"" : out->data + start;
    error = check_hash(module, data, out->size - start);
  }
  if (error != NULL) out->size = start;
  return error;
}
