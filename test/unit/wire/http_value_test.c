// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "wire/http_value.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <stdlib.h>

static ubiq_bytes bytes_of(const char *string) {
  return (ubiq_bytes){(const uint8_t *)string, strlen(string)};
}

/// Asserts what a request looks like as a value.
static void assert_written(const http_request *request, const char *expected) {
  buffer out = {0};
  assert_success(http_request_write(request, &out));
  assert_string_equal(buffer_string(&out), expected);
  buffer_free(&out);
}

static void assert_not_written(const http_request *request, const char *message) {
  buffer out = {0};
  assert_fails(http_request_write(request, &out), UBIQ_INVALID_INPUT, message);
  buffer_free(&out);
}

static const http_field json_header[] = {{{"Content-Type", 12}, {"application/json; charset=utf-8", 31}}};

static void a_request_is_written_with_all_its_parts(void **state) {
  (void)state;
  const http_field params[] = {{TEXT("id"), TEXT("7%2F8")}};
  const http_field query[] = {{TEXT("tag"), TEXT("a")}, {TEXT("dry"), {NULL, 0}}, {TEXT("t%61g"), TEXT("b%20c")}};
  const http_field headers[] = {{TEXT("X-Two"), TEXT("1 ")}, {TEXT("Host"), TEXT("h")}, {TEXT("x-two"), TEXT("2")}};
  const http_request request = {.method = TEXT("PUT"),
                                .path = TEXT("/users/7%2F8"),
                                .params = params,
                                .params_count = 1,
                                .query = query,
                                .query_count = 3,
                                .headers = headers,
                                .headers_count = 3,
                                .trace = TEXT("00-1-2-01"),
                                .body = bytes_of("Ada \"A\"")};
  assert_written(&request, "{\"method\":\"PUT\",\"path\":\"/users/7%2F8\",\"params\":{\"id\":\"7/8\"},"
                           "\"query\":{\"dry\":\"\",\"tag\":[\"a\",\"b c\"]},"
                           "\"headers\":{\"host\":\"h\",\"x-two\":[\"1\",\"2\"]},\"trace\":\"00-1-2-01\","
                           "\"body\":\"Ada \\\"A\\\"\",\"encoding\":\"utf8\"}");
}

static void a_body_goes_in_as_what_it_is(void **state) {
  (void)state;
  http_request request = {.method = TEXT("POST"), .path = TEXT("/")};
#define START "{\"method\":\"POST\",\"path\":\"/\",\"params\":{},\"query\":{},\"headers\":{"
  assert_written(&request, START "}}");
  request.body = (ubiq_bytes){(const uint8_t *)"\xff\0", 2};
  assert_written(&request, START "},\"body\":\"/wA=\",\"encoding\":\"base64\"}");
  request.headers = json_header;
  request.headers_count = 1;
  request.body = bytes_of(" {\"a\": [1.50, null]} ");
  assert_written(&request,
                 START "\"content-type\":\"application/json; charset=utf-8\"},\"body\": {\"a\": [1.50, null]} }");
}

