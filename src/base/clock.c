// The clocks: thin wrappers around clock_gettime.
#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t read_clock(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now); // cannot fail for these clocks
  return (uint64_t)now.tv_sec * CLOCK_NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void) {
  return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_ns(void) {
  return read_clock(CLOCK_REALTIME);
}

uint64_t clock_thread_cpu_ns(void) {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void clock_format(uint64_t realtime_ns, char out[CLOCK_TEXT_SIZE]) {
  clock_format_ms(realtime_ns / CLOCK_NS_PER_MS, out);
}

void clock_format_ms(uint64_t unix_ms, char out[CLOCK_TEXT_SIZE]) {
  const uint64_t last_ms = UINT64_C(253402300799999);
  if (unix_ms > last_ms) unix_ms = last_ms;
  time_t seconds = (time_t)(unix_ms / 1000);
  unsigned milliseconds = (unsigned)(unix_ms % 1000);
  struct tm utc;
  gmtime_r(&seconds, &utc);
  size_t length = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(out + length, CLOCK_TEXT_SIZE - length, ".%03uZ", milliseconds);
}

/// Takes two digits off the front that are at most `max`.
static bool take_two(text *rest, int min, int max, int *out) {
  if (rest->size < 2 || !isdigit((unsigned char)rest->data[0]) || !isdigit((unsigned char)rest->data[1])) return false;
  *out = (rest->data[0] - '0') * 10 + rest->data[1] - '0';
  *rest = (text){rest->data + 2, rest->size - 2};
  return *out >= min && *out <= max;
}

static bool take_mark(text *rest, const char *marks) {
  if (rest->size == 0 || memchr(marks, rest->data[0], strlen(marks)) == NULL) return false;
  *rest = (text){rest->data + 1, rest->size - 1};
  return true;
}

static bool take_date(text *rest, struct tm *out) {
  int century, year;
  bool good = take_two(rest, 0, 99, &century) && take_two(rest, 0, 99, &year) && take_mark(rest, "-") &&
              take_two(rest, 1, 12, &out->tm_mon) && take_mark(rest, "-") && take_two(rest, 1, 31, &out->tm_mday);
  if (!good) return false;
  out->tm_year = century * 100 + year - 1900;
  out->tm_mon--;
  return true;
}

static bool take_time(text *rest, struct tm *out) {
  return take_mark(rest, "Tt ") && take_two(rest, 0, 23, &out->tm_hour) && take_mark(rest, ":") &&
         take_two(rest, 0, 59, &out->tm_min) && take_mark(rest, ":") && take_two(rest, 0, 60, &out->tm_sec);
}

static bool take_fraction(text *rest, int64_t *milliseconds) {
  int64_t place = 100;
  *milliseconds = 0;
  if (!take_mark(rest, ".")) return true;
  size_t before = rest->size;
  for (; rest->size > 0 && isdigit((unsigned char)rest->data[0]); place /= 10) {
    *milliseconds += place * (rest->data[0] - '0');
    *rest = (text){rest->data + 1, rest->size - 1};
  }
  return rest->size < before;
}

static bool take_offset(text *rest, int64_t *seconds) {
  int hours = 0, minutes = 0;
  *seconds = 0;
  if (take_mark(rest, "Zz")) return true;
  int64_t sign = rest->size > 0 && rest->data[0] == '-' ? -1 : 1;
  bool good =
      take_mark(rest, "+-") && take_two(rest, 0, 23, &hours) && take_mark(rest, ":") && take_two(rest, 0, 59, &minutes);
  *seconds = sign * (hours * 3600 + minutes * 60);
  return good;
}

bool clock_parse(text value, int64_t *unix_ms) {
  struct tm parts = {0};
  int64_t milliseconds, offset_s;
  bool good = take_date(&value, &parts) && take_time(&value, &parts) && take_fraction(&value, &milliseconds) &&
              take_offset(&value, &offset_s) && value.size == 0;
  if (!good) return false;
  int day = parts.tm_mday, leap_s = parts.tm_sec == 60; // a leap second counts as the one after it
  parts.tm_sec -= leap_s;
  time_t seconds = timegm(&parts);
  *unix_ms = ((int64_t)seconds + leap_s - offset_s) * 1000 + milliseconds;
  return parts.tm_mday == day; // 31 February would have become another
}
