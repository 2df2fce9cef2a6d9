// Requests to other servers on a loop: who may be asked, and what becomes of a call.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#define ALLOC_FAILURE_STORAGE _Thread_local
#include "services/http/http.h"

#include "base/clock.h"
#include "base/fetch_loop.h"
#include "plugin/parts/stubs.h"
#include "services/permissions/permissions.h"
#include "unit/base/alloc_failure.h"
#include "unit/base/fetch_server.h"
#include "unit/base/moving_name.h"
#include "unit/services/calling.h"

typedef struct fixture {
  uv_loop_t uv;
  fetch_server *server;
  plugin_host host;
  http_count count;
  services services;
  permission_set *set;
  permissions permissions;
  calling calling;
  int begun, ended, last_status;
} fixture;

// ------------------------------------------------------------------------------------------------------------ calls

static void way(void *run, http_way *out) {
  fixture *self = run;
  *out = (http_way){&self->uv, &self->host, &self->count};
}

static void begun(void *user, const char *method, const char *url) {
  (void)method, (void)url;
  ((fixture *)user)->begun++;
}

static void ended(void *user, int status) {
  fixture *self = user;
  self->ended++;
  self->last_status = status;
}

static const http_host http = {way};

static int set_up(void **state) {
  fixture *self = calloc(1, sizeof *self);
  assert_non_null(self);
  moving_name_begin("127.0.0.1", "127.0.0.1");
  self->server = fetch_server_start();
  assert_int_equal(uv_loop_init(&self->uv), 0);
  assert_null(fetch_loop_new(&self->uv, &self->host.fetches));
  self->host.request_begun = begun;
  self->host.request_ended = ended;
  self->host.user = self;
  self->services.http = &http;
  *state = self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  fetch_loop_close(self->host.fetches, NULL, NULL);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&self->uv), 0);
  fetch_server_stop(self->server);
  permission_set_delete(self->set);
  free(self);
  return 0;
}

static void permit(fixture *self, const char *permission) {
  char words[128];
  snprintf(words, sizeof words, permission, self->server->port);
  const text list = text_of(words);
  permission_set_delete(self->set);
  assert_null(permission_set_new(TEXT("greet"), &list, 1, &self->set));
  self->permissions = (permissions){.sets = {self->set}, .count = 1};
}

/// Begins a request; `json` has a place for the server's port. Without permissions said, everything is permitted.
static calling *begin(fixture *self, const char *json) {
  char words[512];
  snprintf(words, sizeof words, json, self->server->port);
  calling_begin(&self->calling, &self->services);
  self->calling.call.caller.run = self;
  self->calling.call.caller.permissions = self->set == NULL ? NULL : &self->permissions;
  calling_json(&self->calling, words);
  service_http_request(&self->calling.call);
  return &self->calling;
}

static calling *ask(fixture *self, const char *json) {
  calling *calling = begin(self, json);
  while (calling->times == 0 && uv_run(&self->uv, UV_RUN_ONCE) != 0) {
  }
  assert_int_equal(calling->times, 1);
  assert_int_equal(self->count.under_way, 0);
  assert_int_equal(self->begun, self->ended);
  return calling;
}

static void assert_asked(fixture *self, const char *json, unsigned status) {
  calling *calling = ask(self, json);
  if (calling_status(calling) != status)
    fail_msg("%s: %u: %s", json, calling_status(calling),
             calling->call.error == NULL ? "" : ubiq_error_message(calling->call.error));
  calling_end(calling);
}

static void assert_denied(fixture *self, const char *json, const char *words) {
  calling *calling = ask(self, json);
  assert_int_equal(ubiq_error_code(calling->call.error), UBIQ_DENIED);
  if (strstr(ubiq_error_message(calling->call.error), words) == NULL)
    fail_msg("%s", ubiq_error_message(calling->call.error));
  calling_end(calling);
}

// ------------------------------------------------------------------------------------------------------------ tests

static void an_answer_is_told_with_its_status(void **state) {
  fixture *self = *state;
  assert_asked(self, "{\"url\":\"http://127.0.0.1:%d/bytes/3\"}", 200);
  assert_int_equal(self->last_status, 200);
  assert_int_equal(self->count.begun, 1);
}

/// The name leads to a public address once, then to the other `address`, and what is asked is refused there.
static void assert_moves_in_vain(fixture *self, const char *address, const char *asked, const char *words) {
  permit(self, "http:get:" MOVING_NAME ":%d");
  moving_name_begin(MOVING_NAME_PUBLIC, address);
  atomic_store(&moving_name.is_forgotten, true);
  assert_denied(self, asked, words);
  assert_int_equal(atomic_load(&moving_name.look_ups), 2);
  assert_int_equal(atomic_load(&moving_name.connections), 1);
  assert_int_equal(atomic_load(&moving_name.strays), 0);
}

