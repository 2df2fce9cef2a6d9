// Schedules at work: two kinds of items on the agenda.
//
// A schedule is an item of the queue "schedules", by its name, and due when it has its next turn; its payload is what it was made from.
// When it is due, one transaction makes an item of the queue "turns/NAME" for each turn and sets when it is due next, so that a kill loses no
// turn and makes none twice. A turn is an errand that is tried again as the schedule's `retry` says. A schedule that has no next
// time ends with its last.
#ifndef SERVICES_SCHEDULES_SCHEDULE_WORK_H
#define SERVICES_SCHEDULES_SCHEDULE_WORK_H

#include "base/json.h"
#include "services/permissions/permissions.h"
#include "services/work/agenda.h"
#include "services/work/errand.h"
#include "services/work/kept_trace.h"

#define SCHEDULE_QUEUE "schedules"
#define TURN_QUEUE     "turns/" ///< and the schedule's name

struct schedule;

enum {
  SCHEDULE_NAME_MAX = 128,
  SCHEDULE_TURNS_MAX = 16, ///< that are made at once; what more was missed follows
};

typedef struct schedule_work {
  backend *backend;
  errand_taker taker;
  struct run_results *runs; ///< of turns that somebody asked for; NULL: nothing is kept of them
} schedule_work;

/// For agenda_settings.kinds; `self` lives as long as the agenda.
agenda_kind schedule_work_schedules(schedule_work *self);
agenda_kind schedule_work_turns(schedule_work *self);

/// Reads the schedule that an item's payload is, as of when it was made: its field `made_ms`. Errors: those of schedule_read.
ubiq_error *schedule_definition_read(const json_value *definition, struct schedule *out);

/// What a turn is made from.
typedef struct schedule_turn {
  yyjson_val *definition; ///< the schedule's
  text schedule;
  int64_t time_ms;
  const permissions *who; ///< has it done; NULL: it is due, or who may everything
  const char *run;        ///< its id among those whose results are kept (run_results.h); NULL: it has none
  kept_trace trace;       ///< of who has it done; none: what the definition has
} schedule_turn;

/// Appends a turn's payload: what is run when, and what follows a failure. False when memory is out.
UBIQ_NODISCARD bool schedule_turn_write(const schedule_turn *turn, buffer *out);

#endif
