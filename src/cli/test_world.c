#include "cli/test_world.h"

#include "base/fetch_url.h"
#include "plugin/parts/stubs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  PROBLEMS_MAX = 20,     ///< lines of a case
  SHOWN_BODY_BYTES = 200 ///< of what was sent
};

struct test_world {
  plugin_stubs stubs;
  service_stubs services;
  pthread_mutex_t lock;  ///< for all that follows
  const test_case *test; ///< NULL: none runs
  unsigned *counts;      ///< for each of the case's requests, then of those of the platform, how often it came; owned
  buffer problems;       ///< lines
  unsigned problems_count;
  bool has_failed; ///< memory was out
};

// ------------------------------------------------------------------------------------------------------------ time

static bool tell_time(void *user, uint64_t *realtime_ns) {
  test_world *self = user;
  pthread_mutex_lock(&self->lock);
  bool has_time = self->test != NULL && self->test->has_time;
  if (has_time) *realtime_ns = self->test->time_ns;
  pthread_mutex_unlock(&self->lock);
  return has_time;
}

// -------------------------------------------------------------------------------------------------------- requests

/// The case's first request that this one is and that has not come as often as it should.
static const test_http *find(test_world *self, const char *method, text url, text body) {
  for (size_t i = 0; i < self->test->http_count; i++) {
    const test_http *one = &self->test->http[i];
    if (self->counts[i] == one->times || !test_http_matches(one, method, url, body)) continue;
    self->counts[i]++;
    return one;
  }
  return NULL;
}

static bool add_shown(buffer *out, text body) {
  size_t size = body.size < SHOWN_BODY_BYTES ? body.size : SHOWN_BODY_BYTES;
  bool good = size == 0 || (buffer_append_string(out, ": ") && text_escape(out, (text){body.data, size}));
  return good && (size == body.size || buffer_append_string(out, "..."));
}

static void note_unexpected(test_world *self, const char *kind, const char *method, text url, text body) {
  if (self->problems_count++ >= PROBLEMS_MAX) return;
  buffer *out = &self->problems;
  bool good = buffer_append_string(out, kind) && buffer_append_string(out, ": expected no such request: ") &&
              text_escape(out, text_of(method)) && buffer_append_byte(out, ' ') && text_escape(out, url) &&
              add_shown(out, body) && buffer_append_byte(out, '\n');
  self->has_failed |= !good;
}

static ubiq_error *answer(test_world *self, const plugin_stub_request *request, fetch_response *out) {
  const test_http *expected = find(self, request->method, request->url, request->body);
  if (expected != NULL) return test_http_answer(expected, request->response_bytes_max, out);
  note_unexpected(self, "http", request->method, request->url, request->body);
  return ubiq_error_new(UBIQ_UNAVAILABLE, "HTTP request to %.*s: the test case does not expect it",
                        (int)request->url.size, request->url.data);
}

static bool answer_http(void *user, const plugin_stub_request *request, fetch_response *out, ubiq_error **error) {
  test_world *self = user;
  pthread_mutex_lock(&self->lock);
  bool is_ours = self->test != NULL && self->test->has_http;
  if (is_ours) *error = answer(self, request, out);
  pthread_mutex_unlock(&self->lock);
  return is_ours;
}

static bool add_missing(const char *kind, const test_http *expected, unsigned count, buffer *out) {
  return buffer_printf(out, "%s: expected %s", kind, expected->method == NULL ? "a request of " : expected->method) &&
         (expected->method == NULL || buffer_append_byte(out, ' ')) && text_escape(out, expected->url) &&
         buffer_printf(out, " %u time%s, came %u\n", expected->times, expected->times == 1 ? "" : "s", count);
}

// --------------------------------------------------------------------------------------------------------- services

/// What was sent, as text; `*owned` is the caller's.
static text body_of(const service_call *call, char **owned) {
  size_t size = 0;
  *owned = NULL;
  if (call->body.kind == SERVICE_BODY_BYTES) return (text){(const char *)call->body.bytes.data, call->body.bytes.size};
  if (call->body.kind == SERVICE_BODY_NONE) return (text){NULL, 0};
  *owned = yyjson_val_write(call->body.value, YYJSON_WRITE_NOFLAG, &size);
  return (text){*owned, size};
}

