// A manifest as a JSON document that can be changed: read or made, then each option in turn.
#include "cli/call_manifest.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/toml.h"
#include "base/units.h"
#include "plugin/manifest/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_BYTES = 65536 };

void call_overlay_free(call_overlay *self) {
  free(self->config.values);
  free(self->allowed_hosts.values);
  free(self->allowed_paths.values);
}

bool call_is_url(const char *name) {
  text scheme = text_of(name);
  return text_starts_with(scheme, TEXT("http://")) || text_starts_with(scheme, TEXT("https://"));
}

/// The document under way. Whatever is added to it is checked for NULL once, at the end of each step.
typedef struct draft {
  yyjson_mut_doc *document;
  yyjson_mut_val *root;
} draft;

// -- What PLUGIN leads to --

static bool add_module(draft *self, const call_origin *origin) {
  self->root = yyjson_mut_obj(self->document);
  yyjson_mut_val *modules = yyjson_mut_obj_add_arr(self->document, self->root, "wasm");
  yyjson_mut_val *module = yyjson_mut_arr_add_obj(self->document, modules);
  if (call_is_url(origin->name)) return yyjson_mut_obj_add_str(self->document, module, "url", origin->name);
  yyjson_mut_val *data = yyjson_mut_obj_add_obj(self->document, module, "data"); // as it is: nothing is copied
  return yyjson_mut_obj_add_uint(self->document, data, "ptr", (uint64_t)(uintptr_t)origin->bytes.data) &&
         yyjson_mut_obj_add_uint(self->document, data, "len", origin->bytes.size);
}

static bool copy_value(draft *self, yyjson_val *value) {
  self->root = yyjson_val_mut_copy(self->document, value);
  return self->root != NULL;
}

static bool is_json(ubiq_bytes bytes) {
  return text_starts_with(text_trim((text){(const char *)bytes.data, bytes.size}), TEXT("{"));
}

static ubiq_error *copy_manifest(draft *self, const char *name, ubiq_bytes bytes) {
  bool good = false;
  ubiq_error *error;
  if (is_json(bytes)) {
    yyjson_doc *document = NULL;
    error = json_parse(name, bytes.data, bytes.size, &document);
    if (error == NULL) good = copy_value(self, yyjson_doc_get_root(document));
    yyjson_doc_free(document);
  } else {
    toml_document *document = NULL;
    error = toml_parse(name, bytes.data, bytes.size, &document);
    if (error == NULL) good = copy_value(self, toml_root(document).value);
    toml_delete(document);
  }
  if (error != NULL) return error;
  return good ? NULL : ubiq_error_no_memory();
}

/// Reads a manifest; it is checked as it stands, so that errors tell its own places.
static ubiq_error *read_manifest(draft *self, const char *name, const call_origin *origin) {
  ubiq_bytes bytes = origin->bytes;
  const manifest_options options = {.name = name, .allow_pointer = origin->has_addresses};
  const manifest *checked = NULL;
  ubiq_error *error = manifest_parse(bytes.data, bytes.size, &options, &checked);
  manifest_delete(checked);
  return error != NULL ? error : copy_manifest(self, name, bytes);
}

/// A folder of the host, `ro:` before it or not, as it is called from anywhere. NULL when memory is out.
static yyjson_mut_val *place_path(draft *self, text host, const char *directory) {
  size_t prefix = text_starts_with(host, TEXT("ro:")) ? 3 : 0;
  char *path = strndup(host.data + prefix, host.size - prefix);
  char *joined = path == NULL ? NULL : file_path_join(directory, path);
  buffer placed = {0};
  yyjson_mut_val *copy = NULL;
  if (joined != NULL && buffer_append(&placed, host.data, prefix) && buffer_append(&placed, joined, strlen(joined)))
    copy = yyjson_mut_strncpy(self->document, (const char *)placed.data, placed.size);
  buffer_free(&placed);
  free(joined);
  free(path);
  return copy;
}

static ubiq_error *place_paths(draft *self, const char *directory) {
  yyjson_mut_val *key;
  yyjson_mut_obj_iter paths = yyjson_mut_obj_iter_with(yyjson_mut_obj_get(self->root, "allowed_paths"));
  while (directory != NULL && (key = yyjson_mut_obj_iter_next(&paths)) != NULL) {
    yyjson_mut_val *placed = place_path(self, text_of(yyjson_mut_get_str(key)), directory);
    if (placed == NULL) return ubiq_error_no_memory();
    yyjson_mut_set_strn(key, yyjson_mut_get_str(placed), yyjson_mut_get_len(placed));
  }
  return NULL;
}

static bool is_text(ubiq_bytes bytes) {
  return memchr(bytes.data, 0, bytes.size) == NULL && text_utf8_valid(bytes.data, bytes.size);
}

