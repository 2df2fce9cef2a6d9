// Rules of clocks: how they are read, and which periods they make.
#include "services/schedules/zone_rule.h"

#include "unit/base/testing.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t utc(const char *when) {
  struct tm parts = {0};
  assert_non_null(strptime(when, "%Y-%m-%d %H:%M:%S", &parts));
  return timegm(&parts);
}

static void shows(const char *rule, const char *at, int32_t offset_s, const char *begin, const char *end) {
  zone_rule read;
  assert_true(zone_rule_parse(text_of(rule), &read));
  const zone_period period = zone_rule_period_at(&read, utc(at));
  if (period.offset_s != offset_s) fail_msg("%s at %s: %d", rule, at, period.offset_s);
  assert_int_equal(period.begin_s, begin == NULL ? INT64_MIN : utc(begin));
  assert_int_equal(period.end_s, end == NULL ? INT64_MAX : utc(end));
}

#define HOUR_S 3600

static void clocks_change_on_days_of_weeks_of_months(void **state) {
  static const char berlin[] = "CET-1CEST,M3.5.0,M10.5.0/3";
  (void)state;
  shows(berlin, "2040-01-01 00:00:00", HOUR_S, "2039-10-30 01:00:00", "2040-03-25 01:00:00");
  shows(berlin, "2040-03-25 00:59:59", HOUR_S, "2039-10-30 01:00:00", "2040-03-25 01:00:00");
  shows(berlin, "2040-03-25 01:00:00", 2 * HOUR_S, "2040-03-25 01:00:00", "2040-10-28 01:00:00");
  shows(berlin, "2040-12-31 23:59:59", HOUR_S, "2040-10-28 01:00:00", "2041-03-31 01:00:00");
}

static void summer_may_span_the_new_year(void **state) {
  (void)state;
  shows("<-04>4<-03>,M9.1.6/24,M4.1.6/24", "2040-01-01 00:00:00", -3 * HOUR_S, "2039-09-04 04:00:00",
        "2040-04-08 03:00:00");
}

static void what_is_added_may_be_less_than_nothing_and_half_an_hour(void **state) {
  (void)state;
  shows("IST-1GMT0,M10.5.0,M3.5.0/1", "2040-07-01 00:00:00", HOUR_S, "2040-03-25 01:00:00", "2040-10-28 01:00:00");
  shows("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2040-01-01 00:00:00", 11 * HOUR_S, "2039-10-01 15:30:00",
        "2040-03-31 15:00:00");
}

static void times_may_lie_on_other_days(void **state) {
  (void)state;
  shows("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2040-07-01 00:00:00", -HOUR_S, "2040-03-25 01:00:00",
        "2040-10-28 01:00:00");
  shows("EET-2EEST,M3.4.4/50,M10.4.4/50", "2040-07-01 00:00:00", 3 * HOUR_S, "2040-03-24 00:00:00",
        "2040-10-26 23:00:00");
}

static void days_of_the_year_count_leap_days_or_do_not(void **state) {
  (void)state;
  shows("AAA0BBB,J60/0,J300/0", "2040-03-01 00:00:00", HOUR_S, "2040-03-01 00:00:00", "2040-10-26 23:00:00");
  shows("AAA0BBB,59/0,299/0", "2040-02-29 00:00:00", HOUR_S, "2040-02-29 00:00:00", "2040-10-25 23:00:00");
}

static void clocks_that_never_change_have_one_period(void **state) {
  (void)state;
  shows("UTC0", "2040-01-01 00:00:00", 0, NULL, NULL);
  shows("<+0545>-5:45", "2040-01-01 00:00:00", 5 * HOUR_S + 45 * 60, NULL, NULL);
}

static void what_is_no_rule_is_refused(void **state) {
  static const char *const bad[] = {"",
                                    "UTC",
                                    "AB0",
                                    "<AB",
                                    "UTC168",
                                    "UTC0:60",
                                    "CET-1CEST",
                                    "CET-1CEST,M3",
                                    "CET-1CEST,M3.5.0",
                                    "CET-1CEST,M13.5.0,M10.5.0",
                                    "CET-1CEST,M3.6.0,M10.5.0",
                                    "CET-1CEST,M3.5.7,M10.5.0",
                                    "CET-1CEST,J0,J300",
                                    "CET-1CEST,366,1",
                                    "CET-1CEST,M3.5.0,M10.5.0/3 ",
                                    "CET-1CEST,M3.5.0/168,M10.5.0",
                                    "\n"};
  zone_rule rule;
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (zone_rule_parse(text_of(bad[i]), &rule)) fail_msg("%s was read", bad[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clocks_change_on_days_of_weeks_of_months),
      cmocka_unit_test(summer_may_span_the_new_year),
      cmocka_unit_test(what_is_added_may_be_less_than_nothing_and_half_an_hour),
      cmocka_unit_test(times_may_lie_on_other_days),
      cmocka_unit_test(days_of_the_year_count_leap_days_or_do_not),
      cmocka_unit_test(clocks_that_never_change_have_one_period),
      cmocka_unit_test(what_is_no_rule_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
