// Redirects and policies: what is followed, what is shown to a policy, what is refused, what does not travel along.
#include "unit/base/fetch_testing.h"

/// A policy that writes down what it is asked and refuses one URL.
typedef struct witness {
  fetch_policy policy;
  const char *refuse; ///< NULL refuses nothing
  const net_gate *gate;
  int asked;
  int last_redirects;
  char last_method[16];
  char last_url[256];
} witness;

static ubiq_error *judge(void *user, const fetch_target *target, const net_gate **gate) {
  witness *self = user;
  self->asked++;
  self->last_redirects = target->redirects;
  snprintf(self->last_method, sizeof self->last_method, "%s", target->method);
  snprintf(self->last_url, sizeof self->last_url, "%s", target->url);
  if (self->gate) *gate = self->gate;
  if (!self->refuse || strcmp(target->url, self->refuse) != 0) return NULL;
  return ubiq_error_new(UBIQ_DENIED, "HTTP request to %s is not allowed", target->url);
}

typedef struct fixture {
  fetch_server *here;
  fetch_server *there;
  witness witness;
  char path[512];
} fixture;

static int start(void **state) {
  fixture *self = calloc(1, sizeof *self);
  assert_non_null(self);
  self->here = fetch_server_start();
  self->there = fetch_server_start();
  self->witness.policy =
      (fetch_policy){.allow_url = judge, .user = &self->witness, .gate = &net_gate_private, .any_host_header = true};
  *state = self;
  return 0;
}

static int stop(void **state) {
  fixture *self = *state;
  fetch_server_stop(self->here);
  fetch_server_stop(self->there);
  free(self);
  return 0;
}

static fetch_request request_of(fixture *self, const char *path) {
  return (fetch_request){
      .url = fetch_server_url(self->here, path), .response_bytes_max = BODY_MAX, .policy = &self->witness.policy};
}

/// A path here that redirects to `path` there.
static const char *path_to_there(fixture *self, int status, const char *path) {
  snprintf(self->path, sizeof self->path, "/to/%d/http://127.0.0.1:%d%s", status, self->there->port, path);
  return self->path;
}

// ---- Redirects.

static void redirects_are_followed_and_each_is_shown_to_the_policy(void **state) {
  fixture *self = *state;
  fetch_request request = request_of(self, "/to/302//to/301//echo?q=1");
  fetch_response response = perform(&request);
  assert_int_equal(response.status, 200);
  assert_true(body_has(&response, "GET /echo?q=1 HTTP/1.1"));
  assert_int_equal(self->witness.asked, 3);
  assert_int_equal(self->witness.last_redirects, 2);
  assert_string_equal(self->witness.last_url, fetch_server_url(self->here, "/echo?q=1"));
  assert_string_equal(response.url, fetch_server_url(self->here, "/echo"));
  assert_null(fetch_response_header(&response, "location"));
  fetch_response_free(&response);
}

typedef struct method_change {
  const char *method;
  int status;
  const char *becomes;
} method_change;

static void method_and_body_change_as_libextism_has_it(void **state) {
  static const method_change changes[] = {
      {"POST", 301, "GET"},  {"POST", 302, "GET"}, {"POST", 303, "GET"},  {"PUT", 302, "GET"}, {"DELETE", 303, "GET"},
      {"POST", 307, "POST"}, {"PUT", 308, "PUT"},  {"HEAD", 302, "HEAD"}, {"GET", 307, "GET"},
  };
  fixture *self = *state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    const fetch_header header = {"Content-Type", "text/plain"};
    fetch_request request = request_of(self, path_to_there(self, changes[i].status, "/echo"));
    request.method = changes[i].method;
    bool head = strcmp(changes[i].method, "HEAD") == 0;
    request.body = head ? NULL : (const uint8_t *)"the body";
    request.body_size = head ? 0 : 8;
    request.headers = &header;
    request.headers_count = 1;
    fetch_response response = perform(&request);
    bool kept = strcmp(changes[i].method, changes[i].becomes) == 0 && !head;
    assert_string_equal(self->witness.last_method, changes[i].becomes);
    assert_int_equal(body_has(&response, "the body"), kept);
    assert_int_equal(body_has(&response, "text/plain"), kept);
    fetch_response_free(&response);
  }
}

static void credentials_do_not_travel_to_another_origin(void **state) {
  fixture *self = *state;
  const fetch_header headers[] = {
      {"authorization", "secret"}, {"Cookie", "secret"}, {"Host", "secret"}, {"X-Kept", "kept"}};
  fetch_request request = request_of(self, path_to_there(self, 307, "/echo"));
  request.headers = headers;
  request.headers_count = 4;
  fetch_response response = perform(&request);
  assert_false(body_has(&response, "secret"));
  assert_true(body_has(&response, "X-Kept: kept"));
  fetch_response_free(&response);
}