static bool is_source(const char *name) {
  static const char *const endings[] = {".c", ".cc", ".cpp", ".cxx", ".rs", ".go", ".js", ".ts", ".py", ".cs"};
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
    if (text_ends_with(text_of(name), text_of(endings[i]))) return true;
  return false;
}

static ubiq_error *read_origin(draft *self, const call_origin *origin) {
  ubiq_bytes bytes = origin->bytes;
  if (origin->is_manifest) return read_manifest(self, origin->name, origin);
  bool is_module = call_is_url(origin->name);
  if (!is_module && bytes.size == 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is empty; expected WebAssembly, its text form or a manifest",
                          origin->name);
  // What is no text cannot be a manifest: the engine says best what is wrong with it.
  if (!is_module) is_module = manifest_looks_like_wasm(bytes.data, bytes.size) || !is_text(bytes);
  if (is_module) return add_module(self, origin) ? NULL : ubiq_error_no_memory();
  if (is_json(bytes) || text_ends_with(text_of(origin->name), TEXT(".toml")))
    return read_manifest(self, origin->name, origin);
  if (is_source(origin->name))
    return ubiq_error_new(
        UBIQ_INVALID_INPUT,
        "%s: is a source, and no WebAssembly; `ubiq run FUNCTION` builds a project's functions and runs one",
        origin->name);
  ubiq_error *error = read_manifest(self, "manifest", origin);
  return ubiq_error_wrap(error, "%s: is neither WebAssembly nor a manifest in JSON or TOML", origin->name);
}

// -- The options --

/// The object under a key of the root, made when it is not there. NULL when memory is out.
static yyjson_mut_val *object_at(draft *self, const char *key) {
  yyjson_mut_val *found = yyjson_mut_obj_get(self->root, key);
  if (yyjson_mut_is_obj(found)) return found;
  yyjson_mut_obj_remove_key(self->root, key); // null
  return yyjson_mut_obj_add_obj(self->document, self->root, key);
}

static bool put(draft *self, yyjson_mut_val *object, text key, yyjson_mut_val *value) {
  return value != NULL && yyjson_mut_obj_put(object, yyjson_mut_strncpy(self->document, key.data, key.size), value);
}

static bool put_string(draft *self, yyjson_mut_val *object, text key, text value) {
  return put(self, object, key, yyjson_mut_strncpy(self->document, value.data, value.size));
}

static bool put_number(draft *self, yyjson_mut_val *object, const char *key, uint64_t value) {
  return put(self, object, text_of(key), yyjson_mut_uint(self->document, value));
}

static ubiq_error *set_config_object(draft *self, yyjson_mut_val *config, const json_value *object) {
  ubiq_error *error = json_expect_object(object);
  json_value field = {0};
  while (error == NULL && json_next_field(object, &field)) {
    text value;
    error = json_get_text(&field, &value);
    if (error == NULL && !put_string(self, config, field.key, value)) error = ubiq_error_no_memory();
  }
  return error;
}

static ubiq_error *set_config_json(draft *self, yyjson_mut_val *config, const char *json) {
  static const json_source source = {.name = "--set-config"};
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse(source.name, json, strlen(json), &document);
  if (error != NULL) return error;
  json_value root = json_root(&source, yyjson_doc_get_root(document));
  error = set_config_object(self, config, &root);
  yyjson_doc_free(document);
  return error;
}

static ubiq_error *add_config(draft *self, const call_overlay *overlay) {
  if (overlay->config.count == 0 && overlay->set_config == NULL) return NULL;
  yyjson_mut_val *config = object_at(self, "config");
  if (config == NULL) return ubiq_error_no_memory();
  ubiq_error *error = overlay->set_config == NULL ? NULL : set_config_json(self, config, overlay->set_config);
  for (size_t i = 0; error == NULL && i < overlay->config.count; i++) {
    const char *pair = overlay->config.values[i], *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair)
      error = ubiq_error_new(UBIQ_INVALID_INPUT, "--config is \"%s\"; expected KEY=VALUE", pair);
    else if (!put_string(self, config, (text){pair, (size_t)(equals - pair)}, text_of(equals + 1)))
      error = ubiq_error_no_memory();
  }
  return error;
}

static ubiq_error *add_hosts(draft *self, const option_list *hosts) {
  if (hosts->count == 0) return NULL;
  yyjson_mut_val *array = yyjson_mut_obj_get(self->root, "allowed_hosts");
  if (!yyjson_mut_is_arr(array)) {
    yyjson_mut_obj_remove_key(self->root, "allowed_hosts");
    array = yyjson_mut_obj_add_arr(self->document, self->root, "allowed_hosts");
  }
  for (size_t i = 0; i < hosts->count; i++)
    if (!yyjson_mut_arr_add_str(self->document, array, hosts->values[i])) return ubiq_error_no_memory();
  return NULL;
}

