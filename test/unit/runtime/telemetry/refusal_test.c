// Reasons of requests that were refused without a run.
#include "runtime/telemetry/refusal.h"

#include "unit/base/testing.h"

static void assert_reason(unsigned status, const char *expected) {
  assert_string_equal(refusal_name(refusal_of_status(status)), expected);
}

static void a_status_stands_for_a_reason(void **state) {
  (void)state;
  assert_reason(400, "malformed");
  assert_reason(401, "unknown_caller");
  assert_reason(403, "denied");
  assert_reason(404, "not_found");
  assert_reason(405, "no_method");
  assert_reason(408, "too_slow");
  assert_reason(413, "too_large");
  assert_reason(414, "headers_too_large");
  assert_reason(431, "headers_too_large");
  assert_reason(429, "busy");
  assert_reason(503, "unavailable");
}

static void every_other_status_is_of_one_reason(void **state) {
  (void)state;
  assert_reason(0, "other");
  assert_reason(416, "other");
  assert_reason(501, "other");
  assert_reason(4294967295U, "other");
}

static void every_reason_has_a_name_of_its_own(void **state) {
  (void)state;
  for (int i = 0; i < REFUSALS; i++)
    for (int k = 0; k < i; k++) assert_string_not_equal(refusal_name((refusal)i), refusal_name((refusal)k));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_status_stands_for_a_reason),
      cmocka_unit_test(every_other_status_is_of_one_reason),
      cmocka_unit_test(every_reason_has_a_name_of_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
