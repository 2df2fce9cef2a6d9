// One request after the other on a connection, each through its stages.
#include "server/front/request.h"

#include "base/log.h"
#include "runtime/run/listeners.h"
#include "server/front/cross_origin.h"
#include "server/front/dev_page.h"
#include "server/front/exchange.h"
#include "server/front/file_answer.h"
#include "server/front/framing.h"
#include "server/front/front.h"
#include "server/front/head_room.h"
#include "server/front/identify.h"
#include "server/front/trace_headers.h"

#include <assert.h>
#include <sys/socket.h>

// ------------------------------------------------------------------------------------------------------- answering

static enum MHD_Result send_answer(connection *self, answer answer) {
  connection_move(self, CONNECTION_ANSWER);
  self->stage = REQUEST_SENT;
  if (answer.response == NULL) return MHD_NO;
  cross_origin_add(self, &answer);
  if (self->front->stopping != WORKER_STOP_NONE)
    MHD_add_response_header(answer.response, MHD_HTTP_HEADER_CONNECTION, "close");
  enum MHD_Result queued = MHD_queue_response(self->mhd, answer.status, answer.response);
  MHD_destroy_response(answer.response);
  return queued;
}

static enum MHD_Result send_kept_answer(connection *self) {
  answer kept = self->answer;
  self->answer = (answer){0};
  return send_answer(self, kept);
}

static ubiq_log_level level_of(ubiq_code code) {
  if (code == UBIQ_INTERNAL) return UBIQ_LOG_ERROR;
  return code == UBIQ_BUSY || code == UBIQ_CANCELLED ? UBIQ_LOG_DEBUG : UBIQ_LOG_WARN;
}

/// A release is not to blame for a server that is busy.
static void count(connection *self, ubiq_code code) {
  if (code == UBIQ_BUSY) return;
  release_counts_add(&self->lease->release->counts, self->front->worker->options.index, code != UBIQ_OK);
}

static answer refuse_run(const connection *self, ubiq_error *error) {
  ubiq_code code = ubiq_error_code(error);
  log_from(level_of(code), self->function->name, "%s: %s", ubiq_code_name(code), ubiq_error_message(error));
  return answer_run_error(error);
}

/// Counts what stays in memory until the request is over.
static void hold(connection *self, size_t size) {
  self->held += size;
  self->front->held_bytes += size;
}

static void let_go(connection *self) {
  self->front->held_bytes -= self->held;
  self->held = 0;
}

/// Whether so many bytes more are too many for this worker. One request is served whatever it holds.
static bool is_full(const connection *self, size_t more) {
  const server_settings *settings = self->front->settings;
  uint64_t held = self->front->held_bytes;
  return held > self->held && held + more > settings->held_bytes_max / settings->workers;
}

static answer held_too_much(void) {
  return answer_error(
      ubiq_error_new(UBIQ_BUSY, "the server holds as many bytes of requests and answers as it may; try again"));
}

/// Makes the answer of what the function answered.
static ubiq_error *make_answer(connection *self, ubiq_bytes output, answer *out) {
  ubiq_error *error = exchange_answer(self, output, out);
  if (error == NULL) hold(self, output.size);
  if (error != NULL || out->response == NULL || self->function->input == PROJECT_BODY) return error;
  size_t room = head_room(self->mhd), size = head_bytes(out->response);
  if (size <= room) return NULL;
  MHD_destroy_response(out->response);
  return ubiq_error_new(UBIQ_INVALID_OUTPUT,
                        "answer: headers have %zu bytes; expected at most the %zu that the request's leave", size,
                        room);
}

/// Makes the answer of a run that is done, and ends the run.
static answer take_answer(connection *self) {
  run *run = &self->run;
  answer answer;
  ubiq_error *error = run->error;
  run->error = NULL;
  if (error == NULL) error = make_answer(self, run->output, &answer);
  run->outcome = ubiq_error_code(error);
  count(self, run->outcome);
  if (error != NULL) answer = refuse_run(self, error);
  run_end(run);
  return answer;
}

static void resume(connection *self, request_stage stage) {
  self->stage = stage;
  self->front->resumed = true;
  MHD_resume_connection(self->mhd);
}

static void run_done(run *run) {
  connection *self = (connection *)(void *)((char *)run - offsetof(connection, run));
  assert(self->stage == REQUEST_RUNNING);
  self->answer = take_answer(self);
  resume(self, REQUEST_ANSWERED);
}

static void cancel_run(connection *self) {
  log_debug("%s: cancelled: the client has gone", self->function->name);
  run_end(&self->run);
}

