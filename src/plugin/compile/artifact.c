// See artifact.h and ubiq/artifact.h.
#include "plugin/compile/artifact.h"

#include "base/json.h"
#include "engine/cpu.h"
#include "plugin/compile/artifact_format.h"
#include "plugin/compile/compile.h"
#include "ubiq/artifact.h"
#include "ubiq/version.h"

#include <stdlib.h>
#include <string.h>

struct artifact {
  arena strings;
  artifact_content content; ///< refers to the caller's bytes
};

// -- Making --

static bool add_limits(yyjson_mut_doc *document, yyjson_mut_val *root, const manifest *manifest) {
  const manifest_memory *memory = &manifest->memory;
  yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, root, "memory");
  bool good = object != NULL;
  if (memory->max_pages) good = good && yyjson_mut_obj_add_uint(document, object, "max_pages", memory->max_pages);
  if (memory->has_max_http_response_bytes)
    good =
        good && yyjson_mut_obj_add_uint(document, object, "max_http_response_bytes", memory->max_http_response_bytes);
  if (memory->has_max_var_bytes)
    good = good && yyjson_mut_obj_add_uint(document, object, "max_var_bytes", memory->max_var_bytes);
  if (manifest->has_timeout) good = good && yyjson_mut_obj_add_uint(document, root, "timeout_ms", manifest->timeout_ms);
  return good;
}

static bool add_config(yyjson_mut_doc *document, yyjson_mut_val *root, const map *config) {
  yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, root, "config");
  bool good = object != NULL;
  for (size_t i = 0; good && i < config->count; i++) {
    const map_entry *entry = &config->entries[i];
    good = yyjson_mut_obj_add(object, yyjson_mut_strn(document, entry->key.data, entry->key.size),
                              yyjson_mut_strn(document, (const char *)entry->value.data, entry->value.size));
  }
  return good;
}

static bool add_hosts(yyjson_mut_doc *document, yyjson_mut_val *root, const manifest *manifest) {
  if (!manifest->has_allowed_hosts) return true;
  yyjson_mut_val *array = yyjson_mut_obj_add_arr(document, root, "allowed_hosts");
  bool good = array != NULL;
  for (size_t i = 0; good && i < manifest->allowed_hosts_count; i++)
    good = yyjson_mut_arr_add_str(document, array, manifest->allowed_hosts[i]);
  return good;
}

static bool add_paths(yyjson_mut_doc *document, yyjson_mut_val *root, const manifest *manifest, arena *strings) {
  if (!manifest->has_allowed_paths) return true;
  yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, root, "allowed_paths");
  bool good = object != NULL;
  for (size_t i = 0; good && i < manifest->allowed_paths_count; i++) {
    const manifest_path *path = &manifest->allowed_paths[i];
    const char *host = arena_printf(strings, "%s%s", path->read_only ? "ro:" : "", path->host);
    good = host && yyjson_mut_obj_add_str(document, object, host, path->guest);
  }
  return good;
}

// Everything of a manifest but its modules. NULL when memory is out; else the caller's (free).
static char *write_manifest(const manifest *manifest, size_t *size) {
  arena strings;
  arena_init(&strings);
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = document ? yyjson_mut_obj(document) : NULL;
  if (root) yyjson_mut_doc_set_root(document, root);
  bool good = root && add_limits(document, root, manifest) && add_config(document, root, &manifest->config) &&
              add_hosts(document, root, manifest) && add_paths(document, root, manifest, &strings);
  char *text = good ? yyjson_mut_write(document, 0, size) : NULL;
  yyjson_mut_doc_free(document);
  arena_free(&strings);
  return text;
}

