// The author's ubiq.toml with only the keys changed that say where code is and how it is made. All others go over as they
// are, so that none can be forgotten here.
#include "runtime/bundle/bundle_build.h"

#include "base/file.h"
#include "base/map.h"
#include "base/toml.h"
#include "runtime/bundle/build.h"
#include "runtime/bundle/bundle_pack.h"
#include "runtime/bundle/bundle_pack_files.h"
#include "runtime/bundle/bundle_toml.h"
#include "runtime/bundle/bundle_zstd.h"

#include <assert.h>
#include <stdlib.h>

enum { NAME_PART_BYTES_MAX = 64, DIGEST_DIGITS = 12 };

// ------------------------------------------------------------------------------------------------------- functions

static ubiq_error *pack_made(const project_function *function, const char *file, map *files, bundle_packed *out) {
  ubiq_error *error = function->origin == PROJECT_MANIFEST ? bundle_pack_manifest(files, file, out)
                                                           : bundle_pack_module(files, file, out);
  return ubiq_error_wrap(error, "%s", function->name);
}

/// What is wrong with making it says itself of which function or file it is.
static ubiq_error *pack(const project *project, const project_function *function, map *files, bundle_packed *out) {
  char *file = NULL;
  ubiq_error *error = build_function(project, function, NULL, &file);
  if (error == NULL) error = pack_made(function, file, files, out);
  free(file);
  return error;
}

static bool change_origin(yyjson_mut_doc *document, yyjson_mut_val *table, const bundle_packed *packed) {
  static const char *const replaced[] = {"source", "wasm", "manifest", "build", "stack"};
  for (size_t i = 0; i < sizeof replaced / sizeof replaced[0]; i++) yyjson_mut_obj_remove_key(table, replaced[i]);
  return yyjson_mut_obj_add_strcpy(document, table, packed->origin == PROJECT_WASM ? "wasm" : "manifest", packed->name);
}

/// The project's functions stand in the order of their tables.
static ubiq_error *pack_functions(const project *project, yyjson_mut_doc *document, map *files) {
  yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
  yyjson_mut_obj_iter names = yyjson_mut_obj_iter_with(yyjson_mut_obj_get(root, "functions"));
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < project->functions_count; i++) {
    bundle_packed packed;
    yyjson_mut_val *table = yyjson_mut_obj_iter_get_val(yyjson_mut_obj_iter_next(&names));
    assert(table != NULL);
    error = pack(project, &project->functions[i], files, &packed);
    if (error == NULL && !change_origin(document, table, &packed)) error = ubiq_error_no_memory();
  }
  return error;
}

/// A file with keys goes along; a URL stays one.
static ubiq_error *pack_keys(const project *project, yyjson_mut_doc *document, yyjson_mut_val *root, map *files) {
  static const char name[] = "keys.json";
  if (project->auth == NULL || project->auth->keys == NULL || project->auth->key_host != NULL) return NULL;
  buffer bytes = {0};
  ubiq_error *error = file_read_all(project->auth->keys, JWKS_BYTES_MAX, &bytes);
  if (error != NULL) return error;
  yyjson_mut_val *table = yyjson_mut_obj_get(root, "auth");
  yyjson_mut_obj_remove_key(table, "keys");
  bool good =
      yyjson_mut_obj_add_str(document, table, "keys", name) && map_set(files, text_of(name), bytes.data, bytes.size);
  buffer_free(&bytes);
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *put_settings(yyjson_mut_doc *document, map *files) {
  buffer toml = {0};
  bool good = bundle_toml_write(&toml, yyjson_mut_doc_get_root(document)) &&
              map_set(files, TEXT(PROJECT_FILE), toml.data, toml.size);
  buffer_free(&toml);
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *collect(const project *project, map *files) {
  toml_document *toml = NULL;
  ubiq_error *error = toml_parse(PROJECT_FILE, project->source.data, project->source.size, &toml);
  if (error != NULL) return error;
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_val_mut_copy(document, toml_root(toml).value);
  yyjson_mut_doc_set_root(document, root);
  error = root == NULL ? ubiq_error_no_memory() : pack_functions(project, document, files);
  if (error == NULL) error = bundle_pack_files(project, document, root, files);
  if (error == NULL) error = pack_keys(project, document, root, files);
  if (error == NULL) error = put_settings(document, files);
  yyjson_mut_doc_free(document);
  toml_delete(toml);
  return error;
}

// --------------------------------------------------------------------------------------------------------- the file

static int compare(const void *left, const void *right) {
  return text_compare(((const bundle_file *)left)->name, ((const bundle_file *)right)->name);
}

static bool write_tar(const map *files, buffer *tar) {
  bundle_file *list = calloc(files->count, sizeof *list);
  if (list == NULL) return false;
  for (size_t i = 0; i < files->count; i++) list[i] = (bundle_file){files->entries[i].key, files->entries[i].value};
  qsort(list, files->count, sizeof *list, compare);
  bool good = true;
  for (size_t i = 0; good && i < files->count; i++) good = bundle_tar_append(tar, &list[i]);
  free(list);
  return good && bundle_tar_end(tar);
}

static ubiq_error *check_size(const char *what, size_t size, size_t max) {
  if (size <= max) return NULL;
  return ubiq_error_new(UBIQ_TOO_LARGE, "the bundle has %zu %s; at most %zu are allowed", size, what, max);
}

static ubiq_error *write_bundle(const map *files, buffer *out) {
  buffer tar = {0};
  ubiq_error *error = check_size("files", files->count, BUNDLE_FILES_MAX);
  if (error == NULL && !write_tar(files, &tar)) error = ubiq_error_no_memory();
  if (error == NULL) error = check_size("bytes before it is compressed", tar.size, BUNDLE_UNPACKED_BYTES_MAX);
  if (error == NULL) error = bundle_compress(buffer_bytes(&tar), out);
  if (error == NULL) error = check_size("bytes", out->size, BUNDLE_BYTES_MAX);
  buffer_free(&tar);
  return error;
}

/// What a file name can hold everywhere: other characters become '-', and it begins with no '.'.
static bool append_name_part(buffer *out, const char *part) {
  bool good = true;
  for (size_t i = 0; good && part[i] != '\0' && i < NAME_PART_BYTES_MAX; i++) {
    char c = part[i];
    bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c == '.' && i > 0);
    good = buffer_append_byte(out, (uint8_t)(is_plain ? c : '-'));
  }
  return good;
}

static char *make_file_name(const project *project, const char *digest) {
  buffer name = {0};
  bool good = append_name_part(&name, project->name) && buffer_append_byte(&name, '-') &&
              append_name_part(&name, project->version) &&
              buffer_printf(&name, "-%.*s" BUNDLE_SUFFIX, DIGEST_DIGITS, digest);
  char *taken = good ? buffer_take_string(&name) : NULL;
  buffer_free(&name);
  return taken;
}

ubiq_error *bundle_build(const project *project, bundle_built *out) {
  map files = {0};
  *out = (bundle_built){0};
  ubiq_error *error = collect(project, &files);
  if (error == NULL) error = write_bundle(&files, &out->bytes);
  if (error == NULL) {
    digest_sha256_hex(out->bytes.data, out->bytes.size, out->digest);
    out->file_name = make_file_name(project, out->digest);
    if (out->file_name == NULL) error = ubiq_error_no_memory();
  }
  if (error != NULL) bundle_built_free(out);
  map_free(&files);
  return error;
}

void bundle_built_free(bundle_built *self) {
  buffer_free(&self->bytes);
  free(self->file_name);
  self->file_name = NULL;
}
