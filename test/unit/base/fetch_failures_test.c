// Answers that are too large, come too late, or do not come.
#include "unit/base/fetch_alone_testing.h"

// ---- Bounds.

static void announced_body_over_the_bound_is_refused_in_libextisms_words(void **state) {
  fetch_request request = request_of(*state, "/bytes/100");
  request.response_bytes_max = 99;
  assert_fails(&request, UBIQ_TOO_LARGE, "HTTP response exceeds the configured maximum number of bytes: 99");
  request.response_bytes_max = 100;
  fetch_response response = perform(&request);
  fetch_response_free(&response);
}

static void body_without_end_is_stopped_at_the_bound(void **state) {
  fetch_request request = request_of(*state, "/endless");
  assert_fails(&request, UBIQ_TOO_LARGE, "HTTP response exceeds the configured maximum number of bytes: 1048576");
}

static void bound_of_0_lets_only_empty_bodies_pass(void **state) {
  fetch_request request = request_of(*state, "/bytes/0");
  request.response_bytes_max = 0;
  fetch_response response = perform(&request);
  fetch_response_free(&response);
  request = request_of(*state, "/bytes/1");
  request.response_bytes_max = 0;
  assert_fails(&request, UBIQ_TOO_LARGE, ": 0");
}

static void unpacked_body_counts_against_the_bound(void **state) {
  fetch_request request = request_of(*state, "/gzip");
  request.gzip = true;
  request.response_bytes_max = 16;
  assert_fails(&request, UBIQ_TOO_LARGE, ": 16");
}

static void too_many_response_headers_are_too_large(void **state) {
  fetch_request request = request_of(*state, "/headers/100");
  fetch_response response = perform(&request);
  assert_int_equal(response.headers_count, 101);
  fetch_response_free(&response);
  request = request_of(*state, "/headers/400");
  assert_fails(&request, UBIQ_TOO_LARGE, "headers");
}

static void too_long_response_headers_are_too_large(void **state) {
  fetch_request request = request_of(*state, "/long-header/70000");
  assert_fails(&request, UBIQ_TOO_LARGE, "headers");
  request = request_of(*state, "/long-header/1000000");
  assert_fails(&request, UBIQ_TOO_LARGE, "headers");
}

// ---- Time, and things that go wrong.

static void answer_that_never_comes_is_a_timeout(void **state) {
  fetch_request request = request_of(*state, "/hang?token=secret");
  request.timeout_ms = 20;
  assert_fails(&request, UBIQ_TIMEOUT, "/hang: no whole answer within 20 ms");
}

static void body_that_stops_half_way_is_a_timeout(void **state) {
  fetch_request request = request_of(*state, "/half");
  request.timeout_ms = 20;
  assert_fails(&request, UBIQ_TIMEOUT, "/half");
}

static void timeout_beyond_every_clock_is_none(void **state) {
  fetch_request request = request_of(*state, "/echo");
  request.timeout_ms = UINT64_MAX;
  fetch_response response = perform(&request);
  fetch_response_free(&response);
  request.timeout_ms = UINT64_C(1) << 40;
  response = perform(&request);
  fetch_response_free(&response);
}

static void refused_connection_is_unavailable(void **state) {
  fetch_server *server = fetch_server_start();
  fetch_request request = request_of(server, "/echo");
  char url[sizeof server->url];
  snprintf(url, sizeof url, "%s", request.url);
  fetch_server_stop(server);
  request.url = url;
  assert_fails(&request, UBIQ_UNAVAILABLE, url);
  (void)state;
}

static void name_that_does_not_resolve_is_unavailable(void **state) {
  fetch_request request = request_of(*state, "/echo");
  request.url = "http://user:secret@nowhere.invalid/x?token=secret";
  fetch_response response;
  ubiq_error *error = fetch_perform(&request, NULL, &response);
  assert_int_equal(ubiq_error_code(error), UBIQ_UNAVAILABLE);
  assert_non_null(strstr(ubiq_error_message(error), "http://nowhere.invalid/x"));
  assert_null(strstr(ubiq_error_message(error), "secret"));
  ubiq_error_delete(error);
}

static void server_that_speaks_no_http_or_hangs_up_is_unavailable(void **state) {
  fetch_request request = request_of(*state, "/nonsense");
  assert_fails(&request, UBIQ_UNAVAILABLE, "/nonsense");
  request = request_of(*state, "/close");
  assert_fails(&request, UBIQ_UNAVAILABLE, "/close");
}

static void https_to_a_server_without_tls_is_unavailable(void **state) {
  char url[128];
  snprintf(url, sizeof url, "https://127.0.0.1:%d/", ((fetch_server *)*state)->port);
  fetch_request request = request_of(*state, "");
  request.url = url;
  assert_fails(&request, UBIQ_UNAVAILABLE, url);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      FETCH_TEST(announced_body_over_the_bound_is_refused_in_libextisms_words),
      FETCH_TEST(body_without_end_is_stopped_at_the_bound),
      FETCH_TEST(bound_of_0_lets_only_empty_bodies_pass),
      FETCH_TEST(unpacked_body_counts_against_the_bound),
      FETCH_TEST(too_many_response_headers_are_too_large),
      FETCH_TEST(too_long_response_headers_are_too_large),
      FETCH_TEST(answer_that_never_comes_is_a_timeout),
      FETCH_TEST(body_that_stops_half_way_is_a_timeout),
      FETCH_TEST(timeout_beyond_every_clock_is_none),
      FETCH_TEST(refused_connection_is_unavailable),
      FETCH_TEST(name_that_does_not_resolve_is_unavailable),
      FETCH_TEST(server_that_speaks_no_http_or_hangs_up_is_unavailable),
      FETCH_TEST(https_to_a_server_without_tls_is_unavailable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
