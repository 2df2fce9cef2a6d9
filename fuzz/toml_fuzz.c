// Fuzzes what reads TOML: any bytes give values or an error with a place, and every value can be found again.
//
// Run: make fuzz, or build/fuzz/fuzz/toml_fuzz fuzz/corpus/toml_fuzz
#include "base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES_MAX = 1000 }; ///< values looked at in one input

/// Asks for an error about each value, which looks up the place of each.
static void visit(const json_value *value, unsigned *left) {
  if (*left == 0) return;
  --*left;
  ubiq_error_delete(json_wrong(value, "something else"));
  json_value field = {0};
  while (yyjson_is_obj(value->value) && json_next_field(value, &field)) visit(&field, left);
  json_value item = {0};
  while (yyjson_is_arr(value->value) && json_next_item(value, &item)) visit(&item, left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  toml_document *document = NULL;
  ubiq_error *error = toml_parse("fuzz.toml", data, size, &document);
  if (error == NULL) {
    json_value root = toml_root(document);
    unsigned left = VALUES_MAX;
    visit(&root, &left);
    toml_delete(document);
  }
  ubiq_error_delete(error);
  return 0;
}
