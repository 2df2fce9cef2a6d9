// When something is due again and again: cron expressions on a place's clock.
//
//     minute hour day-of-month month day-of-week        or, with six fields, seconds first
//
// A field is `*`, a number, a name (`jan`, `mon`), a range `9-17`, steps `*/15`, `10/5` or `9-17/2`, or several of these with
// commas. Days of the month also know `L` (the last) and `LW` (the last from Monday to Friday), days of the week `5L` (the
// month's last Friday) and `1#2` (its second Monday); 0 and 7 are Sunday. Where neither field of days begins with `*`, one of them
// is enough, as in Debian's cron; else both must match. `@yearly` (`@annually`), `@monthly`, `@weekly`, `@daily` (`@midnight`) and
// `@hourly` are short forms.
//
// When clocks are set forward, times are left out; when they are set back, times come twice. What that means for expressions that
// name hours and minutes is a policy; those with `*` or `*/15` in one of the two simply follow the clock.
#ifndef SERVICES_SCHEDULES_CRON_H
#define SERVICES_SCHEDULES_CRON_H

#include "services/schedules/zone.h"

enum {
  CRON_TEXT_MAX = 256,  ///< bytes of an expression
  CRON_YEARS_MAX = 100, ///< that are looked ahead
};

/// What matches: bits by number.
typedef struct cron {
  uint64_t seconds, minutes;
  uint32_t hours;
  uint32_t days;                   ///< of the month, from bit 1
  uint16_t months;                 ///< from bit 1
  uint8_t weekdays;                ///< Sunday is bit 0
  uint8_t last_weekdays;           ///< only the month's last
  uint8_t nth_weekdays[5];         ///< only the month's first, second, ...
  bool last_day, last_working_day; ///< of the month
  bool both_days;                  ///< the day of the month and that of the week must match; else one of them
  bool is_fixed;                   ///< names hours and minutes
} cron;

typedef enum cron_gap {
  CRON_GAP_SKIP,      ///< a time that is left out is no time
  CRON_GAP_RUN_AFTER, ///< it is the first that is there again
} cron_gap;

typedef enum cron_repeat {
  CRON_REPEAT_ONCE, ///< of a time that comes twice the first is meant
  CRON_REPEAT_TWICE,
} cron_repeat;

typedef struct cron_policy {
  cron_gap on_gap;
  cron_repeat on_repeat;
} cron_policy;

/// Reads an expression. Errors: `invalid_input` that names the field, what it is and what was expected; also for days that never
/// come (`0 0 31 2 *`).
ubiq_error *cron_parse(text expression, cron *out);

/// The first time after `after_s` (seconds of UTC since 1970). False when there is none within CRON_YEARS_MAX.
bool cron_next(const cron *self, const zone *zone, cron_policy policy, int64_t after_s, int64_t *next_s);

#endif
