// What is asked for by an outgoing request: host and path in one form, so that no spelling of them is another subject.
#include "services/permissions/permissions.h"

static bool is_unreserved(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

/// Appends a segment with needless escapes undone and the others in capitals (RFC 3986, section 6.2.2).
static bool append_segment(buffer *out, text segment) {
  bool good = true;
  for (size_t i = 0; good && i < segment.size; i++) {
    int byte = text_percent_byte((text){segment.data + i, segment.size - i});
    if (byte < 0) {
      good = buffer_append_byte(out, (uint8_t)segment.data[i]);
      continue;
    }
    good = is_unreserved(byte) ? buffer_append_byte(out, (uint8_t)byte) : buffer_printf(out, "%%%02X", (unsigned)byte);
    i += 2;
  }
  return good;
}

/// Takes the last segment back, which began at a slash not before `start`.
static void drop_segment(buffer *out, size_t start) {
  while (out->size > start && out->data[out->size - 1] != '/') out->size--;
  if (out->size > start) out->size--;
}

static bool append_path(buffer *out, text path) {
  size_t start = out->size;
  text rest = path, segment;
  text_split(&rest, '/', &segment); // what stands before the first slash: nothing
  bool good = true;
  while (good && text_split(&rest, '/', &segment)) {
    size_t at = out->size;
    good = buffer_append_byte(out, '/') && append_segment(out, segment);
    text said = {(const char *)out->data + at + 1, out->size - at - 1};
    bool is_dot = text_equal(said, TEXT(".")), is_up = text_equal(said, TEXT(".."));
    if (!good || (!is_dot && !is_up)) continue;
    out->size = at;
    if (is_up) drop_segment(out, start);
    if (rest.data == NULL) good = buffer_append_byte(out, '/');
  }
  return good && (out->size > start || buffer_append_byte(out, '/'));
}

bool permission_http_subject(buffer *out, text host, uint16_t port, uint16_t default_port, text path) {
  if (host.size > 0 && host.data[host.size - 1] == '.') host.size--;
  bool good = true;
  for (size_t i = 0; good && i < host.size; i++) {
    char c = host.data[i];
    good = buffer_append_byte(out, (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c));
  }
  if (good && port != default_port) good = buffer_printf(out, ":%u", (unsigned)port);
  return good && append_path(out, path);
}
