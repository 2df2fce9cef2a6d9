// Publishing: an event becomes an item for each subscription that it matches, and one more where its publisher named it, by which one
// that comes again is known.
#include "services/events/events.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "services/events/event.h"
#include "services/events/event_check.h"
#include "services/operations.h"
#include "services/work/work_call.h"

#include <sodium.h>

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
  for (size_t i = 0; i < all->count; i++) count += event_topic_has(text_of(all->list[i].topic), type);
  return count;
}

/// What stands for the event while it is known: a digest of its source, id and type, under which no other can be added. With the type, because who
/// may publish one of them would keep an event of another from being told, whose id it guesses.
static ubiq_error *add_name(work_call *self, const event *event, uint64_t now_ms, size_t *count) {
  enum { DIGEST_SIZE = 32 };
  uint8_t *digest = arena_alloc(&self->call->arena, DIGEST_SIZE);
  crypto_generichash_state hash;
  if (digest == NULL) return ubiq_error_no_memory();
  crypto_generichash_init(&hash, NULL, 0, DIGEST_SIZE);
  crypto_generichash_update(&hash, (const uint8_t *)event->source.data, event->source.size);
  crypto_generichash_update(&hash, (const uint8_t *)"", 1); // none of them has a control character
  crypto_generichash_update(&hash, (const uint8_t *)event->id.data, event->id.size);
  crypto_generichash_update(&hash, (const uint8_t *)"", 1);
  crypto_generichash_update(&hash, (const uint8_t *)event->type.data, event->type.size);
  crypto_generichash_final(&hash, digest, DIGEST_SIZE);
  self->changes[(*count)++] = (backend_work_change){.action = BACKEND_WORK_ADD,
                                                    .item = {.queue = TEXT(PUBLISHED_QUEUE),
                                                             .name = {(const char *)digest, DIGEST_SIZE},
                                                             .due_ms = now_ms + EVENT_KNOWN_MS}};
  return NULL;
}

/// One item for each subscription that the event matches; what they point to is the arena's.
static ubiq_error *add_items(work_call *self, const subscriptions *all, const event *event) {
  service_call *call = self->call;
  uint64_t now_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  size_t count = 0;
  if (event->is_named) {
    ubiq_error *error = add_name(self, event, now_ms, &count);
    if (error != NULL) return error;
  }
  for (size_t i = 0; i < all->count; i++) {
    if (!event_topic_has(text_of(all->list[i].topic), event->type)) continue;
    char *queue = arena_alloc(&call->arena, EVENT_QUEUE_SIZE);
    if (queue == NULL) return ubiq_error_no_memory();
    event_queue_name(all->list[i].id, queue);
    self->changes[count++] = (backend_work_change){.action = BACKEND_WORK_ADD,
                                                   .item = {.queue = text_of(queue),
                                                            .order = event->key,
                                                            .due_ms = now_ms,
                                                            .hops = call->caller.hops,
                                                            .payload = event->json}};
  }
  return NULL;
}

/// An event is written once for each subscription, in one transaction that others wait for.
static ubiq_error *check_size(const event *event, size_t count) {
  if (event->json.size * count <= EVENT_BYTES_AT_ONCE_MAX) return NULL;
  return ubiq_error_new(
      UBIQ_TOO_LARGE, "the event has %zu bytes and is for %zu subscriptions; expected at most %d bytes for all of them",
      event->json.size, count, EVENT_BYTES_AT_ONCE_MAX);
}

/// What nobody wants to know is not kept, nor known if it comes again.
static void start_write(service_call *call, const event *event, const subscriptions *all) {
  size_t count = count_matches(all, event->type);
  work_call *self = work_call_new(call, count == 0 ? 0 : count + event->is_named, answer_published);
  if (self == NULL) return;
  self->user = (void *)(uintptr_t)event;
  self->is_done_by_conflict = event->is_named;
  if (count == 0) {
    answer_published(self);
    return;
  }
  ubiq_error *error = check_size(event, count);
  work_call_start(self, error != NULL ? error : add_items(self, all, event));
}

static void store(service_call *call, const event *event) {
  const subscriptions *all = NULL;
  ubiq_error *error = call->services->events == NULL
                          ? ubiq_error_new(UBIQ_UNAVAILABLE, "this server keeps no events")
                          : events_subscriptions(call->services->events, call->caller.project, &all);
  if (error == NULL)
    start_write(call, event, all);
  else
    service_call_fail(call, error);
  subscriptions_release(all);
}

static void publish(service_call *call, ubiq_error *(*read)(service_call *call, event *out)) {
  event *event = arena_array(&call->arena, 1, sizeof *event);
  ubiq_error *error = event == NULL ? ubiq_error_no_memory() : work_check_hops(call);
  if (error == NULL) error = read(call, event);
  if (error == NULL) error = service_call_permit(call, "events", "publish", event->type);
  if (error != NULL)
    service_call_fail(call, error);
  else
    store(call, event);
}

void service_events_publish(service_call *call) {
  publish(call, event_read_structured);
}

void service_events_publish_binary(service_call *call) {
  publish(call, event_read_binary);
}
