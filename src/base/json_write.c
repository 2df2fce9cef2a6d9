// Strings are copied in runs that need no escape, which is most of them whole.
#include "base/json_write.h"

#include <stdlib.h>

static bool is_plain(unsigned char c) {
  return c >= 0x20 && c != '"' && c != '\\';
}

static size_t plain_size(text value) {
  size_t size = 0;
  while (size < value.size && is_plain((unsigned char)value.data[size])) size++;
  return size;
}

static bool write_escape(buffer *out, unsigned char c) {
  switch (c) {
  case '"': return buffer_append_string(out, "\\\"");
  case '\\': return buffer_append_string(out, "\\\\");
  case '\n': return buffer_append_string(out, "\\n");
  case '\r': return buffer_append_string(out, "\\r");
  case '\t': return buffer_append_string(out, "\\t");
  default: return buffer_printf(out, "\\u%04x", c);
  }
}

static bool write_utf8(buffer *out, text value) {
  bool good = buffer_append_byte(out, '"');
  while (good && value.size > 0) {
    size_t plain = plain_size(value);
    good = buffer_append(out, value.data, plain);
    if (plain < value.size) good = good && write_escape(out, (unsigned char)value.data[plain++]);
    value.data += plain;
    value.size -= plain;
  }
  return good && buffer_append_byte(out, '"');
}

bool json_write_text(buffer *out, text value) {
  if (text_utf8_valid(value.data, value.size)) return write_utf8(out, value);
  buffer escaped = {0};
  bool good = text_escape(&escaped, value) && write_utf8(out, (text){(const char *)escaped.data, escaped.size});
  buffer_free(&escaped);
  return good;
}

bool json_write_value(buffer *out, yyjson_val *value) {
  size_t size = 0;
  char *json = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &size);
  bool good = json != NULL && buffer_append(out, json, size);
  free(json);
  return good;
}

bool json_write_field(buffer *out, const char *key, yyjson_val *value) {
  return value == NULL || (buffer_append_byte(out, ',') && json_write_text(out, text_of(key)) &&
                           buffer_append_byte(out, ':') && json_write_value(out, value));
}
