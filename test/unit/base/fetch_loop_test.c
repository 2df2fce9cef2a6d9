// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/fetch_loop.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/fetch_server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { BODY_MAX = 1 << 20, MANY = 200 };

static const fetch_policy open_policy = {.gate = &net_gate_private};

typedef struct fixture {
  uv_loop_t uv;
  fetch_loop *loop;
  fetch_server *server;
  uv_poll_t received; ///< readable when the server has received a request
  int done;           ///< callbacks called
  int bodies;         ///< of them with status 200
  int timeouts;       ///< of them with an error of this class
  ubiq_code last;     ///< class of the last one's error
  size_t last_size;   ///< bytes of the last one's body
  fetch *other;       ///< for callbacks that cancel another request
  bool closed;
} fixture;

static void on_closed(void *user) {
  ((fixture *)user)->closed = true;
}

static int start(void **state) {
  fixture *self = calloc(1, sizeof *self);
  assert_non_null(self);
  self->server = fetch_server_start();
  assert_int_equal(uv_loop_init(&self->uv), 0);
  assert_null(fetch_loop_new(&self->uv, &self->loop));
  *state = self;
  return 0;
}

static void close_loop(fixture *self) {
  if (self->loop) fetch_loop_close(self->loop, on_closed, self);
  self->loop = NULL;
}

static int stop(void **state) {
  fixture *self = *state;
  close_loop(self);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_true(self->closed);
  assert_int_equal(uv_loop_close(&self->uv), 0);
  fetch_server_stop(self->server);
  free(self);
  return 0;
}

static void on_done(void *user, ubiq_error *error, fetch_response *response) {
  fixture *self = user;
  self->done++;
  self->last = ubiq_error_code(error);
  self->timeouts += self->last == UBIQ_TIMEOUT;
  self->last_size = response->body.size;
  if (response->status == 200 || response->status == 201) self->bodies++;
  ubiq_error_delete(error);
  fetch_response_free(response);
}

static fetch_request request_of(fixture *self, const char *path) {
  return (fetch_request){
      .url = fetch_server_url(self->server, path), .response_bytes_max = BODY_MAX, .policy = &open_policy};
}

static fetch *begin(fixture *self, const char *path, fetch_done done) {
  fetch_request request = request_of(self, path);
  fetch *handle = NULL;
  assert_null(fetch_start(self->loop, &request, done, self, &handle));
  assert_non_null(handle);
  return handle;
}

static void stop_on_received(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  uv_stop(poll->loop);
}

/// Runs the loop until the server has received a request, or all are over.
static void run_until_received(fixture *self) {
  uv_poll_init(&self->uv, &self->received, self->server->received_fd);
  uv_poll_start(&self->received, UV_READABLE, stop_on_received);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  uv_close((uv_handle_t *)&self->received, NULL);
  uv_run(&self->uv, UV_RUN_NOWAIT);
}

static void callback_comes_later_with_the_response(void **state) {
  fixture *self = *state;
  begin(self, "/bytes/7", on_done);
  assert_int_equal(self->done, 0);
  assert_int_equal(fetch_loop_in_flight(self->loop), 1);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->done, 1);
  assert_int_equal(self->bodies, 1);
  assert_int_equal(self->last_size, 7);
  assert_int_equal(fetch_loop_in_flight(self->loop), 0);
}

static void request_may_go_away_once_it_is_started(void **state) {
  fixture *self = *state;
  char *url = strdup(fetch_server_url(self->server, "/echo"));
  char *value = strdup("value");
  uint8_t *body = malloc(4096);
  assert_true(url && value && body);
  memset(body, 'b', 4096);
  fetch_header header = {"X-Name", value};
  fetch_request request = {.method = "POST",
                           .url = url,
                           .headers = &header,
                           .headers_count = 1,
                           .body = body,
                           .body_size = 4096,
                           .response_bytes_max = BODY_MAX,
                           .policy = &open_policy};
  assert_null(fetch_start(self->loop, &request, on_done, self, NULL));
  memset(url, 0, strlen(url));
  free(url);
  free(value);
  free(body);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->bodies, 1);
  assert_true(self->last_size > 4096);
}

