// Between the parts of the agenda: its tasks, which it makes of items, finds by their ids while they are under way, and is told the
// ends of. Not for anybody else.
#ifndef SERVICES_WORK_AGENDA_TASKS_H
#define SERVICES_WORK_AGENDA_TASKS_H

#include "services/work/agenda.h"

enum {
  AGENDA_TASK_BUCKETS = 4096,
  AGENDA_WRITE_AGAIN_MS = 1000, ///< until what could not be written down is begun again
};

/// Those under way, by id; zeroed: there are none. The agenda's lock guards it.
typedef struct agenda_tasks {
  agenda_task *buckets[AGENDA_TASK_BUCKETS];
} agenda_tasks;

/// A task of an item, which is copied with its texts. NULL when memory is out.
UBIQ_NODISCARD agenda_task *agenda_task_new(agenda *agenda, const backend_work_item *item);
void agenda_task_delete(agenda_task *self);
/// What it takes.
size_t agenda_task_bytes(const agenda_task *self);

/// NULL: no task of this id is there.
agenda_task *agenda_tasks_find(const agenda_tasks *self, uint64_t id);
void agenda_tasks_add(agenda_tasks *self, agenda_task *task);
/// The task is there.
void agenda_tasks_remove(agenda_tasks *self, const agenda_task *task);

/// Whether an end's write leaves nothing to do: also when the item was changed or taken away meanwhile.
bool agenda_is_settled(const ubiq_error *error);

/// What the agenda was opened with, all of it set. Any thread.
const agenda_settings *agenda_settings_of(const agenda *self);

/// A task is no longer under way: the agenda looks again at `look_ms` for its item (wall clock; UINT64_MAX: it was settled), and deletes
/// it. What waited behind it in its order the backend tells of. Any thread.
void agenda_leave(agenda_task *task, uint64_t look_ms);

#endif
