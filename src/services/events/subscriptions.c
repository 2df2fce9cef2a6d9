// Handlers of subscriptions.
#include "services/events/events.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "services/events/event_check.h"
#include "services/events/event_lag.h"
#include "services/operations.h"
#include "services/work/kept_permissions.h"
#include "services/work/work_call.h"

#include <inttypes.h>
#include <stdio.h>

static ubiq_error *no_backend(const service_call *call) {
  return call->services->backend != NULL ? NULL : ubiq_error_new(UBIQ_UNAVAILABLE, "this server keeps nothing");
}

static void answer(service_call *call, bool good, ubiq_error *error) {
  if (error == NULL && !good) error = ubiq_error_no_memory();
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_answer_json(call, (text){NULL, 0});
}

// ------------------------------------------------------------------------------------------------------ subscriptions

static bool write_settings(buffer *out, yyjson_val *settings) {
  return json_write_field(out, "topic", yyjson_obj_get(settings, "topic")) &&
         json_write_field(out, "function", yyjson_obj_get(settings, "function")) &&
         json_write_field(out, "retry", yyjson_obj_get(settings, "retry"));
}

static bool write_subscription(buffer *out, const backend_work_item *item, const backend_work_count *count) {
  char lag[40];
  yyjson_doc *document = yyjson_read((const char *)item->payload.data, item->payload.size, YYJSON_READ_NOFLAG);
  snprintf(lag, sizeof lag, ",\"lag\":%" PRIu64 "}", count->waiting);
  bool good = document != NULL && buffer_append_string(out, "{\"name\":") && json_write_text(out, item->name) &&
              write_settings(out, yyjson_doc_get_root(document)) && buffer_append_string(out, lag);
  yyjson_doc_free(document);
  return good;
}

typedef struct listing {
  service_call *call;
  bool is_good;
  size_t count;
  event_lags lags; ///< of subscriptions, as of a moment before
  size_t next_lag;
} listing;

/// Both are in the order of their names.
static backend_work_count lag_of(listing *self, text name) {
  const event_lags *lags = &self->lags;
  while (self->next_lag < lags->count && text_compare(text_of(lags->list[self->next_lag].subscription), name) < 0)
    self->next_lag++;
  bool is_known = self->next_lag < lags->count && text_equal_string(name, lags->list[self->next_lag].subscription);
  return is_known ? lags->list[self->next_lag].count : (backend_work_count){0};
}

static void list_subscription(backend_work_list *list, const backend_work_item *item) {
  listing *self = list->user;
  buffer *out = &self->call->bytes;
  const backend_work_count count = lag_of(self, item->name);
  self->is_good =
      self->is_good && (self->count++ == 0 || buffer_append_byte(out, ',')) && write_subscription(out, item, &count);
}

void service_subscriptions_list(service_call *call) {
  listing listing = {.call = call, .is_good = buffer_append_string(&call->bytes, "{\"subscriptions\":[")};
  backend_work_list list = {.project = call->caller.project,
                            .queue = TEXT(SUBSCRIPTION_QUEUE),
                            .state = -1,
                            .limit = SIZE_MAX - 1,
                            .each = list_subscription,
                            .user = &listing};
  ubiq_error *error = no_backend(call);
  if (error == NULL)
    error = event_lags_read(call->services->backend, &call->caller.project, &call->arena, &listing.lags);
  if (error == NULL) error = backend_work_list_now(call->services->backend, &list);
  answer(call, listing.is_good && buffer_append_string(&call->bytes, "]}"), error);
}

static bool find(service_call *call, backend_work_item *out) {
  return work_call_find(call, TEXT(SUBSCRIPTION_QUEUE), call->params[0].text, 0, "subscription", out);
}

void service_subscriptions_get(service_call *call) {
  char queue[EVENT_QUEUE_SIZE];
  backend_work_item item;
  backend_work_count count;
  if (!find(call, &item)) return;
  event_queue_name(item.id, queue);
  ubiq_error *error = backend_work_count_now(call->services->backend, call->caller.project, text_of(queue), &count);
  answer(call, error != NULL || write_subscription(&call->bytes, &item, &count), error);
}

