// What is sent and what comes back; which requests are wrong.
#include "unit/base/fetch_alone_testing.h"

static bool body_ends_with(const fetch_response *response, const char *words) {
  size_t size = strlen(words);
  return response->body.size >= size && memcmp(response->body.data + response->body.size - size, words, size) == 0;
}

// ---- What is sent and what comes back.

static void get_brings_status_headers_and_body(void **state) {
  fetch_request request = request_of(*state, "/bytes/5");
  fetch_response response = perform(&request);
  assert_int_equal(response.status, 200);
  assert_string_equal(fetch_response_header(&response, "content-length"), "5");
  assert_int_equal(response.body.size, 5);
  assert_memory_equal(response.body.data, "xxxxx", 5);
  assert_string_equal(response.url, request.url);
  fetch_response_free(&response);
  fetch_response_free(&response);
}

static void every_method_is_sent_as_it_is(void **state) {
  static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    char words[64];
    fetch_request request = request_of(*state, "/echo");
    request.method = methods[i];
    request.body = (const uint8_t *)"bo\0dy";
    request.body_size = 5;
    fetch_response response = perform(&request);
    snprintf(words, sizeof words, "%s /echo HTTP/1.1\r\n", methods[i]);
    assert_true(body_has(&response, words));
    assert_true(body_has(&response, "\r\nContent-Length: 5\r\n"));
    assert_memory_equal(response.body.data + response.body.size - 5, "bo\0dy", 5);
    fetch_response_free(&response);
  }
}

static void post_without_a_body_says_so(void **state) {
  fetch_request request = request_of(*state, "/echo");
  request.method = "POST";
  fetch_response response = perform(&request);
  assert_true(body_has(&response, "\r\nContent-Length: 0\r\n"));
  assert_false(body_has(&response, "Content-Type"));
  fetch_response_free(&response);
}

static void head_has_headers_and_no_body(void **state) {
  fetch_request request = request_of(*state, "/bytes/5000000");
  request.method = "HEAD";
  fetch_response response = perform(&request);
  assert_string_equal(fetch_response_header(&response, "content-length"), "5000000");
  assert_int_equal(response.body.size, 0);
  fetch_response_free(&response);
}

static void request_headers_are_sent_also_empty_and_repeated_ones(void **state) {
  const fetch_header headers[] = {{"X-One", "1"},      {"X-One", "2"},       {"X-Empty", ""},
                                  {"User-Agent", "t"}, {"Accept", "text/x"}, {"X-Blank", "   "}};
  fetch_request request = request_of(*state, "/echo");
  request.headers = headers;
  request.headers_count = sizeof headers / sizeof *headers;
  fetch_response response = perform(&request);
  assert_true(body_has(&response, "X-One: 1\r\n"));
  assert_true(body_has(&response, "X-One: 2\r\n"));
  assert_true(body_has(&response, "X-Empty:\r\n"));
  assert_true(body_has(&response, "X-Blank:\r\n"));
  assert_true(body_has(&response, "User-Agent: t\r\n"));
  assert_true(body_has(&response, "Accept: text/x\r\n"));
  assert_false(body_has(&response, "*/*"));
  fetch_response_free(&response);
}

static void headers_of_the_connection_are_left_out(void **state) {
  const fetch_header headers[] = {{"Transfer-Encoding", "chunked"}, {"content-length", "1000"},
                                  {"Connection", "close, x-keep"},  {"Upgrade", "h2c"},
                                  {"Expect", "100-continue"},       {"X-Keep", "kept"}};
  fetch_request request = request_of(*state, "/echo");
  request.method = "POST";
  request.body = (const uint8_t *)"body";
  request.body_size = 4;
  request.headers = headers;
  request.headers_count = sizeof headers / sizeof *headers;
  fetch_response response = perform(&request);
  assert_true(body_has(&response, "X-Keep: kept\r\n"));
  assert_true(body_has(&response, "Content-Length: 4\r\n"));
  assert_false(body_has(&response, "chunked"));
  assert_false(body_has(&response, "1000"));
  assert_false(body_has(&response, "Upgrade"));
  assert_false(body_has(&response, "Expect"));
  assert_false(body_has(&response, "close"));
  fetch_response_free(&response);
}

