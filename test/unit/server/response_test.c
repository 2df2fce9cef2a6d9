#include "server/response.h"

#include "unit/base/testing.h"

#include <stdio.h>
#include <string.h>

static const char *type_of(const void *data, size_t size, const char *content_type) {
  answer answer = answer_output((ubiq_bytes){data, size}, content_type);
  assert_int_equal(answer.status, 200);
  const char *type = MHD_get_response_header(answer.response, "Content-Type");
  static char kept[64];
  if (type != NULL) snprintf(kept, sizeof kept, "%s", type);
  MHD_destroy_response(answer.response);
  return type == NULL ? NULL : kept;
}

static void text_is_told_from_bytes(void **state) {
  (void)state;
  const char text[] = "text/plain; charset=utf-8", bytes[] = "application/octet-stream";
  assert_string_equal(type_of("a", 1, NULL), text);
  assert_string_equal(type_of("12345678", 8, NULL), text);
  assert_string_equal(type_of("12345678\xc3\xa4", 10, NULL), text);
  assert_string_equal(type_of("\xc3\xa4 and so on, and so on", 22, NULL), text);
  assert_string_equal(type_of("12345678\xc3", 9, NULL), bytes);
  assert_string_equal(type_of("1234567\0", 8, NULL), bytes);
  assert_string_equal(type_of("12345678\0", 9, NULL), bytes);
  assert_string_equal(type_of("\xc3\xa4\0", 3, NULL), bytes);
  assert_string_equal(type_of("\x80", 1, NULL), bytes);
  assert_null(type_of("", 0, NULL));
  assert_string_equal(type_of("{}", 2, "application/json"), "application/json");
}

static void problems_have_the_status_of_their_class(void **state) {
  (void)state;
#define CHECK_CODE(identifier, name, expected, exit_code, meaning)                                                     \
  {                                                                                                                    \
    answer answer = answer_error(ubiq_error_new(UBIQ_##identifier, "why"));                                            \
    assert_int_equal(answer.status, expected);                                                                         \
    assert_string_equal(MHD_get_response_header(answer.response, "Content-Type"), "application/problem+json");         \
    assert_int_equal(MHD_get_response_header(answer.response, "Retry-After") != NULL, (expected) == 429);              \
    MHD_destroy_response(answer.response);                                                                             \
  }
  UBIQ_CODES(CHECK_CODE)
#undef CHECK_CODE
}

static void what_the_host_refused_to_a_function_is_the_functions_failure(void **state) {
  (void)state;
#define CHECK_RUN_CODE(identifier, name, expected, exit_code, meaning)                                                 \
  {                                                                                                                    \
    bool hidden = UBIQ_##identifier == UBIQ_DENIED || UBIQ_##identifier == UBIQ_UNAVAILABLE ||                         \
                  UBIQ_##identifier == UBIQ_INVALID_INPUT;                                                             \
    answer answer = answer_run_error(ubiq_error_new(UBIQ_##identifier, "why"));                                        \
    assert_int_equal(answer.status, hidden ? 500 : expected);                                                          \
    MHD_destroy_response(answer.response);                                                                             \
  }
  UBIQ_CODES(CHECK_RUN_CODE)
#undef CHECK_RUN_CODE
}

static void a_detail_that_is_no_text_still_makes_an_answer(void **state) {
  (void)state;
  answer answer = answer_problem(UBIQ_GUEST_ERROR, "\xff\xfe \"quoted\"\n");
  assert_non_null(answer.response);
  MHD_destroy_response(answer.response);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_is_told_from_bytes),
      cmocka_unit_test(problems_have_the_status_of_their_class),
      cmocka_unit_test(what_the_host_refused_to_a_function_is_the_functions_failure),
      cmocka_unit_test(a_detail_that_is_no_text_still_makes_an_answer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
