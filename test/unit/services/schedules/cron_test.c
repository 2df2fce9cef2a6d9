// Cron expressions: what they match, what clocks that are set do to them, and what is refused.
#include "services/schedules/cron.h"

#include "unit/base/testing.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const cron_policy FOLLOW = {CRON_GAP_SKIP, CRON_REPEAT_TWICE};
static const cron_policy DEBIAN = {CRON_GAP_RUN_AFTER, CRON_REPEAT_ONCE};

static const zone *zone_of(const char *name) {
  const zone *found = NULL;
  ubiq_error *error = zone_find(text_of(name), &found);
  assert_null(error);
  return found;
}

static int64_t utc(const char *when) {
  struct tm parts = {0};
  assert_non_null(strptime(when, "%Y-%m-%d %H:%M:%S", &parts));
  return timegm(&parts);
}

/// Asserts that an expression is due next at `expected` (in UTC), one after the other.
static void due(const char *expression, const char *zone, cron_policy policy, const char *after,
                const char *const *expected) {
  cron cron;
  ubiq_error *error = cron_parse(text_of(expression), &cron);
  assert_null(error);
  int64_t at_s = utc(after);
  for (; *expected != NULL; expected++) {
    char shown[32];
    assert_true(cron_next(&cron, zone_of(zone), policy, at_s, &at_s));
    time_t at = (time_t)at_s;
    strftime(shown, sizeof shown, "%Y-%m-%d %H:%M:%S", gmtime(&at));
    assert_string_equal(shown, *expected);
  }
}

#define TIMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void fields_are_matched_together(void **state) {
  (void)state;
  due("*/20 9-10 * * *", "UTC", FOLLOW, "2026-03-01 09:40:00",
      TIMES("2026-03-01 10:00:00", "2026-03-01 10:20:00", "2026-03-01 10:40:00", "2026-03-02 09:00:00"));
  due("0 0 29 feb *", "UTC", FOLLOW, "2026-01-01 00:00:00", TIMES("2028-02-29 00:00:00", "2032-02-29 00:00:00"));
  due("30 10/20 8 1 1 *", "UTC", FOLLOW, "2026-01-01 00:00:00",
      TIMES("2026-01-01 08:10:30", "2026-01-01 08:30:30", "2026-01-01 08:50:30", "2027-01-01 08:10:30"));
  due("@Monthly", "UTC", FOLLOW, "1999-12-31 23:59:59", TIMES("2000-01-01 00:00:00", "2000-02-01 00:00:00"));
}

static void one_of_two_fields_of_days_is_enough_without_a_star(void **state) {
  (void)state;
  due("0 0 13 * fri", "UTC", FOLLOW, "2026-03-01 00:00:00",
      TIMES("2026-03-06 00:00:00", "2026-03-13 00:00:00", "2026-03-20 00:00:00"));
  due("0 0 */13 * 5", "UTC", FOLLOW, "2026-03-01 00:00:00", TIMES("2026-03-27 00:00:00", "2026-05-01 00:00:00"));
}

static void the_last_and_the_nth_are_those_of_the_month(void **state) {
  (void)state;
  due("0 0 L * *", "UTC", FOLLOW, "2028-01-31 00:00:00", TIMES("2028-02-29 00:00:00", "2028-03-31 00:00:00"));
  due("0 0 LW * *", "UTC", FOLLOW, "2026-01-31 00:00:00", TIMES("2026-02-27 00:00:00", "2026-03-31 00:00:00"));
  due("0 0 * * friL", "UTC", FOLLOW, "2026-01-31 00:00:00", TIMES("2026-02-27 00:00:00", "2026-03-27 00:00:00"));
  due("0 0 * * 1#2,7#1", "UTC", FOLLOW, "2026-03-02 00:00:00", TIMES("2026-03-09 00:00:00", "2026-04-05 00:00:00"));
  due("0 0 * * mon#5", "UTC", FOLLOW, "2026-03-31 00:00:00", TIMES("2026-06-29 00:00:00", "2026-08-31 00:00:00"));
}

static void a_time_that_is_left_out_is_skipped_or_made_up_for(void **state) {
  (void)state; // Berlin goes from 02:00 to 03:00 on 2026-03-29 at 01:00 UTC
  due("30 2 * * *", "Europe/Berlin", FOLLOW, "2026-03-28 00:00:00",
      TIMES("2026-03-28 01:30:00", "2026-03-30 00:30:00"));
  due("30 2 * * *", "Europe/Berlin", DEBIAN, "2026-03-28 12:00:00",
      TIMES("2026-03-29 01:00:00", "2026-03-30 00:30:00"));
  due("0 2,3 * * *", "Europe/Berlin", DEBIAN, "2026-03-28 12:00:00",
      TIMES("2026-03-29 01:00:00", "2026-03-30 00:00:00"));
}

