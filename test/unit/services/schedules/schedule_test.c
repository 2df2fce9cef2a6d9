// Schedules and their policies, with a clock that the test sets.
#include "services/schedules/schedule.h"

#include "base/clock.h"
#include "base/toml.h"
#include "unit/base/testing.h"

#include <string.h>

enum { TIMES_MAX = 8 };

static int64_t at(const char *when) {
  int64_t unix_ms = 0;
  assert_true(clock_parse(text_of(when), &unix_ms));
  return unix_ms;
}

static ubiq_error *try_read(const char *toml, schedule *out) {
  toml_document *document = NULL;
  ubiq_error *error = toml_parse("ubiq.toml", toml, strlen(toml), &document);
  assert_null(error);
  const json_value root = toml_root(document);
  error = schedule_read(&root, at("2026-03-01T00:00:00Z"), out);
  toml_delete(document);
  return error;
}

static schedule schedule_of(const char *toml) {
  schedule made;
  ubiq_error *error = try_read(toml, &made);
  if (error != NULL) fail_msg("%s", ubiq_error_message(error));
  return made;
}

static void assert_time(int64_t found_ms, const char *expected) {
  char shown[CLOCK_TEXT_SIZE];
  clock_format((uint64_t)found_ms * CLOCK_NS_PER_MS, shown);
  assert_string_equal(shown, expected);
}

static void assert_next(const schedule *self, const char *after, const char *expected) {
  int64_t next_ms;
  bool found = schedule_next(self, at(after), &next_ms);
  if (expected == NULL) {
    assert_false(found);
  } else {
    assert_true(found);
    assert_time(next_ms, expected);
  }
}

/// Asserts what is run at `now` when `due` was not served, and when it is asked for again (NULL: never).
static void assert_due(const schedule *self, const char *due, const char *now, const char *const *expected,
                       const char *again) {
  int64_t times[TIMES_MAX], next_ms;
  size_t count = schedule_due(self, at(due), at(now), times, TIMES_MAX, &next_ms), i = 0;
  for (; expected[i] != NULL; i++) {
    assert_true(i < count);
    assert_time(times[i], expected[i]);
  }
  assert_int_equal(count, i);
  if (again == NULL)
    assert_int_equal(next_ms, INT64_MAX);
  else
    assert_time(next_ms, again);
}

#define TIMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING    ((const char *const[]){NULL})

static void a_cron_schedule_follows_its_zone(void **state) {
  (void)state;
  schedule made = schedule_of("cron = '30 2 * * *'\ntimezone = 'Europe/Berlin'");
  assert_next(&made, "2026-03-28T12:00:00Z", "2026-03-29T01:00:00.000Z");
  made = schedule_of("cron = '30 2 * * *'\ntimezone = 'Europe/Berlin'\non_dst_gap = 'skip'");
  assert_next(&made, "2026-03-28T12:00:00Z", "2026-03-30T00:30:00.000Z");
  made = schedule_of("cron = '0 9 * * mon'");
  assert_next(&made, "2026-03-01T23:59:59.999Z", "2026-03-02T09:00:00.000Z");
}

static void an_interval_counts_from_its_beginning(void **state) {
  (void)state;
  schedule made = schedule_of("every = '7m'");
  assert_next(&made, "2026-03-01T00:00:00Z", "2026-03-01T00:07:00.000Z");
  assert_next(&made, "2026-03-01T00:06:59.999Z", "2026-03-01T00:07:00.000Z");
  assert_next(&made, "2026-03-01T00:07:00Z", "2026-03-01T00:14:00.000Z");
  assert_next(&made, "2026-02-01T00:00:00Z", "2026-03-01T00:07:00.000Z");
}

static void bounds_hold(void **state) {
  (void)state;
  schedule made = schedule_of("every = '1h'\nstart_after = 2026-03-02T10:00:00Z\nend_before = '2026-03-02T12:00:00Z'");
  assert_next(&made, "2026-03-01T00:00:00Z", "2026-03-02T11:00:00.000Z");
  assert_next(&made, "2026-03-02T11:00:00Z", NULL);
}

static void what_is_done_once_is_done_however_late(void **state) {
  (void)state;
  schedule made = schedule_of("at = '2026-03-05T00:00:00Z'");
  assert_next(&made, "2026-03-01T00:00:00Z", "2026-03-05T00:00:00.000Z");
  assert_next(&made, "2026-03-05T00:00:00Z", NULL);
  assert_due(&made, "2026-03-05T00:00:00Z", "2026-03-05T00:00:00Z", TIMES("2026-03-05T00:00:00.000Z"), NULL);
  assert_due(&made, "2026-03-05T00:00:00Z", "2027-03-05T00:00:00Z", TIMES("2026-03-05T00:00:00.000Z"), NULL);
  made = schedule_of("at = '2026-03-05T00:00:00Z'\nmissed = 'skip'");
  assert_due(&made, "2026-03-05T00:00:00Z", "2026-03-05T00:01:00Z", NOTHING, NULL);
}

