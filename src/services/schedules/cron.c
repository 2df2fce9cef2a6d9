// When an expression is due next.
//
// A zone is periods in which its clocks differ from UTC by the same, so that inside one the next time is a question of the
// calendar alone. What the clocks leave out or show twice lies where two periods meet.
#include "services/schedules/cron.h"

enum { DAY_S = 86400, DAYS_MAX = CRON_YEARS_MAX * 366 };

// ------------------------------------------------------------------------------------------------------ the calendar

typedef struct civil {
  int64_t year;
  unsigned month, day; ///< from 1
} civil;

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

/// The date of a day since 1970, in the proleptic Gregorian calendar. Years begin in March here, so that the leap day is the last.
static civil civil_of(int64_t days) {
  int64_t shifted = days + 719468, era = floor_div(shifted, 146097);
  int64_t day_of_era = shifted - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153;
  civil out = {.month = (unsigned)(month < 10 ? month + 3 : month - 9),
               .day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1)};
  out.year = year_of_era + era * 400 + (out.month <= 2);
  return out;
}

static bool is_leap(int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned month_size(const civil *date) {
  static const uint8_t sizes[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return date->month == 2 && is_leap(date->year) ? 29 : sizes[date->month];
}

/// 0 is Sunday.
static unsigned weekday_of(int64_t days) {
  return (unsigned)(days + 4 - floor_div(days + 4, 7) * 7);
}

// ---------------------------------------------------------------------------------------------------------- matching

/// The last day of the month from Monday to Friday.
static unsigned last_working_day(unsigned size, unsigned weekday_of_last) {
  if (weekday_of_last == 0) return size - 2;
  return weekday_of_last == 6 ? size - 1 : size;
}

static bool matches_day_of_month(const cron *self, const civil *date, unsigned size, unsigned weekday) {
  if ((self->days >> date->day & 1) != 0) return true;
  if (self->last_day && date->day == size) return true;
  return self->last_working_day && date->day == last_working_day(size, (weekday + size - date->day) % 7);
}

static bool matches_weekday(const cron *self, const civil *date, unsigned size, unsigned weekday) {
  if ((self->weekdays >> weekday & 1) != 0) return true;
  if (date->day + 7 > size && (self->last_weekdays >> weekday & 1) != 0) return true;
  return (self->nth_weekdays[(date->day - 1) / 7] >> weekday & 1) != 0;
}

static bool matches_day(const cron *self, int64_t days, const civil *date) {
  unsigned size = month_size(date), weekday = weekday_of(days);
  bool month_day = matches_day_of_month(self, date, size, weekday);
  bool week_day = matches_weekday(self, date, size, weekday);
  return self->both_days ? month_day && week_day : month_day || week_day;
}

/// The first bit from `from` on; -1 when there is none.
static int first_bit(uint64_t bits, unsigned from) {
  bits = from > 63 ? 0 : bits >> from << from;
  return bits == 0 ? -1 : __builtin_ctzll(bits);
}

/// The first time of a day from `from_s` on; -1 when there is none.
static int64_t next_in_day(const cron *self, int64_t from_s) {
  unsigned hour = (unsigned)(from_s / 3600), minute = (unsigned)(from_s / 60 % 60), second = (unsigned)(from_s % 60);
  for (int h = first_bit(self->hours, hour); h >= 0; h = first_bit(self->hours, (unsigned)h + 1)) {
    if ((unsigned)h > hour) minute = second = 0;
    for (int m = first_bit(self->minutes, minute); m >= 0; m = first_bit(self->minutes, (unsigned)m + 1)) {
      if ((unsigned)h > hour || (unsigned)m > minute) second = 0;
      int s = first_bit(self->seconds, second);
      if (s >= 0) return (int64_t)h * 3600 + m * 60 + s;
    }
    minute = second = 0;
  }
  return -1;
}

static int64_t next_month(int64_t days, const civil *date) {
  return days + month_size(date) - date->day + 1;
}

/// The first time from `from_s` on that a clock shows which nobody sets, before `end_s`. False when there is none.
static bool next_on_clock(const cron *self, int64_t from_s, int64_t end_s, int64_t *out) {
  int64_t days = floor_div(from_s, DAY_S), from_in_day = from_s - days * DAY_S;
  while (days * DAY_S < end_s) {
    const civil date = civil_of(days);
    if ((self->months >> date.month & 1) == 0) {
      days = next_month(days, &date);
    } else {
      int64_t in_day = matches_day(self, days, &date) ? next_in_day(self, from_in_day) : -1;
      *out = days * DAY_S + in_day;
      if (in_day >= 0) return *out < end_s;
      days++;
    }
    from_in_day = 0;
  }
  return false;
}

// ------------------------------------------------------------------------------------------------------------- zones

typedef struct search {
  const cron *cron;
  cron_policy policy;
  zone_period previous, period;
} search;

/// Whether a time that is left out before the period is made up for when it begins.
static bool is_made_up(const search *self) {
  int64_t begin = self->period.begin_s + self->previous.offset_s, end = self->period.begin_s + self->period.offset_s,
          at;
  return self->policy.on_gap == CRON_GAP_RUN_AFTER && begin < end && next_on_clock(self->cron, begin, end, &at);
}

/// The first time that clocks show in the period which they did not show before it, or that may come twice.
static int64_t first_new(const search *self) {
  int64_t begin = self->period.begin_s + self->period.offset_s, shown = self->period.begin_s + self->previous.offset_s;
  return self->policy.on_repeat == CRON_REPEAT_ONCE && shown > begin ? shown : begin;
}

static bool next_in_period(const search *self, int64_t from_s, int64_t end_s, int64_t *next_s) {
  int64_t offset_s = self->period.offset_s, first = first_new(self), at;
  if (from_s <= self->period.begin_s && is_made_up(self)) {
    *next_s = self->period.begin_s;
    return true;
  }
  if (from_s + offset_s > first) first = from_s + offset_s;
  if (!next_on_clock(self->cron, first, end_s + offset_s, &at)) return false;
  *next_s = at - offset_s;
  return true;
}

bool cron_next(const cron *self, const zone *zone, cron_policy policy, int64_t after_s, int64_t *next_s) {
  int64_t from_s = after_s + 1, end_s = from_s + (int64_t)DAYS_MAX * DAY_S;
  if (!self->is_fixed) policy = (cron_policy){CRON_GAP_SKIP, CRON_REPEAT_TWICE};
  search search = {.cron = self, .policy = policy, .period = zone_period_at(zone, from_s)};
  search.previous = zone_period_at(zone, search.period.begin_s - 1);
  while (from_s < end_s) {
    int64_t period_end_s = search.period.end_s < end_s ? search.period.end_s : end_s;
    if (next_in_period(&search, from_s, period_end_s, next_s)) return true;
    from_s = period_end_s;
    search.previous = search.period;
    search.period = zone_period_at(zone, from_s);
  }
  return false;
}
