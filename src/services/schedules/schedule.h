// When something is to be done: again and again by a cron expression or an interval, or once; and the named policies for all that
// can come between.
//
//     cron = "0 9 * * mon-fri"         # or every = "5m", or at = "2026-12-24T18:00:00Z"
//     timezone = "Europe/Berlin"       # of cron; UTC unless it is said
//     on_dst_gap = "run_after"         # or skip: of a time that clocks leave out
//     on_dst_repeat = "once"           # or twice: of a time that clocks show twice
//     start_after = "2026-12-01T00:00:00Z"
//     end_before = "2027-01-01T00:00:00Z"
//     missed = "once"                  # or skip, all: of times at which nobody was there
//     catch_up_window = "24h"          # and for how long they are made up for
//     overlap = "allow"                # or skip, queue: when the last run has not ended
//     retry = { attempts = 3, ... }    # work/retry.h
//
// Nothing here knows a clock, a store or what is run.
#ifndef SERVICES_SCHEDULES_SCHEDULE_H
#define SERVICES_SCHEDULES_SCHEDULE_H

#include "base/json.h"
#include "services/schedules/cron.h"
#include "services/work/retry.h"

enum {
  SCHEDULE_LATE_MS = 10000, ///< a time is missed that nobody served so long after it
  SCHEDULE_EVERY_MS_MIN = 1000,
};

typedef enum schedule_kind { SCHEDULE_CRON, SCHEDULE_EVERY, SCHEDULE_ONCE } schedule_kind;

typedef enum schedule_missed {
  SCHEDULE_MISSED_ONCE, ///< one run for all, as of the last
  SCHEDULE_MISSED_SKIP,
  SCHEDULE_MISSED_ALL, ///< one each, in order
} schedule_missed;

typedef enum schedule_overlap {
  SCHEDULE_OVERLAP_ALLOW,
  SCHEDULE_OVERLAP_SKIP,
  SCHEDULE_OVERLAP_QUEUE,
} schedule_overlap;

/// Times are milliseconds since 1970.
typedef struct schedule {
  schedule_kind kind;
  cron cron;
  const zone *zone;
  cron_policy clock;
  uint64_t every_ms;
  int64_t anchor_ms;      ///< an interval's beginning: `start_after`, else when it was made
  int64_t at_ms;          ///< of what is done once
  int64_t start_after_ms; ///< INT64_MIN: none
  int64_t end_before_ms;  ///< INT64_MAX: none
  schedule_missed missed;
  uint64_t catch_up_ms; ///< UINT64_MAX: however long ago
  schedule_overlap overlap;
  retry_policy retry; ///< what follows a run that failed
} schedule;

/// The keys that schedule_read knows, ended by NULL; for tables that have others beside them.
extern const char *const schedule_keys[];

/// Reads a schedule from an object, which may have other keys. `made_ms` is when it was made. Errors: `invalid_input` with the
/// place: none or several of `cron`, `every` and `at`, a key that does not go with the kind, and what is no such value.
ubiq_error *schedule_read(const json_value *object, int64_t made_ms, schedule *out);

/// When it is due first, seen from `now_ms`: what is done once however late, all else behind that. False when it never is.
bool schedule_first(const schedule *self, int64_t now_ms, uint64_t *due_ms);

/// The first time after `after_ms`. False when there is none.
bool schedule_next(const schedule *self, int64_t after_ms, int64_t *next_ms);

/// What is to be run now. `due_ms` is the first time that was not served yet. Writes at most `max` times to `times`, oldest first, and
/// to `next_ms` from when on it is to be asked again; INT64_MAX: never. Returns how many. A time that is not older than
/// SCHEDULE_LATE_MS is always among them; those before it are missed.
size_t schedule_due(const schedule *self, int64_t due_ms, int64_t now_ms, int64_t *times, size_t max, int64_t *next_ms);

#endif
