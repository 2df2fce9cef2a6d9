/// What tests of requests to one server share, which may go anywhere: the server is the test's state.
#ifndef TEST_UNIT_BASE_FETCH_ALONE_TESTING_H
#define TEST_UNIT_BASE_FETCH_ALONE_TESTING_H

#include "unit/base/fetch_testing.h"

static const fetch_policy open_policy = {.gate = &net_gate_private};

static inline int start(void **state) {
  *state = fetch_server_start();
  return 0;
}

static inline int stop(void **state) {
  fetch_server_stop(*state);
  return 0;
}

/// A GET of `path` on the server, that may go anywhere.
static inline fetch_request request_of(fetch_server *server, const char *path) {
  return (fetch_request){.url = fetch_server_url(server, path), .response_bytes_max = BODY_MAX, .policy = &open_policy};
}

#define FETCH_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

#endif
