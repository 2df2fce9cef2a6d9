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
  clock_format(0, text);
  assert_string_equal(text, "1970-01-01T00:00:00.000Z");
  clock_format(UINT64_C(1795255200123456789), text);
  assert_string_equal(text, "2026-11-21T10:00:00.123Z");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_monotonic_clock_never_goes_back),
      cmocka_unit_test(the_wall_clock_is_past_this_file),
      cmocka_unit_test(work_takes_cpu_time),
      cmocka_unit_test(a_time_reads_as_rfc3339),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