// Writes down what was compiled. The engine's name is not kept in the compiled plugin.
static ubiq_error *seal(const compiled *compiled, const compile_artifact *made, const engine_ops *ops,
                        uint8_t **artifact, size_t *size) {
  buffer cpu = {0};
  size_t count = compiled->manifest->modules_count;
  artifact_module *modules = calloc(count + 1, sizeof *modules);
  artifact_content content = {.made_by = "ubiq " UBIQ_VERSION,
                              .engine = ops->name,
                              .version = ops->version,
                              .name = compiled->name,
                              .class = made->class,
                              .suspends = compiled->options.suspends,
                              .wasi = compiled->options.wasi,
                              .fuel = compiled->options.fuel,
                              .memory_bytes_max = compiled->options.memory_bytes_max,
                              .modules = modules,
                              .modules_count = count,
                              .codes = made->kept};
  char *manifest = write_manifest(compiled->manifest, &content.manifest.size);
  content.manifest.data = (const uint8_t *)manifest;
  content.cpu = cpu_describe(&cpu) ? buffer_string(&cpu) : NULL;
  for (size_t i = 0; modules && i < count; i++)
    modules[i] = (artifact_module){compiled->manifest->modules[i].name, buffer_bytes(&made->modules[i])};
  ubiq_error *error =
      modules && manifest && content.cpu ? artifact_seal(&content, artifact, size) : ubiq_error_no_memory();
  free(manifest);
  free(modules);
  buffer_free(&cpu);
  return error;
}

static void forget(compile_artifact *self) {
  for (size_t i = 0; self->modules && i < self->modules_count; i++) buffer_free(&self->modules[i]);
  free(self->modules);
  cache_set_free(&self->kept);
}

ubiq_error *ubiq_precompile(const uint8_t *source, size_t size, const ubiq_compile_options *options, uint8_t **artifact,
                            size_t *artifact_size) {
  const engine_ops *ops = NULL;
  compiled *compiled = NULL;
  compile_artifact made = {0};
  ubiq_error *error = engine_find(options ? options->engine : NULL, &ops);
  if (!error && !(ops->capabilities & ENGINE_CAN_SERIALIZE))
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "engine \"%s\" makes no code that could be kept in a file", ops->name);
  if (!error) error = compiled_make(source, size, options, NULL, &made, &compiled);
  if (!error) error = seal(compiled, &made, ops, artifact, artifact_size);
  forget(&made);
  ubiq_compiled_delete(compiled);
  return error;
}

// -- Loading --

bool ubiq_is_precompiled(const uint8_t *bytes, size_t size) {
  return artifact_recognize(bytes, size);
}

static ubiq_error *check_engine(const artifact_content *content) {
  const engine_ops *ops = NULL;
  ubiq_error *error = engine_find(content->engine, &ops);
  if (error || strcmp(ops->version, content->version) == 0) return error;
  return ubiq_error_new(UBIQ_UNAVAILABLE, "it was compiled by %s %s (%s); this is %s %s: compile it again",
                        content->engine, content->version, content->made_by, ops->name, ops->version);
}

static ubiq_error *check_cpu(const artifact_content *content) {
  buffer here = {0};
  const char *have = cpu_describe(&here) ? buffer_string(&here) : NULL;
  ubiq_bytes word = have ? cpu_lacks(have, content->cpu) : (ubiq_bytes){0};
  ubiq_error *error = have ? NULL : ubiq_error_no_memory();
  if (word.size)
    error = ubiq_error_new(UBIQ_UNAVAILABLE,
                           "it was compiled for a CPU with %.*s, which this one has not; compile it "
                           "again",
                           (int)word.size, (const char *)word.data);
  buffer_free(&here);
  return error;
}

ubiq_error *artifact_open(const uint8_t *bytes, size_t size, artifact **out) {
  artifact *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  arena_init(&self->strings);
  ubiq_error *error = artifact_unseal(bytes, size, &self->strings, &self->content);
  if (!error) error = check_engine(&self->content);
  if (!error) error = check_cpu(&self->content);
  if (error) {
    artifact_close(self);
    return error;
  }
  *out = self;
  return NULL;
}

void artifact_close(artifact *self) {
  if (!self) return;
  cache_set_free(&self->content.codes);
  arena_free(&self->strings);
  free(self);
}