static void credentials_stay_within_their_origin(void **state) {
  fixture *self = *state;
  const fetch_header header = {"Cookie", "secret"};
  fetch_request request = request_of(self, "/to/307//echo");
  request.headers = &header;
  request.headers_count = 1;
  fetch_response response = perform(&request);
  assert_true(body_has(&response, "Cookie: secret"));
  fetch_response_free(&response);
}

static void user_of_the_url_does_not_travel_to_another_origin(void **state) {
  fixture *self = *state;
  char url[640];
  snprintf(url, sizeof url, "http://user:word@127.0.0.1:%d/to/302//echo", self->here->port);
  fetch_request request = request_of(self, "");
  request.url = url;
  fetch_response response = perform(&request);
  assert_true(body_has(&response, "Authorization: Basic"));
  fetch_response_free(&response);
  snprintf(url, sizeof url, "http://user:word@127.0.0.1:%d%s", self->here->port, path_to_there(self, 302, "/echo"));
  response = perform(&request);
  assert_false(body_has(&response, "Authorization"));
  fetch_response_free(&response);
}

static void redirect_without_end_is_given_up(void **state) {
  fixture *self = *state;
  fetch_server *server = self->here;
  fetch_request request = request_of(self, "/to/302/?");
  assert_fails(&request, UBIQ_UNAVAILABLE, "more than 10 redirects");
  assert_int_equal(atomic_load(&server->requests), 11);
}

static void ten_redirects_are_followed(void **state) {
  fixture *self = *state;
  char path[256];
  int size = 0;
  for (int i = 0; i < FETCH_REDIRECTS_MAX; i++) size += snprintf(path + size, sizeof path - (size_t)size, "/to/302/");
  snprintf(path + size, sizeof path - (size_t)size, "/echo");
  fetch_request request = request_of(self, path);
  fetch_response response = perform(&request);
  assert_int_equal(response.status, 200);
  fetch_response_free(&response);
}

static void status_304_with_a_location_is_a_response(void **state) {
  fetch_request request = request_of(*state, "/to/304/x");
  fetch_response response = perform(&request);
  assert_int_equal(response.status, 304);
  fetch_response_free(&response);
}

static void body_of_a_redirect_does_not_count(void **state) {
  fetch_request request = request_of(*state, "/heavy-to/302//bytes/3");
  request.response_bytes_max = 3;
  fetch_response response = perform(&request);
  assert_int_equal(response.body.size, 3);
  fetch_response_free(&response);
}

static void redirect_to_another_scheme_is_refused(void **state) {
  static const char *const paths[] = {"/to/302/file:///etc/passwd", "/to/302/ftp://127.0.0.1/", "/to/302/gopher://h/"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    fetch_request request = request_of(*state, paths[i]);
    assert_fails(&request, UBIQ_INVALID_INPUT, "redirect from http://127.0.0.1");
  }
}

static void one_timeout_covers_all_redirects(void **state) {
  fetch_request request = request_of(*state, "/to/302//to/302//hang");
  request.timeout_ms = 30;
  assert_fails(&request, UBIQ_TIMEOUT, "/hang: no whole answer within 30 ms");
}

// ---- Policies.

static void policys_refusal_is_handed_on_as_it_is(void **state) {
  fixture *self = *state;
  char words[1200];
  fetch_request request = request_of(self, "/echo");
  self->witness.refuse = request.url;
  snprintf(words, sizeof words, "HTTP request to %s is not allowed", request.url);
  fetch_response response;
  ubiq_error *error = fetch_perform(&request, NULL, &response);
  assert_string_equal(ubiq_error_message(error), words);
  ubiq_error_delete(error);
  assert_int_equal(atomic_load(&self->here->connections), 0);
}

static void redirect_outside_the_policy_sends_nothing(void **state) {
  fixture *self = *state;
  fetch_request request = request_of(self, path_to_there(self, 307, "/echo"));
  char refused[64];
  snprintf(refused, sizeof refused, "http://127.0.0.1:%d/echo", self->there->port);
  self->witness.refuse = refused;
  request.method = "POST";
  request.body = (const uint8_t *)"body";
  request.body_size = 4;
  assert_fails(&request, UBIQ_DENIED, refused);
  assert_int_equal(self->witness.asked, 2);
  assert_int_equal(atomic_load(&self->here->requests), 1);
  assert_int_equal(atomic_load(&self->there->connections), 0);
}

static void policy_without_a_gate_has_the_default_one(void **state) {
  fixture *self = *state;
  self->witness.policy.gate = NULL;
  fetch_request request = request_of(self, "/echo");
  assert_fails(&request, UBIQ_DENIED, "is a loopback address");
  assert_int_equal(atomic_load(&self->here->connections), 0);
}