static void a_name_that_moves_to_a_private_address_leads_nowhere(void **state) {
  fixture *self = *state;
  permit(self, "http:get:" MOVING_NAME ":%d");
  moving_name_begin(MOVING_NAME_PUBLIC, "127.0.0.1");
  assert_asked(self, "{\"url\":\"http://" MOVING_NAME ":%d/last\"}", 200);
  atomic_store(&moving_name.is_forgotten, true);
  assert_denied(self, "{\"url\":\"http://" MOVING_NAME ":%d/\"}", "a loopback address");
  assert_int_equal(atomic_load(&moving_name.connections), 1);
  assert_int_equal(atomic_load(&moving_name.look_ups), 2);
}

static void a_name_that_moves_before_it_is_asked_again_leads_nowhere(void **state) {
  const char *asked = "{\"url\":\"http://" MOVING_NAME ":%d/close\",\"retries\":3}";
  assert_moves_in_vain(*state, "127.0.0.1", asked, ": 127.0.0.1:");
  assert_moves_in_vain(*state, "169.254.169.254", asked, "metadata");
  assert_moves_in_vain(*state, "::ffff:169.254.169.254", asked, "metadata");
}

static void a_name_that_moves_before_it_is_redirected_to_leads_nowhere(void **state) {
  fixture *self = *state;
  char asked[256];
  snprintf(asked, sizeof asked, "{\"url\":\"http://" MOVING_NAME ":%%d/last-to/302/http://" MOVING_NAME ":%d/\"}",
           self->server->port);
  assert_moves_in_vain(self, "127.0.0.1", asked, ": 127.0.0.1:");
  assert_moves_in_vain(self, "::ffff:127.0.0.1", asked, ": [::ffff:127.0.0.1]:");
  assert_moves_in_vain(self, "169.254.169.254", asked, "metadata");
}

static void a_kept_connection_to_a_private_address_is_not_reused_where_none_may_be_reached(void **state) {
  fixture *self = *state;
  permit(self, "http:get:127.0.0.1:%d");
  assert_asked(self, "{\"url\":\"http://127.0.0.1:%d/\"}", 200);
  permit(self, "http:get:*");
  assert_denied(self, "{\"url\":\"http://127.0.0.1:%d/\"}", "a loopback address");
  assert_int_equal(atomic_load(&self->server->requests), 1);
}

static void all_who_ask_must_name_a_private_host(void **state) {
  fixture *self = *state;
  const text any = TEXT("http:*");
  permission_set *other = NULL;
  permit(self, "http:get:127.0.0.1:%d");
  assert_null(permission_set_new(TEXT("other"), &any, 1, &other));
  self->permissions.sets[self->permissions.count++] = other;
  assert_denied(self, "{\"url\":\"http://127.0.0.1:%d/\"}", "a loopback address");
  permission_set_delete(other);
}

static void hosts_that_nobody_outside_decides_about(void **state) {
  (void)state;
  static const char *const ours[] = {
      "127.0.0.1",  "[::1]",       "[::ffff:10.0.0.1]", "localhost",     "db",
      "localhost.", "db.internal", "a.localhost",       "printer.local", "nas.home.arpa"};
  static const char *const others[] = {"example.com",    "internal.example.com",  "localhost.example.com",
                                       "db.internal.io", "127.0.0.1.example.com", "example.com."};
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) assert_true(http_host_is_ours(text_of(ours[i])));
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) assert_false(http_host_is_ours(text_of(others[i])));
}

static void a_caller_that_ends_takes_its_request_along(void **state) {
  fixture *self = *state;
  calling *calling = begin(self, "{\"url\":\"http://127.0.0.1:%d/hang\"}");
  assert_int_equal(calling->times, 0);
  assert_int_equal(fetch_loop_in_flight(self->host.fetches), 1);
  calling->call.cancel(&calling->call);
  assert_int_equal(calling->times, 1);
  assert_int_equal(ubiq_error_code(calling->call.error), UBIQ_CANCELLED);
  assert_int_equal(fetch_loop_in_flight(self->host.fetches), 0);
  assert_int_equal(self->count.under_way, 0);
  calling_end(calling);
}

static void a_caller_may_end_between_two_tries(void **state) {
  fixture *self = *state;
  calling *calling = begin(self, "{\"url\":\"http://127.0.0.1:%d/close\",\"retries\":10}");
  while (fetch_loop_in_flight(self->host.fetches) > 0) uv_run(&self->uv, UV_RUN_ONCE);
  assert_int_equal(calling->times, 0);
  calling->call.cancel(&calling->call);
  assert_int_equal(calling->times, 1);
  calling_end(calling);
}

static void a_request_has_no_more_time_than_its_caller(void **state) {
  fixture *self = *state;
  calling *calling = &self->calling;
  calling_begin(calling, &self->services);
  calling->call.caller.run = self;
  calling->call.caller.deadline_ns = clock_monotonic_ns() + 20 * CLOCK_NS_PER_MS;
  char words[128];
  snprintf(words, sizeof words, "{\"url\":\"http://127.0.0.1:%d/hang\"}", self->server->port);
  calling_json(calling, words);
  service_http_request(&calling->call);
  while (calling->times == 0) uv_run(&self->uv, UV_RUN_ONCE);
  assert_int_equal(ubiq_error_code(calling->call.error), UBIQ_TIMEOUT);
  calling_end(calling);
}

