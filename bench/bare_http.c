// The peer of the HTTP benchmarks: libmicrohttpd on a libuv loop, as the server uses them, that answers every request
// with `Hello, Ada!` or with the request's body and runs no function. Prints the port that it listens on.
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct request {
  char *body;
  size_t size;
} request;

static struct MHD_Daemon *server;

static bool take(request *request, const char *data, size_t size) {
  char *grown = realloc(request->body, request->size + size);
  if (!grown) return false;
  memcpy(grown + request->size, data, size);
  request->body = grown;
  request->size += size;
  return true;
}

static enum MHD_Result answer(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state) {
  (void)user, (void)method, (void)version;
  static const char hello[] = "Hello, Ada!";
  if (!*state) return (*state = calloc(1, sizeof(request))) ? MHD_YES : MHD_NO;
  request *request = *state;
  if (*size) {
    bool taken = take(request, data, *size);
    *size = 0;
    return taken ? MHD_YES : MHD_NO;
  }
  bool echo = strcmp(url, "/echo") == 0;
  struct MHD_Response *response =
      echo ? MHD_create_response_from_buffer(request->size, request->body, MHD_RESPMEM_MUST_COPY)
           : MHD_create_response_from_buffer(sizeof hello - 1, (void *)hello, MHD_RESPMEM_PERSISTENT);
  enum MHD_Result queued = MHD_queue_response(connection, 200, response);
  MHD_destroy_response(response);
  return queued;
}

static void completed(void *user, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code) {
  (void)user, (void)connection, (void)code;
  request *request = *state;
  if (request) free(request->body);
  free(request);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  (void)poll, (void)status, (void)events;
  MHD_run(server);
}

static void on_timer(uv_timer_t *timer) {
  (void)timer;
  MHD_run(server);
}

int main(void) {
  server = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, NULL, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
                            MHD_OPTION_END);
  if (!server) return 1;
  uv_loop_t *loop = uv_default_loop();
  uv_poll_t poll;
  uv_timer_t timer;
  uv_poll_init(loop, &poll, MHD_get_daemon_info(server, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
  uv_poll_start(&poll, UV_READABLE, on_ready);
  uv_timer_init(loop, &timer);
  uv_timer_start(&timer, on_timer, 100, 100);
  printf("listening on http://127.0.0.1:%u\n", MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