static void many_requests_are_under_way_at_once(void **state) {
  fixture *self = *state;
  for (int i = 0; i < MANY; i++) begin(self, i % 2 ? "/to/302//bytes/3" : "/chunks/4", on_done);
  assert_int_equal(fetch_loop_in_flight(self->loop), MANY);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->done, MANY);
  assert_int_equal(self->bodies, MANY);
}

static void on_done_start_another(void *user, ubiq_error *error, fetch_response *response) {
  fixture *self = user;
  on_done(user, error, response);
  if (self->done < 5) begin(self, "/bytes/1", on_done_start_another);
}

static void callback_may_start_another_on_the_same_connection(void **state) {
  fixture *self = *state;
  begin(self, "/bytes/1", on_done_start_another);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->bodies, 5);
  assert_int_equal(atomic_load(&self->server->connections), 1);
}

static void bad_requests_fail_at_once_without_a_callback(void **state) {
  fixture *self = *state;
  fetch *handle = NULL;
  fetch_request request = request_of(self, "/echo");
  request.url = "nonsense";
  ubiq_error *error = fetch_start(self->loop, &request, on_done, self, &handle);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_null(handle);
  ubiq_error_delete(error);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->done, 0);
}

static void gate_is_asked_when_a_connection_is_made(void **state) {
  fixture *self = *state;
  fetch_request request = request_of(self, "/echo");
  char url[64];
  snprintf(url, sizeof url, "http://localhost:%d/", self->server->port);
  request.url = url;
  request.policy = NULL;
  assert_null(fetch_start(self->loop, &request, on_done, self, NULL));
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->last, UBIQ_DENIED);
  assert_int_equal(atomic_load(&self->server->connections), 0);
}

static void shared_connection_is_judged_by_the_gate_of_each_request(void **state) {
  fixture *self = *state;
  begin(self, "/echo", on_done);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  fetch_request request = request_of(self, "/echo");
  request.policy = NULL;
  assert_null(fetch_start(self->loop, &request, on_done, self, NULL));
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->last, UBIQ_DENIED);
  assert_int_equal(atomic_load(&self->server->requests), 1);
}

static void timeout_ends_one_request_and_not_its_neighbour(void **state) {
  fixture *self = *state;
  fetch_request request = request_of(self, "/half");
  request.timeout_ms = 20;
  assert_null(fetch_start(self->loop, &request, on_done, self, NULL));
  begin(self, "/bytes/2", on_done);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->done, 2);
  assert_int_equal(self->bodies, 1);
  assert_int_equal(self->timeouts, 1);
}

static void body_without_end_is_stopped_at_the_bound(void **state) {
  fixture *self = *state;
  begin(self, "/endless", on_done);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->last, UBIQ_TOO_LARGE);
}

static void cancelled_request_is_not_heard_of_again(void **state) {
  fixture *self = *state;
  fetch *handle = begin(self, "/hang", on_done);
  run_until_received(self);
  assert_int_equal(atomic_load(&self->server->requests), 1);
  fetch_cancel(handle);
  assert_int_equal(fetch_loop_in_flight(self->loop), 0);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->done, 0);
}

static void request_is_cancelled_before_it_was_sent(void **state) {
  fixture *self = *state;
  fetch_cancel(begin(self, "/hang", on_done));
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->done, 0);
}

static void name_under_resolution_does_not_hold_up_a_cancellation(void **state) {
  fixture *self = *state;
  fetch_request request = request_of(self, "");
  fetch *handle = NULL;
  request.url = "http://nowhere.invalid/";
  assert_null(fetch_start(self->loop, &request, on_done, self, &handle));
  uv_run(&self->uv, UV_RUN_NOWAIT);
  if (self->done == 0) fetch_cancel(handle);
  uv_run(&self->uv, UV_RUN_DEFAULT);
}

static void on_done_cancel_other(void *user, ubiq_error *error, fetch_response *response) {
  fixture *self = user;
  on_done(user, error, response);
  fetch_cancel(self->other);
}

static void callback_may_cancel_another(void **state) {
  fixture *self = *state;
  self->other = begin(self, "/hang", on_done);
  begin(self, "/bytes/1", on_done_cancel_other);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->done, 1);
}

