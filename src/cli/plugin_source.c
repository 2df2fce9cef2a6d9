// See plugin_source.h.
#include "cli/plugin_source.h"

#include "base/file.h"
#include "plugin/compile/artifact.h"
#include "plugin/manifest/manifest.h"
#include "ubiq/artifact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool plugin_source_is_standard_input(const char *name) {
  return name != NULL && strcmp(name, "-") == 0;
}

ubiq_error *plugin_source_read_file(const char *name, size_t bytes_max, buffer *out) {
  return plugin_source_is_standard_input(name) ? file_read_descriptor(STDIN_FILENO, "standard input", bytes_max, out)
                                               : file_read_all(name, bytes_max, out);
}

char *plugin_source_short_name(const plugin_source *self) {
  const char *slash = strrchr(self->name, '/'), *base = slash == NULL ? self->name : slash + 1;
  const char *dot = strrchr(base, '.');
  size_t size = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
  bool is_nameless = size == 0 || plugin_source_is_standard_input(base);
  return is_nameless ? strdup("plugin") : strndup(base, size);
}

/// A plugin under way from its name to its compiled form.
typedef struct making {
  const plugin_source *source;
  buffer bytes;                 ///< of the file; none for a URL
  artifact *artifact;           ///< what the bytes are, when they are a compiled plugin
  char *directory, *short_name; ///< where relative paths start; what log lines call it
  char *manifest;
  size_t manifest_size;
} making;

static void end(making *self) {
  artifact_close(self->artifact);
  free(self->manifest);
  free(self->directory);
  free(self->short_name);
  buffer_free(&self->bytes);
}

static ubiq_error *read_bytes(making *self) {
  const plugin_source *source = self->source;
  ubiq_error *error = NULL;
  if (!call_is_url(source->name))
    error = plugin_source_read_file(source->name, MANIFEST_MODULE_BYTES_MAX, &self->bytes);
  self->short_name = plugin_source_short_name(source);
  return error == NULL && self->short_name == NULL ? ubiq_error_no_memory() : error;
}

/// Relative paths of a manifest start beside it, or in the working directory.
static ubiq_error *find_directory(making *self) {
  if (plugin_source_is_standard_input(self->source->name) || call_is_url(self->source->name)) return NULL;
  self->directory = file_path_directory(self->source->name);
  return self->directory == NULL ? ubiq_error_no_memory() : NULL;
}

/// What is compiled now may be called from elsewhere: folders that the manifest names must be the same ones there.
static ubiq_error *make_directory_absolute(making *self) {
  const char *given = self->directory == NULL ? "." : self->directory;
  char *absolute = realpath(given, NULL);
  if (absolute == NULL) return file_error(errno, given);
  free(self->directory);
  self->directory = absolute;
  return NULL;
}

/// `directory`: what relative folders of the manifest are made absolute with; NULL leaves that to the plugin layer.
static ubiq_error *make_manifest(making *self, const call_overlay *overlay, const char *directory) {
  const char *name = self->source->name;
  const call_origin origin = {.name = plugin_source_is_standard_input(name) ? "standard input" : name,
                              .bytes = buffer_bytes(&self->bytes),
                              .is_manifest = self->source->is_manifest,
                              .directory = directory};
  return call_manifest_make(&origin, overlay, &self->manifest, &self->manifest_size);
}

static ubiq_error *hint_at_wasi(const making *self, ubiq_error *error) {
  if (self->source->wasi || error == NULL || strstr(ubiq_error_message(error), "wasi_snapshot_preview1") == NULL)
    return error;
  ubiq_error *hinted =
      ubiq_error_new(ubiq_error_code(error), "%s\n  --wasi provides wasi_snapshot_preview1", ubiq_error_message(error));
  ubiq_error_delete(error);
  return hinted;
}

/// Says which plugin an error is of, unless that is the address of a module which the error names.
static ubiq_error *say_whose(const making *self, ubiq_error *error) {
  const char *name = self->source->name;
  if (error != NULL && call_is_url(name) && strstr(ubiq_error_message(error), name) != NULL) return error;
  return ubiq_error_wrap(error, "%s", name);
}

static ubiq_compile_options options_of(const making *self) {
  return (ubiq_compile_options){.name = self->short_name,
                                .engine = self->source->engine,
                                .directory = self->directory,
                                .wasi = self->source->wasi,
                                .pointers = true, // call_manifest_make's; the user's own were refused there
                                .fuel = self->source->fuel};
}

static ubiq_error *compile(making *self, ubiq_compiled **out) {
  ubiq_error *error = find_directory(self);
  if (error == NULL) error = make_manifest(self, &self->source->overlay, NULL);
  if (error != NULL) return error;
  const ubiq_compile_options options = options_of(self);
  error = ubiq_compiled_new((const uint8_t *)self->manifest, self->manifest_size, &options, out);
  return say_whose(self, hint_at_wasi(self, error));
}

/// The manifest of a compiled plugin, with the options laid over it.
static ubiq_error *make_artifact_manifest(making *self) {
  char *kept = NULL;
  size_t size = 0;
  ubiq_error *error = artifact_manifest(self->artifact, &kept, &size);
  if (error != NULL) return error;
  const call_origin origin = {
      .name = self->source->name, .bytes = {(const uint8_t *)kept, size}, .is_manifest = true, .has_addresses = true};
  error = call_manifest_make(&origin, &self->source->overlay, &self->manifest, &self->manifest_size);
  free(kept);
  return error;
}

static ubiq_error *load(making *self, ubiq_compiled **out) {
  ubiq_error *error = artifact_open(self->bytes.data, self->bytes.size, &self->artifact);
  if (error == NULL) error = make_artifact_manifest(self);
  if (error == NULL) {
    const ubiq_compile_options options = options_of(self);
    error = artifact_load(self->artifact, self->manifest, self->manifest_size, &options, out);
  }
  return ubiq_error_wrap(error, "%s", self->source->name);
}

ubiq_error *plugin_source_compile(const plugin_source *source, ubiq_compiled **out) {
  making self = {.source = source};
  ubiq_error *error = read_bytes(&self);
  if (error == NULL)
    error = artifact_recognize(self.bytes.data, self.bytes.size) ? load(&self, out) : compile(&self, out);
  end(&self);
  return error;
}

static ubiq_error *precompile(making *self, uint8_t **bytes, size_t *size) {
  static const call_overlay nothing = {.http_response_bytes = UINT64_MAX, .var_bytes = UINT64_MAX};
  if (artifact_recognize(self->bytes.data, self->bytes.size))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: it is a compiled plugin already", self->source->name);
  ubiq_error *error = find_directory(self);
  if (error == NULL) error = make_directory_absolute(self);
  if (error == NULL) error = make_manifest(self, &nothing, self->directory);
  if (error != NULL) return error;
  const ubiq_compile_options options = options_of(self);
  error = ubiq_precompile((const uint8_t *)self->manifest, self->manifest_size, &options, bytes, size);
  return say_whose(self, hint_at_wasi(self, error));
}

ubiq_error *plugin_source_precompile(const plugin_source *source, uint8_t **bytes, size_t *size) {
  making self = {.source = source};
  ubiq_error *error = read_bytes(&self);
  if (error == NULL) error = precompile(&self, bytes, size);
  end(&self);
  return error;
}
