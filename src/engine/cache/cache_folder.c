// See cache_folder.h.
#include "engine/cache/cache_folder.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/toml.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

// Within a folder that others may keep their caches in, ours is one of our own.
static ubiq_error *folder_in(const char *base, const char *name, char **out) {
  *out = file_path_join(base, name);
  return *out ? NULL : ubiq_error_no_memory();
}

static ubiq_error *users_folder(char **out) {
  char *base = NULL;
  ubiq_error *error = file_cache_path(&base);
  if (!error) error = folder_in(base, "modules", out);
  free(base);
  return error;
}

static ubiq_error *read_directory(const json_value *directory, char **out) {
  if (json_is_absent(directory)) return users_folder(out);
  text path;
  ubiq_error *error = json_get_text(directory, &path);
  if (error) return error;
  if (path.size == 0 || path.data[0] != '/') return json_wrong(directory, "an absolute path");
  char *base = strndup(path.data, path.size);
  error = base ? folder_in(base, "ubiq", out) : ubiq_error_no_memory();
  free(base);
  return error;
}

static ubiq_error *configured_folder(const char *path, char **out) {
  buffer text = {0};
  toml_document *document = NULL;
  ubiq_error *error = file_read_all(path, CONFIG_BYTES_MAX, &text);
  if (!error) error = toml_parse(path, text.data, text.size, &document);
  if (!error) {
    json_value root = toml_root(document), cache = json_field(&root, "cache");
    json_value directory = json_field(&cache, "directory");
    error = read_directory(&directory, out);
  }
  toml_delete(document);
  buffer_free(&text);
  return ubiq_error_wrap(error, "EXTISM_CACHE_CONFIG");
}

ubiq_error *cache_folder(char **out) {
  const char *named = getenv("UBIQ_CACHE"), *config = getenv("EXTISM_CACHE_CONFIG");
  *out = NULL;
  if (named && *named) {
    *out = strdup(named);
    return *out ? NULL : ubiq_error_no_memory();
  }
  if (named || (config && !*config)) return NULL;
  return config ? configured_folder(config, out) : users_folder(out);
}
