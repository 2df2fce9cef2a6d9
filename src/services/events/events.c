// Subscriptions as they are known, and deliveries.
#include "services/events/events.h"

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "services/events/event.h"
#include "services/work/kept_permissions.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/// What `subscriptions` is in.
typedef struct counted {
  atomic_size_t owners;
  arena arena; ///< the list and its texts
  subscriptions subscriptions;
  size_t room; ///< of the list, zeroed where it was not read
} counted;

struct events {
  backend *backend;
  pthread_mutex_t lock;
  map known; ///< a project's name: a pointer to its `counted`, NULL when they are others now
};

// ------------------------------------------------------------------------------------------------------ subscriptions

static counted *of(const subscriptions *self) {
  return (counted *)(void *)((char *)(uintptr_t)self - offsetof(counted, subscriptions));
}

void subscriptions_release(const subscriptions *self) {
  if (self == NULL) return;
  counted *counted = of(self);
  if (atomic_fetch_sub(&counted->owners, 1) > 1) return;
  for (size_t i = 0; i < counted->room; i++) permissions_let_go(&counted->subscriptions.list[i].permissions);
  arena_free(&counted->arena);
  free(counted);
}

typedef struct reading {
  counted *counted;
  ubiq_error *error;
} reading;

static ubiq_error *copy_field(arena *arena, const json_value *root, const char *key, const char **out) {
  json_value field = json_field(root, key);
  text found;
  ubiq_error *error = json_get_text(&field, &found);
  if (error == NULL && (*out = arena_string(arena, found.data, found.size)) == NULL) error = ubiq_error_no_memory();
  return error;
}

static ubiq_error *read_subscription(arena *arena, const backend_work_item *item, subscription *out) {
  static const json_source source = {.name = "subscription"};
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse(source.name, item->payload.data, item->payload.size, &document);
  if (error != NULL) return error;
  const json_value root = json_root(&source, yyjson_doc_get_root(document));
  error = copy_field(arena, &root, "topic", &out->topic);
  if (error == NULL) error = copy_field(arena, &root, "function", &out->function);
  out->id = item->id;
  if (error == NULL) error = retry_policy_read(&root, &out->retry);
  if (error == NULL) error = kept_permissions_read(&root, &out->permissions);
  if (error == NULL && (out->name = arena_string(arena, item->name.data, item->name.size)) == NULL)
    error = ubiq_error_no_memory();
  yyjson_doc_free(document);
  return error;
}

static ubiq_error *make_room(counted *self) {
  subscriptions *found = &self->subscriptions;
  size_t room = self->room == 0 ? 16 : self->room * 2;
  if (found->count < self->room) return NULL;
  subscription *list = arena_array(&self->arena, room, sizeof *list);
  if (list == NULL) return ubiq_error_no_memory();
  memset(list, 0, room * sizeof *list);
  if (found->count > 0) memcpy(list, found->list, found->count * sizeof *list);
  found->list = list;
  self->room = room;
  return NULL;
}

static void take_subscription(backend_work_list *list, const backend_work_item *item) {
  reading *self = list->user;
  subscriptions *found = &self->counted->subscriptions;
  if (self->error == NULL) self->error = make_room(self->counted);
  if (self->error != NULL) return;
  self->error = read_subscription(&self->counted->arena, item, &found->list[found->count]);
  if (self->error == NULL) found->count++;
}

static ubiq_error *read_all(events *self, text project, counted **out) {
  counted *made = calloc(1, sizeof *made);
  if (made == NULL) return ubiq_error_no_memory();
  arena_init(&made->arena);
  atomic_init(&made->owners, 1);
  reading reading = {.counted = made};
  backend_work_list list = {.project = project,
                            .queue = TEXT(SUBSCRIPTION_QUEUE),
                            .state = -1,
                            .limit = SIZE_MAX - 1, // there may be more by ubiq.toml than the API makes
                            .each = take_subscription,
                            .user = &reading};
  ubiq_error *error = backend_work_list_now(self->backend, &list);
  if (error == NULL)
    error = reading.error;
  else
    ubiq_error_delete(reading.error);
  if (error == NULL)
    *out = made;
  else
    subscriptions_release(&made->subscriptions);
  return error;
}

static counted *find(const events *self, text project) {
  ubiq_bytes found;
  counted *counted = NULL;
  if (map_get(&self->known, project, &found)) memcpy(&counted, found.data, sizeof counted);
  return counted;
}

/// Those that are not known yet. With the lock, so that what is changed meanwhile is not missed.
static ubiq_error *learn(events *self, text project, counted **out) {
  counted *counted = NULL;
  ubiq_error *error = read_all(self, project, &counted);
  if (error != NULL) return error;
  if (!map_set(&self->known, project, &counted, sizeof counted)) {
    subscriptions_release(&counted->subscriptions);
    return ubiq_error_no_memory();
  }
  *out = counted;
  return NULL;
}

