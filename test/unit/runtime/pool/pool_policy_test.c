// What a pool does, second by second, under loads on a fake clock.
#include "runtime/pool/pool_policy.h"

#include "support/pool_simulation.h"
#include "unit/base/testing.h"

#include <stdio.h>

static uint32_t all(const pool_scale *scale) {
  return scale->busy + scale->ready + scale->starting;
}

// ------------------------------------------------------------------------------------------------- the aim

static void the_aim_is_demand_and_a_share_more_rounded_up(void **state) {
  (void)state;
  pool_settings settings = pool_settings_default;
  static const uint32_t rows[][2] = {{0, 2}, {1, 2}, {2, 3}, {9, 10}, {10, 11}, {11, 13}, {100, 110}, {101, 112}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    assert_int_equal(pool_aim(&settings, rows[i][0]), rows[i][1]);
  settings.overprovision_percent = 0;
  assert_int_equal(pool_aim(&settings, 77), 77);
  settings.overprovision_percent = 1000;
  assert_int_equal(pool_aim(&settings, 7), 77);
}

static void the_aim_stays_between_min_and_max(void **state) {
  (void)state;
  const pool_settings settings = {
      .min = 5, .max = 20, .overprovision_percent = 50, .idle_ms = 1000, .interval_ms = 1000};
  assert_int_equal(pool_aim(&settings, 0), 5);
  assert_int_equal(pool_aim(&settings, 10), 15);
  assert_int_equal(pool_aim(&settings, 14), 20);
  assert_int_equal(pool_aim(&settings, UINT32_MAX), 20);
}

// ------------------------------------------------------------------------------------------------------- the window

static void a_sample_counts_for_idle_and_an_interval_at_most(void **state) {
  (void)state;
  const pool_settings *settings = &pool_settings_default;
  pool_window window = {0};
  pool_window_add(&window, settings, 5000, 7);
  for (uint64_t now_ms = 5000; now_ms <= 36500; now_ms += 500) {
    uint32_t peak = pool_window_peak(&window, settings, now_ms);
    assert_int_equal(peak, now_ms < 36000 ? 7 : 0);
  }
}

static void the_largest_sample_of_the_window_is_the_peak(void **state) {
  (void)state;
  const pool_settings *settings = &pool_settings_default;
  pool_window window = {0};
  static const uint32_t samples[] = {3, 9, 4, 1, 8, 2};
  for (uint32_t i = 0; i < 6; i++) pool_window_add(&window, settings, 1000 * (i + 1), samples[i]);
  assert_int_equal(pool_window_peak(&window, settings, 6000), 9);
  assert_int_equal(pool_window_peak(&window, settings, 33000), 8); // the 9 of second 2 has gone
  assert_int_equal(pool_window_peak(&window, settings, 36000), 2);
  assert_int_equal(pool_window_peak(&window, settings, 37000), 0);
}

static void a_window_of_many_intervals_is_kept_in_wider_buckets(void **state) {
  (void)state;
  const pool_settings settings = {.min = 0, .max = 9, .idle_ms = 3600 * 1000, .interval_ms = 10};
  pool_window window = {0};
  uint64_t width_ms = 3600 * 1000 / (POOL_WINDOW_BUCKETS - 1) + 1;
  pool_window_add(&window, &settings, 1000000, 5);
  assert_int_equal(pool_window_peak(&window, &settings, 1000000 + 3600 * 1000), 5);
  assert_int_equal(pool_window_peak(&window, &settings, 1000000 + 3600 * 1000 + width_ms), 0);
}

static void a_sample_long_after_the_last_forgets_all_before(void **state) {
  (void)state;
  const pool_settings *settings = &pool_settings_default;
  pool_window window = {0};
  for (uint64_t now_ms = 0; now_ms < 100000; now_ms += 1000) pool_window_add(&window, settings, now_ms, 50);
  pool_window_add(&window, settings, UINT64_C(100) << 32, 1);
  assert_int_equal(pool_window_peak(&window, settings, UINT64_C(100) << 32), 1);
}

// ---------------------------------------------------------------------------------------------------------- loads

/// The largest load of the looks that count at a second: those of the last 30 seconds and the one before.
static uint32_t peak_until(simulation_load load, uint64_t second) {
  uint32_t peak = 0;
  uint64_t first_ms = second > 31 ? (second - 31) * 1000 : 0;
  // A look also sees what was busy at the last one.
  for (uint64_t now_ms = first_ms == 0 ? SIMULATION_STEP_MS : first_ms; now_ms <= second * 1000;
       now_ms += SIMULATION_STEP_MS)
    if (load(now_ms) > peak) peak = load(now_ms);
  return peak;
}

/// Where a target moves at a look.
static uint32_t target_after(uint32_t target, uint32_t demand) {
  uint32_t aim = (demand * 110 + 99) / 100;
  if (aim < 2) aim = 2;
  return aim < target ? aim + (target - aim) / 2 : aim;
}

/// Replays a load and checks, each second, what can be said of any: busy is the load; the target follows the peak of the
/// window; all that is missing was started and nothing is too much. `cold` gets how many runs found no instance ready, by
/// second from 1.
static void replay(simulation_load load, uint32_t seconds, uint32_t *cold) {
  simulation self;
  uint32_t target = 2;
  simulation_init(&self, &pool_settings_default, load);
  for (uint32_t second = 1; second <= seconds; second++) {
    simulation_second(&self);
    uint32_t busy = load(second * 1000), demand = peak_until(load, second);
    assert_int_equal(self.scale.busy, busy);
    assert_int_equal(self.scale.demand, demand);
    uint32_t before = target;
    target = target_after(target, demand);
    assert_int_equal(self.scale.target, target);
    // A growing target is reached in the next idle moment.
    uint32_t expected = target > before ? before : target;
    assert_int_equal(all(&self.scale), busy > expected ? busy : expected);
    cold[second] = self.cold;
  }
}

static void a_step_makes_its_own_instances_until_the_next_look_only(void **state) {
  (void)state;
  uint32_t cold[101];
  replay(simulation_load_step, 100, cold);
  // Second 11 has the step: ten rounds of 100 runs, with two kept ready for each.
  for (uint32_t second = 1; second <= 100; second++) assert_int_equal(cold[second], second == 11 ? 980 : 0);
}

static void a_step_down_keeps_its_instances_for_idle_and_then_gives_up_half_at_each_look(void **state) {
  (void)state;
  simulation self;
  simulation_init(&self, &pool_settings_default, simulation_load_step);
  // 100 runs at once until second 40, which the look of second 41 still saw: the window forgets them at second 72.
  static const uint32_t after[] = {110, 58, 32, 19, 12, 9, 7, 6, 6, 6};
  for (uint32_t second = 1; second <= 80; second++) {
    simulation_second(&self);
    if (second > 11 && second <= 70) assert_int_equal(all(&self.scale), 110);
    if (second > 70) assert_int_equal(all(&self.scale), after[second - 71]);
  }
}

static void a_ramp_is_met_by_what_is_provisioned_above_it(void **state) {
  (void)state;
  uint32_t cold[171];
  replay(simulation_load_ramp, 170, cold);
  // 100 more within a minute are 1.7 a second: a tenth above the demand covers it from a demand of about 20 on.
  for (uint32_t second = 14; second <= 170; second++) assert_int_equal(cold[second], 0);
}

static void a_spike_that_comes_again_within_idle_finds_instances_ready(void **state) {
  (void)state;
  uint32_t cold[131];
  replay(simulation_load_spike, 130, cold);
  for (uint32_t second = 2; second <= 130; second++) {
    if (second != 21 && second != 91) assert_int_equal(cold[second], 0);
  }
  assert_true(cold[21] > 900); // the first: five rounds of 200 runs, 11 instances
  assert_true(cold[91] > 900); // the third: 55 seconds after the second
}

static void a_sawtooth_shorter_than_idle_is_met_after_its_first_tooth(void **state) {
  (void)state;
  uint32_t cold[131];
  replay(simulation_load_sawtooth, 130, cold);
  for (uint32_t second = 21; second <= 130; second++) assert_int_equal(cold[second], 0);
}

static void a_machine_that_starts_few_at_a_time_reaches_the_target_later(void **state) {
  (void)state;
  simulation self;
  simulation_init(&self, &pool_settings_default, simulation_load_step);
  self.starts_per_step = 60;
  for (int second = 1; second <= 12; second++) simulation_second(&self);
  assert_int_equal(self.cold, 10 * 40);
  for (int second = 13; second <= 40; second++) simulation_second(&self);
  assert_int_equal(self.cold, 10 * 40); // 60 are started for each 100 that are used up
}

// ------------------------------------------------------------------------------------------------------- the edges

static void a_pool_is_at_rest_once_its_window_is_empty_and_nothing_is_too_much(void **state) {
  (void)state;
  pool_scale scale;
  pool_scale_init(&scale, &pool_settings_default);
  scale.ready = pool_scale_missing(&scale);
  assert_int_equal(scale.ready, 2);
  assert_true(pool_scale_is_at_rest(&scale));
  assert_true(pool_scale_take(&scale));
  assert_false(pool_scale_is_at_rest(&scale));
  assert_true(pool_scale_give_back(&scale, true));
  uint64_t now_ms = 0;
  while (!pool_scale_is_at_rest(&scale)) {
    now_ms += 1000;
    scale.ready -= pool_scale_look(&scale, now_ms);
    assert_true(now_ms < 40000);
  }
  assert_true(now_ms >= 31000);
  assert_int_equal(scale.ready, 2);
}

static void what_is_fit_to_be_used_again_is_kept_up_to_max(void **state) {
  (void)state;
  pool_settings settings = pool_settings_default;
  settings.min = 0;
  settings.max = 2;
  pool_scale scale;
  pool_scale_init(&scale, &settings);
  assert_false(pool_scale_take(&scale));
  assert_true(pool_scale_give_back(&scale, true));
  assert_true(pool_scale_take(&scale));
  assert_false(pool_scale_give_back(&scale, false));
  assert_int_equal(all(&scale), 0);
  scale.ready = 2;
  scale.busy = 1;
  assert_false(pool_scale_give_back(&scale, true));
}

static void busy_instances_are_never_dropped(void **state) {
  (void)state;
  pool_settings settings = pool_settings_default;
  settings.max = 3;
  pool_scale scale;
  pool_scale_init(&scale, &settings);
  scale.busy = scale.busy_peak = 9;
  scale.ready = 1;
  assert_int_equal(pool_scale_look(&scale, 1000), 1);
  assert_int_equal(scale.target, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_aim_is_demand_and_a_share_more_rounded_up),
      cmocka_unit_test(the_aim_stays_between_min_and_max),
      cmocka_unit_test(a_sample_counts_for_idle_and_an_interval_at_most),
      cmocka_unit_test(the_largest_sample_of_the_window_is_the_peak),
      cmocka_unit_test(a_window_of_many_intervals_is_kept_in_wider_buckets),
      cmocka_unit_test(a_sample_long_after_the_last_forgets_all_before),
      cmocka_unit_test(a_step_makes_its_own_instances_until_the_next_look_only),
      cmocka_unit_test(a_step_down_keeps_its_instances_for_idle_and_then_gives_up_half_at_each_look),
      cmocka_unit_test(a_ramp_is_met_by_what_is_provisioned_above_it),
      cmocka_unit_test(a_spike_that_comes_again_within_idle_finds_instances_ready),
      cmocka_unit_test(a_sawtooth_shorter_than_idle_is_met_after_its_first_tooth),
      cmocka_unit_test(a_machine_that_starts_few_at_a_time_reaches_the_target_later),
      cmocka_unit_test(a_pool_is_at_rest_once_its_window_is_empty_and_nothing_is_too_much),
      cmocka_unit_test(what_is_fit_to_be_used_again_is_kept_up_to_max),
      cmocka_unit_test(busy_instances_are_never_dropped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
