// Publishing: an event is completed, and becomes an item for each subscription that it matches.
#include "services/events.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "services/operations.h"
#include "services/work_call.h"

#include <sodium.h>
#include <stdio.h>

enum { ID_SIZE = 33, EXTENSION_NAME_MAX = 20 };

/// An event's attributes that the host sees to; the rest is written as it came.
typedef struct event {
  text id, source, type, key;
  text time; ///< empty: now
} event;

// ------------------------------------------------------------------------------------------------------- the event

static text json_text(yyjson_val *object, const char *key) {
  yyjson_val *value = yyjson_obj_get(object, key);
  return value == NULL ? (text){NULL, 0} : (text){yyjson_get_str(value), yyjson_get_len(value)};
}

static ubiq_error *check_time(text time) {
  int64_t unix_ms;
  if (time.size == 0 || clock_parse(time, &unix_ms)) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "time is \"%.*s\"; expected " CLOCK_TEXT_FORM,
                        (int)(time.size < 64 ? time.size : 64), time.data);
}

/// Names of attributes are lower-case letters and digits (CloudEvents 1.0, 3.1).
static ubiq_error *check_names(yyjson_val *body) {
  yyjson_obj_iter iterator = yyjson_obj_iter_with(body);
  for (yyjson_val *key = yyjson_obj_iter_next(&iterator); key != NULL; key = yyjson_obj_iter_next(&iterator)) {
    const char *name = yyjson_get_str(key);
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
    if ((size == yyjson_get_len(key) && size > 0 && size <= EXTENSION_NAME_MAX) || strcmp(name, "data_base64") == 0)
      continue;
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "\"%.40s\" is no name of an attribute; expected 1 to %d lower-case letters and digits", name,
                          EXTENSION_NAME_MAX);
  }
  if (yyjson_obj_get(body, "data") == NULL || yyjson_obj_get(body, "data_base64") == NULL) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "the event has both data and data_base64; expected one of them");
}

/// Says what was not said.
static ubiq_error *complete(service_call *call, event *event) {
  if (event->id.size == 0) {
    uint8_t bytes[(ID_SIZE - 1) / 2];
    char *id = arena_alloc(&call->arena, ID_SIZE);
    if (id == NULL) return ubiq_error_no_memory();
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(id, ID_SIZE, bytes, sizeof bytes);
    event->id = text_of(id);
  }
  if (event->source.size == 0) event->source = call->caller.function;
  if (event->source.size == 0) event->source = TEXT("admin");
  return NULL;
}

static bool write_attribute(buffer *out, const char *name, text value) {
  return value.size == 0 || (buffer_append_string(out, ",\"") && buffer_append_string(out, name) &&
                             buffer_append_string(out, "\":") && json_write_text(out, value));
}

static bool write_head(buffer *out, const event *event) {
  char now[CLOCK_TEXT_SIZE];
  clock_format(clock_realtime_ns(), now);
  return buffer_append_string(out, "{\"specversion\":\"1.0\"") && write_attribute(out, "id", event->id) &&
         write_attribute(out, "source", event->source) && write_attribute(out, "type", event->type) &&
         write_attribute(out, "time", event->time.size > 0 ? event->time : text_of(now)) &&
         write_attribute(out, "partitionkey", event->key);
}

/// What of a structured event write_head has not written.
static bool write_rest(buffer *out, yyjson_val *body) {
  static const char *const written[] = {"specversion", "id", "source", "type", "time", "partitionkey"};
  yyjson_obj_iter iterator = yyjson_obj_iter_with(body);
  bool good = true;
  for (yyjson_val *key = yyjson_obj_iter_next(&iterator); good && key != NULL; key = yyjson_obj_iter_next(&iterator)) {
    bool is_written = false;
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++)
      is_written |= strcmp(yyjson_get_str(key), written[i]) == 0;
    if (!is_written) good = json_write_field(out, yyjson_get_str(key), yyjson_obj_iter_get_val(key));
  }
  return good;
}

static bool write_data(buffer *out, const service_body *body) {
  if (body->kind == SERVICE_BODY_NONE) return true;
  if (body->kind == SERVICE_BODY_JSON) return json_write_field(out, "data", body->value);
  return write_attribute(out, "datacontenttype", body->media_type) &&
         buffer_append_string(out, ",\"data_base64\":\"") &&
         text_base64_encode(out, body->bytes.data, body->bytes.size) && buffer_append_byte(out, '"');
}

// --------------------------------------------------------------------------------------------------------- publishing

static void answer_published(work_call *self) {
  const event *event = self->user;
  service_call *call = self->call;
  bool good = buffer_append_string(&call->bytes, "{\"id\":") && json_write_text(&call->bytes, event->id);
  call->status = 202;
  if (good)
    service_call_answer_json(call, TEXT("}"));
  else
    service_call_fail(call, ubiq_error_no_memory());
}

