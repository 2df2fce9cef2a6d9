// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "ubiq/error.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

static void an_error_has_its_code_and_message(void **state) {
  (void)state;
  ubiq_error *error = ubiq_error_new(UBIQ_NOT_FOUND, "%s: no such file, tried %d times", "a.wasm", 3);
  assert_int_equal(ubiq_error_code(error), UBIQ_NOT_FOUND);
  assert_string_equal(ubiq_error_message(error), "a.wasm: no such file, tried 3 times");
  assert_int_equal(ubiq_error_detail(error), 0);
  ubiq_error_delete(error);
}

static void success_reads_as_ok_and_an_empty_message(void **state) {
  (void)state;
  assert_int_equal(ubiq_error_code(NULL), UBIQ_OK);
  assert_string_equal(ubiq_error_message(NULL), "");
  assert_int_equal(ubiq_error_detail(NULL), 0);
  assert_null(ubiq_error_with_detail(NULL, 3));
  ubiq_error_delete(NULL);
}

static void a_wrapped_error_keeps_code_detail_and_message(void **state) {
  (void)state;
  ubiq_error *error = ubiq_error_with_detail(ubiq_error_new(UBIQ_TRAP, "unreachable"), 7);
  error = ubiq_error_wrap(error, "calling %s", "greet");
  error = ubiq_error_wrap(error, "POST /greet");
  assert_string_equal(ubiq_error_message(error), "POST /greet: calling greet: unreachable");
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  assert_int_equal(ubiq_error_detail(error), 7);
  ubiq_error_delete(error);
}

static void wrapping_success_is_success(void **state) {
  (void)state;
  assert_null(ubiq_error_wrap(NULL, "nothing happened"));
}

static void a_message_of_any_length_is_kept_whole(void **state) {
  (void)state;
  char text[5001];
  memset(text, 'x', 5000);
  text[5000] = 0;
  ubiq_error *error = ubiq_error_new(UBIQ_INTERNAL, "%s", text);
  assert_string_equal(ubiq_error_message(error), text);
  ubiq_error_delete(error);
}

static void without_memory_the_shared_error_is_returned(void **state) {
  (void)state;
  alloc_failure.armed = true;
  alloc_failure.passes = 0;
  ubiq_error *error = ubiq_error_new(UBIQ_DENIED, "no");
  assert_ptr_equal(error, ubiq_error_no_memory());
  assert_string_equal(ubiq_error_message(error), "out of memory");
  assert_int_equal(ubiq_error_code(error), UBIQ_INTERNAL);
  assert_ptr_equal(ubiq_error_with_detail(error, 9), error);
  assert_int_equal(ubiq_error_detail(error), 0);
  assert_ptr_equal(ubiq_error_wrap(error, "doing something"), error);
  ubiq_error_delete(error);
  ubiq_error_delete(error);
}

static void without_memory_a_cause_stays_unwrapped(void **state) {
  (void)state;
  ubiq_error *cause = ubiq_error_new(UBIQ_DENIED, "no");
  alloc_failure.armed = true;
  alloc_failure.passes = 0;
  ubiq_error *error = ubiq_error_wrap(cause, "doing something");
  assert_ptr_equal(error, cause);
  assert_string_equal(ubiq_error_message(error), "no");
  ubiq_error_delete(error);
}

static void every_class_has_a_word_a_status_and_an_exit_code(void **state) {
  (void)state;
  assert_string_equal(ubiq_code_name(UBIQ_OK), "ok");
  assert_int_equal(ubiq_code_http_status(UBIQ_OK), 200);
  assert_int_equal(ubiq_code_exit(UBIQ_OK), 0);
#define CHECK(identifier, name, status, exit_code, text)                                                               \
  assert_string_equal(ubiq_code_name(UBIQ_##identifier), name);                                                        \
  assert_string_equal(ubiq_code_text(UBIQ_##identifier), text);                                                        \
  assert_int_equal(ubiq_code_http_status(UBIQ_##identifier), status);                                                  \
  assert_int_equal(ubiq_code_exit(UBIQ_##identifier), exit_code);
  UBIQ_CODES(CHECK)
#undef CHECK
}

static void an_unknown_class_reads_as_internal(void **state) {
  (void)state;
  assert_string_equal(ubiq_code_name((ubiq_code)999), "internal");
  assert_int_equal(ubiq_code_http_status((ubiq_code)-1), 500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_error_has_its_code_and_message),
      cmocka_unit_test(success_reads_as_ok_and_an_empty_message),
      cmocka_unit_test(a_wrapped_error_keeps_code_detail_and_message),
      cmocka_unit_test(wrapping_success_is_success),
      cmocka_unit_test(a_message_of_any_length_is_kept_whole),
      cmocka_unit_test(without_memory_the_shared_error_is_returned),
      cmocka_unit_test(without_memory_a_cause_stays_unwrapped),
      cmocka_unit_test(every_class_has_a_word_a_status_and_an_exit_code),
      cmocka_unit_test(an_unknown_class_reads_as_internal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