static void answer_changed(work_call *self) {
  events_changed(self->call->services->events, self->call->caller.project);
  service_call_done(self->call);
}

static ubiq_error *make_item(service_call *call, backend_work_item *out) {
  yyjson_val *topic = yyjson_obj_get(call->body.value, "topic"),
             *function = yyjson_obj_get(call->body.value, "function");
  const text called = {yyjson_get_str(function), yyjson_get_len(function)};
  buffer json = {0};
  ubiq_error *error = service_call_permit(call, "functions", "call", called);
  if (error == NULL) error = event_check_topic("body.topic", (text){yyjson_get_str(topic), yyjson_get_len(topic)});
  bool good = buffer_append_string(&json, "{\"is_of_project\":false") && write_settings(&json, call->body.value) &&
              kept_permissions_write(&json, NULL, call->caller.permissions, called) && buffer_append_byte(&json, '}');
  uint8_t *payload = good ? arena_copy(&call->arena, json.data, json.size) : NULL;
  if (error == NULL && payload == NULL) error = ubiq_error_no_memory();
  *out = (backend_work_item){.queue = TEXT(SUBSCRIPTION_QUEUE),
                             .name = call->params[SUBSCRIPTIONS_PUT_NAME].text,
                             .state = BACKEND_WORK_PAUSED,
                             .payload = {payload, json.size}};
  buffer_free(&json);
  return error;
}

static ubiq_error *check_own(const backend_work_item *item) {
  yyjson_doc *document = yyjson_read((const char *)item->payload.data, item->payload.size, YYJSON_READ_NOFLAG);
  bool is_of_project = yyjson_get_bool(yyjson_obj_get(yyjson_doc_get_root(document), "is_of_project"));
  yyjson_doc_free(document);
  if (!is_of_project) return NULL;
  return ubiq_error_new(UBIQ_CONFLICT, "the subscription is one of ubiq.toml's; change it there, or take another name");
}

static void check_listed(backend_work_list *list, const backend_work_item *item) {
  *(ubiq_error **)list->user = check_own(item);
}

/// That nothing of the project's stands under its name.
static ubiq_error *check_name(const service_call *call, text name) {
  ubiq_error *found = NULL;
  backend_work_list list = {.project = call->caller.project,
                            .queue = TEXT(SUBSCRIPTION_QUEUE),
                            .state = -1,
                            .name = name,
                            .limit = 1,
                            .each = check_listed,
                            .user = &found};
  ubiq_error *error = backend_work_list_now(call->services->backend, &list);
  if (error == NULL) return found;
  ubiq_error_delete(found);
  return error;
}

/// Each is looked at with each event, so that there are not too many; how many there are is known where they are written.
void service_subscriptions_put(service_call *call) {
  const text name = call->params[SUBSCRIPTIONS_PUT_NAME].text;
  work_call *self = work_call_new(call, 1, answer_changed);
  if (self == NULL) return;
  ubiq_error *error = check_name(call, name);
  self->changes[0].action = BACKEND_WORK_PUT;
  self->write.limits.names_max = SUBSCRIPTIONS_MAX;
  work_call_start(self, error != NULL ? error : make_item(call, &self->changes[0].item));
}

/// Also where nothing more may be kept: the limits are not asked.
void service_subscriptions_delete(service_call *call) {
  backend_work_item item;
  if (!find(call, &item)) return;
  work_call *self = work_call_new(call, UNSUBSCRIBE_CHANGES, answer_changed);
  char *queue = arena_alloc(&call->arena, EVENT_QUEUE_SIZE);
  if (self == NULL) return;
  ubiq_error *error = queue == NULL ? ubiq_error_no_memory() : check_own(&item);
  if (error == NULL) {
    event_queue_name(item.id, queue);
    events_unsubscribe(item.id, queue, clock_realtime_ns() / CLOCK_NS_PER_MS, self->changes);
  }
  self->write.limits = (backend_work_limits){0};
  work_call_start(self, error);
}