static void json_is_known_by_its_media_type(void **state) {
  (void)state;
  const struct {
    text type;
    bool is_json;
  } rows[] = {{TEXT("application/json"), true},
              {TEXT("Application/JSON ;a=b"), true},
              {TEXT("application/problem+json"), true},
              {TEXT("application/jsonx"), false},
              {TEXT("+json"), false},
              {TEXT("text/plain"), false},
              {TEXT(""), false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const http_field header = {TEXT("content-type"), rows[i].type};
    const http_request request = {
        .method = TEXT("POST"), .path = TEXT("/"), .headers = &header, .headers_count = 1, .body = bytes_of("1")};
    buffer out = {0};
    assert_success(http_request_write(&request, &out));
    assert_int_equal(strstr(buffer_string(&out), "\"body\":1}") != NULL, rows[i].is_json);
    buffer_free(&out);
  }
}

static void what_is_no_text_is_refused(void **state) {
  (void)state;
  const http_field bad = {TEXT("name"), TEXT("a%ff")}, raw = {TEXT("name"), TEXT("\xff")};
  http_request request = {.method = TEXT("GET"), .path = TEXT("/"), .query = &bad, .query_count = 1};
  assert_not_written(&request, "the query's \"name\" is no UTF-8; expected text");
  request = (http_request){.method = TEXT("GET"), .path = TEXT("/"), .headers = &raw, .headers_count = 1};
  assert_not_written(&request, "the header \"name\" is no UTF-8; expected text");
  request = (http_request){.method = TEXT("GET"), .path = TEXT("/\xff")};
  assert_not_written(&request, "the path is no UTF-8; expected text");
  request = (http_request){.method = TEXT("PUT"), .path = TEXT("/"), .headers = json_header, .headers_count = 1};
  request.body = bytes_of("{\"a\":1,\"a\":2}");
  assert_not_written(&request, "body:1:8: the key \"a\" stands twice in one object");
}

static void an_answer_is_read_with_all_its_parts(void **state) {
  (void)state;
  http_answer answer;
  assert_success(http_answer_read(bytes_of("{\"status\":201,\"headers\":{\"Location\":\"/users/"
                                           "9\",\"set-cookie\":[\"a=1\",\"b=2\"]},\"body\":{\"id\":9}}"),
                                  &answer));
  assert_int_equal(answer.status, 201);
  assert_int_equal(answer.headers_count, 3);
  assert_string_equal(answer.headers[0].name.data, "Location");
  assert_string_equal(answer.headers[1].value.data, "a=1");
  assert_string_equal(answer.headers[2].name.data, "set-cookie");
  assert_string_equal(answer.headers[2].value.data, "b=2");
  assert_memory_equal(answer.body.data, "{\"id\":9}", answer.body.size);
  assert_string_equal(answer.content_type, "application/json");
  http_answer_free(&answer);
}

static void bodies_are_decoded_as_they_say(void **state) {
  (void)state;
  const struct {
    const char *value, *body, *type;
  } rows[] = {{"{}", "", NULL},
              {"{\"body\":null}", "null", "application/json"},
              {"{\"body\":\"a\"}", "\"a\"", "application/json"},
              {"{\"body\":\"a\\n\",\"encoding\":\"utf8\"}", "a\n", "text/plain; charset=utf-8"},
              {"{\"body\":\"YQA=\",\"encoding\":\"base64\"}", "a", "application/octet-stream"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    http_answer answer;
    assert_success(http_answer_read(bytes_of(rows[i].value), &answer));
    assert_int_equal(answer.status, 200);
    assert_memory_equal(answer.body.size == 0 ? "" : (const char *)answer.body.data, rows[i].body,
                        strlen(rows[i].body));
    if (rows[i].type == NULL) assert_null(answer.content_type);
    if (rows[i].type != NULL) assert_string_equal(answer.content_type, rows[i].type);
    http_answer_free(&answer);
  }
}

static void an_answer_that_may_not_be_is_refused_with_its_place(void **state) {
  (void)state;
  const char *const rows[][2] = {
      {"", "answer: it is empty; expected JSON"},
      {"[]", "answer: it is an array; expected an object"},
      {"{\"stats\":200}", "answer: unknown key stats; did you mean \"status\"?"},
      {"{\"status\":100}", "answer: status is 100; expected an integer from 200 to 599"},
      {"{\"headers\":{\"a b\":\"c\"}}",
       "answer: headers.\"a b\" is no header; expected a name of letters, digits and hyphens"},
      {"{\"headers\":{\"Content-Length\":\"3\"}}",
       "answer: headers.Content-Length is the server's to say; expected other headers"},
      {"{\"headers\":{\"a\":\"b\\r\\nc: d\"}}",
       "answer: headers.a is \"b\\r\\nc: d\"; expected a header's value: one line, with no blank at its ends"},
      {"{\"headers\":{\"a\":[\"b\",3]}}", "answer: headers.a[1] is 3; expected a string"},
      {"{\"status\":204,\"body\":1}", "answer: body stands beside status 204; expected none"},
      {"{\"encoding\":\"utf8\"}", "answer: encoding stands without a body; expected one"},
      {"{\"body\":1,\"encoding\":\"utf8\"}", "answer: body is 1; expected a string"},
      {"{\"body\":\"a\",\"encoding\":\"base64\"}", "answer: body is \"a\"; expected base64, padded"},
      {"{\"body\":\"a\",\"encoding\":\"hex\"}",
       "answer: encoding is \"hex\"; expected \"json\", \"utf8\" or \"base64\""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    http_answer answer;
    assert_fails(http_answer_read(bytes_of(rows[i][0]), &answer), UBIQ_INVALID_OUTPUT, rows[i][1]);
  }
}

static void headers_have_a_bound(void **state) {
  (void)state;
  buffer value = {0};
  http_answer answer;
  assert_true(buffer_append_string(&value, "{\"headers\":{\"a\":[\"\""));
  for (int i = 0; i < HTTP_ANSWER_HEADERS_MAX; i++) assert_true(buffer_append_string(&value, ",\"\""));
  assert_true(buffer_append_string(&value, "]}}"));
  assert_fails(http_answer_read(buffer_bytes(&value), &answer), UBIQ_INVALID_OUTPUT,
               "answer: headers.a[128] is one header too many; expected at most 128");
  buffer_free(&value);
}

static bool write_and_read(void *user) {
  (void)user;
  const http_field query[] = {{TEXT("a"), TEXT("%41")}, {TEXT("a"), TEXT("b")}};
  const http_request request = {
      .method = TEXT("GET"), .path = TEXT("/"), .query = query, .query_count = 2, .body = {(const uint8_t *)"\xff", 1}};
  buffer out = {0};
  http_answer answer;
  ubiq_error *error = http_request_write(&request, &out);
  if (error == NULL)
    error =
        http_answer_read(bytes_of("{\"headers\":{\"a\":\"b\"},\"body\":\"YQ==\",\"encoding\":\"base64\"}"), &answer);
  if (error == NULL) http_answer_free(&answer);
  buffer_free(&out);
  bool good = error == NULL;
  ubiq_error_delete(error);
  return good;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(write_and_read, NULL) >= 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_is_written_with_all_its_parts),
      cmocka_unit_test(a_body_goes_in_as_what_it_is),
      cmocka_unit_test(json_is_known_by_its_media_type),
      cmocka_unit_test(what_is_no_text_is_refused),
      cmocka_unit_test(an_answer_is_read_with_all_its_parts),
      cmocka_unit_test(bodies_are_decoded_as_they_say),
      cmocka_unit_test(an_answer_that_may_not_be_is_refused_with_its_place),
      cmocka_unit_test(headers_have_a_bound),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
