// Items of one order that are read together and done one after the other: the next begins as soon as the one before it was done, not when
// its end is on the disk. Ends that come while others are written are written together. Whatever was not written at a kill is begun again, in
// its order.
//
// INVARIANTS: one of a line is under way at most. Ends are written in order, so that none is without those before it: when a write fails, what
// was done since is done again, too. What does not end well ends the line: the items behind it are read again.
//
// The agenda's lock guards all of it.
#ifndef SERVICES_WORK_AGENDA_LINE_H
#define SERVICES_WORK_AGENDA_LINE_H

#include "services/work/agenda.h"

enum {
  AGENDA_LINE_BUCKETS = 1024,
  AGENDA_LINE_MAX = 64,              ///< items that follow the first
  AGENDA_BEHIND_BYTES_MAX = 8 << 20, ///< of all that follow, of all lines
};

typedef struct agenda_line agenda_line;

/// NULL: nothing of the item's order is under way. With the lock.
agenda_line *agenda_line_find(const agenda *self, const backend_work_item *item);

/// Something else than what is known of the line is its first item now: it ends soon, and then that is looked for. With the lock.
void agenda_line_pass(agenda_line *self, const backend_work_item *item);

/// A line of the task, which is the first, and of what is due behind it; with its place and lane. Reads those: the agenda's thread, without the
/// lock. NULL when memory is out.
agenda_line *agenda_line_new(agenda *self, agenda_task *task, const agenda_kind *kind, uint64_t now_ms);
/// Begins its first. Without the lock, as all that follows.
void agenda_line_begin(agenda_line *self);

// How the one under way ended.

/// It was done.
void agenda_line_done(agenda_task *task);
/// Its `write` says what becomes of it, which is written behind the ends of those before it.
void agenda_line_change(agenda_task *task);
/// Nothing was tried: it is looked for again at `again_ms`.
void agenda_line_refused(agenda_task *task, uint64_t again_ms);
/// The write of agenda_line_change is over; `again_ms` as in agenda_free_place.
void agenda_line_changed(agenda_task *task, uint64_t again_ms);

#endif
