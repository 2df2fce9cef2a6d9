// link: -Wl,--wrap=MHD_create_response_from_buffer
#include "server/front/response.h"

#include "plugin/plugin.h"
#include "unit/base/testing.h"

#include <stdio.h>
#include <string.h>

/// The body of the response made last, which libmicrohttpd does not show.
static char last_body[512];

struct MHD_Response *__real_MHD_create_response_from_buffer(size_t size, void *data, enum MHD_ResponseMemoryMode mode);
struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t size, void *data, enum MHD_ResponseMemoryMode mode);

struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t size, void *data, enum MHD_ResponseMemoryMode mode) {
  snprintf(last_body, sizeof last_body, "%.*s", (int)size, (const char *)data);
  return __real_MHD_create_response_from_buffer(size, data, mode);
}

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

static void who_is_busy_says_when_to_come_again(void **state) {
  (void)state;
  static const struct {
    int32_t detail;
    const char *seconds;
  } rows[] = {{0, "1"}, {1, "1"}, {17, "17"}, {-1, "1"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    answer answer = answer_run_error(ubiq_error_with_detail(ubiq_error_new(UBIQ_BUSY, "why"), rows[i].detail));
    assert_string_equal(MHD_get_response_header(answer.response, "Retry-After"), rows[i].seconds);
    MHD_destroy_response(answer.response);
  }
}

static int run_status(ubiq_code code, int32_t detail) {
  answer answer = answer_run_error(ubiq_error_with_detail(ubiq_error_new(code, "why"), detail));
  int status = (int)answer.status;
  MHD_destroy_response(answer.response);
  return status;
}

static void what_the_host_refused_to_a_function_is_the_functions_failure(void **state) {
  (void)state;
  static const ubiq_code kept[] = {UBIQ_BUSY,           UBIQ_CANCELLED,    UBIQ_GUEST_ERROR, UBIQ_INTERNAL, UBIQ_TRAP,
                                   UBIQ_INVALID_OUTPUT, UBIQ_MEMORY_LIMIT, UBIQ_TIMEOUT,     UBIQ_CPU_LIMIT};
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    assert_int_equal(run_status(kept[i], 0), ubiq_code_http_status(kept[i]));
  static const ubiq_code refused[] = {UBIQ_INVALID_INPUT, UBIQ_DENIED,      UBIQ_NOT_FOUND,
                                      UBIQ_TOO_LARGE,     UBIQ_UNAVAILABLE, UBIQ_QUOTA};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) assert_int_equal(run_status(refused[i], 0), 500);
}

/// Whether the answer to a run's error has its message.
static bool is_told(ubiq_code code, int32_t detail) {
  answer answer = answer_run_error(ubiq_error_with_detail(ubiq_error_new(code, "HTTP request to inside"), detail));
  bool told = strstr(last_body, "inside") != NULL;
  MHD_destroy_response(answer.response);
  return told;
}

static void only_what_the_function_did_itself_is_told_to_the_client(void **state) {
  (void)state;
#define CHECK_TOLD(identifier, name, status, exit_code, meaning)                                                       \
  {                                                                                                                    \
    ubiq_code code = UBIQ_##identifier;                                                                                \
    bool is_own = code == UBIQ_GUEST_ERROR || code == UBIQ_TRAP || code == UBIQ_INVALID_OUTPUT || code == UBIQ_BUSY || \
                  code == UBIQ_MEMORY_LIMIT || code == UBIQ_CPU_LIMIT;                                                 \
    assert_int_equal(is_told(code, 0), is_own);                                                                        \
  }
  UBIQ_CODES(CHECK_TOLD)
#undef CHECK_TOLD
  assert_true(is_told(UBIQ_GUEST_ERROR, HOST_FAULT)); // a function that returns -1
  assert_false(is_told(UBIQ_TRAP, HOST_FAULT));
  assert_false(is_told(UBIQ_MEMORY_LIMIT, HOST_FAULT));
}

static void a_function_that_is_unavailable_itself_says_when_to_come_again(void **state) {
  (void)state;
  answer answer = answer_run_error(ubiq_error_with_detail(ubiq_error_new(UBIQ_UNAVAILABLE, "it starts"), 3));
  assert_int_equal(answer.status, 503);
  assert_string_equal(MHD_get_response_header(answer.response, "Retry-After"), "3");
  assert_non_null(strstr(last_body, "it starts"));
  MHD_destroy_response(answer.response);
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
      cmocka_unit_test(who_is_busy_says_when_to_come_again),
      cmocka_unit_test(what_the_host_refused_to_a_function_is_the_functions_failure),
      cmocka_unit_test(only_what_the_function_did_itself_is_told_to_the_client),
      cmocka_unit_test(a_function_that_is_unavailable_itself_says_when_to_come_again),
      cmocka_unit_test(a_detail_that_is_no_text_still_makes_an_answer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