static void request_without_a_policy_has_the_default_gate(void **state) {
  fixture *self = *state;
  fetch_request request = request_of(self, "/echo");
  request.policy = NULL;
  assert_fails(&request, UBIQ_DENIED, "is a loopback address");
}

static void name_that_resolves_to_loopback_is_refused_when_it_is_connected_to(void **state) {
  fixture *self = *state;
  char url[128];
  snprintf(url, sizeof url, "http://localhost:%d/", self->here->port);
  fetch_request request = request_of(self, "");
  request.url = url;
  self->witness.policy.gate = &net_gate_default;
  assert_fails(&request, UBIQ_DENIED, "HTTP request to http://localhost");
  assert_int_equal(atomic_load(&self->here->connections), 0);
  self->witness.policy.gate = &net_gate_private;
  fetch_response response = perform(&request);
  fetch_response_free(&response);
}

static bool machine_has_ipv6(void) {
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static void other_writings_of_loopback_are_refused_too(void **state) {
  static const char *const hosts[] = {
      "127.1",     "0x7f000001", "2130706433", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]",
      "127.0.0.2", "0.0.0.0",    "[::]",       "0"};
  fixture *self = *state;
  self->witness.policy.gate = &net_gate_default;
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    char url[128];
    if (hosts[i][0] == '[' && !machine_has_ipv6()) continue;
    snprintf(url, sizeof url, "http://%s:%d/", hosts[i], self->here->port);
    fetch_request request = request_of(self, "");
    request.url = url;
    assert_fails(&request, UBIQ_DENIED, "connections to it are not allowed");
  }
  assert_int_equal(atomic_load(&self->here->connections), 0);
}

static void metadata_address_is_refused_by_the_private_gate_too(void **state) {
  fixture *self = *state;
  fetch_request request = request_of(self, "");
  request.url = "http://169.254.169.254/latest/meta-data/";
  assert_fails(&request, UBIQ_DENIED, "metadata");
  request = request_of(self, "/to/302/http://169.254.169.254/latest/");
  assert_fails(&request, UBIQ_DENIED, "metadata");
}

static void policy_may_choose_the_gate_for_each_url(void **state) {
  fixture *self = *state;
  self->witness.policy.gate = &net_gate_default;
  self->witness.gate = &net_gate_private;
  fetch_request request = request_of(self, "/echo");
  fetch_response response = perform(&request);
  fetch_response_free(&response);
  self->witness.policy.gate = &net_gate_private;
  self->witness.gate = &net_gate_default;
  assert_fails(&request, UBIQ_DENIED, "is a loopback address");
}

static void kept_connection_is_judged_by_the_gate_of_each_request(void **state) {
  fixture *self = *state;
  fetch_client *client = NULL;
  assert_null(fetch_client_new(&client));
  fetch_request request = request_of(self, "/echo");
  fetch_response response;
  assert_null(fetch_client_perform(client, &request, NULL, &response));
  fetch_response_free(&response);
  self->witness.policy.gate = &net_gate_default;
  ubiq_error *error = fetch_client_perform(client, &request, NULL, &response);
  assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
  ubiq_error_delete(error);
  assert_int_equal(atomic_load(&self->here->requests), 1);
  fetch_client_delete(client);
}

#define TRANSFER_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      TRANSFER_TEST(redirects_are_followed_and_each_is_shown_to_the_policy),
      TRANSFER_TEST(method_and_body_change_as_libextism_has_it),
      TRANSFER_TEST(credentials_do_not_travel_to_another_origin),
      TRANSFER_TEST(credentials_stay_within_their_origin),
      TRANSFER_TEST(user_of_the_url_does_not_travel_to_another_origin),
      TRANSFER_TEST(redirect_without_end_is_given_up),
      TRANSFER_TEST(ten_redirects_are_followed),
      TRANSFER_TEST(status_304_with_a_location_is_a_response),
      TRANSFER_TEST(body_of_a_redirect_does_not_count),
      TRANSFER_TEST(redirect_to_another_scheme_is_refused),
      TRANSFER_TEST(one_timeout_covers_all_redirects),
      TRANSFER_TEST(policys_refusal_is_handed_on_as_it_is),
      TRANSFER_TEST(redirect_outside_the_policy_sends_nothing),
      TRANSFER_TEST(policy_without_a_gate_has_the_default_one),
      TRANSFER_TEST(request_without_a_policy_has_the_default_gate),
      TRANSFER_TEST(name_that_resolves_to_loopback_is_refused_when_it_is_connected_to),
      TRANSFER_TEST(other_writings_of_loopback_are_refused_too),
      TRANSFER_TEST(metadata_address_is_refused_by_the_private_gate_too),
      TRANSFER_TEST(policy_may_choose_the_gate_for_each_url),
      TRANSFER_TEST(kept_connection_is_judged_by_the_gate_of_each_request),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
