/// The life of a request: taking it in, hop after hop through redirects, and its result.
#include "base/fetch_transfer.h"

#include "base/clock.h"
#include "base/fetch_headers.h"
#include "base/fetch_hop.h"
#include "base/fetch_response.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static ubiq_error *init_error; // set once, by init_once

static void init_once(void) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) init_error = ubiq_error_no_memory();
}

ubiq_error *fetch_transfer_init(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, init_once);
  return init_error;
}

// ---- The beginning.

static ubiq_error *check_method(const char *method, const fetch_request *request) {
  static const char *const refused[] = {"CONNECT", "TRACE", "TRACK"};
  if (!fetch_token_valid(method) || strlen(method) > FETCH_METHOD_BYTES_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the HTTP method is malformed; expected a word such as GET or POST");
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    if (strcasecmp(method, refused[i]) == 0)
      return ubiq_error_new(UBIQ_INVALID_INPUT, "the HTTP method %s is not supported", refused[i]);
  }
  if (strcmp(method, "HEAD") == 0 && request->body_size > 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "a HEAD request has a body of %zu bytes; expected none",
                          request->body_size);
  return NULL;
}

static bool copy_body(fetch_transfer *self, const fetch_request *request, fetch_body_owner owner) {
  self->body_size = request->body_size;
  self->body = request->body_size ? request->body : NULL;
  if (owner == FETCH_BODY_BORROWED || !self->body) return true;
  self->copy = malloc(request->body_size);
  if (self->copy) memcpy(self->copy, request->body, request->body_size);
  self->body = self->copy;
  return self->copy != NULL;
}

static ubiq_error *take_request(fetch_transfer *self, const fetch_request *request, fetch_body_owner owner) {
  const char *method = request->method ? request->method : "GET";
  ubiq_error *error = check_method(method, request);
  if (!error) error = fetch_url_parse(request->url, &self->url);
  if (!error) error = fetch_headers_make(request, &self->url, &self->lines);
  if (error) return error;
  if (request->policy) self->policy = *request->policy;
  self->gzip = request->gzip;
  self->zstd = request->zstd;
  self->keeps_redirects = request->keeps_redirects;
  self->redirects_max = request->redirects_max > 0 ? request->redirects_max : FETCH_REDIRECTS_MAX;
  self->response_bytes_max = request->response_bytes_max;
  self->timeout_ms = request->timeout_ms;
  if (request->timeout_ms && request->timeout_ms < UINT64_MAX / CLOCK_NS_PER_MS / 2)
    self->deadline_ns = clock_monotonic_ns() + request->timeout_ms * CLOCK_NS_PER_MS;
  self->user = self->url.user;
  self->password = self->url.password;
  self->url.user = self->url.password = NULL;
  self->method = strdup(method);
  self->easy = curl_easy_init();
  return self->method && self->easy && copy_body(self, request, owner) ? NULL : ubiq_error_no_memory();
}

ubiq_error *fetch_transfer_new(const fetch_request *request, fetch_body_owner owner, fetch_transfer **transfer) {
  *transfer = NULL;
  ubiq_error *error = fetch_transfer_init();
  if (error) return error;
  fetch_transfer *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  error = take_request(self, request, owner);
  if (!error) error = fetch_hop_set_up(self);
  if (error) {
    fetch_transfer_delete(self);
    return error;
  }
  *transfer = self;
  return NULL;
}

// ---- Redirects.

static void forget_credentials(fetch_transfer *self) {
  free(self->user);
  free(self->password);
  self->user = self->password = NULL;
}

/// Takes the body away from what follows.
static void forget_body(fetch_transfer *self) {
  free(self->copy);
  self->copy = NULL;
  self->body = NULL;
  self->body_size = 0;
}

/// The method after a redirect, as libextism has it: 307 and 308 keep it, else all but GET and HEAD become GET.
static bool becomes_get(const fetch_transfer *self, long status) {
  return status != 307 && status != 308 && strcmp(self->method, "GET") != 0 && strcmp(self->method, "HEAD") != 0;
}

static ubiq_error *turn_into_get(fetch_transfer *self) {
  char *method = strdup("GET");
  if (!method) return ubiq_error_no_memory();
  free(self->method);
  self->method = method;
  forget_body(self);
  return NULL;
}

/// Goes on to `next`, which this takes over.
static ubiq_error *move_to(fetch_transfer *self, fetch_url *next) {
  unsigned drop = FETCH_DROP_NOTHING;
  ubiq_error *error = NULL;
  if (!fetch_url_same_origin(&self->url, next)) {
    drop |= FETCH_DROP_SENSITIVE;
    forget_credentials(self);
  }
  if (becomes_get(self, fetch_hop_status(self))) {
    drop |= FETCH_DROP_CONTENT;
    error = turn_into_get(self);
  }
  fetch_url_free(&self->url);
  self->url = *next;
  self->redirects++;
  if (!error && drop && !fetch_headers_redirect(&self->lines, drop)) error = ubiq_error_no_memory();
  return error ? error : fetch_hop_set_up(self);
}

static ubiq_error *follow(fetch_transfer *self, const char *location) {
  if (self->redirects == self->redirects_max)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "HTTP request to %s: more than %d redirects", self->url.shown,
                          self->redirects_max);
  fetch_url next;
  ubiq_error *error = fetch_url_resolve(&self->url, location, &next);
  return error ? error : move_to(self, &next);
}

bool fetch_transfer_next(fetch_transfer *self, CURLcode result) {
  assert(!self->failure || result != CURLE_OK);
  const char *location = NULL;
  if (result == CURLE_OK || (fetch_hop_was_skipped(self) && result == CURLE_WRITE_ERROR))
    location = fetch_hop_location(self);
  else if (!self->failure)
    self->failure = fetch_hop_error(self, result);
  ubiq_error_delete(self->refused);
  self->refused = NULL;
  if (!location) return false;
  self->failure = follow(self, location);
  return self->failure == NULL;
}

ubiq_error *fetch_transfer_take(fetch_transfer *self, fetch_response *response) {
  *response = (fetch_response){0};
  ubiq_error *error = self->failure;
  self->failure = NULL;
  if (error) return error;
  self->response.status = (int)fetch_hop_status(self);
  self->response.url = self->url.shown;
  self->url.shown = NULL;
  *response = self->response;
  self->response = (fetch_response){0};
  return NULL;
}

// ---- The rest.

CURL *fetch_transfer_easy(fetch_transfer *self) {
  return self->easy;
}

void fetch_transfer_set_driver(fetch_transfer *self, void *driver) {
  curl_easy_setopt(self->easy, CURLOPT_PRIVATE, driver);
}

const char *fetch_transfer_shown(const fetch_transfer *self) {
  return self->url.shown;
}

void fetch_transfer_delete(fetch_transfer *self) {
  if (!self) return;
  curl_easy_cleanup(self->easy);
  curl_slist_free_all(self->lines);
  forget_credentials(self);
  forget_body(self);
  free(self->method);
  fetch_url_free(&self->url);
  fetch_response_free(&self->response);
  ubiq_error_delete(self->refused);
  ubiq_error_delete(self->failure);
  free(self);
}
