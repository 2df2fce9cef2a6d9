// What a retry says and which delays it makes.
#include "services/work/retry.h"

#include "base/toml.h"
#include "unit/base/testing.h"

#include <string.h>

static ubiq_error *try_read(const char *toml, retry_policy *out) {
  toml_document *document = NULL;
  ubiq_error *error = toml_parse("ubiq.toml", toml, strlen(toml), &document);
  assert_null(error);
  const json_value root = toml_root(document);
  error = retry_policy_read(&root, out);
  toml_delete(document);
  return error;
}

static retry_policy retry_of(const char *toml) {
  retry_policy read;
  ubiq_error *error = try_read(toml, &read);
  if (error != NULL) fail_msg("%s", ubiq_error_message(error));
  return read;
}

static void what_is_not_said_is_as_the_header_says(void **state) {
  (void)state;
  const char *const said[] = {"", "retry = {}", "retry = { attempts = 3 }"};
  for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
    retry_policy read = retry_of(said[i]);
    assert_int_equal(read.attempts, 3);
    assert_int_equal(read.first_delay_ms, 1000);
    assert_true(read.factor == 2 && read.jitter == 0.1);
    assert_int_equal(read.longest_delay_ms, 3600 * 1000);
  }
}

static void each_delay_is_longer_up_to_a_longest(void **state) {
  (void)state;
  retry_policy read =
      retry_of("retry = { attempts = 9, first_delay = '2s', factor = 3, longest_delay = '20s', jitter = 0.5 }");
  assert_int_equal(read.attempts, 9);
  const uint64_t expected[] = {0, 2000, 6000, 18000, 20000, 20000};
  for (uint32_t i = 0; i < 6; i++) assert_int_equal(retry_policy_delay(&read, i + 1, 0), expected[i]);
}

static void chance_takes_away_no_more_than_the_jitter(void **state) {
  (void)state;
  retry_policy read = retry_of("retry = { first_delay = '2s', jitter = 0.5 }");
  assert_int_equal(retry_policy_delay(&read, 2, 0), 2000);
  assert_int_equal(retry_policy_delay(&read, 2, 0.5), 1500);
  assert_in_range(retry_policy_delay(&read, 2, 0.999999), 1000, 1001);
}

static void a_first_delay_above_the_longest_is_the_longest(void **state) {
  (void)state;
  retry_policy read = retry_of("retry = { first_delay = '1m', longest_delay = '1s', jitter = 0 }");
  assert_int_equal(retry_policy_delay(&read, 2, 0), 1000);
  assert_int_equal(retry_policy_delay(&read, RETRY_ATTEMPTS_MAX, 0), 1000);
}

static void refused(const char *toml, const char *message) {
  retry_policy read;
  ubiq_error *error = try_read(toml, &read);
  assert_non_null(error);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  if (strstr(ubiq_error_message(error), message) == NULL) fail_msg("%s: %s", toml, ubiq_error_message(error));
  ubiq_error_delete(error);
}

static void what_is_wrong_is_named_with_its_place(void **state) {
  (void)state;
  refused("retry = 3", "retry is 3; expected");
  refused("retry = { tries = 1 }", "unknown key retry.tries");
  refused("retry = { jitter = 2 }", "retry.jitter is 2");
  refused("retry = { jitter = 2 }", "expected a number from 0 to 1");
  refused("retry = { factor = 0.5 }", "expected a number from 1 to 100");
  refused("retry = { factor = '2' }", "expected a number from 1 to 100");
  refused("retry = { attempts = 0 }", "expected an integer from 1 to 100");
  refused("retry = { first_delay = 'soon' }", "retry.first_delay is \"soon\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_said_is_as_the_header_says),
      cmocka_unit_test(each_delay_is_longer_up_to_a_longest),
      cmocka_unit_test(chance_takes_away_no_more_than_the_jitter),
      cmocka_unit_test(a_first_delay_above_the_longest_is_the_longest),
      cmocka_unit_test(what_is_wrong_is_named_with_its_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
