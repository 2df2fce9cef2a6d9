/// What libcurl is told before a hop, what it calls during one, and what its result means.
#include "base/fetch_hop.h"

#include "base/clock.h"
#include "base/fetch_headers.h"
#include "base/fetch_response.h"
#include "base/fetch_roots.h"

#include <string.h>
#include <unistd.h>

enum { SKIPPED_BYTES_MAX = 64 * 1024 }; ///< bytes of a redirect's body that are read to keep its connection

/// Keeps the first failure of a hop.
static void fail(fetch_transfer *self, ubiq_error *error) {
  if (self->failure)
    ubiq_error_delete(error);
  else
    self->failure = error;
}

// ---- What libcurl calls while a hop is under way.

/// Opens a socket for an address that the gate lets pass; the very address is the one that is connected to.
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  (void)purpose;
  fetch_transfer *self = user;
  ubiq_error *error = net_gate_check(self->gate, &address->addr);
  if (error) {
    ubiq_error_delete(self->refused);
    self->refused = error;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// Asked on every connection before a request is sent on it, so that a connection which another request's gate let
/// pass is judged by this one's.
static int before_request(void *user, char *remote, char *local, int remote_port, int local_port) {
  (void)local, (void)local_port;
  fetch_transfer *self = user;
  struct sockaddr_storage address;
  bool numeric = net_address_parse(remote, remote_port, &address);
  ubiq_error *error = net_gate_check(self->gate, numeric ? (const struct sockaddr *)&address : NULL);
  if (!error) return CURL_PREREQFUNC_OK;
  fail(self, ubiq_error_wrap(error, "HTTP request to %s", self->url.shown));
  return CURL_PREREQFUNC_ABORT;
}

static ubiq_error *headers_too_large(void) {
  return ubiq_error_new(UBIQ_TOO_LARGE, "HTTP response has more than %d bytes of headers", FETCH_HEADER_BYTES_MAX);
}

static size_t take_header(char *line, size_t one, size_t size, void *user) {
  (void)one;
  fetch_transfer *self = user;
  self->header_bytes += size;
  if (self->header_bytes > FETCH_HEADER_BYTES_MAX) {
    fail(self, headers_too_large());
    return 0;
  }
  if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) self->block_ended = false;
  if (self->block_ended) return size;
  self->block_ended = size == 0 || line[0] == '\r' || line[0] == '\n';
  ubiq_error *error = fetch_response_take_line(&self->response, line, size);
  if (error) fail(self, error);
  return error ? 0 : size;
}

long fetch_hop_status(const fetch_transfer *self) {
  long status = 0;
  curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

const char *fetch_hop_location(const fetch_transfer *self) {
  static const long statuses[] = {301, 302, 303, 307, 308};
  long status = fetch_hop_status(self);
  if (self->keeps_redirects) return NULL;
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    if (status == statuses[i]) return fetch_response_header(&self->response, "location");
  }
  return NULL;
}

/// Decides at a body's first byte what becomes of it; a body that says it is too long is not begun.
static ubiq_error *begin_body(fetch_transfer *self) {
  self->fate = fetch_hop_location(self) ? BODY_SKIPPED : BODY_KEPT;
  const char *encoding = fetch_response_header(&self->response, "content-encoding");
  bool unpacked = self->gzip && encoding && strcasecmp(encoding, "identity") != 0;
  if (self->fate == BODY_SKIPPED) return NULL;
  if (unpacked) { // these spoke of the packed body
    fetch_response_drop_header(&self->response, "content-encoding");
    fetch_response_drop_header(&self->response, "content-length");
    return NULL;
  }
  curl_off_t length = -1;
  curl_easy_getinfo(self->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  return length > 0 && (uint64_t)length > self->response_bytes_max ? fetch_response_too_large(self->response_bytes_max)
                                                                   : NULL;
}

static size_t take_body(char *data, size_t one, size_t size, void *user) {
  (void)one;
  fetch_transfer *self = user;
  ubiq_error *error = self->fate == BODY_UNKNOWN ? begin_body(self) : NULL;
  if (!error && self->fate == BODY_SKIPPED) {
    self->skipped_bytes += size;
    return self->skipped_bytes > SKIPPED_BYTES_MAX ? 0 : size;
  }
  if (!error) error = fetch_response_take_body(&self->response, data, size, self->response_bytes_max);
  if (error) fail(self, error);
  return error ? 0 : size;
}

// ---- Setting up a hop.

/// Collects the results of many curl_easy_setopt calls: they fail only when memory is out.
#define SET(option, value) (result = result == CURLE_OK ? curl_easy_setopt(self->easy, (option), (value)) : result)

/// A libcurl without zstd could not unpack it.
static const char *encodings(void) {
  bool has_zstd = (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ZSTD) != 0;
  return has_zstd ? "gzip, zstd" : "gzip";
}

static CURLcode set_rules(fetch_transfer *self) {
  CURLcode result = CURLE_OK;
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_PROXY, "");
  SET(CURLOPT_NOPROXY, "*");
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_QUICK_EXIT, 1L); // a name that is still being looked up does not hold up a cancellation
  SET(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  SET(CURLOPT_HTTP_CONTENT_DECODING, self->gzip ? 1L : 0L);
  if (self->gzip) SET(CURLOPT_ACCEPT_ENCODING, self->zstd ? encodings() : "gzip");
  return result;
}

static CURLcode set_roots(fetch_transfer *self) {
  CURLcode result = CURLE_OK;
  const char *file = fetch_roots_file(), *folder = fetch_roots_folder();
  if (file) SET(CURLOPT_CAINFO, file);
  if (folder) SET(CURLOPT_CAPATH, folder);
  return result;
}

