// Both modes become a list of attributes and the data; from there on they are one.
#include "services/events/event.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/media_type.h"
#include "services/events/event_check.h"
#include "services/work/work_call.h"

#include <sodium.h>

enum { ID_SIZE = 33 };

#define HEAD "{\"specversion\":\"1.0\"" ///< of what is written; the trace stands behind it

typedef struct attribute {
  text name;
  text value;       ///< when `json` is NULL
  yyjson_val *json; ///< a number, true or false
} attribute;

typedef struct reading {
  service_call *call;
  attribute list[EVENT_ATTRIBUTES_MAX];
  size_t count;
  // The data: one of them, or none.
  yyjson_val *data;
  text base64;
  ubiq_bytes bytes; ///< of `is_bytes`
  bool is_bytes;
} reading;

static ubiq_error *add(reading *self, text name, text value, yyjson_val *json) {
  ubiq_error *error = event_check_name(name);
  if (error == NULL && self->count == EVENT_ATTRIBUTES_MAX)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "the event has more than %d attributes", EVENT_ATTRIBUTES_MAX);
  for (size_t i = 0; error == NULL && i < self->count; i++)
    if (text_equal(self->list[i].name, name))
      error = ubiq_error_new(UBIQ_INVALID_INPUT, "%.*s is given twice", (int)name.size, name.data);
  if (error == NULL && json == NULL) error = event_check_text(name, value);
  if (error == NULL) self->list[self->count++] = (attribute){name, value, json};
  return error;
}

static text find(const reading *self, const char *name) {
  for (size_t i = 0; i < self->count; i++)
    if (text_equal_string(self->list[i].name, name)) return self->list[i].value;
  return (text){NULL, 0};
}

// -------------------------------------------------------------------------------------------------------- structured

static ubiq_error *check_base64(text value) {
  buffer bytes = {0};
  text_base64_result result = text_base64_decode(&bytes, value);
  buffer_free(&bytes);
  if (result == TEXT_BASE64_NO_MEMORY) return ubiq_error_no_memory();
  return result == TEXT_BASE64_OK ? NULL : ubiq_error_new(UBIQ_INVALID_INPUT, "data_base64 is no base64");
}

static ubiq_error *take_field(reading *self, text name, yyjson_val *value) {
  const text given = {yyjson_get_str(value), yyjson_get_len(value)};
  if (text_equal_string(name, "data")) {
    self->data = value;
    return NULL;
  }
  if (yyjson_is_null(value)) return NULL; // the same as if it were not there (json-format.md, 2.2)
  if (text_equal_string(name, "data_base64")) {
    self->base64 = given;
    return check_base64(given);
  }
  if (yyjson_is_str(value)) return add(self, name, given, NULL);
  if (!yyjson_is_int(value)) return add(self, name, (text){NULL, 0}, value);
  bool is_negative = yyjson_is_sint(value) && yyjson_get_sint(value) < 0;
  uint64_t size = is_negative ? -(uint64_t)yyjson_get_sint(value) : yyjson_get_uint(value);
  ubiq_error *error = event_check_integer(name, is_negative, size);
  return error != NULL ? error : add(self, name, (text){NULL, 0}, value);
}

static ubiq_error *take_body(reading *self) {
  yyjson_obj_iter iterator = yyjson_obj_iter_with(self->call->body.value);
  ubiq_error *error = NULL;
  for (yyjson_val *key; error == NULL && (key = yyjson_obj_iter_next(&iterator)) != NULL;)
    error = take_field(self, (text){yyjson_get_str(key), yyjson_get_len(key)}, yyjson_obj_iter_get_val(key));
  if (error != NULL || self->data == NULL || self->base64.data == NULL) return error;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "the event has both data and data_base64; expected one of them");
}

// ------------------------------------------------------------------------------------------------------------- binary

/// What a header says: in quotes perhaps, and percent-encoded (http-protocol-binding.md, 3.1.3.2).
static ubiq_error *decode(arena *arena, text value, text *out) {
  char *data = arena_alloc(arena, value.size + 1);
  if (data == NULL) return ubiq_error_no_memory();
  if (value.size > 1 && value.data[0] == '"' && value.data[value.size - 1] == '"') {
    char *plain = arena_alloc(arena, value.size);
    size_t size = 0;
    if (plain == NULL) return ubiq_error_no_memory();
    for (size_t i = 1; i + 1 < value.size; i++) {
      if (value.data[i] == '\\' && i + 2 < value.size) i++;
      plain[size++] = value.data[i];
    }
    value = (text){plain, size};
  }
  *out = (text){data, text_percent_decode(value, data)};
  return NULL;
}

