#include "services/schedules/zone_rule.h"

#include <ctype.h>

enum { DAY_S = 86400, HOUR_S = 3600, HOURS_MAX = 167 };

// ------------------------------------------------------------------------------------------------------------ reading

/// Takes a byte off the front; false when there is another.
static bool take_byte(text *rest, char byte) {
  if (rest->size == 0 || rest->data[0] != byte) return false;
  rest->data++;
  rest->size--;
  return true;
}

static bool take_number(text *rest, int32_t min, int32_t max, int32_t *out) {
  size_t digits = 0;
  *out = 0;
  while (digits < rest->size && digits < 4 && isdigit((unsigned char)rest->data[digits]))
    *out = *out * 10 + (rest->data[digits++] - '0');
  rest->data += digits;
  rest->size -= digits;
  return digits > 0 && *out >= min && *out <= max;
}

/// At least three letters, or anything in angle brackets.
static bool take_name(text *rest) {
  bool is_quoted = take_byte(rest, '<');
  size_t size = 0;
  while (size < rest->size && (is_quoted ? rest->data[size] != '>' : isalpha((unsigned char)rest->data[size]) != 0))
    size++;
  rest->data += size;
  rest->size -= size;
  return size >= 3 && (!is_quoted || take_byte(rest, '>'));
}

/// Hours, and perhaps minutes and seconds, with a sign.
static bool take_time(text *rest, int32_t *out_s) {
  bool is_negative = take_byte(rest, '-');
  int32_t hours, minutes = 0, seconds = 0;
  if (!is_negative) (void)take_byte(rest, '+');
  if (!take_number(rest, 0, HOURS_MAX, &hours)) return false;
  if (take_byte(rest, ':') && !take_number(rest, 0, 59, &minutes)) return false;
  if (take_byte(rest, ':') && !take_number(rest, 0, 59, &seconds)) return false;
  *out_s = (is_negative ? -1 : 1) * (hours * HOUR_S + minutes * 60 + seconds);
  return true;
}

static bool take_day(text *rest, zone_rule_day *out) {
  bool good;
  *out = (zone_rule_day){.kind = ZONE_RULE_OF_YEAR, .time_s = 2 * HOUR_S};
  if (take_byte(rest, 'M')) {
    out->kind = ZONE_RULE_OF_MONTH;
    good = take_number(rest, 1, 12, &out->month) && take_byte(rest, '.') && take_number(rest, 1, 5, &out->week) &&
           take_byte(rest, '.') && take_number(rest, 0, 6, &out->day);
  } else if (take_byte(rest, 'J')) {
    out->kind = ZONE_RULE_JULIAN;
    good = take_number(rest, 1, 365, &out->day);
  } else {
    good = take_number(rest, 0, 365, &out->day);
  }
  return good && (!take_byte(rest, '/') || take_time(rest, &out->time_s));
}

/// What stands in a rule is what must be added to the clocks to get UTC.
static bool take_offset(text *rest, int32_t *offset_s) {
  if (!take_time(rest, offset_s)) return false;
  *offset_s = -*offset_s;
  return true;
}

bool zone_rule_parse(text rule, zone_rule *out) {
  *out = (zone_rule){0};
  if (!take_name(&rule) || !take_offset(&rule, &out->standard_s)) return false;
  out->has_daylight = rule.size > 0;
  if (!out->has_daylight) return true;
  out->daylight_s = out->standard_s + HOUR_S;
  if (!take_name(&rule)) return false;
  if (rule.size > 0 && rule.data[0] != ',' && !take_offset(&rule, &out->daylight_s)) return false;
  return take_byte(&rule, ',') && take_day(&rule, &out->begin) && take_byte(&rule, ',') && take_day(&rule, &out->end) &&
         rule.size == 0;
}

// ---------------------------------------------------------------------------------------------------------- the years

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

static bool is_leap(int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/// Days since 1970 of a year's first.
static int64_t first_of(int64_t year) {
  int64_t before = year - 1;
  return 365 * (year - 1970) + floor_div(before, 4) - floor_div(before, 100) + floor_div(before, 400) - 477;
}

static int64_t year_of(int64_t utc_s) {
  int64_t days = floor_div(utc_s, DAY_S), year = 1970 + floor_div(days, 366);
  while (first_of(year + 1) <= days) year++;
  return year;
}

/// Days since 1970.
static int64_t day_of(const zone_rule_day *self, int64_t year) {
  static const int16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  int64_t leap = is_leap(year), first = first_of(year);
  if (self->kind == ZONE_RULE_OF_YEAR) return first + self->day;
  if (self->kind == ZONE_RULE_JULIAN) return first + self->day - 1 + (leap && self->day > 59);
  int64_t month = first + before[self->month - 1] + (leap && self->month > 2);
  int64_t next = first + before[self->month] + (leap && self->month > 1);
  int64_t weekday = month + 4 - floor_div(month + 4, 7) * 7; // 1970 began with a Thursday
  int64_t day = month + (self->day - weekday + 7) % 7 + (self->week - 1) * INT64_C(7);
  return day < next ? day : day - 7;
}

zone_period zone_rule_period_at(const zone_rule *self, int64_t utc_s) {
  zone_period period = {INT64_MIN, INT64_MAX, self->standard_s};
  if (!self->has_daylight) return period;
  for (int64_t at = year_of(utc_s) - 1, last = at + 2; at <= last; at++) {
    const int64_t begin_s = day_of(&self->begin, at) * DAY_S + self->begin.time_s - self->standard_s,
                  end_s = day_of(&self->end, at) * DAY_S + self->end.time_s - self->daylight_s;
    const int64_t changes[] = {end_s, begin_s};
    for (size_t i = 0; i < 2; i++) {
      bool is_begin = changes[i] <= utc_s && changes[i] >= period.begin_s;
      if (is_begin) period = (zone_period){changes[i], period.end_s, i == 1 ? self->daylight_s : self->standard_s};
      if (changes[i] > utc_s && changes[i] < period.end_s) period.end_s = changes[i];
    }
  }
  return period;
}