void request_abandon(connection *self) {
  if (self->stage != REQUEST_RUNNING) return;
  cancel_run(self);
  resume(self, REQUEST_ABANDONED);
}

// ------------------------------------------------------------------------------------------------------ the stages

void request_tell_refusal(const connection *self, unsigned status) {
  worker *worker = self->front->worker;
  if (status < MHD_HTTP_BAD_REQUEST || !worker->is_watched) return;
  trace trace;
  bool has_trace = self->method != NULL && trace_read(trace_headers_parent(self), &trace);
  listeners_tell_refusal(
      worker,
      (refusal_record){.status = status, .method = self->method, .url = self->url, .trace = has_trace ? &trace : NULL});
}

static enum MHD_Result send_refusal(connection *self, answer answer) {
  request_tell_refusal(self, answer.status);
  return send_answer(self, answer);
}

static enum MHD_Result start_run(connection *self) {
  run *run = &self->run;
  if (self->front->stopping == WORKER_STOP_NOW) return MHD_NO; // a daemon cannot be stopped with suspended connections
  run->parent = trace_headers_run_parent;
  run->parent_state = trace_headers_run_state;
  ubiq_error *error = exchange_input(self);
  if (error != NULL) return send_refusal(self, answer_error(error));
  if (self->body.size > self->held) hold(self, self->body.size - self->held);
  run->function = self->function;
  run->lease = self->lease;
  run->input = buffer_bytes(&self->body);
  run->identity = (text){(const char *)self->identity.data, self->identity.size};
  run->done = run_done;
  if (run_start(run)) return send_answer(self, take_answer(self));
  self->stage = REQUEST_RUNNING;
  connection_move(self, CONNECTION_WORKING);
  if (self->has_left) {
    cancel_run(self);
    self->stage = REQUEST_ABANDONED;
    return MHD_NO;
  }
  MHD_suspend_connection(self->mhd);
  return MHD_YES;
}

/// Sends the kept answer before the request's body has come; what still comes is not taken for another request.
static enum MHD_Result send_early(connection *self) {
  self->is_cut = true;
  if (self->answer.response != NULL)
    MHD_add_response_header(self->answer.response, MHD_HTTP_HEADER_CONNECTION, "close");
  return send_kept_answer(self);
}

/// Answers a request without running anything. Its body, when there is one, is read and dropped first, so that the
/// client gets to see the answer; a client that asks before it sends its body, or sends too much, is answered at once.
static enum MHD_Result refuse(connection *self, answer answer, const framing *framing) {
  request_tell_refusal(self, answer.status);
  cross_origin_add(self, &answer);
  self->function = NULL;
  self->answer = answer;
  self->stage = REQUEST_REFUSED;
  bool asks = connection_header(self, MHD_HTTP_HEADER_EXPECT).data != NULL;
  if (framing->has_body && (asks || framing->body_bytes > REQUEST_DROPPED_BYTES_MAX)) return send_early(self);
  return MHD_YES;
}

static answer too_large(const function *function) {
  ubiq_error *error = ubiq_error_new(UBIQ_TOO_LARGE, "the request's body has too many bytes; expected at most %llu",
                                     (unsigned long long)function->limits.body_bytes_max);
  return answer_error(error);
}

/// Finds the function for a request, or the answer when there is none.
static const function *find_function(connection *self, answer *answer) {
  router_match match;
  const router_request target = exchange_target(self);
  dev_page *dev = self->front->settings->dev;
  if (dev != NULL && dev_page_answer(dev, target.method, target.path, answer)) return NULL;
  if (cross_origin_preflight(self, &target, answer)) return NULL;
  router_result result = router_find(self->lease->release->router, &target, &match);
  if (result == ROUTER_FOUND) {
    const route_target *found = match.target;
    if (found->files != NULL) *answer = answer_file(self, found->files, &match);
    return found->function;
  }
  bool options = text_equal(target.method, TEXT("OPTIONS"));
  if (result == ROUTER_NO_METHOD)
    *answer = options ? answer_options(match.allow) : answer_no_method(match.allow);
  else if (options && text_equal(target.path, TEXT("*")))
    *answer = answer_options(NULL);
  else
    *answer = answer_problem(UBIQ_NOT_FOUND, "no function has a route for this path");
  return NULL;
}

/// There is no room for the head of any answer: libmicrohttpd would close the connection without a word.
static void tell_too_large(connection *self, unsigned status, const char *line) {
  self->is_cut = true;
  connection_tell(self, line);
  connection_tell(self, "Connection: close\r\nContent-Length: 0\r\n\r\n");
  request_tell_refusal(self, status);
}