static ubiq_error *take_header(reading *self, const service_field *header) {
  static const text prefix = {"ce-", 3};
  text value;
  if (!text_starts_with(header->name, prefix)) return NULL;
  const text name = {header->name.data + prefix.size, header->name.size - prefix.size};
  if (text_equal_string(name, "datacontenttype"))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "ce-datacontenttype is no header of an event; expected content-type");
  ubiq_error *error = decode(&self->call->arena, header->value, &value);
  return error != NULL ? error : add(self, name, value, NULL);
}

static bool is_plain_json(text media_type) {
  return text_equal_ignoring_case(media_type_name(media_type), TEXT("application/json"));
}

static bool is_of_cloudevents(text media_type) {
  static const text prefix = {"application/cloudevents", sizeof "application/cloudevents" - 1};
  return media_type.size >= prefix.size && text_equal_ignoring_case((text){media_type.data, prefix.size}, prefix);
}

/// The media type of the data as it was said; application/json is what it is by default.
static ubiq_error *take_media_type(reading *self) {
  const service_call *call = self->call;
  text type = call->body.kind == SERVICE_BODY_BYTES ? call->body.media_type : (text){NULL, 0};
  size_t count = 0;
  for (size_t i = 0; i < call->headers_asked_count; i++) {
    if (!text_equal_string(call->headers_asked[i].name, "content-type")) continue;
    type = call->headers_asked[i].value;
    if (++count > 1) return ubiq_error_new(UBIQ_INVALID_INPUT, "content-type is given twice");
  }
  if (call->body.kind == SERVICE_BODY_NONE || type.size == 0 || is_plain_json(type)) return NULL;
  if (is_of_cloudevents(type))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the body is an event in structured mode, which POST /v1/events takes");
  return add(self, TEXT("datacontenttype"), type, NULL);
}

static ubiq_error *take_request(reading *self) {
  const service_call *call = self->call;
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < call->headers_asked_count; i++)
    error = take_header(self, &call->headers_asked[i]);
  if (error == NULL) error = take_media_type(self);
  self->data = call->body.kind == SERVICE_BODY_JSON ? call->body.value : NULL;
  self->is_bytes = call->body.kind == SERVICE_BODY_BYTES;
  self->bytes = call->body.bytes;
  return error;
}

// -------------------------------------------------------------------------------------------------------------- the event

static bool write_key(buffer *out, text name) {
  return buffer_append_byte(out, ',') && json_write_text(out, name) && buffer_append_byte(out, ':');
}

static bool write_attribute(buffer *out, const char *name, text value) {
  return write_key(out, text_of(name)) && json_write_text(out, value);
}

/// What write_head has not written.
static bool write_rest(buffer *out, const reading *self, const event *event) {
  static const char *const written[] = {"specversion", "id", "source", "type", "time"};
  bool good = true;
  for (size_t i = 0; good && i < self->count; i++) {
    const attribute *attribute = &self->list[i];
    bool is_written = event->trace.parent.size > 0 && kept_trace_has_name(attribute->name);
    for (size_t k = 0; k < sizeof written / sizeof written[0]; k++)
      is_written |= text_equal_string(attribute->name, written[k]);
    if (is_written) continue;
    good = write_key(out, attribute->name) &&
           (attribute->json != NULL ? json_write_value(out, attribute->json) : json_write_text(out, attribute->value));
  }
  return good;
}

static bool write_head(buffer *out, const reading *self, const event *event) {
  char now[CLOCK_TEXT_SIZE];
  const text time = find(self, "time");
  clock_format(clock_realtime_ns(), now);
  return buffer_append_string(out, HEAD) && kept_trace_write(out, &event->trace) &&
         write_attribute(out, "id", event->id) && write_attribute(out, "source", event->source) &&
         write_attribute(out, "type", event->type) && write_attribute(out, "time", time.size > 0 ? time : text_of(now));
}

