// A manifest is read twice: as one, which checks it and loads its modules, and as JSON values, in which only what says
// where modules are is changed. So nothing that manifests learn to say can be lost here.
#include "runtime/bundle/bundle_pack.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/toml.h"
#include "engine/engine.h"
#include "engine/wasm/wasm.h"
#include "plugin/manifest/manifest.h"
#include "runtime/bundle/bundle.h"

#include <stdio.h>
#include <stdlib.h>

static ubiq_error *put(map *files, const char *form, const void *data, size_t size, char *name) {
  char digest[DIGEST_SHA256_HEX_SIZE];
  digest_sha256_hex(data, size, digest);
  snprintf(name, BUNDLE_NAME_BYTES_MAX + 1, form, digest);
  return map_set(files, text_of(name), data, size) ? NULL : ubiq_error_no_memory();
}

// --------------------------------------------------------------------------------------------------------- modules

static ubiq_error *assemble(buffer *bytes) {
  uint8_t *wasm = NULL;
  size_t size = 0;
  ubiq_error *error = engine_wat_to_wasm((const char *)bytes->data, bytes->size, &wasm, &size);
  if (error != NULL) return error;
  buffer_clear(bytes);
  bool good = buffer_append(bytes, wasm, size);
  free(wasm);
  return good ? NULL : ubiq_error_no_memory();
}

/// What is neither is left to those who compile it: they say best what is wrong.
static bool is_text_form(const buffer *bytes) {
  return bytes->size > 0 && bytes->data[0] != 0 && manifest_looks_like_wasm(bytes->data, bytes->size);
}

static ubiq_error *put_module(map *files, buffer *bytes, char *name) {
  ubiq_error *error = is_text_form(bytes) ? assemble(bytes) : NULL;
  return error != NULL ? error : put(files, "modules/%s.wasm", bytes->data, bytes->size, name);
}

ubiq_error *bundle_pack_module(map *files, const char *path, bundle_packed *out) {
  buffer bytes = {0};
  ubiq_error *error = file_read_all(path, BUNDLE_UNPACKED_BYTES_MAX, &bytes);
  if (error == NULL) error = ubiq_error_wrap(put_module(files, &bytes, out->name), "%s", path);
  buffer_free(&bytes);
  out->origin = PROJECT_WASM;
  return error;
}

// ------------------------------------------------------------------------------------------------------- manifests

/// A manifest under way.
typedef struct draft {
  map *files;
  const char *path;
  char *directory; ///< where its relative paths start
  const manifest *manifest;
  yyjson_mut_doc *document; ///< the same
} draft;

static ubiq_error *check(const draft *self) {
  const manifest *manifest = self->manifest;
  for (size_t i = 0; i < manifest->modules_count; i++)
    if (manifest->modules[i].kind == MANIFEST_URL)
      return ubiq_error_new(UBIQ_DENIED,
                            "%s: a module is at %s; expected a file, because a bundle holds all that it runs",
                            self->path, manifest->modules[i].location);
  if (manifest->allowed_hosts_count == 0 && manifest->allowed_paths_count == 0) return NULL;
  return ubiq_error_new(UBIQ_DENIED, "%s: has \"%s\"; expected none in the manifests of a bundle", self->path,
                        manifest->allowed_hosts_count > 0 ? "allowed_hosts" : "allowed_paths");
}