/// The headers have come.
static enum MHD_Result begin(connection *self, const char *url, const char *method, const char *version) {
  if (self->is_cut) return MHD_NO;
  const request_line line = {method, url, version, self->target_bytes};
  const framing framing = framing_read(self->mhd, &line);
  self->method = method;
  self->url = url;
  if (!head_leaves_room(self->mhd)) {
    tell_too_large(self, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    return MHD_NO;
  }
  if (framing.status != 0) return refuse(self, answer_bad_framing(framing.status, framing.problem), &framing);
  answer answer;
  self->lease = worker_hold_latest(self->front->worker);
  self->function = find_function(self, &answer);
  if (framing.has_body) connection_move(self, CONNECTION_BODY);
  if (self->function == NULL) return refuse(self, answer, &framing);
  if (!identify(self, &answer)) return refuse(self, answer, &framing);
  if (is_full(self, 1)) return refuse(self, held_too_much(), &framing);
  if (framing.body_bytes > self->function->limits.body_bytes_max)
    return refuse(self, too_large(self->function), &framing);
  self->stage = REQUEST_BODY;
  return MHD_YES;
}

/// What is left of the body is dropped, and then this is answered.
static void refuse_body(connection *self, answer answer) {
  self->dropped = self->body.size;
  buffer_free(&self->body);
  let_go(self);
  self->answer = answer;
  request_tell_refusal(self, answer.status);
  self->stage = REQUEST_REFUSED;
}

/// Some of the body has come.
static enum MHD_Result take_body(connection *self, const char *data, size_t size) {
  if (self->stage == REQUEST_BODY && self->body.size + size > self->function->limits.body_bytes_max)
    refuse_body(self, too_large(self->function));
  else if (self->stage == REQUEST_BODY && is_full(self, size))
    refuse_body(self, held_too_much());
  if (self->stage == REQUEST_REFUSED || self->stage == REQUEST_SENT) {
    self->dropped += size;
    self->is_cut |= self->dropped > REQUEST_DROPPED_BYTES_MAX;
    return self->is_cut ? MHD_NO : MHD_YES;
  }
  hold(self, size);
  return buffer_append(&self->body, data, size) ? MHD_YES : MHD_NO;
}

/// The body has come, or the connection was resumed.
static enum MHD_Result go_on(connection *self) {
  switch (self->stage) {
  case REQUEST_BODY: return start_run(self);
  case REQUEST_REFUSED:
  case REQUEST_ANSWERED: return send_kept_answer(self);
  case REQUEST_SENT: return MHD_YES;
  default: return MHD_NO;
  }
}

static connection *connection_of(struct MHD_Connection *mhd) {
  return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void *request_announced(void *user, const char *target, struct MHD_Connection *mhd) {
  (void)user;
  connection *self = connection_of(mhd);
  if (self == NULL) return NULL;
  self->target_bytes = strcspn(target, " ");
  if (!head_target_fits(target, self->target_bytes)) {
    tell_too_large(self, MHD_HTTP_URI_TOO_LONG, "HTTP/1.1 414 URI Too Long\r\n");
    shutdown(self->socket, SHUT_WR); // what libmicrohttpd may say of the rest
  }
  head_leave_cookies(mhd);
  return NULL;
}

enum MHD_Result request_handle(void *user, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *data, size_t *size, void **context) {
  (void)user;
  connection *self = *context;
  if (self == NULL) {
    *context = self = connection_of(mhd);
    if (self == NULL) return MHD_NO;
    self->front->calls++;
    return begin(self, url, method, version);
  }
  self->front->calls++;
  if (*size == 0) return go_on(self);
  enum MHD_Result result = take_body(self, data, *size);
  *size = 0;
  return result;
}

void request_completed(void *user, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode reason) {
  (void)user;
  (void)mhd;
  (void)reason;
  connection *self = *context;
  if (self == NULL) return;
  self->front->calls++;
  run_end(&self->run);
  let_go(self);
  if (self->answer.response != NULL) MHD_destroy_response(self->answer.response);
  self->answer = (answer){0};
  if (self->lease != NULL) lease_let_go(self->lease);
  self->lease = NULL;
  self->function = NULL;
  self->method = self->url = NULL;
  self->dropped = 0;
  self->stage = REQUEST_NONE;
  buffer_free(&self->identity);
  buffer_clear(&self->body);
  if (self->body.capacity > REQUEST_BODY_KEPT_BYTES) buffer_free(&self->body);
  connection_move(self, CONNECTION_IDLE);
  *context = NULL;
}
