#include "services/page.h"

#include <sodium.h>

bool page_end(buffer *out, bool is_more, text last) {
  if (!is_more) return buffer_append_string(out, "]}");
  bool good = buffer_append_string(out, "],\"cursor\":\"");
  for (size_t i = 0; good && i < last.size; i++) good = buffer_printf(out, "%02x", (unsigned char)last.data[i]);
  return good && buffer_append_string(out, "\"}");
}

ubiq_error *page_read_cursor(service_call *call, const service_param *cursor, size_t size_max, text *key) {
  const text digits = cursor->text;
  size_t size = 0;
  bool good = digits.size > 0 && digits.size / 2 <= size_max;
  unsigned char *bytes = good ? arena_alloc(&call->arena, digits.size / 2 + 1) : NULL;
  if (good && bytes == NULL) return ubiq_error_no_memory();
  good = good && sodium_hex2bin(bytes, digits.size / 2, digits.data, digits.size, NULL, &size, NULL) == 0 &&
         size * 2 == digits.size;
  if (!good) return ubiq_error_new(UBIQ_INVALID_INPUT, "cursor is none of ours; expected the last answer's `cursor`");
  *key = (text){(const char *)bytes, size};
  return NULL;
}
