// Views of text: comparing, splitting, encoding. Globs are in text_glob.c, nearest names in text_nearest.c.
#include "base/text.h"

#include <sodium.h>
#include <strings.h>

bool text_equal(text a, text b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool text_equal_string(text a, const char *b) {
  return text_equal(a, text_of(b));
}

bool text_equal_ignoring_case(text a, text b) {
  return a.size == b.size && (a.size == 0 || strncasecmp(a.data, b.data, a.size) == 0);
}

int text_compare(text a, text b) {
  size_t shorter = a.size < b.size ? a.size : b.size;
  int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
  return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool text_starts_with(text value, text prefix) {
  return value.size >= prefix.size && text_equal((text){value.data, prefix.size}, prefix);
}

bool text_ends_with(text value, text suffix) {
  return value.size >= suffix.size && text_equal((text){value.data + (value.size - suffix.size), suffix.size}, suffix);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

text text_trim(text value) {
  while (value.size > 0 && is_blank(value.data[0])) value = (text){value.data + 1, value.size - 1};
  while (value.size > 0 && is_blank(value.data[value.size - 1])) value.size--;
  return value;
}

bool text_split(text *rest, char separator, text *part) {
  if (rest->data == NULL) return false;
  const char *end = memchr(rest->data, separator, rest->size);
  if (end == NULL) {
    *part = *rest;
    *rest = (text){NULL, 0};
    return true;
  }
  *part = (text){rest->data, (size_t)(end - rest->data)};
  *rest = (text){end + 1, rest->size - part->size - 1};
  return true;
}

bool text_to_u64(text value, uint64_t *number) {
  uint64_t result = 0;
  for (size_t i = 0; i < value.size; i++) {
    if (value.data[i] < '0' || value.data[i] > '9') return false;
    uint64_t digit = (uint64_t)(value.data[i] - '0');
    if (result > (UINT64_MAX - digit) / 10) return false;
    result = result * 10 + digit;
  }
  *number = result;
  return value.size > 0;
}

/// The size of the well-formed UTF-8 character at the start of the bytes (the table of RFC 3629); 0 when there is none.
static size_t utf8_size(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  uint8_t first = data[0];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;

  size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (size < length) return 0;
  uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (data[1] < low || data[1] > high) return 0;
  for (size_t i = 2; i < length; i++) {
    if ((data[i] & 0xc0) != 0x80) return 0;
  }
  return length;
}

text text_cut(text value, size_t size_max) {
  enum { FOLLOWING_MAX = 3 }; // bytes of a character behind its first
  size_t size = size_max;
  if (value.size <= size_max) return value;
  while (size > 0 && size_max - size < FOLLOWING_MAX && ((uint8_t)value.data[size] & 0xc0) == 0x80) size--;
  return (text){value.data, size};
}

// How many of the first bytes are seven bits wide, eight by eight.
static size_t ascii_size(const uint8_t *at, size_t size) {
  size_t found = 0;
  uint64_t eight;
  for (; size - found >= sizeof eight; found += sizeof eight) {
    memcpy(&eight, at + found, sizeof eight);
    if (eight & UINT64_C(0x8080808080808080)) break;
  }
  return found;
}

bool text_utf8_valid(const void *data, size_t size) {
  const uint8_t *at = data;
  while (size > 0) {
    const size_t plain = ascii_size(at, size);
    const size_t length = plain < size ? utf8_size(at + plain, size - plain) : 0;
    if (plain < size && length == 0) return false;
    at += plain + length;
    size -= plain + length;
  }
  return true;
}

bool text_base64_encode(buffer *out, const void *data, size_t size) {
  if (size > SIZE_MAX / 4) return false;
  size_t encoded = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL); // its NUL included
  if (!buffer_reserve(out, encoded)) return false;
  sodium_bin2base64((char *)out->data + out->size, encoded, data, size, sodium_base64_VARIANT_ORIGINAL);
  out->size += encoded - 1;
  return true;
}

text_base64_result text_base64_decode(buffer *out, text base64) {
  if (base64.size % 4 != 0) return TEXT_BASE64_INVALID;
  if (base64.size == 0) return TEXT_BASE64_OK;
  size_t decoded_max = base64.size / 4 * 3;
  if (!buffer_reserve(out, decoded_max)) return TEXT_BASE64_NO_MEMORY;
  size_t decoded = 0;
  if (sodium_base642bin(out->data + out->size, decoded_max, base64.data, base64.size, NULL, &decoded, NULL,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    return TEXT_BASE64_INVALID;
  }
  out->size += decoded;
  return TEXT_BASE64_OK;
}

/// Appends a byte that may not be shown as it is.
static bool escape_byte(buffer *out, uint8_t byte) {
  switch (byte) {
  case '\n': return buffer_append_string(out, "\\n");
  case '\r': return buffer_append_string(out, "\\r");
  case '\t': return buffer_append_string(out, "\\t");
  default: return buffer_printf(out, "\\x%02x", byte);
  }
}

/// Whether a well-formed character is a control character: C0, DEL, or C1 (U+0080 to U+009F, which terminals obey too).
static bool is_control(const uint8_t *at, size_t length) {
  return length == 1 ? at[0] < 0x20 || at[0] == 0x7f : length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
}

/// The size of the longest start of the bytes that may be shown as it is.
static size_t plain_size(const uint8_t *at, size_t size) {
  size_t plain = 0;
  for (;;) {
    size_t length = utf8_size(at + plain, size - plain);
    if (length == 0 || is_control(at + plain, length)) return plain;
    plain += length;
  }
}

bool text_escape(buffer *out, text value) {
  const uint8_t *at = (const uint8_t *)value.data;
  for (size_t left = value.size; left > 0;) {
    size_t plain = plain_size(at, left);
    if (!buffer_append(out, at, plain)) return false;
    at += plain;
    left -= plain;

    size_t escaped = left == 0 ? 0 : utf8_size(at, left);
    if (escaped == 0 && left > 0) escaped = 1;
    for (size_t i = 0; i < escaped; i++) {
      if (!escape_byte(out, at[i])) return false;
    }
    at += escaped;
    left -= escaped;
  }
  return true;
}

void text_hex(const void *data, size_t size, char *out) {
  static const char digits[] = "0123456789abcdef";
  const uint8_t *bytes = data;
  for (size_t i = 0; i < size; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
  out[2 * size] = '\0';
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_percent_byte(text value) {
  int high = value.size >= 3 && value.data[0] == '%' ? hex_digit(value.data[1]) : -1;
  int low = high < 0 ? -1 : hex_digit(value.data[2]);
  return low < 0 ? -1 : high * 16 + low;
}

size_t text_percent_decode(text value, char *out) {
  size_t written = 0;
  for (size_t i = 0; i < value.size; i++) {
    int escaped = text_percent_byte((text){value.data + i, value.size - i});
    out[written++] = escaped < 0 ? value.data[i] : (char)escaped;
    if (escaped >= 0) i += 2;
  }
  return written;
}