static void after_an_hours_stop_the_policy_is_followed(void **state) {
  (void)state;
  const char *due = "2026-03-01T10:20:00Z", *now = "2026-03-01T11:15:00Z", *again = "2026-03-01T11:20:00.000Z";
  schedule made = schedule_of("every = '20m'");
  assert_due(&made, due, now, TIMES("2026-03-01T11:00:00.000Z"), again);
  made = schedule_of("every = '20m'\nmissed = 'skip'");
  assert_due(&made, due, now, NOTHING, again);
  made = schedule_of("every = '20m'\nmissed = 'all'");
  assert_due(&made, due, now, TIMES("2026-03-01T10:20:00.000Z", "2026-03-01T10:40:00.000Z", "2026-03-01T11:00:00.000Z"),
             again);
  made = schedule_of("every = '20m'\nmissed = 'all'\ncatch_up_window = '40m'");
  assert_due(&made, due, now, TIMES("2026-03-01T10:40:00.000Z", "2026-03-01T11:00:00.000Z"), again);
  made = schedule_of("every = '20m'\ncatch_up_window = '10m'");
  assert_due(&made, due, now, NOTHING, again);
}

static void a_time_that_was_just_now_is_not_missed(void **state) {
  (void)state;
  const char *due = "2026-03-01T10:20:00Z", *again = "2026-03-01T11:20:00.000Z";
  schedule made = schedule_of("every = '20m'\nmissed = 'skip'");
  assert_due(&made, due, "2026-03-01T11:00:10Z", TIMES("2026-03-01T11:00:00.000Z"), again);
  made = schedule_of("every = '20m'"); // and it is the run for those before it
  assert_due(&made, due, "2026-03-01T11:00:00Z", TIMES("2026-03-01T11:00:00.000Z"), again);
  assert_due(&made, "2026-03-01T11:20:00Z", "2026-03-01T11:19:59.999Z", NOTHING, again);
}

static void more_than_there_is_room_for_comes_next_time(void **state) {
  (void)state;
  schedule made = schedule_of("every = '1m'\nmissed = 'all'");
  int64_t times[3], next_ms;
  assert_int_equal(schedule_due(&made, at("2026-03-01T10:00:00Z"), at("2026-03-01T11:00:30Z"), times, 3, &next_ms), 3);
  assert_time(times[2], "2026-03-01T10:02:00.000Z");
  assert_time(next_ms, "2026-03-01T10:03:00.000Z");
}

static void the_last_of_a_years_seconds_is_found_at_once(void **state) {
  (void)state;
  schedule made = schedule_of("cron = '* * * * * *'\ncatch_up_window = '8760h'");
  assert_due(&made, "2026-03-01T00:00:00Z", "2027-02-01T00:00:00Z", // those of the last ten seconds are not missed
             TIMES("2027-01-31T23:59:50.000Z", "2027-01-31T23:59:51.000Z", "2027-01-31T23:59:52.000Z",
                   "2027-01-31T23:59:53.000Z", "2027-01-31T23:59:54.000Z", "2027-01-31T23:59:55.000Z",
                   "2027-01-31T23:59:56.000Z", "2027-01-31T23:59:57.000Z"),
             "2027-01-31T23:59:58.000Z");
  made = schedule_of("cron = '0 0 1 3 *'\ncatch_up_window = '8760h'");
  assert_due(&made, "2026-03-01T00:00:00Z", "2027-02-01T00:00:00Z", TIMES("2026-03-01T00:00:00.000Z"),
             "2027-03-01T00:00:00.000Z");
}

static void a_schedule_has_its_retry(void **state) {
  (void)state;
  schedule made = schedule_of("every = '1h'\nretry = { attempts = 9 }");
  assert_int_equal(made.retry.attempts, 9);
}

static void refused(const char *toml, const char *message) {
  schedule made;
  ubiq_error *error = try_read(toml, &made);
  assert_non_null(error);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  if (strstr(ubiq_error_message(error), message) == NULL) fail_msg("%s: %s", toml, ubiq_error_message(error));
  ubiq_error_delete(error);
}

static void what_is_wrong_is_named_with_its_place(void **state) {
  (void)state;
  refused("missed = 'once'", "has none of cron, every and at");
  refused("every = '1h'\ncron = '* * * * *'", "has several of cron, every and at");
  refused("every = '1h'\ntimezone = 'UTC'", "timezone goes with cron only");
  refused("every = '10ms'", "every is \"10ms\"; expected at least 1000 ms");
  refused("at = 'tomorrow'", "expected a time such as");
  refused("cron = '61 * * * *'", "minute is \"61\"");
  refused("cron = '* * * * *'\ntimezone = 'Moon/Base'", "timezone is no good: \"Moon/Base\" is no time zone");
  refused("every = '1h'\nmissed = 'twice'", "missed is \"twice\"; expected once, skip or all");
  refused("cron = '* * * * *'\non_dst_gap = 'run'", "expected skip or run_after");
  refused("every = '1h'\nretry = { tries = 1 }", "unknown key retry.tries");
  refused("every = '1h'\nstart_after = 2026-03-02T10:00:00Z\nend_before = 2026-03-02T10:00:00Z",
          "ends before it starts");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cron_schedule_follows_its_zone),
      cmocka_unit_test(an_interval_counts_from_its_beginning),
      cmocka_unit_test(bounds_hold),
      cmocka_unit_test(what_is_done_once_is_done_however_late),
      cmocka_unit_test(after_an_hours_stop_the_policy_is_followed),
      cmocka_unit_test(a_time_that_was_just_now_is_not_missed),
      cmocka_unit_test(more_than_there_is_room_for_comes_next_time),
      cmocka_unit_test(the_last_of_a_years_seconds_is_found_at_once),
      cmocka_unit_test(a_schedule_has_its_retry),
      cmocka_unit_test(what_is_wrong_is_named_with_its_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