static bool add_module(yyjson_mut_doc *document, yyjson_mut_val *modules, const artifact_module *module) {
  yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, modules);
  yyjson_mut_val *data = yyjson_mut_obj_add_obj(document, object, "data");
  return data && yyjson_mut_obj_add_uint(document, data, "ptr", (uint64_t)(uintptr_t)module->wasm.data) &&
         yyjson_mut_obj_add_uint(document, data, "len", module->wasm.size) &&
         (!module->name || yyjson_mut_obj_add_str(document, object, "name", module->name));
}

static bool add_modules(yyjson_mut_doc *document, const artifact_content *content) {
  yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
  yyjson_mut_val *modules = yyjson_mut_obj_add_arr(document, root, "wasm");
  bool good = modules != NULL;
  for (size_t i = 0; good && i < content->modules_count; i++)
    good = add_module(document, modules, &content->modules[i]);
  return good;
}

ubiq_error *artifact_manifest(const artifact *self, char **out, size_t *size) {
  yyjson_doc *read = NULL;
  ubiq_bytes stored = self->content.manifest;
  ubiq_error *error = json_parse("manifest", stored.data, stored.size, &read);
  if (error) return error;
  yyjson_mut_doc *document = yyjson_doc_mut_copy(read, NULL);
  *out = document && add_modules(document, &self->content) ? yyjson_mut_write(document, 0, size) : NULL;
  yyjson_mut_doc_free(document);
  yyjson_doc_free(read);
  return *out ? NULL : ubiq_error_no_memory();
}

static ubiq_error *check_options(const artifact_content *content, const ubiq_compile_options *given) {
  if (given->untrusted) return ubiq_error_new(UBIQ_DENIED, "it is a compiled plugin; expected one from source");
  if (given->engine && strcmp(given->engine, content->engine) != 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it was compiled for %s, not for %s", content->engine, given->engine);
  if (given->suspends != (content->suspends != 0))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it was compiled %s",
                          content->suspends ? "for a server's loop" : "for calls on the caller's stack");
  if (given->fuel && !content->fuel)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it was compiled without counting fuel; compile it with fuel");
  if (content->class >= ENGINE_CLASS_COUNT)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "it was compiled by another version of ubiq; compile it again");
  return NULL;
}

static ubiq_compile_options merge_options(const artifact_content *content, const ubiq_compile_options *given) {
  ubiq_compile_options options = *given;
  uint64_t memory = content->memory_bytes_max;
  if (!options.name) options.name = content->name;
  if (!options.fuel) options.fuel = content->fuel;
  if (memory && (!options.memory_bytes_max || memory < options.memory_bytes_max)) options.memory_bytes_max = memory;
  options.engine = content->engine;
  options.wasi = content->wasi != 0;
  options.pointers = true; // artifact_manifest's
  return options;
}

ubiq_error *artifact_load(const artifact *self, const char *manifest, size_t size, const ubiq_compile_options *options,
                          ubiq_compiled **out) {
  static const ubiq_compile_options defaults = {0};
  if (!options) options = &defaults;
  ubiq_error *error = check_options(&self->content, options);
  if (error) return error;
  ubiq_compile_options merged = merge_options(&self->content, options);
  compile_artifact from = {.stored = &self->content.codes, .class = (engine_class)self->content.class};
  return compiled_make((const uint8_t *)manifest, size, &merged, NULL, &from, out);
}

ubiq_error *ubiq_compiled_load(const uint8_t *bytes, size_t size, const ubiq_compile_options *options,
                               ubiq_compiled **out) {
  artifact *self = NULL;
  char *manifest = NULL;
  size_t manifest_size = 0;
  ubiq_error *error = artifact_open(bytes, size, &self);
  if (!error) error = artifact_manifest(self, &manifest, &manifest_size);
  if (!error) error = artifact_load(self, manifest, manifest_size, options, out);
  free(manifest);
  artifact_close(self);
  return error;
}