static CURLcode set_callbacks(fetch_transfer *self) {
  CURLcode result = CURLE_OK;
  SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(CURLOPT_OPENSOCKETDATA, self);
  SET(CURLOPT_PREREQFUNCTION, before_request);
  SET(CURLOPT_PREREQDATA, self);
  SET(CURLOPT_HEADERFUNCTION, take_header);
  SET(CURLOPT_HEADERDATA, self);
  SET(CURLOPT_WRITEFUNCTION, take_body);
  SET(CURLOPT_WRITEDATA, self);
  SET(CURLOPT_ERRORBUFFER, self->reason);
  return result;
}

static bool sends_body(const fetch_transfer *self) {
  static const char *const methods[] = {"POST", "PUT", "PATCH"};
  if (self->body_size > 0) return true;
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    if (strcmp(self->method, methods[i]) == 0) return true; // an empty one, announced by its length
  }
  return false;
}

static CURLcode set_method(fetch_transfer *self) {
  CURLcode result = CURLE_OK;
  bool head = strcmp(self->method, "HEAD") == 0;
  if (head) {
    SET(CURLOPT_NOBODY, 1L);
  } else if (sends_body(self)) {
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, self->body ? (const char *)self->body : "");
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)self->body_size);
  } else {
    SET(CURLOPT_HTTPGET, 1L);
  }
  SET(CURLOPT_CUSTOMREQUEST, head ? NULL : self->method);
  return result;
}

static CURLcode set_where(fetch_transfer *self) {
  CURLcode result = CURLE_OK;
  SET(CURLOPT_URL, self->url.text);
  SET(CURLOPT_HTTPHEADER, self->lines);
  SET(CURLOPT_USERNAME, self->user);
  SET(CURLOPT_PASSWORD, self->password);
  // Of many at once each would make a connection of its own; where one is made that may carry all (HTTP/2), they wait for it.
  SET(CURLOPT_PIPEWAIT, strcmp(self->url.scheme, "https") == 0 ? 1L : 0L);
  return result;
}

ubiq_error *fetch_hop_timed_out(const fetch_transfer *self) {
  return ubiq_error_new(UBIQ_TIMEOUT, "HTTP request to %s: no whole answer within %llu ms", self->url.shown,
                        (unsigned long long)self->timeout_ms);
}

static ubiq_error *set_time_left(fetch_transfer *self) {
  if (!self->deadline_ns) return NULL;
  uint64_t now = clock_monotonic_ns();
  if (now >= self->deadline_ns) return fetch_hop_timed_out(self);
  uint64_t left_ms = (self->deadline_ns - now + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
  long ms = left_ms > INT32_MAX ? INT32_MAX : (long)left_ms;
  return curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, ms) == CURLE_OK ? NULL : ubiq_error_no_memory();
}

static ubiq_error *ask_policy(fetch_transfer *self) {
  self->gate = self->policy.gate ? self->policy.gate : &net_gate_default;
  if (!self->policy.allow_url) return NULL;
  fetch_target target = {
      .method = self->method,
      .url = self->url.text,
      .scheme = self->url.scheme,
      .host = self->url.host,
      .path = self->url.path,
      .port = self->url.port,
      .redirects = self->redirects,
  };
  return self->policy.allow_url(self->policy.user, &target, &self->gate);
}

ubiq_error *fetch_hop_set_up(fetch_transfer *self) {
  ubiq_error *error = ask_policy(self);
  if (error) return error;
  void *driver = NULL;
  curl_easy_getinfo(self->easy, CURLINFO_PRIVATE, &driver);
  curl_easy_reset(self->easy);
  fetch_transfer_set_driver(self, driver);
  fetch_response_clear(&self->response);
  self->fate = BODY_UNKNOWN;
  self->block_ended = false;
  self->header_bytes = self->skipped_bytes = 0;
  self->reason[0] = '\0';
  if (set_rules(self) || set_roots(self) || set_callbacks(self) || set_method(self) || set_where(self))
    return ubiq_error_no_memory();
  return set_time_left(self);
}

// ---- The end of a hop.

static ubiq_error *unavailable(const fetch_transfer *self, CURLcode result) {
  const char *reason = self->reason[0] ? self->reason : curl_easy_strerror(result);
  return ubiq_error_new(UBIQ_UNAVAILABLE, "HTTP request to %s: %s", self->url.shown, reason);
}

/// libcurl calls it "out of memory" when one header line passes its own bound (100 KiB): while an answer's header block
/// is being read, that is what it means.
static ubiq_error *no_memory_or_long_line(const fetch_transfer *self) {
  long sent = 0;
  curl_easy_getinfo(self->easy, CURLINFO_REQUEST_SIZE, &sent);
  return sent > 0 && !self->block_ended ? headers_too_large() : ubiq_error_no_memory();
}

ubiq_error *fetch_hop_error(fetch_transfer *self, CURLcode result) {
  ubiq_error *refused = self->refused;
  switch (result) {
  case CURLE_OUT_OF_MEMORY: return no_memory_or_long_line(self);
  case CURLE_OPERATION_TIMEDOUT: return self->deadline_ns ? fetch_hop_timed_out(self) : unavailable(self, result);
  case CURLE_COULDNT_CONNECT:
    self->refused = NULL;
    return refused ? ubiq_error_wrap(refused, "HTTP request to %s", self->url.shown) : unavailable(self, result);
  default: return unavailable(self, result);
  }
}

bool fetch_hop_was_skipped(const fetch_transfer *self) {
  return self->fate == BODY_SKIPPED && self->skipped_bytes > SKIPPED_BYTES_MAX;
}
