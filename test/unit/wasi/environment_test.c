// Arguments, environment, randomness, exit and signals.
#include "fake_guest.h"

static void open_with_strings(fake_guest *guest) {
  static const char *const arguments[] = {"tool", "--fast", ""};
  static const char *const environment[] = {"HOME=/", "A=b"};
  *guest = (fake_guest){0};
  wasi_options options = fake_options(guest);
  options.arguments = arguments;
  options.arguments_count = 3;
  options.environment = environment;
  options.environment_count = 2;
  fake_open_with(guest, &options);
}

static void args_sizes_get_counts_strings_and_bytes(void **state) {
  (void)state;
  fake_guest guest;
  open_with_strings(&guest);
  assert_int_equal(fake_call(&guest, "args_sizes_get", 0, 4), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, 0), 3);
  assert_int_equal(fake_u32(&guest, 4), sizeof "tool" + sizeof "--fast" + sizeof "");
  fake_close(&guest);
}

static void args_get_writes_every_argument_and_where_it_is(void **state) {
  (void)state;
  fake_guest guest;
  open_with_strings(&guest);
  assert_int_equal(fake_call(&guest, "args_get", 100, 200), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, 100), 200);
  assert_int_equal(fake_u32(&guest, 104), 205);
  assert_int_equal(fake_u32(&guest, 108), 212);
  assert_memory_equal(guest.memory + 200, "tool\0--fast\0", 13);
  fake_close(&guest);
}

static void environ_get_writes_every_variable(void **state) {
  (void)state;
  fake_guest guest;
  open_with_strings(&guest);
  assert_int_equal(fake_call(&guest, "environ_sizes_get", 0, 4), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, 0), 2);
  assert_int_equal(fake_u32(&guest, 4), 11);
  assert_int_equal(fake_call(&guest, "environ_get", 100, 200), WASI_SUCCESS);
  assert_int_equal(fake_u32(&guest, 104), 207);
  assert_memory_equal(guest.memory + 200, "HOME=/\0A=b", 11);
  fake_close(&guest);
}

static void strings_that_reach_past_the_memory_are_a_fault(void **state) {
  (void)state;
  fake_guest guest;
  open_with_strings(&guest);
  assert_int_equal(fake_call(&guest, "args_get", FAKE_MEMORY_SIZE - 11, 0), WASI_EFAULT);
  assert_int_equal(fake_call(&guest, "args_get", 0, FAKE_MEMORY_SIZE - 12), WASI_EFAULT);
  assert_int_equal(fake_call(&guest, "args_get", FAKE_MEMORY_SIZE - 12, 0), WASI_SUCCESS);
  fake_close(&guest);
}

static void too_many_bytes_of_arguments_are_refused(void **state) {
  (void)state;
  enum { BYTES = 1 << 20 };
  char *argument = malloc(BYTES + 1);
  assert_non_null(argument);
  memset(argument, 'x', BYTES);
  argument[BYTES] = 0;
  wasi_options options = {.arguments = (const char *const *)&argument, .arguments_count = 1};
  wasi_context *context = NULL;
  ubiq_error *error = wasi_context_new(&options, &context);
  assert_int_equal(ubiq_error_code(error), UBIQ_TOO_LARGE);
  assert_null(context);
  ubiq_error_delete(error);
  free(argument);
}

static void random_get_fills_exactly_the_bytes_asked_for(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "random_get", 10, 3), WASI_SUCCESS);
  assert_memory_equal(guest.memory + 9, "\0\x5a\x5a\x5a\0", 5);
  assert_int_equal(fake_call(&guest, "random_get", FAKE_MEMORY_SIZE, 0), WASI_SUCCESS);
  assert_int_equal(fake_call(&guest, "random_get", FAKE_MEMORY_SIZE, 1), WASI_EFAULT);
  fake_close(&guest);
}

