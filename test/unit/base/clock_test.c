#include "base/clock.h"

#include "unit/base/testing.h"

static void the_monotonic_clock_never_goes_back(void **state) {
  (void)state;
  uint64_t before = clock_monotonic_ns();
  for (int i = 0; i < 1000; i++) {
    uint64_t now = clock_monotonic_ns();
    assert_true(now >= before);
    before = now;
  }
}

static void the_wall_clock_is_past_this_file(void **state) {
  (void)state;
  assert_true(clock_realtime_ns() > UINT64_C(1700000000) * CLOCK_NS_PER_SECOND);
}

static void work_takes_cpu_time(void **state) {
  (void)state;
  uint64_t before = clock_thread_cpu_ns();
  uint64_t now = before;
  while (now == before) now = clock_thread_cpu_ns();
  assert_true(now > before);
}

static void a_time_reads_as_rfc3339(void **state) {
  (void)state;
  char text[CLOCK_TEXT_SIZE];
  clock_format_ms(UINT64_C(253402300799999), text);
  assert_string_equal(text, "9999-12-31T23:59:59.999Z");
  clock_format_ms(UINT64_MAX, text);
  assert_string_equal(text, "9999-12-31T23:59:59.999Z");
  clock_format(0, text);
  assert_string_equal(text, "1970-01-01T00:00:00.000Z");
  clock_format(UINT64_C(1795255200123456789), text);
  assert_string_equal(text, "2026-11-21T10:00:00.123Z");
}

static int64_t parsed(const char *value) {
  int64_t unix_ms = 0;
  assert_true(clock_parse(text_of(value), &unix_ms));
  return unix_ms;
}

static void a_time_is_read_with_its_offset_and_fraction(void **state) {
  (void)state;
  assert_int_equal(parsed("1970-01-01T00:00:00Z"), 0);
  assert_int_equal(parsed("2026-11-21T10:00:00.123Z"), INT64_C(1795255200123));
  assert_int_equal(parsed("2026-11-21 11:00:00.1239+01:00"), INT64_C(1795255200123));
  assert_int_equal(parsed("2026-11-21t04:30:00.5-05:30"), INT64_C(1795255200500));
  assert_int_equal(parsed("2016-12-31T23:59:60Z"), INT64_C(1483228800000));
  assert_int_equal(parsed("0001-01-01T00:00:00Z"), INT64_C(-62135596800000));
}

static void what_is_no_time_is_refused(void **state) {
  (void)state;
  const char *const wrong[] = {"",
                               "2026-11-21",
                               "2026-11-21T10:00:00",
                               "2026-11-21T10:00Z",
                               "2026-02-29T10:00:00Z",
                               "2026-13-01T10:00:00Z",
                               "2026-00-01T10:00:00Z",
                               "2026-11-21T24:00:00Z",
                               "2026-11-21T10:00:00.Z",
                               "2026-11-21T10:00:00+0100",
                               "2026-11-21T10:00:00Z ",
                               "2026-11-21T10:00:61Z",
                               "20261121T100000Z",
                               "2026-1-21T10:00:00Z"};
  int64_t unix_ms;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    if (clock_parse(text_of(wrong[i]), &unix_ms)) fail_msg("took %s", wrong[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_monotonic_clock_never_goes_back),
      cmocka_unit_test(the_wall_clock_is_past_this_file),
      cmocka_unit_test(work_takes_cpu_time),
      cmocka_unit_test(a_time_reads_as_rfc3339),
      cmocka_unit_test(a_time_is_read_with_its_offset_and_fraction),
      cmocka_unit_test(what_is_no_time_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
