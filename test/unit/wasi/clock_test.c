// Clocks, fake and the system's.
#include "fake_guest.h"

static void clock_time_get_answers_each_clock(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  for (uint32_t clock = 0; clock < WASI_CLOCKS; clock++) {
    guest.clocks[clock] = UINT64_C(0x1122334455667788) + clock;
    assert_int_equal(fake_call(&guest, "clock_time_get", clock, 1000, 16), WASI_SUCCESS);
    assert_int_equal(fake_u64(&guest, 16), guest.clocks[clock]);
  }
  fake_close(&guest);
}

static void an_unknown_clock_is_invalid(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "clock_time_get", WASI_CLOCKS, 0, 16), WASI_EINVAL);
  assert_int_equal(fake_call(&guest, "clock_res_get", UINT32_MAX, 16), WASI_EINVAL);
  fake_close(&guest);
}

static void a_time_is_written_to_the_last_bytes_and_not_past_them(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "clock_time_get", 0, 0, FAKE_MEMORY_SIZE - 8), WASI_SUCCESS);
  assert_int_equal(fake_call(&guest, "clock_time_get", 0, 0, FAKE_MEMORY_SIZE - 7), WASI_EFAULT);
  fake_close(&guest);
}

static void clock_res_get_answers_a_nanosecond(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "clock_res_get", WASI_CLOCK_MONOTONIC, 16), WASI_SUCCESS);
  assert_int_equal(fake_u64(&guest, 16), 1);
  fake_close(&guest);
}

static void the_systems_monotonic_clock_never_goes_back(void **state) {
  (void)state;
  fake_guest guest = {0};
  wasi_options options = fake_options(&guest);
  options.clock = NULL;
  fake_open_with(&guest, &options);
  for (uint32_t clock = 0; clock < WASI_CLOCKS; clock++) {
    assert_int_equal(fake_call(&guest, "clock_time_get", clock, 0, 0), WASI_SUCCESS);
    assert_int_equal(fake_call(&guest, "clock_time_get", clock, 0, 8), WASI_SUCCESS);
    if (clock != WASI_CLOCK_REALTIME) assert_true(fake_u64(&guest, 8) >= fake_u64(&guest, 0));
    assert_true(fake_u64(&guest, 0) > 0);
  }
  fake_close(&guest);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clock_time_get_answers_each_clock),
      cmocka_unit_test(an_unknown_clock_is_invalid),
      cmocka_unit_test(a_time_is_written_to_the_last_bytes_and_not_past_them),
      cmocka_unit_test(clock_res_get_answers_a_nanosecond),
      cmocka_unit_test(the_systems_monotonic_clock_never_goes_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
