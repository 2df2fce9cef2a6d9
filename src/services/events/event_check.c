#include "services/events/event_check.h"

#include "base/clock.h"
#include "services/events/event.h"
#include "services/service.h"

enum { SHOWN_BYTES_MAX = 64 };

ubiq_error *event_check_name(text name) {
  size_t size = 0;
  while (size < name.size && strchr("abcdefghijklmnopqrstuvwxyz0123456789", name.data[size]) != NULL &&
         name.data[size] != '\0')
    size++;
  if (text_equal(name, TEXT("data")))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "\"data\" is no name of an attribute: it is the event's content");
  if (size == name.size && size > 0 && size <= EVENT_ATTRIBUTE_NAME_MAX) return NULL;
  name = text_cut(name, SHOWN_BYTES_MAX);
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "\"%.*s\" is no name of an attribute; expected 1 to %d lower-case letters and digits",
                        (int)name.size, name.data, EVENT_ATTRIBUTE_NAME_MAX);
}

/// C0, DEL and C1, which is two bytes in UTF-8.
static bool has_control(text value) {
  for (size_t i = 0; i < value.size; i++) {
    const uint8_t byte = (uint8_t)value.data[i], next = i + 1 < value.size ? (uint8_t)value.data[i + 1] : 0;
    if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next >= 0x80 && next < 0xa0)) return true;
  }
  return false;
}

/// As RFC 3986 has them, and what is not ASCII as RFC 3987 does.
static bool is_uri_reference(text value) {
  for (size_t i = 0; i < value.size; i++) {
    const text rest = {value.data + i, value.size - i};
    if (strchr(" \"<>\\^`{|}", value.data[i]) != NULL) return false;
    if (value.data[i] == '%' && text_percent_byte(rest) < 0) return false;
  }
  return value.size > 0;
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_uri(text value) {
  size_t size = 0;
  while (size < value.size && (is_letter(value.data[size]) || strchr("0123456789+-.", value.data[size]) != NULL))
    size++;
  return size > 0 && size < value.size && is_letter(value.data[0]) && value.data[size] == ':' &&
         is_uri_reference(value);
}

static bool is_token(text value) {
  for (size_t i = 0; i < value.size; i++)
    if (value.data[i] <= ' ' || value.data[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?=", value.data[i]) != NULL)
      return false;
  return value.size > 0;
}

/// Its parameters are whatever stands behind the semicolon.
static bool is_media_type(text value) {
  text rest = value, type, kind;
  text_split(&rest, ';', &type);
  rest = text_trim(type);
  return text_split(&rest, '/', &kind) && rest.data != NULL && is_token(kind) && is_token(rest);
}

static bool is_time(text value) {
  int64_t unix_ms;
  return clock_parse(value, &unix_ms);
}

static bool is_version(text value) {
  return text_equal(value, TEXT("1.0"));
}

static bool is_given(text value) {
  return value.size > 0;
}

ubiq_error *event_check_text(text name, text value) {
  static const struct {
    const char *name, *expected;
    bool (*is_good)(text value);
  } known[] = {
      {"specversion", "1.0", is_version},
      {"id", "what is not empty", is_given},
      {"type", "what is not empty", is_given},
      {"subject", "what is not empty", is_given},
      {"source", "a URI reference", is_uri_reference},
      {"dataschema", "a URI with a scheme", is_uri},
      {"datacontenttype", "a media type", is_media_type},
      {"time", CLOCK_TEXT_FORM, is_time},
  };
  if (!text_utf8_valid(value.data, value.size)) return service_wrong_value(name, value, "UTF-8");
  if (has_control(value)) return service_wrong_value(name, value, "no control characters");
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (text_equal_string(name, known[i].name) && !known[i].is_good(value))
      return service_wrong_value(name, value, known[i].expected);
  return NULL;
}

ubiq_error *event_check_integer(text name, bool is_negative, uint64_t size) {
  if (size <= (uint64_t)INT32_MAX + is_negative) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%.*s is a number of more than 32 bits", (int)name.size, name.data);
}

ubiq_error *event_check_topic(const char *what, text topic) {
  const text name = text_of(what);
  if (has_control(topic)) return service_wrong_value(name, topic, "no control characters");
  for (size_t i = 0; i < topic.size; i++) {
    if (strchr("?[]\\", topic.data[i]) != NULL) return service_wrong_value(name, topic, "no wildcard but *");
    if (topic.data[i] == '*' && i + 1 < topic.size && topic.data[i + 1] == '*')
      return service_wrong_value(name, topic, "no ** but *, which is any run of bytes");
  }
  return NULL;
}

/// What fails behind a star is tried again with that star one byte longer; the stars before it need no more.
bool event_topic_has(text topic, text type) {
  size_t at = 0, star = SIZE_MAX, resume = 0;
  for (size_t i = 0; i < type.size || (at < topic.size && topic.data[at] == '*');) {
    if (at < topic.size && topic.data[at] == '*') {
      star = at++;
      resume = i;
    } else if (at < topic.size && topic.data[at] == type.data[i]) {
      at++;
      i++;
    } else if (star != SIZE_MAX) {
      at = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  return at == topic.size;
}
