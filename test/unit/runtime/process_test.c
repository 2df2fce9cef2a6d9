#include "runtime/process.h"

#include "unit/base/testing.h"

#include <string.h>

static void output_and_exit_code_are_taken(void **state) {
  (void)state;
  const char *arguments[] = {"sh", "-c", "echo out; echo err >&2; pwd; exit 7", NULL};
  buffer output = {0};
  int status = 0;
  assert_success(process_run(arguments, "/", &output, &status));
  assert_int_equal(status, 7);
  assert_string_equal(buffer_string(&output), "out\nerr\n/\n");
  buffer_free(&output);
}

static void a_signal_is_a_status_from_128_on(void **state) {
  (void)state;
  const char *arguments[] = {"sh", "-c", "kill -KILL $$", NULL};
  buffer output = {0};
  int status = 0;
  assert_success(process_run(arguments, NULL, &output, &status));
  assert_int_equal(status, 128 + 9);
  buffer_free(&output);
}

static void a_program_that_is_not_there_is_an_error(void **state) {
  (void)state;
  const char *arguments[] = {"ubiq-no-such-program", NULL};
  int status = 0;
  buffer output = {0};
  assert_fails(process_run(arguments, NULL, &output, &status), UBIQ_NOT_FOUND, "ubiq-no-such-program: no such program");
  buffer_free(&output);
}

static void standard_input_is_empty(void **state) {
  (void)state;
  const char *arguments[] = {"cat", NULL};
  buffer output = {0};
  int status = 1;
  assert_success(process_run(arguments, NULL, &output, &status));
  assert_int_equal(status, 0);
  assert_int_equal(output.size, 0);
  buffer_free(&output);
}

static void output_without_end_is_cut(void **state) {
  (void)state;
  const char *arguments[] = {"sh", "-c", "yes | head -c 1000000", NULL};
  buffer output = {0};
  int status = 1;
  assert_success(process_run(arguments, NULL, &output, &status));
  assert_int_equal(status, 0);
  assert_true(output.size >= PROCESS_OUTPUT_BYTES_MAX && output.size < PROCESS_OUTPUT_BYTES_MAX + 8192);
  buffer_free(&output);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(output_and_exit_code_are_taken),
      cmocka_unit_test(a_signal_is_a_status_from_128_on),
      cmocka_unit_test(a_program_that_is_not_there_is_an_error),
      cmocka_unit_test(standard_input_is_empty),
      cmocka_unit_test(output_without_end_is_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