static void user_and_password_become_basic_authentication(void **state) {
  char url[128];
  snprintf(url, sizeof url, "http://Aladdin:open%%20sesame@127.0.0.1:%d/echo", ((fetch_server *)*state)->port);
  fetch_request request = request_of(*state, "");
  request.url = url;
  fetch_response response = perform(&request);
  assert_true(body_has(&response, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
  assert_null(strchr(response.url, '@'));
  fetch_response_free(&response);
}

static void large_body_is_sent_whole(void **state) {
  enum { SIZE = 600 * 1024 };
  uint8_t *body = malloc(SIZE);
  assert_non_null(body);
  memset(body, 'b', SIZE);
  memcpy(body + SIZE - 4, "last", 4);
  fetch_request request = request_of(*state, "/echo");
  request.method = "PUT";
  request.body = body;
  request.body_size = SIZE;
  fetch_response response = perform(&request);
  assert_true(response.body.size > SIZE);
  assert_true(body_ends_with(&response, "last"));
  fetch_response_free(&response);
  free(body);
}

static void chunks_are_joined_and_trailers_ignored(void **state) {
  fetch_request request = request_of(*state, "/chunks/3");
  fetch_response response = perform(&request);
  assert_int_equal(response.body.size, 48);
  assert_null(fetch_response_header(&response, "x-late"));
  fetch_response_free(&response);
}

static void error_statuses_are_no_errors(void **state) {
  fetch_request request = request_of(*state, "/to/404/x");
  fetch_response response = perform(&request);
  assert_int_equal(response.status, 404);
  fetch_response_free(&response);
}

static void gzip_is_unpacked_only_when_asked_for(void **state) {
  fetch_request request = request_of(*state, "/gzip");
  fetch_response response = perform(&request);
  assert_string_equal(fetch_response_header(&response, "content-encoding"), "gzip");
  assert_int_equal(response.body.data[0], 0x1f);
  fetch_response_free(&response);
  request.gzip = true;
  response = perform(&request);
  assert_null(fetch_response_header(&response, "content-encoding"));
  assert_null(fetch_response_header(&response, "content-length"));
  assert_int_equal(response.body.size, 17);
  assert_memory_equal(response.body.data, "hello hello hello", 17);
  fetch_response_free(&response);
}

static void response_headers_are_kept_in_order_and_shown_to_extism_one_a_name(void **state) {
  fetch_request request = request_of(*state, "/odd-headers");
  fetch_response response = perform(&request);
  assert_int_equal(response.status, 201);
  assert_null(fetch_response_header(&response, "x-early"));
  assert_int_equal(response.headers_count, 6);
  assert_string_equal(response.headers[0].name, "x-one");
  assert_string_equal(response.headers[0].value, "first");
  assert_string_equal(response.headers[1].value, "second");
  assert_string_equal(fetch_response_header(&response, "x-one"), "th\xc3\xafrd");
  assert_string_equal(fetch_response_header(&response, "x-folded"), "a b");
  assert_string_equal(fetch_response_header(&response, "x-empty"), "");
  assert_false(fetch_response_header_in_extism(&response, 0));
  assert_true(fetch_response_header_in_extism(&response, 1));
  assert_false(fetch_response_header_in_extism(&response, 2));
  assert_true(fetch_response_header_in_extism(&response, 3));
  fetch_response_free(&response);
}

static void client_keeps_its_connection_for_the_next_request(void **state) {
  fetch_server *server = *state;
  fetch_client *client = NULL;
  assert_null(fetch_client_new(&client));
  for (int i = 0; i < 3; i++) {
    fetch_request request = request_of(server, "/echo");
    fetch_response response;
    assert_null(fetch_client_perform(client, &request, NULL, &response));
    fetch_response_free(&response);
  }
  assert_int_equal(atomic_load(&server->connections), 1);
  assert_int_equal(atomic_load(&server->requests), 3);
  fetch_client_delete(client);
  fetch_client_delete(NULL);
}

static void proxy_of_the_environment_is_not_used(void **state) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  fetch_request request = request_of(*state, "/echo");
  fetch_response response = perform(&request);
  assert_int_equal(response.status, 200);
  fetch_response_free(&response);
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
}

// ---- Bad requests.

static void malformed_url_is_invalid_input(void **state) {
  (void)state;
  fetch_request request = {.url = "http://user:secret@h:x/"};
  fetch_response response;
  ubiq_error *error = fetch_perform(&request, NULL, &response);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_null(strstr(ubiq_error_message(error), "secret"));
  ubiq_error_delete(error);
  request.url = "ftp://h/";
  assert_fails(&request, UBIQ_INVALID_INPUT, "only http and https");
}

static void malformed_method_is_invalid_input(void **state) {
  static const char *const methods[] = {
      "", "GET / HTTP/1.1\r\nX: y", "G T", "CONNECT", "trace", "TRACK", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    fetch_request request = request_of(*state, "/echo");
    request.method = methods[i];
    assert_fails(&request, UBIQ_INVALID_INPUT, "HTTP method");
  }
  assert_int_equal(atomic_load(&((fetch_server *)*state)->connections), 0);
}

static void head_with_a_body_is_invalid_input(void **state) {
  fetch_request request = request_of(*state, "/echo");
  request.method = "HEAD";
  request.body = (const uint8_t *)"x";
  request.body_size = 1;
  assert_fails(&request, UBIQ_INVALID_INPUT, "HEAD");
}

static void header_that_would_inject_a_line_is_invalid_input(void **state) {
  static const fetch_header headers[] = {{"X", "a\r\nY: b"}, {"X", "a\nb"}, {"X\r\nY", "b"}, {"", "b"},
                                         {"X Y", "b"},       {"X:", "b"},   {"X", "\x7f"},   {"X", "\x01"}};
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    fetch_request request = request_of(*state, "/echo");
    request.headers = &headers[i];
    request.headers_count = 1;
    assert_fails(&request, UBIQ_INVALID_INPUT, "header");
  }
  assert_int_equal(atomic_load(&((fetch_server *)*state)->connections), 0);
}

