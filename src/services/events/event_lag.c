// The subscriptions are listed first, and then each project's queues are counted at once.
#include "services/events/event_lag.h"

#include "services/events/events.h"

typedef struct reading {
  arena *arena;
  event_lags *out;
  size_t room;
  size_t next, end; ///< those of the project whose queues are counted, but for those that were met
  bool is_short;    ///< of memory
} reading;

static bool make_room(reading *self) {
  if (self->out->count < self->room) return true;
  size_t room = self->room == 0 ? 16 : self->room * 2;
  event_lag *list = arena_array(self->arena, room, sizeof *list);
  if (list == NULL) return false;
  if (self->out->count > 0) memcpy(list, self->out->list, self->out->count * sizeof *list);
  self->out->list = list;
  self->room = room;
  return true;
}

/// Subscriptions come project by project, which share the text of their project's name.
static const char *project_of(reading *self, text name) {
  const event_lags *out = self->out;
  if (out->count > 0 && text_equal_string(name, out->list[out->count - 1].project))
    return out->list[out->count - 1].project;
  return arena_string(self->arena, name.data, name.size);
}

static void take_subscription(backend_work_list *list, const backend_work_item *item) {
  reading *self = list->user;
  self->is_short = self->is_short || !make_room(self);
  if (self->is_short) return;
  event_lag lag = {.project = project_of(self, item->project),
                   .subscription = arena_string(self->arena, item->name.data, item->name.size)};
  self->is_short = lag.project == NULL || lag.subscription == NULL;
  if (!self->is_short) self->out->list[self->out->count++] = lag;
}

static ubiq_error *read_subscriptions(reading *self, backend *backend, const text *project) {
  backend_work_list list = {.project = project == NULL ? (text){NULL, 0} : *project,
                            .of_all = project == NULL,
                            .queue = TEXT(SUBSCRIPTION_QUEUE),
                            .state = -1,
                            .limit = SIZE_MAX - 1,
                            .each = take_subscription,
                            .user = self};
  ubiq_error *error = backend_work_list_now(backend, &list);
  return error == NULL && self->is_short ? ubiq_error_no_memory() : error;
}

/// Queues come in the order of their names, as subscriptions do. Those of subscriptions that are gone are nobody's.
static void take_count(backend_work_counts *counts, text queue, const backend_work_count *count) {
  reading *self = counts->user;
  const size_t prefix = sizeof EVENT_QUEUE - 1;
  const text name = {queue.data + prefix, queue.size - prefix};
  event_lag *list = self->out->list;
  while (self->next < self->end && text_compare(text_of(list[self->next].subscription), name) < 0) self->next++;
  if (self->next < self->end && text_equal_string(name, list[self->next].subscription)) list[self->next].count = *count;
}

/// Counts the queues of the project whose subscriptions begin at `next`.
static ubiq_error *count_project(reading *self, backend *backend) {
  const event_lag *list = self->out->list;
  const char *project = list[self->next].project;
  self->end = self->next;
  while (self->end < self->out->count && list[self->end].project == project) self->end++;
  backend_work_counts counts = {
      .project = text_of(project), .prefix = TEXT(EVENT_QUEUE), .each = take_count, .user = self};
  ubiq_error *error = backend_work_counts_now(backend, &counts);
  self->next = self->end;
  return error;
}

ubiq_error *event_lags_read(backend *backend, const text *project, arena *arena, event_lags *out) {
  *out = (event_lags){0};
  reading self = {.arena = arena, .out = out};
  ubiq_error *error = read_subscriptions(&self, backend, project);
  while (error == NULL && self.next < out->count) error = count_project(&self, backend);
  return error;
}
