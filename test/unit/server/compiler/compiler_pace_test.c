#include "server/compiler/compiler_pace.h"

#include "base/clock.h"
#include "unit/base/testing.h"

enum { FREELY = 3 };

#define MS      CLOCK_NS_PER_MS
#define LONGEST (1000 * MS)

static uint64_t delay_ms(const compiler_pace *self) {
  return compiler_pace_delay_ns(self, FREELY, LONGEST) / MS;
}

static void the_first_follow_at_once_and_the_others_later_each_time(void **state) {
  (void)state;
  static const uint64_t expected_ms[] = {0, 0, 0, 100, 200, 400, 800, 1000, 1000};
  compiler_pace pace = {0};
  uint64_t now_ns = 3600 * CLOCK_NS_PER_SECOND;
  for (size_t i = 0; i < sizeof expected_ms / sizeof expected_ms[0]; i++) {
    assert_int_equal(delay_ms(&pace), expected_ms[i]);
    compiler_pace_count(&pace, now_ns += 1000 * MS);
  }
  for (size_t i = 0; i < 1000; i++) compiler_pace_count(&pace, now_ns += 1000 * MS);
  assert_int_equal(delay_ms(&pace), 1000);
  assert_int_equal(pace.last_ns, now_ns);
}

static void after_a_quiet_minute_it_begins_anew(void **state) {
  (void)state;
  compiler_pace pace = {0};
  uint64_t now_ns = 3600 * CLOCK_NS_PER_SECOND;
  for (size_t i = 0; i < 10; i++) compiler_pace_count(&pace, now_ns);
  compiler_pace_count(&pace, now_ns += 60 * CLOCK_NS_PER_SECOND);
  assert_int_equal(delay_ms(&pace), 1000);
  compiler_pace_count(&pace, now_ns + 60 * CLOCK_NS_PER_SECOND + 1);
  assert_int_equal(pace.count, 1);
  assert_int_equal(delay_ms(&pace), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_follow_at_once_and_the_others_later_each_time),
      cmocka_unit_test(after_a_quiet_minute_it_begins_anew),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