static void too_many_or_too_long_request_headers_are_invalid_input(void **state) {
  static fetch_header headers[FETCH_REQUEST_HEADERS_MAX + 1];
  for (size_t i = 0; i < FETCH_REQUEST_HEADERS_MAX + 1; i++) headers[i] = (fetch_header){"x", "y"};
  fetch_request request = request_of(*state, "/echo");
  request.headers = headers;
  request.headers_count = FETCH_REQUEST_HEADERS_MAX + 1;
  assert_fails(&request, UBIQ_INVALID_INPUT, "headers");
  char *value = calloc(1, FETCH_HEADER_BYTES_MAX + 1);
  assert_non_null(value);
  memset(value, 'v', FETCH_HEADER_BYTES_MAX);
  headers[0].value = value;
  request.headers_count = 1;
  assert_fails(&request, UBIQ_INVALID_INPUT, "headers");
  free(value);
}

static void another_host_header_is_denied_unless_the_policy_lets_it(void **state) {
  const fetch_header header = {"Host", "internal.example"};
  fetch_request request = request_of(*state, "/echo");
  request.headers = &header;
  request.headers_count = 1;
  assert_fails(&request, UBIQ_DENIED, "host");
  fetch_policy policy = open_policy;
  policy.any_host_header = true;
  request.policy = &policy;
  fetch_response response = perform(&request);
  assert_true(body_has(&response, "Host: internal.example\r\n"));
  fetch_response_free(&response);
}

static void host_header_that_says_what_the_url_says_is_sent(void **state) {
  char value[64];
  snprintf(value, sizeof value, "127.0.0.1:%d", ((fetch_server *)*state)->port);
  const fetch_header header = {"host", value};
  fetch_request request = request_of(*state, "/echo");
  request.headers = &header;
  request.headers_count = 1;
  fetch_response response = perform(&request);
  fetch_response_free(&response);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      FETCH_TEST(get_brings_status_headers_and_body),
      FETCH_TEST(every_method_is_sent_as_it_is),
      FETCH_TEST(post_without_a_body_says_so),
      FETCH_TEST(head_has_headers_and_no_body),
      FETCH_TEST(request_headers_are_sent_also_empty_and_repeated_ones),
      FETCH_TEST(headers_of_the_connection_are_left_out),
      FETCH_TEST(user_and_password_become_basic_authentication),
      FETCH_TEST(large_body_is_sent_whole),
      FETCH_TEST(chunks_are_joined_and_trailers_ignored),
      FETCH_TEST(error_statuses_are_no_errors),
      FETCH_TEST(gzip_is_unpacked_only_when_asked_for),
      FETCH_TEST(response_headers_are_kept_in_order_and_shown_to_extism_one_a_name),
      FETCH_TEST(client_keeps_its_connection_for_the_next_request),
      FETCH_TEST(proxy_of_the_environment_is_not_used),
      FETCH_TEST(malformed_url_is_invalid_input),
      FETCH_TEST(malformed_method_is_invalid_input),
      FETCH_TEST(head_with_a_body_is_invalid_input),
      FETCH_TEST(header_that_would_inject_a_line_is_invalid_input),
      FETCH_TEST(too_many_or_too_long_request_headers_are_invalid_input),
      FETCH_TEST(another_host_header_is_denied_unless_the_policy_lets_it),
      FETCH_TEST(host_header_that_says_what_the_url_says_is_sent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
