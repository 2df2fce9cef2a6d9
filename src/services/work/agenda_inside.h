// What the agenda's thread and its lines share (agenda.h has the design). Not for anybody else.
#ifndef SERVICES_WORK_AGENDA_INSIDE_H
#define SERVICES_WORK_AGENDA_INSIDE_H

#include "services/work/agenda_line.h"
#include "services/work/agenda_tasks.h"

#include <pthread.h>

struct agenda {
  agenda_settings settings;
  agenda_kind kinds[AGENDA_KINDS_MAX];
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;     ///< on the monotonic clock
  int64_t ahead_ms;           ///< of the wall clock before the other one, at the last look at both; the thread's
  backend_work_cursor cursor; ///< the thread's
  uint64_t back_ms;           ///< the cursor goes back to this time before the next look; UINT64_MAX: it does not
  bool is_looking;            ///< the thread reads what is due, of some moment after this was set
  agenda_task *over;          ///< that ended meanwhile: what was read may still have them
  uint64_t look_ms;           ///< wall clock: when to look; 0: now
  agenda_tasks tasks;         ///< under way, and those that follow in lines
  size_t
      tasks_count; ///< under way, where a line is one; those that ended while the thread looks are still among `tasks`
  agenda_lanes lanes; ///< of kinds that have them
  uint64_t lanes_ms;  ///< wall clock: when to look at the first of them, or earlier
  agenda_line *lines[AGENDA_LINE_BUCKETS];
  size_t behind_bytes; ///< of tasks that follow in lines
  bool is_paused, is_ending;
};

// With the lock.

/// To look at `at_ms` at the latest.
void agenda_look_at(agenda *self, uint64_t at_ms);
/// What is due at `due_ms` is to be seen by the next look.
void agenda_step_back(agenda *self, uint64_t due_ms);
/// Ends a task. What was passed over because of it is looked for again.
void agenda_forget(agenda *self, agenda_task *task);
/// The same, but after the look that is under way.
void agenda_retire(agenda *self, agenda_task *task);
/// One fewer is under way; with `look_ms` what was due at `due_ms` is looked for again then (UINT64_MAX: it was settled).
void agenda_free_place(agenda *self, agenda_lane *lane, uint64_t due_ms, uint64_t look_ms);

#endif
