/// What the tests of outgoing HTTP share: requests to a server of the test's own, and how they end.
#ifndef TEST_UNIT_BASE_FETCH_TESTING_H
#define TEST_UNIT_BASE_FETCH_TESTING_H

#include "base/fetch.h"

#include "unit/base/fetch_server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { BODY_MAX = 1 << 20 };

static inline fetch_response perform(const fetch_request *request) {
  fetch_response response;
  ubiq_error *error = fetch_perform(request, NULL, &response);
  if (error) fail_msg("%s", ubiq_error_message(error));
  return response;
}

static inline void assert_fails(const fetch_request *request, ubiq_code code, const char *words) {
  fetch_response response;
  ubiq_error *error = fetch_perform(request, NULL, &response);
  if (ubiq_error_code(error) != code || !strstr(ubiq_error_message(error), words))
    fail_msg("%s: %s; expected %s with \"%s\"", ubiq_code_name(ubiq_error_code(error)), ubiq_error_message(error),
             ubiq_code_name(code), words);
  assert_null(response.headers);
  assert_null(response.body.data);
  assert_null(response.url);
  ubiq_error_delete(error);
}

static inline bool body_has(const fetch_response *response, const char *words) {
  return response->body.size > 0 && memmem(response->body.data, response->body.size, words, strlen(words)) != NULL;
}

#endif