static size_t count_matches(const subscriptions *all, text type) {
  size_t count = 0;
  for (size_t i = 0; i < all->count; i++) count += text_glob_match(text_of(all->list[i].topic), type);
  return count;
}

/// One item for each subscription that the event matches; what they point to is the arena's.
static ubiq_error *add_items(work_call *self, const subscriptions *all, const event *event, ubiq_bytes payload) {
  service_call *call = self->call;
  uint64_t now_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  size_t count = 0;
  for (size_t i = 0; i < all->count; i++) {
    if (!text_glob_match(text_of(all->list[i].topic), event->type)) continue;
    char *queue = arena_printf(&call->arena, EVENT_QUEUE "%s", all->list[i].name);
    if (queue == NULL) return ubiq_error_no_memory();
    self->changes[count++] = (backend_work_change){.action = BACKEND_WORK_ADD,
                                                   .item = {.queue = text_of(queue),
                                                            .order = event->key,
                                                            .due_ms = now_ms,
                                                            .hops = call->caller.hops,
                                                            .payload = payload}};
  }
  return NULL;
}

static void store(service_call *call, const event *event, ubiq_bytes payload) {
  const subscriptions *all = NULL;
  ubiq_error *error = call->services->events == NULL
                          ? ubiq_error_new(UBIQ_UNAVAILABLE, "this server keeps no events")
                          : events_subscriptions(call->services->events, call->caller.project, &all);
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  size_t count = count_matches(all, event->type);
  work_call *self = work_call_new(call, count, answer_published);
  if (self != NULL) {
    self->user = (void *)(uintptr_t)event;
    error = add_items(self, all, event, payload);
    if (error == NULL && count == 0)
      answer_published(self); // nobody wants to know
    else
      work_call_start(self, error);
  }
  subscriptions_release(all);
}

static ubiq_error *check_hops(const service_call *call) {
  if (call->caller.hops < ERRAND_HOPS_MAX) return NULL;
  return ubiq_error_new(UBIQ_DENIED,
                        "events and schedules led to this one %d times in a row, which is as often as they may",
                        ERRAND_HOPS_MAX);
}

/// Writes the event into the arena and stores it.
static void publish(service_call *call, event *event, bool (*write)(buffer *out, service_call *call)) {
  buffer json = {0};
  uint8_t *payload = NULL;
  ubiq_error *error = check_hops(call);
  if (error == NULL) error = check_time(event->time);
  if (error == NULL) error = complete(call, event);
  if (error == NULL && !(write_head(&json, event) && write(&json, call) && buffer_append_byte(&json, '}')))
    error = ubiq_error_no_memory();
  if (error == NULL && json.size > WORK_PAYLOAD_MAX)
    error = ubiq_error_new(UBIQ_TOO_LARGE, "the event has %zu bytes; expected at most %d", json.size, WORK_PAYLOAD_MAX);
  if (error == NULL && (payload = arena_copy(&call->arena, json.data, json.size)) == NULL)
    error = ubiq_error_no_memory();
  const ubiq_bytes bytes = {payload, json.size};
  buffer_free(&json);
  if (error != NULL)
    service_call_fail(call, error);
  else
    store(call, event, bytes);
}

static bool write_structured(buffer *out, service_call *call) {
  return write_rest(out, call->body.value);
}

void service_events_publish(service_call *call) {
  yyjson_val *body = call->body.value;
  event *event = arena_array(&call->arena, 1, sizeof *event);
  ubiq_error *error = event == NULL ? ubiq_error_no_memory() : check_names(body);
  if (error == NULL) error = service_call_permit(call, "events", "publish", json_text(body, "type"));
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  event->id = json_text(body, "id");
  event->source = json_text(body, "source");
  event->type = json_text(body, "type");
  event->key = json_text(body, "partitionkey");
  event->time = json_text(body, "time");
  publish(call, event, write_structured);
}

static bool write_binary(buffer *out, service_call *call) {
  return write_attribute(out, "subject", call->params[EVENTS_PUBLISH_BINARY_CE_SUBJECT].text) &&
         write_data(out, &call->body);
}

void service_events_publish_binary(service_call *call) {
  event *event = arena_array(&call->arena, 1, sizeof *event);
  if (event == NULL) {
    service_call_fail(call, ubiq_error_no_memory());
    return;
  }
  event->id = call->params[EVENTS_PUBLISH_BINARY_CE_ID].text;
  event->source = call->params[EVENTS_PUBLISH_BINARY_CE_SOURCE].text;
  event->type = call->params[EVENTS_PUBLISH_BINARY_CE_TYPE].text;
  event->key = call->params[EVENTS_PUBLISH_BINARY_CE_PARTITIONKEY].text;
  event->time = call->params[EVENTS_PUBLISH_BINARY_CE_TIME].text;
  publish(call, event, write_binary);
}
