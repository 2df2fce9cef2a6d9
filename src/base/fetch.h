/// Outgoing HTTP: the one place in the project that makes requests.
///
/// Everything that fetches (Extism's `http_request`, URLs in manifests, the HTTP service) passes here, and so through
/// one gate: each URL, redirects included, is shown to the caller's `allow_url`; each address is checked when a socket
/// is about to be connected to it, and once more before a request is sent on a connection, pooled ones included. Only
/// http and https are spoken; no proxy, cookie jar or .netrc is taken from the environment; at most ten redirects, or as
/// many as a request says, are followed; everything that a server sends has a bound.
///
/// This header has requests, responses and the blocking calls; base/fetch_loop.h is the same on a libuv loop.
/// libcurl's one-time initialisation is done by the first call and never undone.
#ifndef UBIQ_BASE_FETCH_H
#define UBIQ_BASE_FETCH_H

#include "base/buffer.h"
#include "base/net_gate.h"
#include "ubiq/error.h"

enum {
  FETCH_REDIRECTS_MAX = 10,           ///< when a request says no other, as in libextism
  FETCH_REQUEST_HEADERS_MAX = 256,    ///< headers of one request
  FETCH_RESPONSE_HEADERS_MAX = 256,   ///< headers of one response
  FETCH_HEADER_BYTES_MAX = 64 * 1024, ///< bytes of all headers, of a request and of a response (1xx ones included)
  FETCH_METHOD_BYTES_MAX = 32,        ///< bytes of a method
  FETCH_EXTISM_BODY_MAX =
      50 * 1024 * 1024, ///< bytes of a response body when a manifest names no other, as in libextism
};

/// A header. In requests the strings are the caller's; in responses they are owned by the response.
typedef struct fetch_header {
  const char *name;  ///< lower case in responses
  const char *value; ///< without surrounding blanks in responses; any bytes but NUL, CR and LF
} fetch_header;

/// Where a request is about to go, normalised (base/fetch_url.h). Borrowed for the length of the call.
typedef struct fetch_target {
  const char *method;
  const char *url;    ///< without user, password and fragment
  const char *scheme; ///< "http" or "https"
  const char *host;   ///< lower case; an IPv6 address in brackets
  const char *path;   ///< begins with '/', without the query
  int port;
  int redirects; ///< how many redirects led here: 0 for the URL that was asked for
} fetch_target;

/// What a request may reach. It is copied when the request begins; what it points to must live as long as the request
/// is under way.
typedef struct fetch_policy {
  /// Judges the first URL and each redirect: NULL lets it pass, an error (handed on as it is) refuses it. `*gate` is
  /// the policy's gate and may be replaced for this URL. Called on the thread that drives the request; must not call
  /// anything of this header. May be NULL: every URL passes.
  ubiq_error *(*allow_url)(void *user, const fetch_target *target, const net_gate **gate);
  void *user;           ///< for `allow_url`
  const net_gate *gate; ///< which addresses may be connected to; NULL is `net_gate_default`
  bool any_host_header; ///< a request may name another `host` than its URL does (libextism lets it)
} fetch_policy;

/// A request. Zeroed fields have the defaults named here.
typedef struct fetch_request {
  const char *method; ///< a token, sent as it is; NULL is "GET". CONNECT, TRACE and TRACK are refused
  const char *url;    ///< absolute; user and password in it become basic authentication
  /// Sent as they are. What belongs to the connection is left out (connection, content-length, expect, keep-alive,
  /// te, trailer, transfer-encoding, upgrade, proxy-*): it is this module's to say.
  const fetch_header *headers;
  size_t headers_count;
  const uint8_t *body; ///< NULL only when `body_size` is 0; for HEAD there must be none
  size_t body_size;
  uint64_t timeout_ms;         ///< for the whole, redirects included; 0 is none
  uint64_t response_bytes_max; ///< of the body, as it is handed over; 0 lets no byte pass
  bool gzip;                   ///< ask for gzip and unpack it, as libextism does
  bool zstd;                   ///< with `gzip`: also for zstd, where libcurl has it
  bool keeps_redirects;        ///< an answer that redirects is the response: it is not followed
  int redirects_max;           ///< how many are followed; 0 is FETCH_REDIRECTS_MAX
  const fetch_policy *policy;  ///< NULL: any URL, `net_gate_default`
} fetch_request;

/// A response. A zeroed one is empty.
typedef struct fetch_response {
  int status;
  fetch_header *headers; ///< in the order received; a name may be there several times
  size_t headers_count;
  buffer body;
  char *url; ///< where the response came from, without user, password, query and fragment
} fetch_response;

/// The last value of the header called `name` (in lower case); NULL when there is none.
const char *fetch_response_header(const fetch_response *response, const char *name);

/// Whether Extism's view of the headers (one value a name) has the header at `index`: it is the last one of its name
/// whose value is printable ASCII and tabs.
bool fetch_response_header_in_extism(const fetch_response *response, size_t index);

/// Gives everything back and leaves an empty one. Twice is allowed.
void fetch_response_free(fetch_response *response);

/// How a blocking request is stopped from outside. A zeroed one with `wake_fd` -1 never stops it.
typedef struct fetch_interrupt {
  bool (*cancelled)(void *user); ///< asked at least every 50 ms, on the caller's thread; may be NULL
  void *user;
  /// Ends the wait when it becomes readable (an eventfd, a pipe): then `cancelled` is asked at once, or, when there
  /// is none, the request is cancelled. Never read from. -1 when there is none.
  int wake_fd;
  void (*sent)(void *user, uint64_t bytes); ///< told, as often, how much of the body has been sent; may be NULL
} fetch_interrupt;

/// Connections kept for requests to come. One thread at a time.
typedef struct fetch_client fetch_client;

/// Makes a client. Errors: `internal` when memory or descriptors are out.
ubiq_error *fetch_client_new(fetch_client **client);

/// Closes its connections and ends it. NULL is allowed.
void fetch_client_delete(fetch_client *client);

/// Makes a request on the calling thread and waits for the whole response.
///
/// `interrupt` may be NULL. On success the response is the caller's, for `fetch_response_free`, whatever its status
/// is; on failure it is left empty. Errors:
/// - `invalid_input`: a malformed URL, method or header
/// - `denied`: refused by the gate, or whatever `allow_url` said, as it said it
/// - `too_large`: the body passes `response_bytes_max`, or the headers their bounds
/// - `timeout`, `cancelled`
/// - `unavailable`: no such host, no connection, TLS or HTTP went wrong, too many redirects
///
/// Messages name the URL without user, password and query.
ubiq_error *fetch_client_perform(fetch_client *client, const fetch_request *request, const fetch_interrupt *interrupt,
                                 fetch_response *response);

/// The same with a client of its own, used once. Any thread.
ubiq_error *fetch_perform(const fetch_request *request, const fetch_interrupt *interrupt, fetch_response *response);

#endif
