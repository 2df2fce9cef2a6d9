// A request's life: it is permitted, sent, sent again when it found nobody, and answered. All on the caller's thread.
#include "services/http/http.h"

#include "base/clock.h"
#include "base/fetch_loop.h"
#include "base/fetch_url.h"
#include "plugin/parts/stubs.h"
#include "services/http/http_call.h"
#include "services/operations.h"
#include "services/permissions/permissions.h"
#include "services/services.h"

#include <stdlib.h>

enum { FIRST_DELAY_MS = 50 }; ///< before it is sent again; each further one is twice as long

/// What waits for an answer. It outlives its call by as long as its timer takes to close.
typedef struct outgoing {
  service_call *call;
  http_way way;
  http_ask ask;
  fetch_policy policy;
  net_gate gate;                           ///< of the hop that is permitted last
  bool was_private;                        ///< that was refused for its address, which a permission may name
  char action[FETCH_METHOD_BYTES_MAX + 1]; ///< of that hop, as permissions have it
  buffer subject;                          ///< likewise
  uint64_t deadline_ns;                    ///< monotonic
  unsigned sent;                           ///< how often
  bool is_redirected;
  fetch *fetch;     ///< under way; NULL: none
  uv_timer_t timer; ///< until it is sent again
} outgoing;

// -------------------------------------------------------------------------------------------------------- permissions

static bool is_address(text host) {
  struct sockaddr_storage address;
  char name[64];
  if (host.size >= 2 && host.data[0] == '[') host = (text){host.data + 1, host.size - 2};
  if (host.size >= sizeof name) return false;
  memcpy(name, host.data, host.size);
  name[host.size] = '\0';
  return net_address_parse(name, 80, &address);
}

bool http_host_is_ours(text host) {
  static const char *const ends[] = {".localhost", ".internal", ".local", ".home.arpa"};
  if (host.size > 0 && host.data[host.size - 1] == '.') host.size--;
  if (host.size == 0 || memchr(host.data, '.', host.size) == NULL || is_address(host)) return true;
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
    if (text_ends_with(host, text_of(ends[i]))) return true;
  return false;
}

static void set_action(outgoing *self, const char *method) {
  size_t i = 0;
  for (; i < FETCH_METHOD_BYTES_MAX && method[i] != '\0'; i++)
    self->action[i] = (char)(method[i] >= 'A' && method[i] <= 'Z' ? method[i] | 0x20 : method[i]);
  self->action[i] = '\0';
}

/// What the hop that was looked at last asks for.
static permission_ask asked(const outgoing *self) {
  return (permission_ask){
      TEXT("http"), text_of(self->action), {(const char *)self->subject.data, self->subject.size}, false};
}

static ubiq_error *permit(outgoing *self, const fetch_target *target, bool *names_host) {
  const permissions *permissions = self->call->caller.permissions;
  const uint16_t usual = strcmp(target->scheme, "https") == 0 ? 443 : 80;
  *names_host = true;
  if (permissions == NULL) return NULL;
  set_action(self, target->method);
  buffer_clear(&self->subject);
  if (!permission_http_subject(&self->subject, text_of(target->host), (uint16_t)target->port, usual,
                               text_of(target->path)))
    return ubiq_error_no_memory();
  const permission_ask ask = asked(self);
  ubiq_error *error = permissions_check(permissions, &ask);
  if (error == NULL) *names_host = permissions_name_host(permissions, &ask);
  return error;
}

/// An address that is refused for want of a name is told with the permission that names it.
static ubiq_error *with_remedy(const outgoing *self, ubiq_error *refused) {
  const permissions *permissions = self->call->caller.permissions;
  const permission_ask ask = asked(self);
  ubiq_error *denied = permissions == NULL ? NULL : permissions_deny_host(permissions, &ask);
  if (denied == NULL) return refused;
  ubiq_error *both = ubiq_error_new(UBIQ_DENIED, "%s, unless a permission names it: %s", ubiq_error_message(refused),
                                    ubiq_error_message(denied));
  ubiq_error_delete(refused);
  ubiq_error_delete(denied);
  return both;
}

/// For every hop. What is said of where it leads holds for the address that is then connected to (base/net_gate.h).
static ubiq_error *allow_url(void *user, const fetch_target *target, const net_gate **gate) {
  outgoing *self = user;
  bool names_host;
  ubiq_error *error = permit(self, target, &names_host);
  if (error != NULL) return error;
  bool is_ours = http_host_is_ours(text_of(target->host));
  self->was_private = false;
  self->gate = (net_gate){.allow_private = names_host && is_ours,
                          .own = self->way.host->own,
                          .own_count = self->way.host->own_count,
                          .was_private = is_ours ? &self->was_private : NULL};
  self->is_redirected |= target->redirects > 0;
  *gate = &self->gate;
  return NULL;
}