ubiq_error *events_subscriptions(events *self, text project, const subscriptions **out) {
  pthread_mutex_lock(&self->lock);
  counted *counted = find(self, project);
  ubiq_error *error = counted == NULL ? learn(self, project, &counted) : NULL;
  if (error == NULL) {
    atomic_fetch_add(&counted->owners, 1);
    *out = &counted->subscriptions;
  }
  pthread_mutex_unlock(&self->lock);
  return error;
}

void events_changed(events *self, text project) {
  pthread_mutex_lock(&self->lock);
  counted *counted = find(self, project);
  if (counted != NULL) {
    map_remove(&self->known, project);
    subscriptions_release(&counted->subscriptions);
  }
  pthread_mutex_unlock(&self->lock);
}

// -------------------------------------------------------------------------------------------------------- one of them

const subscription *subscriptions_find(const subscriptions *self, text name) {
  for (size_t i = 0; i < self->count; i++)
    if (text_equal_string(name, self->list[i].name)) return &self->list[i];
  return NULL;
}

const subscription *subscriptions_of_queue(const subscriptions *self, text queue) {
  const uint64_t id = event_queue_owner(queue);
  for (size_t i = 0; id != 0 && i < self->count; i++)
    if (self->list[i].id == id) return &self->list[i];
  return NULL;
}

void event_queue_name(uint64_t id, char out[EVENT_QUEUE_SIZE]) {
  snprintf(out, EVENT_QUEUE_SIZE, EVENT_QUEUE "%016" PRIx64, id);
}

uint64_t event_queue_owner(text queue) {
  static const char digits[] = "0123456789abcdef";
  uint64_t id = 0;
  if (queue.size != EVENT_QUEUE_SIZE - 1 || !text_starts_with(queue, TEXT(EVENT_QUEUE))) return 0;
  for (size_t i = sizeof EVENT_QUEUE - 1; i < queue.size; i++) {
    const char *digit = memchr(digits, queue.data[i], sizeof digits - 1);
    if (digit == NULL) return 0;
    id = id << 4 | (uint64_t)(digit - digits);
  }
  return id;
}

// ------------------------------------------------------------------------------------------------------------ the whole

ubiq_error *events_new(backend *backend, events **out) {
  events *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->backend = backend;
  pthread_mutex_init(&self->lock, NULL);
  *out = self;
  return NULL;
}

void events_delete(events *self) {
  if (self == NULL) return;
  for (size_t i = 0; i < self->known.count; i++) {
    counted *counted = NULL;
    memcpy(&counted, self->known.entries[i].value.data, sizeof counted);
    subscriptions_release(&counted->subscriptions);
  }
  map_free(&self->known);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

// --------------------------------------------------------------------------------------------------------- deliveries

typedef struct delivery {
  errand errand;
  agenda_task *task;
  const subscriptions *subscriptions; ///< a share, which the retry is of
} delivery;

static void delivered(errand *errand, ubiq_error *error, ubiq_bytes output) {
  delivery *self = errand->user;
  agenda_task *task = self->task;
  const subscriptions *subscriptions = self->subscriptions;
  (void)output;
  free(self);
  agenda_settle(task, error);
  subscriptions_release(subscriptions);
}

static void deliver(event_work *work, agenda_task *task, const subscriptions *all, const subscription *to) {
  delivery *self = calloc(1, sizeof *self);
  if (self == NULL) {
    subscriptions_release(all);
    agenda_refused(task);
    return;
  }
  kept_trace trace;
  event_find_trace(task->item.payload, &trace);
  task->retry = &to->retry;
  self->task = task;
  self->subscriptions = all;
  self->errand = (errand){.project = task->item.project,
                          .function = text_of(to->function),
                          .input = task->item.payload,
                          .path = TEXT("/v1/events"),
                          .headers = {{TEXT("content-type"), TEXT("application/cloudevents+json")},
                                      {TEXT("ubiq-subscription"), text_of(to->name)}},
                          .headers_count = 2,
                          .traceparent = trace.parent,
                          .tracestate = trace.state,
                          .inherited = to->permissions.count == 0 ? NULL : &to->permissions,
                          .hops = task->item.hops + 1,
                          .done = delivered,
                          .user = self};
  work->taker.start(work->taker.user, &self->errand);
}

/// What is left of a subscription that is gone ends.
static void begin(void *user, agenda_task *task) {
  event_work *work = user;
  const subscriptions *all = NULL;
  ubiq_error *error = events_subscriptions(work->events, task->item.project, &all);
  if (error != NULL) {
    log_warn("events: subscriptions cannot be read: %s", ubiq_error_message(error));
    ubiq_error_delete(error);
    agenda_refused(task);
    return;
  }
  const subscription *to = subscriptions_of_queue(all, task->item.queue);
  if (to != NULL) {
    deliver(work, task, all, to);
    return;
  }
  subscriptions_release(all);
  agenda_done(task);
}

agenda_kind event_work_kind(event_work *self) {
  return (agenda_kind){EVENT_QUEUE, begin, self, .has_lanes = true, .has_lines = true};
}

static void forget(void *user, agenda_task *task) {
  (void)user;
  agenda_done(task);
}

agenda_kind event_work_forgetting(void) {
  return (agenda_kind){PUBLISHED_QUEUE, forget, NULL, .has_lanes = false};
}