static ubiq_error *copy_document(yyjson_mut_doc *document, const char *path, const buffer *bytes) {
  text whole = text_trim((text){(const char *)bytes->data, bytes->size});
  yyjson_doc *json = NULL;
  toml_document *toml = NULL;
  ubiq_error *error = text_starts_with(whole, TEXT("{")) ? json_parse(path, bytes->data, bytes->size, &json)
                                                         : toml_parse(path, bytes->data, bytes->size, &toml);
  if (error != NULL) return error;
  yyjson_val *root = json != NULL ? yyjson_doc_get_root(json) : toml_root(toml).value;
  yyjson_mut_val *copy = yyjson_val_mut_copy(document, root);
  yyjson_mut_doc_set_root(document, copy);
  yyjson_doc_free(json);
  toml_delete(toml);
  return copy == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *change_module(draft *self, const manifest_module *module, yyjson_mut_val *object) {
  char name[BUNDLE_NAME_BYTES_MAX + 1];
  buffer bytes = {0};
  const manifest_loader loader = {.directory = self->directory, .bytes_max = BUNDLE_UNPACKED_BYTES_MAX};
  ubiq_error *error = manifest_module_load(module, &loader, &bytes);
  if (error == NULL) error = put_module(self->files, &bytes, name);
  if (error == NULL) {
    // A hash was checked against the author's bytes, and may be of a text form.
    char digest[DIGEST_SHA256_HEX_SIZE];
    digest_sha256_hex(bytes.data, bytes.size, digest);
    yyjson_mut_obj_remove_key(object, "data");
    yyjson_mut_obj_remove_key(object, "path");
    yyjson_mut_obj_remove_key(object, "hash");
    bool good = yyjson_mut_obj_add_strcpy(self->document, object, "path", name) &&
                (module->hash == NULL || yyjson_mut_obj_add_strcpy(self->document, object, "hash", digest));
    if (!good) error = ubiq_error_no_memory();
  }
  buffer_free(&bytes);
  return ubiq_error_wrap(error, "%s", self->path);
}

static ubiq_error *change(draft *self) {
  yyjson_mut_val *root = yyjson_mut_doc_get_root(self->document);
  yyjson_mut_arr_iter modules = yyjson_mut_arr_iter_with(yyjson_mut_obj_get(root, "wasm"));
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < self->manifest->modules_count; i++)
    error = change_module(self, &self->manifest->modules[i], yyjson_mut_arr_iter_next(&modules));
  yyjson_mut_obj_remove_key(root, "allowed_hosts"); // which say that there are none
  yyjson_mut_obj_remove_key(root, "allowed_paths");
  return error;
}

static ubiq_error *write(const draft *self, char *name) {
  size_t size = 0;
  char *json = yyjson_mut_write(self->document, 0, &size);
  ubiq_error *error = json == NULL ? ubiq_error_no_memory() : put(self->files, "manifest-%s.json", json, size, name);
  free(json);
  return error;
}

static ubiq_error *pack_bytes(map *files, const char *path, const buffer *bytes, char *name) {
  draft self = {
      .files = files, .path = path, .directory = file_path_directory(path), .document = yyjson_mut_doc_new(NULL)};
  const manifest_options options = {.name = path};
  ubiq_error *error = self.directory == NULL || self.document == NULL ? ubiq_error_no_memory() : NULL;
  if (error == NULL) error = manifest_parse(bytes->data, bytes->size, &options, &self.manifest);
  if (error == NULL) error = check(&self);
  if (error == NULL) error = copy_document(self.document, path, bytes);
  if (error == NULL) error = change(&self);
  if (error == NULL) error = write(&self, name);
  manifest_delete(self.manifest);
  yyjson_mut_doc_free(self.document);
  free(self.directory);
  return error;
}

ubiq_error *bundle_pack_manifest(map *files, const char *path, bundle_packed *out) {
  buffer bytes = {0};
  ubiq_error *error = file_read_all(path, BUNDLE_UNPACKED_BYTES_MAX, &bytes);
  bool is_module = error == NULL && manifest_looks_like_wasm(bytes.data, bytes.size);
  if (is_module)
    error = ubiq_error_wrap(put_module(files, &bytes, out->name), "%s", path);
  else if (error == NULL)
    error = pack_bytes(files, path, &bytes, out->name);
  buffer_free(&bytes);
  out->origin = is_module ? PROJECT_WASM : PROJECT_MANIFEST;
  return error;
}
