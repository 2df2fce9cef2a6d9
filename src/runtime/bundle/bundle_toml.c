// A table has a header, below it the keys whose values are no tables, then the tables in it. In arrays tables stand
// inline. How deep it goes is bounded by what toml_parse takes.
#include "runtime/bundle/bundle_toml.h"

#include "base/text.h"

#include <stdio.h>

static bool write_value(buffer *out, yyjson_mut_val *value);

static text text_in(yyjson_mut_val *string) {
  return (text){yyjson_mut_get_str(string), yyjson_mut_get_len(string)};
}

static bool write_string(buffer *out, text value) {
  bool good = buffer_append_byte(out, '"');
  for (size_t i = 0; good && i < value.size; i++) {
    uint8_t c = (uint8_t)value.data[i];
    if (c == '"' || c == '\\')
      good = buffer_append_byte(out, '\\') && buffer_append_byte(out, c);
    else if (c < ' ' || c == 0x7f)
      good = buffer_printf(out, "\\u%04X", c);
    else
      good = buffer_append_byte(out, c);
  }
  return good && buffer_append_byte(out, '"');
}

static bool is_bare(text key) {
  for (size_t i = 0; i < key.size; i++) {
    char c = key.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
      return false;
  }
  return key.size > 0;
}

static bool write_key(buffer *out, text key) {
  return is_bare(key) ? buffer_append(out, key.data, key.size) : write_string(out, key);
}

/// A number with a fraction needs a point or an exponent to be read as one.
static bool write_real(buffer *out, double number) {
  char digits[40];
  int size = snprintf(digits, sizeof digits, "%.17g", number);
  bool is_plain = strspn(digits, "-0123456789") == (size_t)size;
  return buffer_append_string(out, digits) && (!is_plain || buffer_append_string(out, ".0"));
}

static bool write_array(buffer *out, yyjson_mut_val *array) {
  yyjson_mut_arr_iter items = yyjson_mut_arr_iter_with(array);
  bool good = buffer_append_byte(out, '[');
  for (size_t i = 0; good && yyjson_mut_arr_iter_has_next(&items); i++)
    good = (i == 0 || buffer_append_string(out, ", ")) && write_value(out, yyjson_mut_arr_iter_next(&items));
  return good && buffer_append_byte(out, ']');
}

static bool write_inline(buffer *out, yyjson_mut_val *table) {
  yyjson_mut_obj_iter keys = yyjson_mut_obj_iter_with(table);
  bool good = buffer_append_byte(out, '{');
  for (size_t i = 0; good && yyjson_mut_obj_iter_has_next(&keys); i++) {
    yyjson_mut_val *key = yyjson_mut_obj_iter_next(&keys);
    good = buffer_append_string(out, i == 0 ? " " : ", ") && write_key(out, text_in(key)) &&
           buffer_append_string(out, " = ") && write_value(out, yyjson_mut_obj_iter_get_val(key));
  }
  return good && buffer_append_string(out, " }");
}

static bool write_value(buffer *out, yyjson_mut_val *value) {
  if (yyjson_mut_is_str(value)) return write_string(out, text_in(value));
  if (yyjson_mut_is_bool(value)) return buffer_append_string(out, yyjson_mut_get_bool(value) ? "true" : "false");
  if (yyjson_mut_is_int(value)) return buffer_printf(out, "%lld", (long long)yyjson_mut_get_sint(value));
  if (yyjson_mut_is_real(value)) return write_real(out, yyjson_mut_get_real(value));
  return yyjson_mut_is_arr(value) ? write_array(out, value) : write_inline(out, value);
}

static bool write_plain_keys(buffer *out, yyjson_mut_val *table) {
  yyjson_mut_obj_iter keys = yyjson_mut_obj_iter_with(table);
  bool good = true;
  while (good && yyjson_mut_obj_iter_has_next(&keys)) {
    yyjson_mut_val *key = yyjson_mut_obj_iter_next(&keys), *value = yyjson_mut_obj_iter_get_val(key);
    if (yyjson_mut_is_obj(value)) continue;
    good = write_key(out, text_in(key)) && buffer_append_string(out, " = ") && write_value(out, value) &&
           buffer_append_byte(out, '\n');
  }
  return good;
}

static bool write_header(buffer *out, const buffer *path) {
  return (out->size == 0 || buffer_append_byte(out, '\n')) && buffer_append_byte(out, '[') &&
         buffer_append(out, path->data, path->size) && buffer_append_string(out, "]\n");
}

/// `path` is what leads to the table; empty for the root. It is as it was afterwards.
static bool write_table(buffer *out, buffer *path, yyjson_mut_val *table) {
  if (!write_plain_keys(out, table)) return false;
  yyjson_mut_obj_iter keys = yyjson_mut_obj_iter_with(table);
  size_t size = path->size;
  bool good = true;
  while (good && yyjson_mut_obj_iter_has_next(&keys)) {
    yyjson_mut_val *key = yyjson_mut_obj_iter_next(&keys), *value = yyjson_mut_obj_iter_get_val(key);
    if (!yyjson_mut_is_obj(value)) continue;
    good = (size == 0 || buffer_append_byte(path, '.')) && write_key(path, text_in(key)) && write_header(out, path) &&
           write_table(out, path, value);
    path->size = size;
  }
  return good;
}

bool bundle_toml_write(buffer *out, yyjson_mut_val *root) {
  buffer path = {0};
  bool good = write_table(out, &path, root);
  buffer_free(&path);
  return good;
}
