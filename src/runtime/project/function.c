// From ubiq.toml's words to the plugin layer's: a function is compiled from an Extism manifest made of its settings.
#include "runtime/project/function.h"

#include "api/invoke_host.h"
#include "base/file.h"
#include "plugin/call/call.h"
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

/// The manifest of a function whose origin is a single module. The result is the caller's (free); NULL: out of memory.
static char *make_manifest(const project_function *settings, const char *file, size_t *size) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  yyjson_mut_val *modules = yyjson_mut_obj_add_arr(document, root, "wasm");
  yyjson_mut_val *module = yyjson_mut_arr_add_obj(document, modules);
  bool good = yyjson_mut_obj_add_str(document, module, "path", file) && add_settings(document, root, settings);
  char *text = good ? yyjson_mut_write(document, YYJSON_WRITE_ALLOW_INVALID_UNICODE, size) : NULL;
  yyjson_mut_doc_free(document);
  return text;
}

static ubiq_error *compile(function *self, ubiq_bytes source, ubiq_compile_options options,
                           const engine_compiler *compiler) {
  ubiq_function *invoke_host = NULL;
  const bool is_core = self->wire == PROJECT_WIRE_CORE;
  ubiq_error *error = invoke_host_new(is_core, &invoke_host);
  if (error != NULL) return error;
  const ubiq_function *const functions[] = {invoke_host};
  options.functions = functions;
  options.functions_count = 1;
  options.name = self->name;
  options.wasi = true;
  options.suspends = true;
  options.core = is_core;
  options.component = self->wire == PROJECT_WIRE_COMPONENT;
  options.memory_bytes_max = self->limits.memory_bytes;
  error = compiled_new_by(compiler, source.data, source.size, &options, &self->compiled);
  ubiq_function_delete(invoke_host);
  return error;
}

static ubiq_error *compile_module(function *self, const project_function *settings, const char *file,
                                  const ubiq_files *files, const engine_compiler *compiler) {
  ubiq_bytes source;
  char *manifest = make_manifest(settings, file, &source.size);
  if (manifest == NULL) return ubiq_error_no_memory();
  source.data = (const uint8_t *)manifest;
  ubiq_error *error = compile(self, source, (ubiq_compile_options){.files = files}, compiler);
  free(manifest);
  return error;
}

static ubiq_error *compile_own_manifest(function *self, const char *file) {
  buffer bytes = {0};
  char *directory = file_path_directory(file);
  ubiq_error *error = directory == NULL ? ubiq_error_no_memory() : file_read_all(file, MANIFEST_FILE_BYTES_MAX, &bytes);
  if (error == NULL) error = compile(self, buffer_bytes(&bytes), (ubiq_compile_options){.directory = directory}, NULL);
  buffer_free(&bytes);
  free(directory);
  return error;
}

static ubiq_error *compile_manifest(function *self, const char *file, const ubiq_files *files,
                                    const engine_compiler *compiler) {
  if (files == NULL) return compile_own_manifest(self, file);
  ubiq_bytes source;
  ubiq_error *error = files->read(files->user, file, &source);
  return error != NULL ? error
                       : compile(self, source, (ubiq_compile_options){.files = files, .untrusted = true}, compiler);
}

/// What crosses the wires without a kernel is JSON.
static const char *content_type_of(const project_function *settings) {
  bool is_json = settings->wire != PROJECT_WIRE_EXTISM && settings->input == PROJECT_BODY;
  return settings->content_type == NULL && is_json ? "application/json" : settings->content_type;
}

ubiq_error *function_open(function *self, const project_function *settings, const char *file, const ubiq_files *files,
                          const engine_compiler *compiler) {
  *self = (function){
      .name = settings->name,
      .limits = settings->limits,
      .is_private = settings->is_private,
      .weight = settings->weight,
      .plugin_limits = {.wall_ms = settings->limits.wall_ms,
                        .cpu_ms = settings->limits.cpu_ms,
                        .output_bytes_max = settings->limits.response_bytes_max},
      .wire = settings->wire,
      .input = settings->input,
      .auth = settings->auth,
      .cors = settings->cors,
      .content_type = content_type_of(settings),
  };
  if (!function_pool_open(&self->pool, settings->name, settings->lifetime, &settings->pool)) {
    function_close(self);
    return ubiq_error_no_memory();
  }
  ubiq_error *error = permission_set_new(text_of(settings->name), settings->permissions, settings->permissions_count,
                                         &self->permissions);
  if (error == NULL)
    error = settings->origin == PROJECT_MANIFEST ? compile_manifest(self, file, files, compiler)
                                                 : compile_module(self, settings, file, files, compiler);
  if (error == NULL) error = compiled_function_find(self->compiled, settings->export_name, &self->entry);
  if (error != NULL) function_close(self);
  return ubiq_error_wrap(error, "%s", settings->name);
}

static ubiq_error *warm(const function *self, uint32_t part) {
  const plugin_host host = {.part = part};
  plugin *plugin = NULL;
  ubiq_error *error = plugin_new(self->compiled, &host, &self->plugin_limits, &plugin);
  if (error == NULL) {
    error = instance_prepare(plugin);
    ubiq_plugin_delete(plugin);
  }
  return ubiq_error_wrap(error, "%s", self->name);
}

ubiq_error *function_warm(const function *self) {
  ubiq_error *error = NULL;
  for (uint32_t part = 0; part < plugin_parts() && error == NULL; part++) error = warm(self, part);
  return error;
}

void function_close(function *self) {
  function_pool_close(&self->pool);
  ubiq_compiled_delete(self->compiled);
  permission_set_delete(self->permissions);
  *self = (function){0};
}
