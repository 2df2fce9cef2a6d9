#include "base/units.h"

#include "unit/base/testing.h"

static void durations_have_units(void **state) {
  (void)state;
  const struct {
    const char *value;
    uint64_t milliseconds;
  } rows[] = {{"0", 0}, {"1500", 1500}, {"500ms", 500}, {"30s", 30000}, {"5m", 300000}, {"1h", 3600000}, {"2 s", 2000}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t milliseconds = 1;
    assert_true(units_duration_parse(text_of(rows[i].value), &milliseconds));
    assert_int_equal(milliseconds, rows[i].milliseconds);
  }
}

static void assert_written(bool (*write)(buffer *, uint64_t), uint64_t number, const char *expected) {
  buffer out = {0};
  assert_true(write(&out, number));
  assert_string_equal(buffer_string(&out), expected);
  buffer_free(&out);
}

static void numbers_are_written_in_the_largest_unit_that_fits(void **state) {
  (void)state;
  assert_written(units_duration_write, 0, "0");
  assert_written(units_duration_write, 30000, "30s");
  assert_written(units_duration_write, 1500, "1500ms");
  assert_written(units_duration_write, 7200000, "2h");
  assert_written(units_size_write, 64 << 20, "64MiB");
  assert_written(units_size_write, 1000, "1000");
  assert_written(units_size_write, 3 << 10, "3KiB");
}

static void sizes_have_units(void **state) {
  (void)state;
  const struct {
    const char *value;
    uint64_t bytes;
  } rows[] = {{"0", 0},           {"7B", 7},           {"65536", 65536},     {"1KB", 1000},
              {"512KiB", 524288}, {"64MiB", 67108864}, {"1GiB", 1073741824}, {"2 MB", 2000000}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t bytes = 1;
    assert_true(units_size_parse(text_of(rows[i].value), &bytes));
    assert_int_equal(bytes, rows[i].bytes);
  }
}

static void what_is_neither_is_refused(void **state) {
  (void)state;
  const char *const values[] = {"",    "s", "-1s", "1.5s", "1 day", "99999999999999999999", "18446744073709551615h",
                                "1ss", "+1"};
  uint64_t number;
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    assert_false(units_duration_parse(text_of(values[i]), &number));
    assert_false(units_size_parse(text_of(values[i]), &number));
  }
}

static void percentages_have_one_decimal_at_most(void **state) {
  (void)state;
  const struct {
    const char *value;
    uint64_t permille;
  } rows[] = {{"0", 0}, {"5", 50}, {"5%", 50}, {"2.5", 25}, {"2.5%", 25}, {"100", 1000}, {"100.0%", 1000}};
  const char *const wrong[] = {"", "%", "5%%", ".5", "5.", "5.25", "-5", "101", "100.1", "5 %", "five", "5.x"};
  uint64_t permille = 1;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_true(units_percent_parse(text_of(rows[i].value), &permille));
    assert_int_equal(permille, rows[i].permille);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_false(units_percent_parse(text_of(wrong[i]), &permille));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(durations_have_units),
      cmocka_unit_test(sizes_have_units),
      cmocka_unit_test(numbers_are_written_in_the_largest_unit_that_fits),
      cmocka_unit_test(what_is_neither_is_refused),
      cmocka_unit_test(percentages_have_one_decimal_at_most),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
