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
      {"partitionkey", "what is not empty", is_given},
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

/// Takes what stands before the first star of a topic from both; false: the type does not begin with it, or there is no star and it is not all.
static bool take_beginning(text *topic, text *type) {
  const char *star = memchr(topic->data, '*', topic->size);
  size_t size = star == NULL ? topic->size : (size_t)(star - topic->data);
  if (!text_starts_with(*type, (text){topic->data, size})) return false;
  *topic = (text){topic->data + size, topic->size - size};
  *type = (text){type->data + size, type->size - size};
  return star != NULL || type->size == 0;
}

/// Each run of bytes between two stars is looked for once, as far to the left as may be: a long topic costs no more than its length and the
/// type's. What stands behind the last star is to be at the type's end.
bool event_topic_has(text topic, text type) {
  if (!take_beginning(&topic, &type)) return false;
  while (topic.size > 0) {
    topic = (text){topic.data + 1, topic.size - 1};
    const char *star = topic.size == 0 ? NULL : memchr(topic.data, '*', topic.size);
    if (star == NULL) return text_ends_with(type, topic);
    const text part = {topic.data, (size_t)(star - topic.data)};
    const char *found = part.size == 0 ? type.data : memmem(type.data, type.size, part.data, part.size);
    if (found == NULL) return false;
    const char *end = type.data + type.size;
    type = (text){found + part.size, (size_t)(end - found) - part.size};
    topic = (text){star, topic.size - part.size};
  }
  return true;
}