static void random_get_without_a_callback_asks_the_system(void **state) {
  (void)state;
  fake_guest guest = {0};
  wasi_options options = fake_options(&guest);
  options.random = NULL;
  fake_open_with(&guest, &options);
  static const uint8_t zeros[64];
  assert_int_equal(fake_call(&guest, "random_get", 0, 64), WASI_SUCCESS);
  assert_memory_not_equal(guest.memory, zeros, 64);
  fake_close(&guest);
}

static void proc_exit_ends_the_call_with_the_exit_code(void **state) {
  (void)state;
  fake_guest guest;
  uint32_t code;
  fake_open(&guest);
  assert_false(wasi_context_exited(guest.context, &code));
  guest.values[0].i32 = 7;
  ubiq_error *error = fake_enter(&guest, wasi_function_find("proc_exit"));
  assert_int_equal(ubiq_error_code(error), UBIQ_GUEST_ERROR);
  assert_int_equal(ubiq_error_detail(error), 7);
  assert_true(wasi_context_exited(guest.context, &code));
  assert_int_equal(code, 7);
  ubiq_error_delete(error);
  fake_close(&guest);
}

static void exit_code_zero_ends_the_call_too(void **state) {
  (void)state;
  fake_guest guest;
  uint32_t code = 1;
  fake_open(&guest);
  guest.values[0].i32 = 0;
  ubiq_error *error = fake_enter(&guest, wasi_function_find("proc_exit"));
  assert_non_null(error);
  assert_int_equal(ubiq_error_detail(error), 0);
  assert_true(wasi_context_exited(guest.context, &code));
  assert_int_equal(code, 0);
  ubiq_error_delete(error);
  fake_close(&guest);
}

static void reset_forgets_the_exit(void **state) {
  (void)state;
  fake_guest guest;
  uint32_t code;
  fake_open(&guest);
  guest.values[0].i32 = 3;
  ubiq_error_delete(fake_enter(&guest, wasi_function_find("proc_exit")));
  wasi_context_reset(guest.context);
  assert_false(wasi_context_exited(guest.context, &code));
  fake_close(&guest);
}

static void proc_raise_of_abort_ends_the_call(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  guest.values[0].i32 = 6;
  ubiq_error *error = fake_enter(&guest, wasi_function_find("proc_raise"));
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  ubiq_error_delete(error);
  fake_close(&guest);
}

static void proc_raise_of_a_signal_that_is_ignored_succeeds(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call(&guest, "proc_raise", 0), WASI_SUCCESS);
  assert_int_equal(fake_call(&guest, "proc_raise", 17), WASI_SUCCESS);
  assert_int_equal(fake_call(&guest, "proc_raise", 18), WASI_ENOTSUP);
  assert_int_equal(fake_call(&guest, "proc_raise", 31), WASI_EINVAL);
  assert_int_equal(fake_call(&guest, "proc_raise", UINT32_MAX), WASI_EINVAL);
  fake_close(&guest);
}

static void sched_yield_succeeds(void **state) {
  (void)state;
  fake_guest guest;
  fake_open(&guest);
  assert_int_equal(fake_call_with(&guest, "sched_yield", NULL, 0), WASI_SUCCESS);
  fake_close(&guest);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(args_sizes_get_counts_strings_and_bytes),
      cmocka_unit_test(args_get_writes_every_argument_and_where_it_is),
      cmocka_unit_test(environ_get_writes_every_variable),
      cmocka_unit_test(strings_that_reach_past_the_memory_are_a_fault),
      cmocka_unit_test(too_many_bytes_of_arguments_are_refused),
      cmocka_unit_test(random_get_fills_exactly_the_bytes_asked_for),
      cmocka_unit_test(random_get_without_a_callback_asks_the_system),
      cmocka_unit_test(proc_exit_ends_the_call_with_the_exit_code),
      cmocka_unit_test(exit_code_zero_ends_the_call_too),
      cmocka_unit_test(reset_forgets_the_exit),
      cmocka_unit_test(proc_raise_of_abort_ends_the_call),
      cmocka_unit_test(proc_raise_of_a_signal_that_is_ignored_succeeds),
      cmocka_unit_test(sched_yield_succeeds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