/// The case's first call that this one is, and that has not come as often as it should; one that should not come at all
/// fits always.
static const test_http *find_service(test_world *self, const char *method, text path, text body) {
  for (size_t i = 0; i < self->test->services_count; i++) {
    const test_http *one = &self->test->services[i];
    unsigned *count = &self->counts[self->test->http_count + i];
    bool is_over = one->times > 0 && *count == one->times;
    if (is_over || !test_http_matches(one, method, path, body)) continue;
    ++*count;
    return one;
  }
  return NULL;
}

/// The class whose status it is; statuses that are no class's, such as 412, are conflicts.
static ubiq_code class_of(unsigned status) {
#define CLASS_OF(identifier, name, http, exit_code, text)                                                              \
  if (status == (http)) return UBIQ_##identifier;
  UBIQ_CODES(CLASS_OF)
#undef CLASS_OF
  return status < 500 ? UBIQ_CONFLICT : UBIQ_GUEST_ERROR;
}

static void answer_service(const test_http *expected, service_call *call) {
  bool good = buffer_append(&call->bytes, expected->body.data, expected->body.size);
  text media_type = {NULL, 0};
  for (size_t i = 0; good && i < expected->headers_count; i++) {
    const fetch_header *header = &expected->headers[i];
    if (strcmp(header->name, "content-type") == 0)
      media_type = text_of(header->value);
    else
      good = service_call_header(call, header->name, text_of(header->value));
  }
  call->status = expected->status;
  if (!good)
    service_call_fail(call, ubiq_error_no_memory());
  else if (expected->status >= 400 && expected->body.size == 0)
    service_call_fail(call, ubiq_error_new(class_of(expected->status), "the case says so"));
  else if (expected->is_json)
    service_call_answer_json(call, (text){NULL, 0});
  else if (expected->body.size > 0)
    service_call_answer_bytes(call, media_type);
  else
    service_call_done(call);
}

static bool play_service(void *user, service_call *call, text method, text path) {
  test_world *self = user;
  char *owned, name[16];
  const text body = body_of(call, &owned);
  snprintf(name, sizeof name, "%.*s", (int)method.size, method.data);
  pthread_mutex_lock(&self->lock);
  const test_http *expected = self->test == NULL ? NULL : find_service(self, name, path, body);
  bool is_refused = expected != NULL && expected->times == 0;
  if (is_refused) note_unexpected(self, "service", name, path, body);
  pthread_mutex_unlock(&self->lock);
  free(owned);
  if (expected == NULL || (!expected->has_answer && !is_refused)) return false;
  if (is_refused)
    service_call_fail(call, ubiq_error_new(UBIQ_UNAVAILABLE, "the test case does not expect it"));
  else
    answer_service(expected, call);
  return true;
}

// ------------------------------------------------------------------------------------------------------------ cases

test_world *test_world_new(void) {
  test_world *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->services = (service_stubs){play_service, self};
  self->stubs = (plugin_stubs){.http = answer_http, .realtime = tell_time, .user = self};
  pthread_mutex_init(&self->lock, NULL);
  return self;
}

void test_world_delete(test_world *self) {
  if (self == NULL) return;
  buffer_free(&self->problems);
  free(self->counts);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

const plugin_stubs *test_world_stubs(const test_world *self) {
  return &self->stubs;
}

const service_stubs *test_world_services(const test_world *self) {
  return &self->services;
}

void test_world_begin(test_world *self, const test_case *test) {
  pthread_mutex_lock(&self->lock);
  self->counts = calloc(test->http_count + test->services_count + 1, sizeof *self->counts);
  self->has_failed = self->counts == NULL;
  if (self->counts != NULL) self->test = test;
  pthread_mutex_unlock(&self->lock);
}

bool test_world_end(test_world *self, buffer *differences) {
  pthread_mutex_lock(&self->lock);
  bool good = !self->has_failed && buffer_append(differences, self->problems.data, self->problems.size);
  for (size_t i = 0; good && i < self->test->http_count; i++)
    if (self->counts[i] < self->test->http[i].times)
      good = add_missing("http", &self->test->http[i], self->counts[i], differences);
  for (size_t i = 0; good && i < self->test->services_count; i++) {
    const test_http *expected = &self->test->services[i];
    unsigned count = self->counts[self->test->http_count + i];
    if (count < expected->times) good = add_missing("service", expected, count, differences);
  }
  free(self->counts);
  self->counts = NULL;
  self->test = NULL;
  self->problems_count = 0;
  buffer_clear(&self->problems);
  pthread_mutex_unlock(&self->lock);
  return good;
}