/// `HOST:GUEST`; without a guest's place it is the host's. `ro:` before it stays with the host's.
static void split_path(const char *value, text *host, text *guest) {
  size_t prefix = strncmp(value, "ro:", 3) == 0 ? 3 : 0;
  const char *colon = strchr(value + prefix, ':');
  *host = (text){value, colon == NULL ? strlen(value) : (size_t)(colon - value)};
  *guest = text_of(colon == NULL ? value + prefix : colon + 1);
}

static ubiq_error *add_path(draft *self, yyjson_mut_val *object, const char *value, const char *directory) {
  text host, guest;
  split_path(value, &host, &guest);
  if (host.size == 0 || guest.size == 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--allow-path is \"%s\"; expected PATH or HOST:GUEST", value);
  yyjson_mut_val *placed = place_path(self, host, directory);
  yyjson_mut_val *where = yyjson_mut_strncpy(self->document, guest.data, guest.size);
  bool good = placed != NULL && where != NULL && yyjson_mut_obj_put(object, placed, where);
  return good ? NULL : ubiq_error_no_memory();
}

/// Folders of options lie in the working directory, wherever the manifest's lie.
static ubiq_error *add_paths(draft *self, const option_list *paths) {
  if (paths->count == 0) return NULL;
  yyjson_mut_val *object = object_at(self, "allowed_paths");
  char *directory = getcwd(NULL, 0);
  ubiq_error *error = directory == NULL ? file_error(errno, ".") : NULL;
  for (size_t i = 0; i < paths->count && error == NULL; i++)
    error = add_path(self, object, paths->values[i], directory);
  free(directory);
  return error;
}

static ubiq_error *read_pages(const char *value, uint64_t *pages) {
  uint64_t bytes;
  if (!text_to_u64(text_of(value), pages)) *pages = units_size_parse(text_of(value), &bytes) ? bytes / PAGE_BYTES : 0;
  if (*pages >= 1 && *pages <= MANIFEST_PAGES_MAX) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "--memory-max is \"%s\"; expected from 1 to 65536 pages of 64 KiB, or a size such as \"64MiB\"",
                        value);
}

static ubiq_error *add_memory(draft *self, const call_overlay *overlay) {
  uint64_t pages = 0;
  ubiq_error *error = overlay->memory_max == NULL ? NULL : read_pages(overlay->memory_max, &pages);
  if (error != NULL) return error;
  if (pages == 0 && overlay->http_response_bytes == UINT64_MAX && overlay->var_bytes == UINT64_MAX) return NULL;
  yyjson_mut_val *memory = object_at(self, "memory");
  bool good = memory != NULL;
  if (good && pages > 0) good = put_number(self, memory, "max_pages", pages);
  if (good && overlay->http_response_bytes != UINT64_MAX)
    good = put_number(self, memory, "max_http_response_bytes", overlay->http_response_bytes);
  if (good && overlay->var_bytes != UINT64_MAX) good = put_number(self, memory, "max_var_bytes", overlay->var_bytes);
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *add_timeout(draft *self, uint64_t timeout_ms) {
  if (timeout_ms == 0 || put_number(self, self->root, "timeout_ms", timeout_ms)) return NULL;
  return ubiq_error_no_memory();
}

// -- The whole --

static ubiq_error *lay_over(draft *self, const call_overlay *overlay) {
  ubiq_error *error = add_config(self, overlay);
  if (error == NULL) error = add_hosts(self, &overlay->allowed_hosts);
  if (error == NULL) error = add_paths(self, &overlay->allowed_paths);
  if (error == NULL) error = add_memory(self, overlay);
  return error != NULL ? error : add_timeout(self, overlay->timeout_ms);
}

ubiq_error *call_overlay_check(const call_overlay *self) {
  draft draft = {.document = yyjson_mut_doc_new(NULL)};
  draft.root = yyjson_mut_obj(draft.document);
  ubiq_error *error = draft.root == NULL ? ubiq_error_no_memory() : lay_over(&draft, self);
  yyjson_mut_doc_free(draft.document);
  return error;
}

ubiq_error *call_manifest_make(const call_origin *origin, const call_overlay *overlay, char **out, size_t *size) {
  draft self = {.document = yyjson_mut_doc_new(NULL)};
  if (self.document == NULL) return ubiq_error_no_memory();
  ubiq_error *error = read_origin(&self, origin);
  if (error == NULL) error = place_paths(&self, origin->directory);
  if (error == NULL) error = lay_over(&self, overlay);
  if (error == NULL) {
    yyjson_mut_doc_set_root(self.document, self.root);
    *out = yyjson_mut_write(self.document, 0, size);
    if (*out == NULL)
      error = ubiq_error_new(UBIQ_INVALID_INPUT, "the options cannot be put into a manifest; expected UTF-8");
  }
  yyjson_mut_doc_free(self.document);
  return error;
}
