// What `ubiq call --json` prints for a call.
#include "cli/call_report.h"

#include "unit/base/testing.h"

#include <stdlib.h>
#include <string.h>

#define BYTES(text) ((ubiq_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void assert_reported(const call_result *result, const char *expected) {
  buffer line = {0};
  assert_true(call_report_json(&line, result));
  assert_string_equal(buffer_string(&line), expected);
  buffer_free(&line);
}

static void a_call_has_its_output_and_measures(void **state) {
  (void)state;
  call_result result = {.output = BYTES("a\n\"b\""), .was_called = true, .duration_us = 12, .memory_bytes = 65536};
  assert_reported(&result, "{\"output\":\"a\\n\\\"b\\\"\",\"duration_us\":12,\"memory_bytes\":65536}\n");
}

static void fuel_is_there_when_it_is_counted(void **state) {
  (void)state;
  call_result result = {.was_called = true, .counts_fuel = true, .fuel = 3};
  assert_reported(&result, "{\"output\":\"\",\"duration_us\":0,\"memory_bytes\":0,\"fuel\":3}\n");
}

static void what_was_printed_stands_before_what_was_answered(void **state) {
  (void)state;
  call_result result = {.printed = BYTES("one "), .output = BYTES("two"), .was_called = true};
  assert_reported(&result, "{\"output\":\"one two\",\"duration_us\":0,\"memory_bytes\":0}\n");
}

static void output_that_is_not_utf8_is_base64(void **state) {
  (void)state;
  call_result result = {.output = BYTES("\xff"), .was_called = true};
  assert_reported(&result, "{\"output_base64\":\"/w==\",\"duration_us\":0,\"memory_bytes\":0}\n");
}

static void a_guest_error_has_the_guests_code(void **state) {
  (void)state;
  ubiq_error *error = ubiq_error_with_detail(ubiq_error_new(UBIQ_GUEST_ERROR, "no \"milk\""), -3);
  call_result result = {.error = error, .was_called = true};
  assert_reported(&result, "{\"error\":{\"class\":\"guest_error\",\"message\":\"no \\\"milk\\\"\",\"code\":-3},"
                           "\"duration_us\":0,\"memory_bytes\":0}\n");
  ubiq_error_delete(error);
}

static void an_error_keeps_what_was_printed(void **state) {
  (void)state;
  ubiq_error *error = ubiq_error_new(UBIQ_TRAP, "unreachable");
  call_result result = {.printed = BYTES("half"), .error = error, .was_called = true};
  assert_reported(&result, "{\"output\":\"half\",\"error\":{\"class\":\"trap\",\"message\":\"unreachable\"},"
                           "\"duration_us\":0,\"memory_bytes\":0}\n");
  ubiq_error_delete(error);
}

static void an_error_before_the_call_stands_alone(void **state) {
  (void)state;
  ubiq_error *error = ubiq_error_new(UBIQ_NOT_FOUND, "a.wasm: no such file");
  call_result result = {.error = error};
  assert_reported(&result, "{\"error\":{\"class\":\"not_found\",\"message\":\"a.wasm: no such file\"}}\n");
  ubiq_error_delete(error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_has_its_output_and_measures),
      cmocka_unit_test(fuel_is_there_when_it_is_counted),
      cmocka_unit_test(what_was_printed_stands_before_what_was_answered),
      cmocka_unit_test(output_that_is_not_utf8_is_base64),
      cmocka_unit_test(a_guest_error_has_the_guests_code),
      cmocka_unit_test(an_error_keeps_what_was_printed),
      cmocka_unit_test(an_error_before_the_call_stands_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