// ------------------------------------------------------------------------------------------------------------- the end

static void free_closed(uv_handle_t *timer) {
  free(timer->data);
}

/// The call is left alone.
static void let_go(outgoing *self) {
  self->way.count->under_way--;
  http_ask_free(&self->ask);
  buffer_free(&self->subject);
  uv_close((uv_handle_t *)&self->timer, free_closed);
}

static void tell_end(const outgoing *self, int status) {
  const plugin_host *host = self->way.host;
  if (host->request_ended != NULL) host->request_ended(host->user, status);
}

/// What another server did wrong is no fault of the request.
static ubiq_error *of_server(const outgoing *self, ubiq_error *error) {
  if (self->was_private && ubiq_error_code(error) == UBIQ_DENIED) return with_remedy(self, error);
  if (ubiq_error_code(error) != UBIQ_INVALID_INPUT) return error;
  ubiq_error *ours = ubiq_error_new(UBIQ_INVALID_OUTPUT, "%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return ours;
}

static void fail(outgoing *self, ubiq_error *error) {
  service_call *call = self->call;
  tell_end(self, 0);
  let_go(self);
  service_call_fail(call, error);
}

static void answer(outgoing *self, fetch_response *response) {
  service_call *call = self->call;
  bool good = http_answer_write(&call->bytes, response, self->is_redirected);
  tell_end(self, response->status);
  fetch_response_free(response);
  let_go(self);
  if (good)
    service_call_answer_json(call, (text){NULL, 0});
  else
    service_call_fail(call, ubiq_error_no_memory());
}

// ------------------------------------------------------------------------------------------------------------- sending

static ubiq_error *send_it(outgoing *self);

static bool is_idempotent(const char *method) {
  static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
    if (strcmp(method, methods[i]) == 0) return true;
  return false;
}

static void send_again(uv_timer_t *timer) {
  outgoing *self = timer->data;
  ubiq_error *error = send_it(self);
  if (error != NULL) fail(self, error);
}

/// Whether it is going to be sent again: nobody was there, it does no harm, and there is time for it.
static bool tries_again(outgoing *self, const ubiq_error *error) {
  uint64_t delay_ms = (uint64_t)FIRST_DELAY_MS << (self->sent - 1);
  bool may = ubiq_error_code(error) == UBIQ_UNAVAILABLE && !self->is_redirected && self->sent <= self->ask.retries &&
             is_idempotent(self->ask.method);
  if (!may || clock_monotonic_ns() + delay_ms * CLOCK_NS_PER_MS >= self->deadline_ns) return false;
  return uv_timer_start(&self->timer, send_again, delay_ms, 0) == 0;
}

static void done(void *user, ubiq_error *error, fetch_response *response) {
  outgoing *self = user;
  self->fetch = NULL;
  if (error == NULL)
    answer(self, response);
  else if (tries_again(self, error))
    ubiq_error_delete(error);
  else
    fail(self, of_server(self, error));
}

static uint64_t left_ms(const outgoing *self) {
  uint64_t now_ns = clock_monotonic_ns();
  return now_ns >= self->deadline_ns ? 1 : (self->deadline_ns - now_ns) / CLOCK_NS_PER_MS + 1;
}

static fetch_request request_of(outgoing *self) {
  const http_ask *ask = &self->ask;
  return (fetch_request){.method = ask->method,
                         .url = ask->url,
                         .headers = ask->headers,
                         .headers_count = ask->headers_count,
                         .body = ask->body.data,
                         .body_size = ask->body.size,
                         .timeout_ms = left_ms(self),
                         .response_bytes_max = HTTP_BODY_BYTES_MAX,
                         .gzip = true,
                         .zstd = true,
                         .keeps_redirects = ask->redirects == 0,
                         .redirects_max = ask->redirects,
                         .policy = &self->policy};
}

static ubiq_error *send_it(outgoing *self) {
  const fetch_request request = request_of(self);
  self->sent++;
  return fetch_start(self->way.host->fetches, &request, done, self, &self->fetch);
}

/// Where it may go is looked at as if it went there.
static bool is_answered_by_stub(outgoing *self, fetch_response *response, ubiq_error **error) {
  const plugin_stubs *stubs = self->way.host->stubs;
  fetch_url url = {0};
  const net_gate *gate;
  if (stubs == NULL || stubs->http == NULL) return false;
  *error = fetch_url_parse(self->ask.url, &url);
  const fetch_target target = {.method = self->ask.method,
                               .url = url.text,
                               .scheme = url.scheme,
                               .host = url.host,
                               .path = url.path,
                               .port = url.port};
  if (*error == NULL) *error = allow_url(self, &target, &gate);
  const plugin_stub_request asked = {.method = self->ask.method,
                                     .url = text_of(url.text),
                                     .body = {(const char *)self->ask.body.data, self->ask.body.size},
                                     .response_bytes_max = HTTP_BODY_BYTES_MAX};
  bool is_over = *error != NULL || stubs->http(stubs->user, &asked, response, error);
  fetch_url_free(&url);
  return is_over;
}

// ------------------------------------------------------------------------------------------------------- the beginning

/// The caller has ended.
static void cancel(service_call *call) {
  outgoing *self = call->state;
  if (self->fetch != NULL) fetch_cancel(self->fetch);
  fail(self, ubiq_error_new(UBIQ_CANCELLED, "the caller has ended"));
}

/// Says which run a request comes from, unless the guest says something itself.
static void add_trace(outgoing *self) {
  const plugin_host *host = self->way.host;
  http_ask *ask = &self->ask;
  if (host->traceparent == NULL || http_ask_has_header(ask, "traceparent")) return;
  ask->headers[ask->headers_count++] = (fetch_header){"traceparent", host->traceparent(host->user)};
  const char *state =
      host->tracestate == NULL || http_ask_has_header(ask, "tracestate") ? NULL : host->tracestate(host->user);
  if (state != NULL) ask->headers[ask->headers_count++] = (fetch_header){"tracestate", state};
}

static void set_deadline(outgoing *self) {
  self->deadline_ns = clock_monotonic_ns() + self->ask.timeout_ms * CLOCK_NS_PER_MS;
  if (self->call->caller.deadline_ns < self->deadline_ns) self->deadline_ns = self->call->caller.deadline_ns;
}

static void begin(outgoing *self) {
  const plugin_host *host = self->way.host;
  fetch_response response = {0};
  ubiq_error *error = NULL;
  add_trace(self);
  set_deadline(self);
  if (host->request_begun != NULL) host->request_begun(host->user, self->ask.method, self->ask.url);
  bool is_over = is_answered_by_stub(self, &response, &error);
  if (!is_over) error = send_it(self);
  if (error != NULL) {
    fail(self, error);
  } else if (is_over) {
    answer(self, &response);
  } else {
    self->call->state = self;
    self->call->cancel = cancel;
  }
}

static ubiq_error *find_way(service_call *call, http_way *out) {
  const http_host *host = call->services == NULL ? NULL : call->services->http;
  if (host == NULL || call->caller.run == NULL)
    return ubiq_error_new(UBIQ_DENIED, "requests to other servers are sent for functions alone");
  host->way(call->caller.run, out);
  if (out->count->begun >= HTTP_RUN_MAX)
    return ubiq_error_new(UBIQ_BUSY, "the run has sent %d requests, which is as many as it may", HTTP_RUN_MAX);
  if (out->count->under_way < HTTP_ONCE_MAX) return NULL;
  return ubiq_error_new(UBIQ_BUSY, "%d requests of the run are under way, which is as many as may be", HTTP_ONCE_MAX);
}

static ubiq_error *outgoing_new(service_call *call, const http_way *way, outgoing **out) {
  outgoing *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  ubiq_error *error = http_ask_read(call, &self->ask);
  if (error == NULL && uv_timer_init(way->loop, &self->timer) != 0) error = ubiq_error_no_memory();
  if (error != NULL) {
    http_ask_free(&self->ask);
    free(self);
    return error;
  }
  self->call = call;
  self->way = *way;
  self->policy = (fetch_policy){.allow_url = allow_url, .user = self};
  self->timer.data = self;
  way->count->begun++;
  way->count->under_way++;
  *out = self;
  return NULL;
}

void service_http_request(service_call *call) {
  http_way way;
  outgoing *self = NULL;
  ubiq_error *error = find_way(call, &way);
  if (error == NULL) error = outgoing_new(call, &way, &self);
  if (error != NULL)
    service_call_fail(call, error);
  else
    begin(self);
}
