#include "server/telemetry/otlp_json_parts.h"

#include "ubiq/version.h"

#include <stdio.h>

char *otlp_json_print(otlp_document *doc, size_t *size) {
  char *text = doc == NULL ? NULL : yyjson_mut_write(doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE, size);
  yyjson_mut_doc_free(doc);
  return text;
}

void otlp_json_number(otlp_document *doc, otlp_value *object, const char *key, uint64_t number) {
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
  yyjson_mut_obj_add_strcpy(doc, object, key, digits);
}

otlp_value *otlp_json_attribute(otlp_document *doc, otlp_value *attributes, const char *key) {
  otlp_value *attribute = yyjson_mut_arr_add_obj(doc, attributes);
  yyjson_mut_obj_add_str(doc, attribute, "key", key);
  return yyjson_mut_obj_add_obj(doc, attribute, "value");
}

void otlp_json_text(otlp_document *doc, otlp_value *attributes, const char *key, const char *text) {
  yyjson_mut_obj_add_strcpy(doc, otlp_json_attribute(doc, attributes, key), "stringValue", text);
}

void otlp_json_integer(otlp_document *doc, otlp_value *attributes, const char *key, uint64_t number) {
  otlp_json_number(doc, otlp_json_attribute(doc, attributes, key), "intValue", number);
}

otlp_value *otlp_json_begin(otlp_document *doc, const char *resources, const char *scopes, const char *items) {
  otlp_value *root = yyjson_mut_obj(doc);
  yyjson_mut_doc_set_root(doc, root);
  otlp_value *resource = yyjson_mut_arr_add_obj(doc, yyjson_mut_obj_add_arr(doc, root, resources));
  otlp_value *described = yyjson_mut_obj_add_obj(doc, resource, "resource");
  otlp_value *attributes = yyjson_mut_obj_add_arr(doc, described, "attributes");
  otlp_json_text(doc, attributes, "service.name", "ubiq");
  otlp_json_text(doc, attributes, "service.version", UBIQ_VERSION);
  otlp_value *scope = yyjson_mut_arr_add_obj(doc, yyjson_mut_obj_add_arr(doc, resource, scopes));
  otlp_value *speaker = yyjson_mut_obj_add_obj(doc, scope, "scope");
  yyjson_mut_obj_add_str(doc, speaker, "name", "ubiq");
  yyjson_mut_obj_add_str(doc, speaker, "version", UBIQ_VERSION);
  return yyjson_mut_obj_add_arr(doc, scope, items);
}
