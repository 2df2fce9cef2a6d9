// From ubiq.toml's words to the plugin layer's: a function is compiled from an Extism manifest made of its settings.
#include "runtime/function.h"

#include "base/file.h"
#include "runtime/bundle.h"
#include "runtime/bundle_manifest.h"
#include "yyjson.h"

#include <stdlib.h>

enum { MANIFEST_FILE_BYTES_MAX = 64 << 20 };

static bool add_settings(yyjson_mut_doc *document, yyjson_mut_val *root, const project_function *settings) {
  yyjson_mut_val *config = yyjson_mut_obj_add_obj(document, root, "config");
  yyjson_mut_val *hosts = yyjson_mut_obj_add_arr(document, root, "allowed_hosts");
  bool good = config != NULL && hosts != NULL;
  for (size_t i = 0; good && i < settings->config_count; i++)
    good = yyjson_mut_obj_add_str(document, config, settings->config[i].name, settings->config[i].value);
  for (size_t i = 0; good && i < settings->allowed_hosts_count; i++)
    good = yyjson_mut_arr_add_str(document, hosts, settings->allowed_hosts[i]);
  return good;
}

/// Where a single module is: in a file, or in memory where that is NULL.
typedef struct module_place {
  const char *file;
  ubiq_bytes bytes;
} module_place;

static bool add_module(yyjson_mut_doc *document, yyjson_mut_val *modules, const module_place *place) {
  yyjson_mut_val *module = yyjson_mut_arr_add_obj(document, modules);
  if (place->file != NULL) return yyjson_mut_obj_add_str(document, module, "path", place->file);
  yyjson_mut_val *data = yyjson_mut_obj_add_obj(document, module, "data");
  return yyjson_mut_obj_add_uint(document, data, "ptr", (uint64_t)(uintptr_t)place->bytes.data) &&
         yyjson_mut_obj_add_uint(document, data, "len", place->bytes.size);
}

/// The manifest of a function whose origin is a single module. The result is the caller's (free); NULL: out of memory.
static char *make_manifest(const project_function *settings, const module_place *place, size_t *size) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  yyjson_mut_val *modules = yyjson_mut_obj_add_arr(document, root, "wasm");
  bool good = add_module(document, modules, place) && add_settings(document, root, settings);
  char *text = good ? yyjson_mut_write(document, YYJSON_WRITE_ALLOW_INVALID_UNICODE, size) : NULL;
  yyjson_mut_doc_free(document);
  return text;
}

static ubiq_error *compile(function *self, ubiq_bytes source, const char *directory, bool untrusted) {
  const ubiq_compile_options options = {
      .name = self->name,
      .directory = directory,
      .untrusted = untrusted,
      .wasi = true,
      .suspends = true,
      .memory_bytes_max = self->limits.memory_bytes,
  };
  return ubiq_compiled_new(source.data, source.size, &options, &self->compiled);
}

static ubiq_error *compile_module(function *self, const project_function *settings, const module_place *place) {
  ubiq_bytes source;
  char *manifest = make_manifest(settings, place, &source.size);
  if (manifest == NULL) return ubiq_error_no_memory();
  source.data = (const uint8_t *)manifest;
  ubiq_error *error = compile(self, source, NULL, false);
  free(manifest);
  return error;
}

static ubiq_error *compile_manifest(function *self, const char *file) {
  buffer bytes = {0};
  char *directory = file_path_directory(file);
  ubiq_error *error = directory == NULL ? ubiq_error_no_memory() : file_read_all(file, MANIFEST_FILE_BYTES_MAX, &bytes);
  if (error == NULL) error = compile(self, buffer_bytes(&bytes), directory, false);
  buffer_free(&bytes);
  free(directory);
  return error;
}

static ubiq_error *compile_bundled_module(function *self, const project_function *settings, const bundle *bundle) {
  module_place place = {0};
  if (bundle_find(bundle, text_of(settings->file), &place.bytes)) return compile_module(self, settings, &place);
  return ubiq_error_new(UBIQ_NOT_FOUND, "wasm is \"%s\"; expected a file of the bundle", settings->file);
}

static ubiq_error *compile_bundled_manifest(function *self, const char *name, const bundle *bundle) {
  char *json = NULL;
  ubiq_bytes source = {0};
  ubiq_error *error = bundle_manifest_read(bundle, name, &json, &source.size);
  source.data = (const uint8_t *)json;
  if (error == NULL) error = compile(self, source, NULL, true);
  free(json);
  return error;
}

static void begin(function *self, const project_function *settings) {
  *self = (function){
      .name = settings->name,
      .limits = settings->limits,
      .plugin_limits = {.wall_ms = settings->limits.wall_ms, .cpu_ms = settings->limits.cpu_ms},
      .content_type = settings->content_type,
  };
}

/// `error` is what compiling came to.
static ubiq_error *finish(function *self, const project_function *settings, ubiq_error *error) {
  if (error == NULL) error = compiled_function_find(self->compiled, settings->export_name, &self->entry);
  if (error != NULL) function_close(self);
  return ubiq_error_wrap(error, "%s", settings->name);
}

ubiq_error *function_open(function *self, const project_function *settings, const char *file) {
  const module_place place = {.file = file};
  begin(self, settings);
  return finish(self, settings,
                settings->origin == PROJECT_MANIFEST ? compile_manifest(self, file)
                                                     : compile_module(self, settings, &place));
}

ubiq_error *function_open_bundled(function *self, const project_function *settings, const bundle *bundle) {
  begin(self, settings);
  return finish(self, settings,
                settings->origin == PROJECT_MANIFEST ? compile_bundled_manifest(self, settings->file, bundle)
                                                     : compile_bundled_module(self, settings, bundle));
}

void function_close(function *self) {
  ubiq_compiled_delete(self->compiled);
  *self = (function){0};
}
