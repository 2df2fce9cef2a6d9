// What becomes of what waits for a subscription that has ended.
#include "services/events/events.h"

#include "base/log.h"

#include <stdlib.h>

void events_unsubscribe(uint64_t id, const char name[EVENT_QUEUE_SIZE], uint64_t now_ms,
                        backend_work_change out[UNSUBSCRIBE_CHANGES]) {
  out[0] = (backend_work_change){.action = BACKEND_WORK_END, .item = {.id = id}};
  out[1] = (backend_work_change){.action = BACKEND_WORK_SET,
                                 .item = {.queue = TEXT(UNSUBSCRIBED_QUEUE), .name = text_of(name), .due_ms = now_ms}};
}

/// A portion that is being taken away.
typedef struct clearing {
  agenda_task *task;
  backend_work_write write;
  backend_work_change change, again;
} clearing;

static void clearing_delete(void *user) {
  free(user);
}

/// The item stays until nothing is left, and is due at once: so its portions are many short writes, and it begins again after a kill.
static void cleared(backend_work_write *write) {
  clearing *self = write->user;
  agenda_task *task = self->task;
  if (write->error != NULL) {
    log_warn("events: what waited for a subscription that is gone cannot be taken away yet: %s",
             ubiq_error_message(write->error));
    ubiq_error_delete(write->error);
    free(self);
    agenda_refused(task);
  } else if (self->change.is_more) {
    self->again =
        (backend_work_change){.action = BACKEND_WORK_CHANGE, .item = {.id = task->item.id, .due_ms = agenda_now(task)}};
    agenda_change(task, &(agenda_changes){.list = &self->again, .count = 1}, clearing_delete, self);
  } else {
    free(self);
    agenda_done(task);
  }
}

static void begin(void *user, agenda_task *task) {
  backend *backend = user;
  clearing *self = calloc(1, sizeof *self);
  if (self == NULL) {
    agenda_refused(task);
    return;
  }
  self->task = task;
  self->change = (backend_work_change){.action = BACKEND_WORK_CLEAR, .item = {.queue = task->item.name}};
  self->write = (backend_work_write){
      .project = task->item.project, .changes = &self->change, .count = 1, .done = cleared, .user = self};
  backend_work_write_start(backend, &self->write);
}

agenda_kind event_work_clearing(backend *backend) {
  return (agenda_kind){UNSUBSCRIBED_QUEUE, begin, backend, .has_lanes = false};
}
