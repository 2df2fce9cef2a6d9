// The daemon on the loop: when it runs, when it has more to do, how it stops.
#include "server/front/front.h"

#include "base/log.h"
#include "runtime/run/listeners.h"
#include "server/front/head_room.h"
#include "server/front/request.h"
#include "server/front/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
  STALLED_SECONDS_MIN = 60, ///< a connection on which no byte moves so long is closed
  ROUNDS_MAX = 8,           ///< of the daemon before the loop has its turn again
  BARREN_TURNS_MAX = 16,    ///< of that many rounds each, before it is thought to have nothing to do
  BARREN_PAUSE_MS = 5,
  HOUSEKEEPING_MS_MAX = 1000,
};

static void run_daemon(front *self);

// -------------------------------------------------------------------------------------------------------- the end

static void close_handles(front *self) {
  uv_close((uv_handle_t *)&self->traffic, NULL);
  uv_close((uv_handle_t *)&self->hangups, NULL);
  uv_close((uv_handle_t *)&self->housekeeping, NULL);
  uv_close((uv_handle_t *)&self->again, NULL);
  uv_close((uv_handle_t *)&self->later, NULL);
  uv_close((uv_handle_t *)&self->grace, NULL);
  drains_close(&self->drains);
}

static bool is_over(const front *self) {
  return self->stopping != WORKER_STOP_NONE && self->count == 0 && self->listener < 0 &&
         self->worker->errands.count == 0;
}

/// Nothing is left: the worker may end. Not from within the daemon's callbacks.
static void finish(front *self) {
  if (self->daemon == NULL) return;
  front_close(self);
  worker_finish(self->worker);
}

static void stop_accepting(front *self) {
  if (self->listener < 0) return;
  MHD_quiesce_daemon(self->daemon);
  close(self->listener);
  self->listener = -1;
}

static void abandon_all(front *self) {
  connections *list = &self->lists[CONNECTION_WORKING];
  for (connection *at = list->first; at != NULL; at = at->next) request_abandon(at);
}

static void grace_is_over(uv_timer_t *timer) {
  front *self = timer->data;
  log_warn("the time to finish is over: what is still under way is dropped");
  front_stop(self, WORKER_STOP_NOW);
}

static void stop_gracefully(front *self) {
  self->stopping = WORKER_STOP_GRACEFUL;
  self->stopping_since_ms = uv_now(&self->worker->loop);
  run_daemon(self); // takes what has come already
  if (self->daemon == NULL) return;
  stop_accepting(self);
  log_debug("worker %u takes no new connections", self->worker->options.index);
  connection_end_list(self, CONNECTION_IDLE);
  uv_timer_start(&self->grace, grace_is_over, self->settings->grace_ms, 0);
  run_daemon(self);
}

void front_stop(void *user, worker_stop how) {
  front *self = user;
  if (self->daemon == NULL || self->stopping >= how) return;
  if (how == WORKER_STOP_GRACEFUL) {
    stop_gracefully(self);
    return;
  }
  self->stopping = WORKER_STOP_NOW;
  stop_accepting(self);
  abandon_all(self);
  errands_cancel(self->worker);
  MHD_run(self->daemon);
  finish(self);
}

// ------------------------------------------------------------------------------------------------------- the loop

static void again(uv_idle_t *idle) {
  uv_idle_stop(idle);
  run_daemon(idle->data);
}

static void later(uv_timer_t *timer) {
  run_daemon(timer->data);
}

/// The daemon says that it has more to do. It says so for as long as a chunk's first line fills all that it has for a
/// connection, too, though then it reads nothing more: until that request's deadline.
static void run_daemon_again(front *self, bool was_barren) {
  self->barren_turns = was_barren ? self->barren_turns + 1 : 0;
  if (self->barren_turns < BARREN_TURNS_MAX)
    uv_idle_start(&self->again, again);
  else
    uv_timer_start(&self->later, later, BARREN_PAUSE_MS, 0);
}