/// Text stays text; other bytes are base64 (json-format.md, 3.1).
static bool write_data(buffer *out, const reading *self) {
  const text bytes = {(const char *)self->bytes.data, self->bytes.size};
  if (self->data != NULL) return json_write_field(out, "data", self->data);
  if (self->base64.data != NULL) return write_attribute(out, "data_base64", self->base64);
  if (!self->is_bytes) return true;
  if (text_starts_with(find(self, "datacontenttype"), TEXT("text/")) && text_utf8_valid(bytes.data, bytes.size))
    return write_attribute(out, "data", bytes);
  return buffer_append_string(out, ",\"data_base64\":\"") && text_base64_encode(out, bytes.data, bytes.size) &&
         buffer_append_byte(out, '"');
}

static ubiq_error *write_event(const reading *self, event *out) {
  buffer json = {0};
  ubiq_error *error = NULL;
  bool good = write_head(&json, self, out) && write_rest(&json, self, out) && write_data(&json, self) &&
              buffer_append_byte(&json, '}');
  if (good && json.size > WORK_PAYLOAD_MAX)
    error = ubiq_error_new(UBIQ_TOO_LARGE, "the event has %zu bytes; expected at most %d", json.size, WORK_PAYLOAD_MAX);
  uint8_t *copy = good && error == NULL ? arena_copy(&self->call->arena, json.data, json.size) : NULL;
  if (error == NULL && copy == NULL) error = ubiq_error_no_memory();
  out->json = (ubiq_bytes){copy, json.size};
  buffer_free(&json);
  return error;
}

static ubiq_error *make_id(arena *arena, text *out) {
  uint8_t bytes[(ID_SIZE - 1) / 2];
  char *id = arena_alloc(arena, ID_SIZE);
  if (id == NULL) return ubiq_error_no_memory();
  randombytes_buf(bytes, sizeof bytes);
  text_hex(bytes, sizeof bytes, id);
  *out = text_of(id);
  return NULL;
}

/// What the event says counts before what its publisher's request or run does.
static kept_trace trace_of(const reading *self) {
  const kept_trace said = {find(self, KEPT_TRACE_PARENT), find(self, KEPT_TRACE_STATE)};
  return said.parent.size > 0 ? said : kept_trace_of(self->call);
}

/// Says what was not said.
static ubiq_error *complete(const reading *self, event *out) {
  service_call *call = self->call;
  *out = (event){.id = find(self, "id"),
                 .source = find(self, "source"),
                 .type = find(self, "type"),
                 .key = find(self, "partitionkey")};
  out->trace = trace_of(self);
  out->is_named = out->id.size > 0;
  if (out->source.size == 0) out->source = call->caller.function;
  if (out->source.size == 0) out->source = TEXT("admin");
  return out->is_named ? NULL : make_id(&call->arena, &out->id);
}

static ubiq_error *read(service_call *call, event *out, ubiq_error *(*take)(reading *self)) {
  reading self; // its list is long, and filled as attributes come
  self.call = call;
  self.count = 0;
  self.data = NULL;
  self.base64 = (text){NULL, 0};
  self.is_bytes = false;
  ubiq_error *error = take(&self);
  if (error == NULL) error = complete(&self, out);
  return error != NULL ? error : write_event(&self, out);
}

ubiq_error *event_read_structured(service_call *call, event *out) {
  return read(call, out, take_body);
}

ubiq_error *event_read_binary(service_call *call, event *out) {
  return read(call, out, take_request);
}

// ---------------------------------------------------------------------------------------------------------- its trace

/// Takes `,"NAME":"VALUE"` from the beginning; the value as it stands there.
static bool take_member(text *rest, const char *begin, text *value) {
  const text head = text_of(begin);
  if (!text_starts_with(*rest, head)) return false;
  size_t end = head.size;
  while (end < rest->size && rest->data[end] != '"') end += rest->data[end] == '\\' ? 2 : 1;
  if (end >= rest->size) return false;
  *value = (text){rest->data + head.size, end - head.size};
  *rest = (text){rest->data + end + 1, rest->size - end - 1};
  return true;
}

bool event_find_trace(ubiq_bytes json, kept_trace *out) {
  text rest = {(const char *)json.data, json.size};
  const text head = TEXT(HEAD);
  *out = (kept_trace){0};
  if (!text_starts_with(rest, head)) return false;
  rest = (text){rest.data + head.size, rest.size - head.size};
  if (!take_member(&rest, ",\"" KEPT_TRACE_PARENT "\":\"", &out->parent)) return false;
  if (!take_member(&rest, ",\"" KEPT_TRACE_STATE "\":\"", &out->state) ||
      memchr(out->state.data, '\\', out->state.size) != NULL)
    out->state = (text){NULL, 0};
  return true;
}
