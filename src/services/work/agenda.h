// Has work done when it is due (backend/work.h): takes items, hands each to whom its queue belongs to, and writes down how it went.
//
// At least once: an item is ended after it was done, so that what was begun before a kill is begun again. What fails is tried again
// after a delay that grows, and is dead after so many attempts; what nobody could take (`busy`, `unavailable` before anything ran) is
// handed over again soon, and that is no attempt.
//
// DESIGN: one thread reads what is due, in the order of time, behind a cursor; so a million items that are due later cost nothing but
// their rows. Writes are the backend's, many in one transaction. What is under way is remembered here alone. A write that fails leaves
// its item to be begun again.
//
// Items are due by the wall clock. When that is set back, what waits is due as much earlier (backend_work_hurry): a retry comes after
// its delay, and a schedule is looked at too early, which finds nothing due and its next time.
//
// A queue that has more waiting than places waits by itself (agenda_lanes.h), while others go on.
//
// LOCKS: one, for the cursor and what is under way; never held while the backend, or whoever does the work, is called.
#ifndef SERVICES_WORK_AGENDA_H
#define SERVICES_WORK_AGENDA_H

#include "services/backend/backend.h"
#include "services/work/agenda_lanes.h"
#include "services/work/retry.h"

typedef struct agenda agenda;

/// An item under way. Whoever does it ends it by one of agenda_done, agenda_failed, agenda_refused and agenda_change, once.
typedef struct agenda_task {
  backend_work_item item;    ///< with its texts, which are the task's
  const retry_policy *retry; ///< what follows a failure: set before it fails, read then; NULL: nothing, it is dead
  void *user;                ///< of whoever does it
  // The agenda's.
  agenda *agenda;
  backend_work_write write;
  backend_work_change change;
  char *texts, *failure;
  void (*told)(void *user);
  void *told_user;
  uint64_t passed_ms; ///< when its item was due that was found due again before this ended; UINT64_MAX: it was not
  struct agenda_lane *lane; ///< NULL: its kind has none, or its line has it
  struct agenda_line *line; ///< NULL: it follows no other
  struct agenda_task *next, *next_over, *next_in_line;
} agenda_task;

/// Who does the work of some queues.
typedef struct agenda_kind {
  const char *prefix;                           ///< of the queues' names
  void (*begin)(void *user, agenda_task *task); ///< on the agenda's thread, or any with lines; not to wait for anything
  void *user;
  bool has_lanes; ///< of each queue only so many items without names are under way at once
  bool
      has_lines; ///< an item begins when the one before it in its order was done, before its end is written (agenda_line.h)
} agenda_kind;

enum { AGENDA_KINDS_MAX = 8 };

typedef struct agenda_settings {
  backend *backend;
  const agenda_kind *kinds; ///< copied
  size_t kinds_count;
  size_t tasks_max;         ///< under way at once; 0: 4,096
  size_t places;            ///< of them for one queue of kinds that have lanes; 0: 512
  uint64_t (*now_ms)(void); ///< wall clock; NULL: the machine's, which may be set. Another that jumps needs agenda_look
  uint64_t (*elapsed_ms)(
      void);              ///< a clock that nobody sets, beside `now_ms`; NULL: the machine's with its own, else none
  double (*chance)(void); ///< from 0 up to but not 1; NULL: random
} agenda_settings;

/// Starts the thread. `*out` is the caller's. Errors: `internal`.
ubiq_error *agenda_open(const agenda_settings *settings, agenda **out);

/// Takes nothing more that is due, but for what the thread is reading just now. What is under way may still end. Any thread.
void agenda_pause(agenda *self);

/// Ends the thread, once nothing is under way any more: it waits for that. NULL is allowed.
void agenda_close(agenda *self);

/// Looks now for what is due: `now_ms` says something else. Any thread.
void agenda_look(agenda *self);

/// How many are under way. Any thread.
size_t agenda_busy(agenda *self);

/// The wall clock by which the task's agenda goes.
uint64_t agenda_now(const agenda_task *task);

// How a task went. Any thread; the task is not to be used afterwards.

/// It was done.
void agenda_done(agenda_task *task);

/// It was tried and failed. Takes the error.
void agenda_failed(agenda_task *task, ubiq_error *error);

/// Nothing was tried: it is handed over again in a moment.
void agenda_refused(agenda_task *task);

/// It went as an errand did (errand.h): one of the three. Takes the error.
void agenda_settle(agenda_task *task, ubiq_error *error);

/// Whether agenda_settle will have it tried again, or handed over again, after this error with this retry.
bool agenda_tries_again(const agenda_task *task, const retry_policy *retry, const ubiq_error *error);

/// What follows from an item that was done, in one transaction; the item's own end or change is among it.
typedef struct agenda_changes {
  backend_work_change *list;
  size_t count;
  backend_work_limits limits; ///< where they do not hold, the item is begun again until they do
} agenda_changes;

/// It was done, and this follows. The list and what it points to are borrowed until `written` is called (NULL: constants), on any thread,
/// after the task's end.
void agenda_change(agenda_task *task, const agenda_changes *changes, void (*written)(void *user), void *user);

#endif