/// Once the daemon had as many connections as it may, or as there are descriptors, it takes new ones only from the round on
/// that follows the end of one; by itself it does not ask for that.
static bool run_round(front *self) {
  MHD_UNSIGNED_LONG_LONG wait_ms = 0;
  self->lost = false;
  MHD_run(self->daemon);
  return self->lost || (MHD_get_timeout(self->daemon, &wait_ms) == MHD_YES && wait_ms == 0);
}

static void run_daemon(front *self) {
  int rounds = 0;
  const uint64_t calls_before = self->calls;
  self->resumed = false;
  while (rounds < ROUNDS_MAX && run_round(self)) rounds++;
  if (rounds == ROUNDS_MAX) run_daemon_again(self, self->calls == calls_before);
  if (is_over(self)) finish(self);
}

void front_after_runs(void *user) {
  front *self = user;
  if ((self->resumed || is_over(self)) && self->daemon != NULL) run_daemon(self);
}

static void on_traffic(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  run_daemon(poll->data);
}

static void on_hangups(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  connection_take_hangups(poll->data);
  front_after_runs(poll->data);
}

static void keep_house(uv_timer_t *timer) {
  front *self = timer->data;
  connection_pass_deadlines(self);
  run_daemon(self);
}

static uint64_t housekeeping_period_ms(const front *self) {
  uint64_t period_ms = HOUSEKEEPING_MS_MAX;
  for (size_t i = 0; i < CONNECTION_LISTS; i++)
    if (self->times_ms[i] / 8 < period_ms) period_ms = self->times_ms[i] / 8;
  return period_ms == 0 ? 1 : period_ms;
}

void front_connections(front *self, int change) {
  self->count += (size_t)(ptrdiff_t)change;
  self->lost |= change < 0;
  metrics_worker *numbers = self->worker->numbers;
  if (numbers != NULL) atomic_store_explicit(&numbers->connections, (unsigned)self->count, memory_order_relaxed);
  if (change > 0 && self->count == 1) {
    uint64_t period_ms = housekeeping_period_ms(self);
    uv_timer_start(&self->housekeeping, keep_house, period_ms, period_ms);
  } else if (self->count == 0) {
    uv_timer_stop(&self->housekeeping);
  }
}

// -------------------------------------------------------------------------------------------------- the beginning

/// Paths are compared by the router with their escapes; libmicrohttpd shall leave them alone.
static size_t leave_escapes(void *user, struct MHD_Connection *mhd, char *value) {
  (void)user;
  (void)mhd;
  return strlen(value);
}

/// GnuTLS asks what to show. A session's pointer is libmicrohttpd's connection.
static int show(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **chain,
                unsigned *count, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key,
                unsigned *flags) {
  (void)info;
  *ocsp = NULL;
  *ocsp_count = 0;
  struct MHD_Connection *mhd = gnutls_session_get_ptr(session);
  const connection *self = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  return self == NULL ? -1 : tls_show(self->front->settings->tls, chain, count, key, flags);
}

/// libmicrohttpd answers by itself where a request's head is too long or cannot be parsed, and says so nowhere but here.
static void note_message(void *user, const char *format, va_list arguments) {
  const front *self = user;
  if (strstr(format, "HTTP response code is %u") == NULL) return;
  unsigned status = va_arg(arguments, unsigned);
  if (self->worker->is_watched) listeners_tell_refusal(self->worker, (refusal_record){.status = status});
}

