#include "runtime/release/canary.h"

#include "unit/base/testing.h"

static const canary_rule rule = {.failures_permille_max = 50, .requests_min = 20, .window_s = 60};

static void few_requests_are_not_judged(void **state) {
  (void)state;
  canary canary;
  canary_begin(&canary, &rule, 1000);
  assert_false(canary_look(&canary, 1500, (release_totals){19, 19}));
  assert_true(canary_look(&canary, 1600, (release_totals){20, 19}));
  assert_int_equal(canary.within.failures, 19);
}

static void exactly_the_threshold_is_not_too_many(void **state) {
  (void)state;
  canary canary;
  canary_begin(&canary, &rule, 0);
  assert_false(canary_look(&canary, 100, (release_totals){100, 5}));
  assert_true(canary_look(&canary, 200, (release_totals){100, 6}));
}

static void what_lies_before_the_window_does_not_count(void **state) {
  (void)state;
  canary canary;
  uint64_t now_ms = 0;
  release_totals totals = {1000, 0};
  canary_begin(&canary, &rule, now_ms);
  for (; now_ms < 300000; now_ms += 250) assert_false(canary_look(&canary, now_ms, totals));
  assert_int_equal(canary.within.requests, 0);
  totals.requests += 100;
  totals.failures += 6; // 6 % of the last minute, 0.5 % of all
  assert_true(canary_look(&canary, now_ms, totals));
  now_ms += 63000;
  assert_false(canary_look(&canary, now_ms, totals));
  assert_false(canary_look(&canary, now_ms + 63000, totals));
  assert_int_equal(canary.within.requests, 0);
}

static void the_window_is_as_long_as_was_said(void **state) {
  (void)state;
  for (uint32_t window_s = 1; window_s <= 3600; window_s = window_s * 3 + 1) {
    canary canary;
    const canary_rule same = {50, 1, window_s};
    release_totals totals = {0};
    canary_begin(&canary, &same, 0);
    for (uint64_t now_ms = 0; now_ms < 10000 * (uint64_t)window_s; now_ms += 250) {
      totals.requests++; // four a second
      canary_look(&canary, now_ms, totals);
    }
    assert_in_range(canary.within.requests, 4 * window_s - 1, 4 * window_s + 2 * window_s / 10 + 4);
  }
}

static void without_a_threshold_nothing_is_too_many(void **state) {
  (void)state;
  canary canary;
  const canary_rule none = {.window_s = 1};
  canary_begin(&canary, &none, 0);
  assert_false(canary_look(&canary, 10, (release_totals){1000, 1000}));
}

static void places_are_added_up(void **state) {
  (void)state;
  release_counts counts = {0};
  for (unsigned i = 0; i < 2 * RELEASE_COUNTS_PLACES; i++) release_counts_add(&counts, i, i % 4 == 0);
  assert_int_equal(release_counts_sum(&counts).requests, 2 * RELEASE_COUNTS_PLACES);
  assert_int_equal(release_counts_sum(&counts).failures, RELEASE_COUNTS_PLACES / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(few_requests_are_not_judged),
      cmocka_unit_test(exactly_the_threshold_is_not_too_many),
      cmocka_unit_test(what_lies_before_the_window_does_not_count),
      cmocka_unit_test(the_window_is_as_long_as_was_said),
      cmocka_unit_test(without_a_threshold_nothing_is_too_many),
      cmocka_unit_test(places_are_added_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