static void a_time_that_comes_twice_runs_once_or_twice(void **state) {
  (void)state; // Berlin goes from 03:00 to 02:00 on 2026-10-25 at 01:00 UTC
  due("30 2 * * *", "Europe/Berlin", DEBIAN, "2026-10-24 12:00:00",
      TIMES("2026-10-25 00:30:00", "2026-10-26 01:30:00"));
  due("30 2 * * *", "Europe/Berlin", FOLLOW, "2026-10-24 12:00:00",
      TIMES("2026-10-25 00:30:00", "2026-10-25 01:30:00"));
  due("30 2,3 * * *", "Europe/Berlin", DEBIAN, "2026-10-25 00:30:00", TIMES("2026-10-25 02:30:00"));
}

static void steps_follow_the_clock_whatever_the_policy(void **state) {
  (void)state;
  due("*/30 * * * *", "Europe/Berlin", DEBIAN, "2026-03-29 00:30:00",
      TIMES("2026-03-29 01:00:00", "2026-03-29 01:30:00"));
  due("15 * * * *", "Europe/Berlin", DEBIAN, "2026-10-25 00:00:00",
      TIMES("2026-10-25 00:15:00", "2026-10-25 01:15:00"));
}

static void clocks_that_are_set_by_half_an_hour_or_a_day_are_followed(void **state) {
  (void)state; // Lord Howe goes from 02:00 (+11) to 01:30 (+10:30) on 2026-04-04 at 15:00 UTC
  due("45 1 * * *", "Australia/Lord_Howe", FOLLOW, "2026-04-04 12:00:00",
      TIMES("2026-04-04 14:45:00", "2026-04-04 15:15:00"));
  due("*/10 2 * * *", "Australia/Lord_Howe", FOLLOW, "2026-04-04 15:00:00", TIMES("2026-04-04 15:30:00"));
  // Apia had no 2011-12-30.
  due("0 12 * * *", "Pacific/Apia", DEBIAN, "2011-12-29 23:00:00", TIMES("2011-12-30 10:00:00", "2011-12-30 22:00:00"));
  due("0 12 * * *", "Pacific/Apia", FOLLOW, "2011-12-29 23:00:00", TIMES("2011-12-30 22:00:00"));
}

static void refused(const char *expression, const char *message) {
  cron cron;
  ubiq_error *error = cron_parse(text_of(expression), &cron);
  assert_non_null(error);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  if (strstr(ubiq_error_message(error), message) == NULL) fail_msg("%s: %s", expression, ubiq_error_message(error));
  ubiq_error_delete(error);
}

static void what_is_wrong_is_named_with_its_field(void **state) {
  (void)state;
  refused("0 25 * * *", "hour is \"25\"; expected 0 to 23");
  refused("0 9 * jam *", "month is \"jam\"; expected 1 to 12, a name of three letters");
  refused("0 9 * * 1#6", "day of the week is \"1#6\"");
  refused("5-3 * * * *", "minute is \"5-3\"");
  refused("*/0 * * * *", "minute is \"*/0\"");
  refused(", * * * *", "minute is \"\"");
  refused("* * 0 * *", "day of the month is \"0\"");
  refused("* * * * L", "day of the week is \"L\"");
  refused("1000000000000 * * * *", "minute is");
  refused("* * * *", "five or six fields");
  refused("* * * * * * *", "five or six fields");
  refused("", "five or six fields");
  refused("@reboot", "expected @yearly");
  refused("0 0 31 2 *", "never due");
  refused("0 0 31 4,6 *", "never due");
}

static void a_zone_that_is_none_is_named(void **state) {
  (void)state;
  const zone *zone;
  const char *const names[] = {"Europe/Bärlin", "", "../../etc/passwd",
                               "Europe/BerlinEurope/BerlinEurope/BerlinEurope/BerlinEurope/Berlin0123456789"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    ubiq_error *error = zone_find(text_of(names[i]), &zone);
    assert_non_null(error);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
  }
  assert_string_equal(zone_name(zone_of("Europe/Berlin")), "Europe/Berlin");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_are_matched_together),
      cmocka_unit_test(one_of_two_fields_of_days_is_enough_without_a_star),
      cmocka_unit_test(the_last_and_the_nth_are_those_of_the_month),
      cmocka_unit_test(a_time_that_is_left_out_is_skipped_or_made_up_for),
      cmocka_unit_test(a_time_that_comes_twice_runs_once_or_twice),
      cmocka_unit_test(steps_follow_the_clock_whatever_the_policy),
      cmocka_unit_test(clocks_that_are_set_by_half_an_hour_or_a_day_are_followed),
      cmocka_unit_test(what_is_wrong_is_named_with_its_field),
      cmocka_unit_test(a_zone_that_is_none_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