static ubiq_error *start_daemon(front *self) {
  const server_settings *settings = self->settings;
  uint64_t stalled_seconds = settings->idle_timeout_ms / 1000 + 1;
  if (stalled_seconds < STALLED_SECONDS_MIN) stalled_seconds = STALLED_SECONDS_MIN;
  unsigned connections_max = settings->connections_max / settings->workers + 1;
  bool has_tls = settings->tls != NULL;
  const struct MHD_OptionItem tls_options[] = {{MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)show},
                                               {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
                                               {MHD_OPTION_END, 0, NULL}};
  unsigned flags =
      MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (has_tls ? MHD_USE_TLS : MHD_USE_TURBO) | MHD_USE_ERROR_LOG;
  self->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_handle, self,                                    //
                                  MHD_OPTION_EXTERNAL_LOGGER, note_message, self,                                //
                                  MHD_OPTION_LISTEN_SOCKET, self->listener,                                      //
                                  MHD_OPTION_NOTIFY_CONNECTION, connection_notice, self,                         //
                                  MHD_OPTION_URI_LOG_CALLBACK, request_announced, self,                          //
                                  MHD_OPTION_NOTIFY_COMPLETED, request_completed, self,                          //
                                  MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL,                             //
                                  MHD_OPTION_CONNECTION_LIMIT, connections_max,                                  //
                                  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)stalled_seconds,                      //
                                  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MEMORY_BYTES,                 //
                                  MHD_OPTION_STRICT_FOR_CLIENT, 0, /* framing.h is, and can say what is wrong */ //
                                  MHD_OPTION_ARRAY, has_tls ? tls_options : &tls_options[2],                     //
                                  MHD_OPTION_END);
  if (self->daemon == NULL) self->listener = -1; // closed by libmicrohttpd
  if (self->daemon == NULL)
    return ubiq_error_new(UBIQ_INTERNAL, "the HTTP server cannot be started: %s", strerror(errno));
  return NULL;
}

static void attach(front *self) {
  uv_loop_t *loop = &self->worker->loop;
  int traffic_fd = MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  uv_poll_init(loop, &self->traffic, traffic_fd);
  uv_poll_init(loop, &self->hangups, self->hangups_fd);
  uv_timer_init(loop, &self->housekeeping);
  uv_idle_init(loop, &self->again);
  uv_timer_init(loop, &self->later);
  uv_timer_init(loop, &self->grace);
  drains_open(&self->drains, loop);
  self->traffic.data = self->hangups.data = self->housekeeping.data = self->again.data = self->later.data =
      self->grace.data = self;
  uv_poll_start(&self->traffic, UV_READABLE, on_traffic);
  uv_poll_start(&self->hangups, UV_READABLE, on_hangups);
}

ubiq_error *front_new(const server_settings *settings, worker *worker, int listener, front **out) {
  front *self = calloc(1, sizeof *self);
  if (self == NULL) {
    close(listener);
    return ubiq_error_no_memory();
  }
  *self = (front){.settings = settings, .worker = worker, .listener = listener};
  self->times_ms[CONNECTION_HEADERS] = settings->header_timeout_ms;
  self->times_ms[CONNECTION_BODY] = settings->body_timeout_ms;
  self->times_ms[CONNECTION_ANSWER] = settings->answer_timeout_ms;
  self->times_ms[CONNECTION_IDLE] = settings->idle_timeout_ms;
  self->times_ms[CONNECTION_WORKING] = self->times_ms[CONNECTION_CLOSING] = UINT64_MAX;
  self->hangups_fd = epoll_create1(EPOLL_CLOEXEC);
  ubiq_error *error =
      self->hangups_fd < 0 ? ubiq_error_new(UBIQ_INTERNAL, "epoll: %s", strerror(errno)) : start_daemon(self);
  if (error != NULL) {
    front_delete(self);
    return error;
  }
  attach(self);
  *out = self;
  return NULL;
}

void front_close(front *self) {
  if (self->daemon == NULL) return;
  close_handles(self);
  MHD_stop_daemon(self->daemon); // closes the listener, too
  self->daemon = NULL;
  self->listener = -1;
}

void front_delete(front *self) {
  if (self == NULL) return;
  if (self->listener >= 0) close(self->listener);
  if (self->hangups_fd >= 0) close(self->hangups_fd);
  free(self);
}