static void a_run_has_so_many_requests_at_once_and_altogether(void **state) {
  fixture *self = *state;
  self->count.under_way = HTTP_ONCE_MAX;
  calling *calling = begin(self, "{\"url\":\"http://127.0.0.1:%d/\"}");
  assert_refused(calling, 429, "5 requests of the run are under way, which is as many as may be");
  calling_end(calling);
  self->count = (http_count){.begun = HTTP_RUN_MAX};
  assert_asked(self, "{\"url\":\"http://127.0.0.1:%d/\"}", 429);
  assert_int_equal(atomic_load(&self->server->requests), 0);
}

static void who_has_no_loop_is_told(void **state) {
  fixture *self = *state;
  self->services.http = NULL;
  assert_asked(self, "{\"url\":\"http://127.0.0.1:%d/\"}", 403);
}

static bool play(void *user, const plugin_stub_request *request, fetch_response *out, ubiq_error **error) {
  (void)user, (void)request;
  static const char words[] = "content-type\0application/json"; // a header is one block
  char *header = malloc(sizeof words);
  out->status = 201;
  out->headers = header == NULL ? NULL : calloc(1, sizeof *out->headers);
  if (out->headers != NULL) {
    memcpy(header, words, sizeof words);
    out->headers[out->headers_count++] = (fetch_header){header, header + strlen(words) + 1};
    if (buffer_append_string(&out->body, "{\"a\":1}")) return true;
  } else {
    free(header);
  }
  fetch_response_free(out);
  *error = ubiq_error_no_memory();
  return true;
}

static const plugin_stubs stubs = {.http = play};

static void who_plays_the_world_answers_what_is_permitted(void **state) {
  fixture *self = *state;
  self->host.stubs = &stubs;
  permit(self, "http:post:pay.example.com");
  calling *calling = ask(self, "{\"url\":\"http://pay.example.com/\",\"method\":\"POST\"}");
  assert_answer(
      calling, 200,
      "{\"status\":201,\"headers\":{\"content-type\":\"application/json\"},\"encoding\":\"json\",\"body\":{\"a\":1}}");
  calling_end(calling);
  assert_denied(self, "{\"url\":\"http://pay.example.com/\"}", "http:get:pay.example.com/");
}

static bool attempt(void *user) {
  fixture *self = user;
  bool was_armed = alloc_failure.armed;
  alloc_failure.armed = false;
  self->count = (http_count){0};
  calling *calling = &self->calling;
  calling_begin(calling, &self->services);
  calling->call.caller.run = self;
  calling->call.caller.permissions = &self->permissions;
  calling_json(
      calling,
      "{\"url\":\"http://pay.example.com/\",\"method\":\"POST\",\"headers\":{\"a\":[\"b\",\"c\"]},\"body\":[1]}");
  alloc_failure.armed = was_armed;
  service_http_request(&calling->call);
  alloc_failure.armed = false;
  assert_int_equal(calling->times, 1);
  bool good = calling->call.error == NULL;
  assert_true(good || ubiq_error_code(calling->call.error) == UBIQ_INTERNAL);
  calling_end(calling);
  uv_run(&self->uv, UV_RUN_NOWAIT);
  return good;
}

static void without_memory_it_fails_and_keeps_nothing(void **state) {
  fixture *self = *state;
  self->host.stubs = &stubs;
  permit(self, "http:post:pay.example.com");
  assert_true(alloc_failure_sweep(attempt, self) > 5);
  assert_int_equal(self->count.under_way, 0);
}

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      HTTP_TEST(an_answer_is_told_with_its_status),
      HTTP_TEST(a_name_that_moves_to_a_private_address_leads_nowhere),
      HTTP_TEST(a_name_that_moves_before_it_is_asked_again_leads_nowhere),
      HTTP_TEST(a_name_that_moves_before_it_is_redirected_to_leads_nowhere),
      HTTP_TEST(a_kept_connection_to_a_private_address_is_not_reused_where_none_may_be_reached),
      HTTP_TEST(all_who_ask_must_name_a_private_host),
      cmocka_unit_test(hosts_that_nobody_outside_decides_about),
      HTTP_TEST(a_caller_that_ends_takes_its_request_along),
      HTTP_TEST(a_caller_may_end_between_two_tries),
      HTTP_TEST(a_request_has_no_more_time_than_its_caller),
      HTTP_TEST(a_run_has_so_many_requests_at_once_and_altogether),
      HTTP_TEST(who_has_no_loop_is_told),
      HTTP_TEST(who_plays_the_world_answers_what_is_permitted),
      HTTP_TEST(without_memory_it_fails_and_keeps_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
