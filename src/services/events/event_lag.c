// The subscriptions are listed first, and then the numbers of each project's queues.
#include "services/events/event_lag.h"

#include "services/events/events.h"

#include <stdlib.h>

typedef struct reading {
  arena *arena;
  event_lags *out;
  size_t room;
  event_lag **by_id; ///< those of a project
  size_t next, end;  ///< of `by_id`, but for those that were met
  bool is_short;     ///< of memory
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
  event_lag lag = {.id = item->id,
                   .project = project_of(self, item->project),
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

static int compare_ids(const void *a, const void *b) {
  const event_lag *one = *(event_lag *const *)a, *other = *(event_lag *const *)b;
  return one->id < other->id ? -1 : one->id > other->id;
}

/// Queues come in the order of their subscriptions' ids. Those of subscriptions that are gone are nobody's.
static void take_count(backend_work_counts *counts, text queue, const backend_work_count *count) {
  reading *self = counts->user;
  const uint64_t id = event_queue_owner(queue);
  while (self->next < self->end && self->by_id[self->next]->id < id) self->next++;
  if (self->next < self->end && self->by_id[self->next]->id == id) self->by_id[self->next]->count = *count;
}

/// Reads the numbers of the project whose subscriptions begin at `first`. Returns where the next project's do.
static ubiq_error *count_project(reading *self, backend *backend, size_t first, size_t *after) {
  event_lag *list = self->out->list;
  const char *project = list[first].project;
  size_t count = 0;
  while (first + count < self->out->count && list[first + count].project == project) count++;
  self->by_id = arena_array(self->arena, count, sizeof *self->by_id);
  if (self->by_id == NULL) return ubiq_error_no_memory();
  for (size_t i = 0; i < count; i++) self->by_id[i] = &list[first + i];
  qsort(self->by_id, count, sizeof *self->by_id, compare_ids);
  self->next = 0;
  self->end = count;
  *after = first + count;
  backend_work_counts counts = {.project = text_of(project), .each = take_count, .user = self};
  return backend_work_counts_now(backend, &counts);
}

ubiq_error *event_lags_read(backend *backend, const text *project, arena *arena, event_lags *out) {
  *out = (event_lags){0};
  reading self = {.arena = arena, .out = out};
  size_t next = 0;
  ubiq_error *error = read_subscriptions(&self, backend, project);
  while (error == NULL && next < out->count) error = count_project(&self, backend, next, &next);
  return error;
}
