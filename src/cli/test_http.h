// Requests that a function is expected to make while a test case runs, and what they are answered with.
//
//     [[case.http]]
//     method = "POST"                    # default: any
//     url = "https://pay.example.com/*"  # a text, or a matcher (test_match.h)
//     json = { amount = "<integer>" }    # what is sent, or body = "text"; default: not looked at
//     times = 1                          # the default: how often, to the number
//     [case.http.answer]
//     status = 201                       # default 200
//     headers = { content-type = "text/plain" }
//     json = { id = "c1" }               # or body = "text"
//
// Or of the platform, by InvokeHost: with `service` in place of `http`, `path` in place of `url`, and `times` from 0.
// One without an answer is answered by the service itself.
#ifndef CLI_TEST_HTTP_H
#define CLI_TEST_HTTP_H

#include "base/arena.h"
#include "base/fetch.h"
#include "base/json.h"

enum { TEST_HTTP_MAX = 1000 }; ///< of a case

typedef struct test_http {
  const char *method;        ///< upper case; NULL: any
  text url;                  ///< of the platform: the path
  bool expects_body;         ///< else what is sent is not looked at
  text expected_body;        ///< text
  yyjson_val *expected_json; ///< or the value that it is; NULL: it is not looked at
  unsigned times;
  bool has_answer;
  bool is_json; ///< the answer's body
  unsigned status;
  const fetch_header *headers;
  size_t headers_count;
  text body;
} test_http;

/// Reads the value of `http`, or of `service`, an array. What `*out` points to is in `arena`, or the value's. Errors:
/// `invalid_input`.
ubiq_error *test_http_read(arena *arena, const json_value *list, const test_http **out, size_t *count);
ubiq_error *test_http_read_services(arena *arena, const json_value *list, const test_http **out, size_t *count);

/// Whether a request is the expected one. False also when memory is out.
bool test_http_matches(const test_http *self, const char *method, text url, text body);

/// Fills `out`, which is zeroed, with the answer. Errors: those of fetch_response_take_line.
ubiq_error *test_http_answer(const test_http *self, uint64_t bytes_max, fetch_response *out);

#endif
