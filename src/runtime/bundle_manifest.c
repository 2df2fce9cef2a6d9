// Paths are looked up among the bundle's files, as they are: none is taken apart or handed on.
#include "runtime/bundle_manifest.h"

#include "base/json.h"

#include <stdlib.h>

static ubiq_error *find(const bundle *bundle, const json_value *path, ubiq_bytes *content) {
  text name;
  ubiq_error *error = json_get_text(path, &name);
  if (error != NULL) return error;
  return bundle_find(bundle, name, content) ? NULL : json_wrong(path, "a file of the bundle");
}

static ubiq_error *put_data(yyjson_mut_doc *document, yyjson_mut_val *module, ubiq_bytes content) {
  buffer base64 = {0};
  yyjson_mut_obj_remove_key(module, "path");
  bool good = text_base64_encode(&base64, content.data, content.size) &&
              yyjson_mut_obj_add_strncpy(document, module, "data", base64.data == NULL ? "" : (const char *)base64.data,
                                         base64.size);
  buffer_free(&base64);
  return good ? NULL : ubiq_error_no_memory();
}

/// `root` is what is read, `copy` the same, to be changed.
static ubiq_error *fill(const bundle *bundle, const json_value *root, yyjson_mut_doc *document, yyjson_mut_val *copy) {
  json_value modules = json_field(root, "wasm"), module = {0};
  yyjson_mut_arr_iter copies = yyjson_mut_arr_iter_with(yyjson_mut_obj_get(copy, "wasm"));
  ubiq_error *error = json_is_absent(&modules) ? NULL : json_expect_array(&modules);
  while (error == NULL && json_next_item(&modules, &module)) {
    yyjson_mut_val *changed = yyjson_mut_arr_iter_next(&copies);
    ubiq_bytes content;
    error = json_expect_object(&module);
    json_value path = json_field(&module, "path");
    if (error != NULL || path.value == NULL) continue;
    error = find(bundle, &path, &content);
    if (error == NULL) error = put_data(document, changed, content);
  }
  return error;
}

static ubiq_error *resolve(const bundle *bundle, const char *name, yyjson_doc *read, char **json, size_t *size) {
  const json_source source = {.name = name};
  json_value root = json_root(&source, yyjson_doc_get_root(read));
  ubiq_error *error = json_expect_object(&root);
  if (error != NULL) return error;
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *copy = yyjson_val_mut_copy(document, root.value);
  yyjson_mut_doc_set_root(document, copy);
  error = copy == NULL ? ubiq_error_no_memory() : fill(bundle, &root, document, copy);
  if (error == NULL) {
    *json = yyjson_mut_write(document, 0, size);
    if (*json == NULL) error = ubiq_error_no_memory();
  }
  yyjson_mut_doc_free(document);
  return error;
}

ubiq_error *bundle_manifest_read(const bundle *bundle, const char *name, char **json, size_t *size) {
  ubiq_bytes bytes;
  if (!bundle_find(bundle, text_of(name), &bytes))
    return ubiq_error_new(UBIQ_NOT_FOUND, "manifest is \"%s\"; expected a file of the bundle", name);
  yyjson_doc *read = NULL;
  ubiq_error *error = json_parse(name, bytes.data, bytes.size, &read);
  if (error == NULL) error = resolve(bundle, name, read, json, size);
  yyjson_doc_free(read);
  return error;
}
