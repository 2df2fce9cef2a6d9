// Reading a manifest's text: from JSON values (also TOML is turned into them) to the struct.
//
// Every string of a manifest lives in its arena. What is required, what may be null and which keys are known is as in
// the crate `extism-manifest` 1.41, so that a manifest that loads there loads here.
#include "plugin/manifest/manifest_internal.h"

#include "base/json.h"
#include "base/toml.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/// A manifest while it is read.
typedef struct reader {
  manifest *result;
  arena *strings;
  bool allow_pointer;
} reader;

/// Copies a string that may hold anything but a NUL.
static ubiq_error *read_string(reader *self, const json_value *value, const char **out) {
  text string;
  ubiq_error *error = json_get_text(value, &string);
  if (error != NULL) return error;
  if (memchr(string.data, 0, string.size) != NULL) return json_error(value, "holds a NUL; expected none");
  *out = arena_string(self->strings, string.data, string.size);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_optional_string(reader *self, const json_value *value, const char **out) {
  return json_is_absent(value) ? NULL : read_string(self, value, out);
}

static ubiq_error *read_pairs(reader *self, const json_value *object, const manifest_pair **out, size_t *count) {
  ubiq_error *error = json_expect_object(object);
  if (error != NULL) return error;
  manifest_pair *pairs = arena_array(self->strings, json_count(object), sizeof *pairs);
  if (pairs == NULL) return ubiq_error_no_memory();

  json_value field = {0};
  for (size_t i = 0; json_next_field(object, &field); i++) {
    if (memchr(field.key.data, 0, field.key.size) != NULL) return json_error(&field, "has a NUL in its name");
    pairs[i].key = arena_string(self->strings, field.key.data, field.key.size);
    if (pairs[i].key == NULL) return ubiq_error_no_memory();
    error = read_string(self, &field, &pairs[i].value);
    if (error != NULL) return error;
  }
  *out = pairs;
  *count = json_count(object);
  return NULL;
}

static ubiq_error *read_pointer(reader *self, const json_value *value, manifest_module *module) {
  static const char *const keys[] = {"ptr", "len"};
  if (!self->allow_pointer) return json_wrong(value, "base64 text (an address is taken through the C interface only)");
  json_value pointer = json_field(value, "ptr");
  json_value length = json_field(value, "len");
  uint64_t address = 0;
  uint64_t size = 0;
  ubiq_error *error = json_check_keys(value, keys, COUNT(keys));
  if (error == NULL) error = json_get_u64(&pointer, 0, UINTPTR_MAX, &address);
  if (error == NULL) error = json_get_u64(&length, 0, MANIFEST_MODULE_BYTES_MAX, &size);
  if (error != NULL) return error;
  if (address == 0 && size > 0) return json_wrong(&pointer, "an address of this process");
  module->data = arena_copy(self->strings, (const void *)(uintptr_t)address, (size_t)size);
  module->data_size = (size_t)size;
  return module->data == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_base64(reader *self, const json_value *value, manifest_module *module) {
  text base64;
  ubiq_error *error = json_get_text(value, &base64);
  if (error != NULL) return error;

  buffer bytes = {0};
  switch (text_base64_decode(&bytes, base64)) {
  case TEXT_BASE64_OK:
    module->data = arena_copy(self->strings, bytes.data, bytes.size);
    module->data_size = bytes.size;
    if (module->data == NULL) error = ubiq_error_no_memory();
    break;
  case TEXT_BASE64_INVALID:
    error = json_error(value, "is not base64; expected the module's bytes in standard base64 with padding");
    break;
  case TEXT_BASE64_NO_MEMORY: error = ubiq_error_no_memory(); break;
  }
  buffer_free(&bytes);
  return error;
}

static ubiq_error *read_data(reader *self, const json_value *value, manifest_module *module) {
  return yyjson_is_obj(value->value) ? read_pointer(self, value, module) : read_base64(self, value, module);
}

/// The keys that say where a module comes from; exactly one of them must be there.
static const struct {
  const char *key;
  manifest_kind kind;
} kinds[] = {{"path", MANIFEST_PATH}, {"data", MANIFEST_DATA}, {"url", MANIFEST_URL}};

static ubiq_error *read_kind(const json_value *object, manifest_kind *kind, json_value *from) {
  size_t found = 0;
  for (size_t i = 0; i < COUNT(kinds); i++) {
    json_value field = json_field(object, kinds[i].key);
    if (field.value == NULL) continue;
    if (found++ > 0) break;
    *kind = kinds[i].kind;
    *from = field;
  }
  if (found == 0) return json_error(object, "has no source; expected one of \"path\", \"data\" and \"url\"");
  if (found > 1) return json_error(object, "has several sources; expected one of \"path\", \"data\" and \"url\"");
  return NULL;
}

static ubiq_error *check_module_keys(const json_value *object, manifest_kind kind) {
  static const char *const path_keys[] = {"path", "name", "hash"};
  static const char *const data_keys[] = {"data", "name", "hash"};
  static const char *const url_keys[] = {"url", "headers", "method", "name", "hash"};
  switch (kind) {
  case MANIFEST_PATH: return json_check_keys(object, path_keys, COUNT(path_keys));
  case MANIFEST_DATA: return json_check_keys(object, data_keys, COUNT(data_keys));
  default: return json_check_keys(object, url_keys, COUNT(url_keys));
  }
}

static ubiq_error *read_module(reader *self, const json_value *object, manifest_module *module) {
  json_value from = {0};
  ubiq_error *error = json_expect_object(object);
  if (error == NULL) error = read_kind(object, &module->kind, &from);
  if (error == NULL) error = check_module_keys(object, module->kind);
  if (error != NULL) return error;

  bool is_data = module->kind == MANIFEST_DATA;
  error = is_data ? read_data(self, &from, module) : read_string(self, &from, &module->location);
  json_value name = json_field(object, "name");
  json_value hash = json_field(object, "hash");
  json_value method = json_field(object, "method");
  json_value headers = json_field(object, "headers");
  if (error == NULL) error = read_optional_string(self, &name, &module->name);
  if (error == NULL) error = read_optional_string(self, &hash, &module->hash);
  if (error == NULL) error = read_optional_string(self, &method, &module->method);
  if (error == NULL && headers.value != NULL) {
    error = read_pairs(self, &headers, &module->headers, &module->headers_count);
  }
  return error;
}

static ubiq_error *read_modules(reader *self, const json_value *array) {
  if (array->value == NULL) return NULL;
  ubiq_error *error = json_expect_array(array);
  if (error != NULL) return error;
  size_t count = json_count(array);
  manifest_module *modules = arena_array(self->strings, count, sizeof *modules);
  if (modules == NULL) return ubiq_error_no_memory();

  json_value item = {0};
  while (json_next_item(array, &item)) {
    error = read_module(self, &item, &modules[item.index]);
    if (error != NULL) return error;
  }
  self->result->modules = modules;
  self->result->modules_count = count;
  return NULL;
}

static ubiq_error *read_optional_u64(const json_value *value, bool *has, uint64_t *out) {
  if (json_is_absent(value)) return NULL;
  *has = true;
  return json_get_u64(value, 0, UINT64_MAX, out);
}

/// More pages than a memory can have are taken as all of them, because Extism takes any 32-bit number.
static ubiq_error *read_max_pages(const json_value *value, uint32_t *out) {
  if (json_is_absent(value)) return NULL;
  if (yyjson_is_int(value->value) && unsafe_yyjson_get_sint(value->value) > MANIFEST_PAGES_MAX &&
      unsafe_yyjson_get_sint(value->value) <= UINT32_MAX) {
    *out = MANIFEST_PAGES_MAX;
    return NULL;
  }
  uint64_t pages = 0;
  ubiq_error *error = json_get_u64(value, 1, MANIFEST_PAGES_MAX, &pages);
  *out = (uint32_t)pages;
  return error;
}

static ubiq_error *read_memory(reader *self, const json_value *object) {
  static const char *const keys[] = {"max_pages", "max_http_response_bytes", "max_var_bytes"};
  if (object->value == NULL) return NULL;
  ubiq_error *error = json_expect_object(object);
  if (error == NULL) error = json_check_keys(object, keys, COUNT(keys));
  if (error != NULL) return error;

  manifest_memory *memory = &self->result->memory;
  json_value pages = json_field(object, keys[0]);
  json_value response = json_field(object, keys[1]);
  json_value vars = json_field(object, keys[2]);
  error = read_max_pages(&pages, &memory->max_pages);
  if (error == NULL) {
    error = read_optional_u64(&response, &memory->has_max_http_response_bytes, &memory->max_http_response_bytes);
  }
  if (error == NULL) error = read_optional_u64(&vars, &memory->has_max_var_bytes, &memory->max_var_bytes);
  return error;
}

static ubiq_error *read_config(reader *self, const json_value *object) {
  if (object->value == NULL) return NULL;
  ubiq_error *error = json_expect_object(object);
  json_value field = {0};
  while (error == NULL && json_next_field(object, &field)) {
    text value;
    error = json_get_text(&field, &value);
    if (error == NULL && !map_set(&self->result->config, field.key, value.data, value.size)) {
      error = ubiq_error_no_memory();
    }
  }
  return error;
}

static ubiq_error *read_allowed_hosts(reader *self, const json_value *array) {
  if (json_is_absent(array)) return NULL;
  ubiq_error *error = json_expect_array(array);
  if (error != NULL) return error;
  size_t count = json_count(array);
  const char **hosts = arena_array(self->strings, count, sizeof *hosts);
  if (hosts == NULL) return ubiq_error_no_memory();

  json_value item = {0};
  while (json_next_item(array, &item)) {
    error = read_string(self, &item, &hosts[item.index]);
    if (error != NULL) return error;
  }
  self->result->has_allowed_hosts = true;
  self->result->allowed_hosts = hosts;
  self->result->allowed_hosts_count = count;
  return NULL;
}

/// By their keys, whose ends the hosts' paths are: the order in which Extism hands them to guests, where of two at one
/// place the last holds.
static int compare_paths(const void *a, const void *b) {
  const manifest_path *first = a, *second = b;
  return strcmp(first->host - (first->read_only ? 3 : 0), second->host - (second->read_only ? 3 : 0));
}

static ubiq_error *read_allowed_paths(reader *self, const json_value *object) {
  if (json_is_absent(object)) return NULL;
  const manifest_pair *pairs = NULL;
  size_t count = 0;
  ubiq_error *error = read_pairs(self, object, &pairs, &count);
  if (error != NULL) return error;
  manifest_path *paths = arena_array(self->strings, count, sizeof *paths);
  if (paths == NULL) return ubiq_error_no_memory();

  for (size_t i = 0; i < count; i++) {
    bool read_only = strncmp(pairs[i].key, "ro:", 3) == 0;
    paths[i] = (manifest_path){pairs[i].key + (read_only ? 3 : 0), pairs[i].value, read_only};
  }
  if (count > 0) qsort(paths, count, sizeof *paths, compare_paths);
  self->result->has_allowed_paths = true;
  self->result->allowed_paths = paths;
  self->result->allowed_paths_count = count;
  return NULL;
}

static ubiq_error *read_root(reader *self, const json_value *root) {
  static const char *const keys[] = {"wasm", "memory", "config", "allowed_hosts", "allowed_paths", "timeout_ms"};
  ubiq_error *error = json_expect_object(root);
  if (error == NULL) error = json_check_keys(root, keys, COUNT(keys));
  if (error != NULL) return error;

  json_value field = json_field(root, "wasm");
  error = read_modules(self, &field);
  if (error != NULL) return error;
  field = json_field(root, "memory");
  error = read_memory(self, &field);
  if (error != NULL) return error;
  field = json_field(root, "config");
  error = read_config(self, &field);
  if (error != NULL) return error;
  field = json_field(root, "allowed_hosts");
  error = read_allowed_hosts(self, &field);
  if (error != NULL) return error;
  field = json_field(root, "allowed_paths");
  error = read_allowed_paths(self, &field);
  if (error != NULL) return error;
  field = json_field(root, "timeout_ms");
  return read_optional_u64(&field, &self->result->has_timeout, &self->result->timeout_ms);
}

static ubiq_error *parse_json(reader *self, const char *name, const void *data, size_t size) {
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse(name, data, size, &document);
  if (error != NULL) return error;
  json_source source = {.name = name};
  json_value root = json_root(&source, yyjson_doc_get_root(document));
  error = read_root(self, &root);
  yyjson_doc_free(document);
  return error;
}

static ubiq_error *parse_toml(reader *self, const char *name, const void *data, size_t size) {
  toml_document *document = NULL;
  ubiq_error *error = toml_parse(name, data, size, &document);
  if (error != NULL) return error;
  json_value root = toml_root(document);
  error = read_root(self, &root);
  toml_delete(document);
  return error;
}

ubiq_error *manifest_parse(const void *data, size_t size, const manifest_options *options, const manifest **out) {
  static const manifest_options defaults = {0};
  if (options == NULL) options = &defaults;
  const char *name = options->name == NULL ? "manifest" : options->name;
  text whole = text_trim((text){data, size});
  if (whole.size == 0) {
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: it is empty; expected Wasm, WAT or a manifest in JSON or TOML",
                          name);
  }

  manifest_block *block = manifest_block_new();
  if (block == NULL) return ubiq_error_no_memory();
  reader self = {&block->content, &block->strings, options->allow_pointer};
  bool is_json = whole.data[0] == '{';
  ubiq_error *error = is_json ? parse_json(&self, name, data, size) : parse_toml(&self, name, data, size);
  if (error != NULL) {
    manifest_delete(&block->content);
    return error;
  }
  *out = &block->content;
  return NULL;
}