static void closing_tells_every_request_under_way(void **state) {
  fixture *self = *state;
  for (int i = 0; i < 20; i++) begin(self, "/hang", on_done);
  run_until_received(self);
  close_loop(self);
  assert_int_equal(self->done, 20);
  assert_int_equal(self->last, UBIQ_CANCELLED);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_true(self->closed);
}

static void on_done_close(void *user, ubiq_error *error, fetch_response *response) {
  fixture *self = user;
  on_done(user, error, response);
  close_loop(self);
}

static void callback_may_close_the_loop(void **state) {
  fixture *self = *state;
  for (int i = 0; i < 5; i++) begin(self, "/bytes/1", i == 0 ? on_done_close : on_done);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  assert_int_equal(self->done, 5);
  assert_true(self->closed);
}

static void on_done_start_too_late(void *user, ubiq_error *error, fetch_response *response) {
  fixture *self = user;
  on_done(user, error, response);
  fetch_request request = request_of(self, "/echo");
  ubiq_error *refused = fetch_start(self->loop, &request, on_done, self, NULL);
  assert_int_equal(ubiq_error_code(refused), UBIQ_CANCELLED);
  ubiq_error_delete(refused);
}

static void nothing_is_started_while_the_loop_closes(void **state) {
  fixture *self = *state;
  begin(self, "/hang", on_done_start_too_late);
  fetch_loop_close(self->loop, on_closed, self);
  self->loop = NULL;
  assert_int_equal(self->done, 1);
}

static void idle_fetch_loop_does_not_keep_the_loop_alive(void **state) {
  fixture *self = *state;
  assert_int_equal(uv_run(&self->uv, UV_RUN_DEFAULT), 0);
  begin(self, "/bytes/1", on_done);
  assert_int_equal(uv_run(&self->uv, UV_RUN_DEFAULT), 0);
  assert_int_equal(self->done, 1);
}

static bool go_round(void *user) {
  fixture *self = user;
  fetch_loop *loop = NULL;
  int bodies = self->bodies;
  const fetch_header header = {"Cookie", "crumbs"};
  fetch_request request = request_of(self, "");
  char url[256];
  snprintf(url, sizeof url, "http://user:word@127.0.0.1:%d/to/302/http://localhost:%d/odd-headers?x",
           self->server->port, self->server->port);
  request.url = url;
  request.method = "POST";
  request.body = (const uint8_t *)"body";
  request.body_size = 4;
  request.headers = &header;
  request.headers_count = 1;
  ubiq_error *error = fetch_loop_new(&self->uv, &loop);
  if (!error) error = fetch_start(loop, &request, on_done, self, NULL);
  ubiq_error_delete(error);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  if (loop) fetch_loop_close(loop, NULL, NULL);
  uv_run(&self->uv, UV_RUN_DEFAULT);
  return self->bodies > bodies;
}

static void running_out_of_memory_anywhere_is_an_error_and_leaks_nothing(void **state) {
  assert_true(go_round(*state));
  assert_true(alloc_failure_sweep(go_round, *state) > 30);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(callback_comes_later_with_the_response),
      LOOP_TEST(request_may_go_away_once_it_is_started),
      LOOP_TEST(many_requests_are_under_way_at_once),
      LOOP_TEST(callback_may_start_another_on_the_same_connection),
      LOOP_TEST(bad_requests_fail_at_once_without_a_callback),
      LOOP_TEST(gate_is_asked_when_a_connection_is_made),
      LOOP_TEST(shared_connection_is_judged_by_the_gate_of_each_request),
      LOOP_TEST(timeout_ends_one_request_and_not_its_neighbour),
      LOOP_TEST(body_without_end_is_stopped_at_the_bound),
      LOOP_TEST(cancelled_request_is_not_heard_of_again),
      LOOP_TEST(request_is_cancelled_before_it_was_sent),
      LOOP_TEST(name_under_resolution_does_not_hold_up_a_cancellation),
      LOOP_TEST(callback_may_cancel_another),
      LOOP_TEST(closing_tells_every_request_under_way),
      LOOP_TEST(callback_may_close_the_loop),
      LOOP_TEST(nothing_is_started_while_the_loop_closes),
      LOOP_TEST(idle_fetch_loop_does_not_keep_the_loop_alive),
      LOOP_TEST(running_out_of_memory_anywhere_is_an_error_and_leaks_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
