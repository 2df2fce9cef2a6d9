// From the headers to the answer: every check that needs no body comes before the first byte of it.
#include "server/admin/admin_request.h"

#include "api/request.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/net_gate.h"
#include "server/admin/admin_connections.h"
#include "server/admin/admin_platform.h"
#include "server/admin/admin_tokens.h"
#include "server/front/head_room.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum {
  DROPPED_BYTES_MAX = 2 * BUNDLE_BYTES_MAX, ///< of a body that is refused on its way
};

const char *admin_request_header(const admin_request *self, const char *name) {
  return MHD_lookup_connection_value(self->mhd, MHD_HEADER_KIND, name);
}

const char *admin_request_query(const admin_request *self, const char *name) {
  return MHD_lookup_connection_value(self->mhd, MHD_GET_ARGUMENT_KIND, name);
}

text admin_request_function(const admin_request *self) {
  const char *begin = strstr(self->path, "/functions/") + strlen("/functions/");
  return (text){begin, strcspn(begin, "/")};
}

// ------------------------------------------------------------------------------------------------------- browsers

/// The host in a Host header, without its port.
static text host_of(const char *header) {
  text value = text_of(header);
  if (value.size > 0 && value.data[0] == '[') {
    const char *end = memchr(value.data, ']', value.size);
    return end == NULL ? (text){NULL, 0} : (text){value.data + 1, (size_t)(end - value.data - 1)};
  }
  const char *colon = memchr(value.data, ':', value.size);
  return colon == NULL ? value : (text){value.data, (size_t)(colon - value.data)};
}

/// A page of somebody else's can have its own name lead to this machine, but not a number or `localhost`.
static bool is_own_host(const admin_settings *settings, text host) {
  char name[64] = "";
  struct sockaddr_storage address;
  if (text_equal_ignoring_case(host, TEXT("localhost"))) return true;
  for (size_t i = 0; i < settings->hosts_count; i++)
    if (text_equal_ignoring_case(host, text_of(settings->hosts[i]))) return true;
  if (host.size >= sizeof name) return false;
  if (host.size > 0) memcpy(name, host.data, host.size);
  return net_address_parse(name, 0, &address);
}

/// A browser says from which page a request comes: only the API's own, of which there is none yet, may.
static bool is_own_origin(const char *origin, const char *host) {
  static const char *const schemes[] = {"http://", "https://"};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
    if (text_starts_with(text_of(origin), text_of(schemes[i])) && strcmp(origin + strlen(schemes[i]), host) == 0)
      return true;
  return false;
}

typedef struct header_count {
  const char *name;
  unsigned count;
} header_count;

static enum MHD_Result count_header(void *user, enum MHD_ValueKind kind, const char *name, const char *value) {
  header_count *self = user;
  (void)kind;
  (void)value;
  self->count += strcasecmp(name, self->name) == 0;
  return MHD_YES;
}

/// Of two, a proxy before us may have looked at the other one.
static bool check_single(const admin_request *self, answer *answer) {
  static const char *const names[] = {MHD_HTTP_HEADER_HOST, "Origin", MHD_HTTP_HEADER_AUTHORIZATION};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    header_count found = {names[i], 0};
    MHD_get_connection_values(self->mhd, MHD_HEADER_KIND, count_header, &found);
    if (found.count <= 1) continue;
    *answer =
        answer_problem(UBIQ_INVALID_INPUT, "the request has a header Host, Origin or Authorization twice; expected "
                                           "each once at most");
    return false;
  }
  return true;
}

static bool check_browser(const admin_request *self, answer *answer) {
  const char *host = admin_request_header(self, MHD_HTTP_HEADER_HOST);
  const char *origin = admin_request_header(self, "Origin");
  if (host == NULL || !is_own_host(self->context->settings, host_of(host)))
    *answer =
        answer_problem(UBIQ_DENIED, "the request's Host is no address of the admin API; expected a numeric address, "
                                    "localhost, or a name given by --admin-host");
  else if (origin != NULL && !is_own_origin(origin, host))
    *answer = answer_problem(UBIQ_DENIED, "the request comes from another site's page");
  else
    return true;
  return false;
}

// --------------------------------------------------------------------------------------------------------- who asks

static bool check_token(admin_request *self, answer *answer) {
  static const char scheme[] = "Bearer ";
  const char *header = admin_request_header(self, MHD_HTTP_HEADER_AUTHORIZATION);
  if (header == NULL || strncasecmp(header, scheme, sizeof scheme - 1) != 0) {
    *answer = answer_unauthorized("the request has no token; expected the header \"Authorization: Bearer TOKEN\"");
    return false;
  }
  const text token = text_trim(text_of(header + sizeof scheme - 1));
  ubiq_error *error = access_token_check(release_store_database(releases_store(self->context->releases)), token,
                                         clock_realtime_ns() / CLOCK_NS_PER_MS, &self->who);
  if (error == NULL) return true;
  if (ubiq_error_code(error) == UBIQ_DENIED)
    *answer = answer_unauthorized(ubiq_error_message(error));
  else
    *answer = answer_problem(ubiq_error_code(error), ubiq_error_message(error));
  ubiq_error_delete(error);
  return false;
}

/// Whether anybody may ask for it.
static bool is_open(const admin_request *self, const char *method) {
  router_match match;
  const router_request wanted = {.method = text_of(method), .path = text_of(self->path)};
  if (router_find(self->context->router, &wanted, &match) != ROUTER_FOUND) return false;
  return ((const admin_endpoint *)match.target)->is_open;
}

static answer deny_change(const admin_request *self) {
  log_warn("admin: the token %s may not %s %s", self->who.id, self->endpoint->method, self->path);
  admin_tokens_count_denial(self->context->tokens);
  return answer_problem(UBIQ_DENIED, self->who.may_change
                                         ? "the token has --allow and no --grant: it is for the platform's API, and "
                                           "deploys nothing; expected one with both, or without both"
                                         : "the token may look, but not change anything");
}

static bool find_endpoint(admin_request *self, const char *method, answer *answer) {
  router_match match;
  const router_request wanted = {.method = text_of(method), .path = text_of(self->path)};
  router_result result = router_find(self->context->router, &wanted, &match);
  self->endpoint = result == ROUTER_FOUND                                            ? match.target
                   : result == ROUTER_NO_PATH && admin_platform_may_have(self->path) ? admin_platform_endpoint(method)
                                                                                     : NULL;
  if (self->endpoint == NULL) {
    *answer = result == ROUTER_NO_METHOD ? answer_no_method(match.allow)
                                         : answer_problem(UBIQ_NOT_FOUND, "the admin API has no such path");
    return false;
  }
  if (admin_platform_is(self->endpoint)) return true; // it looks closer
  if (!self->endpoint->changes || access_token_may_deploy(&self->who)) return true;
  *answer = deny_change(self);
  return false;
}

// --------------------------------------------------------------------------------------------------------- the body

static bool check_length(const admin_request *self, answer *answer) {
  const char *header = admin_request_header(self, MHD_HTTP_HEADER_CONTENT_LENGTH);
  uint64_t length = 0;
  uint64_t most = self->endpoint->takes_bundle        ? BUNDLE_BYTES_MAX
                  : admin_platform_is(self->endpoint) ? API_REQUEST_BYTES_MAX
                                                      : 0;
  if (header == NULL || (text_to_u64(text_of(header), &length) && (length <= most || self->call != NULL))) return true;
  *answer = answer_problem(UBIQ_TOO_LARGE, most == 0 ? "the request has a body; expected none"
                                           : admin_platform_is(self->endpoint)
                                               ? "the body is too large; at most 16 MiB are allowed"
                                               : "the bundle is too large; at most 64 MiB are allowed");
  return false;
}

static ubiq_error *write_all(admin_request *self, const char *data, size_t size) {
  while (size > 0) {
    ssize_t written = write(self->file, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error(errno, "receiving the bundle");
    data += written;
    size -= (size_t)written;
  }
  return NULL;
}

static ubiq_error *receive_body(admin_request *self, const char *data, size_t size) {
  if (self->received > API_REQUEST_BYTES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "the body is too large; at most %d bytes are allowed", API_REQUEST_BYTES_MAX);
  return buffer_append(&self->body, data, size) ? NULL : ubiq_error_no_memory();
}

static ubiq_error *receive_whole(admin_request *self, const char *data, size_t size) {
  if (admin_platform_is(self->endpoint)) return receive_body(self, data, size);
  if (!self->endpoint->takes_bundle) return ubiq_error_new(UBIQ_TOO_LARGE, "the request has a body; expected none");
  if (self->received > BUNDLE_BYTES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "the bundle is too large; at most %d bytes are allowed", BUNDLE_BYTES_MAX);
  if (self->file < 0) {
    ubiq_error *error = release_store_receive(releases_store(self->context->releases), &self->file, &self->file_path);
    if (error != NULL) return error;
  }
  return write_all(self, data, size);
}

/// False when the body is refused: what comes of it is dropped.
static bool receive(admin_request *self, const char *data, size_t size) {
  if (self->call != NULL) return admin_platform_add(self->call, (ubiq_bytes){(const uint8_t *)data, size});
  if (self->error == NULL) self->error = receive_whole(self, data, size);
  return self->error == NULL;
}

static enum MHD_Result take_body(admin_request *self, const char *data, size_t size) {
  self->received += size;
  return receive(self, data, size) || self->received <= DROPPED_BYTES_MAX ? MHD_YES : MHD_NO;
}

// ------------------------------------------------------------------------------------------------------- the answer

static enum MHD_Result send_answer(const admin_request *self, answer answer) {
  if (answer.response == NULL) return MHD_NO;
  MHD_add_response_header(answer.response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  MHD_add_response_header(answer.response, "X-Content-Type-Options", "nosniff");
  enum MHD_Result queued = MHD_queue_response(self->mhd, answer.status, answer.response);
  MHD_destroy_response(answer.response);
  return queued;
}

static void close_file(admin_request *self) {
  if (self->file >= 0) close(self->file);
  self->file = -1;
}

/// Unless it was taken over, and has another name.
static void remove_file(admin_request *self) {
  if (self->file_path != NULL) unlink(self->file_path);
  free(self->file_path);
  self->file_path = NULL;
}

static enum MHD_Result finish(admin_request *self) {
  admin_connection_expect_nothing(self->connection);
  close_file(self);
  ubiq_error *error = self->error;
  self->error = NULL;
  answer answer = error != NULL        ? answer_error(error)
                  : self->call != NULL ? admin_platform_finish(self)
                                       : self->endpoint->answer(self);
  remove_file(self); // before anybody is told how it went
  if (self->endpoint->changes)
    log_info("admin: %s %s by the token %s: %u", self->endpoint->method, self->path, self->who.id, answer.status);
  return send_answer(self, answer);
}

void *admin_request_announced(void *context, const char *target, struct MHD_Connection *mhd) {
  (void)context;
  admin_connection *connection = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  if (connection != NULL) admin_connection_announce(connection, target);
  head_leave_cookies(mhd);
  return NULL;
}

static admin_request *request_new(const admin_context *context, struct MHD_Connection *mhd, const char *url) {
  admin_request *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  *self = (admin_request){.context = context, .mhd = mhd, .path = url, .file = -1};
  self->connection = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  return self;
}

/// A body that is refused is not sent by who asks before.
static bool begin_platform(admin_request *self, const char *method, answer *answer) {
  if (!admin_platform_is(self->endpoint) || admin_platform_begin(self, method)) return true;
  if (admin_request_header(self, MHD_HTTP_HEADER_EXPECT) == NULL) return true;
  *answer = admin_platform_finish(self);
  return false;
}

/// There is no room for the head of any answer.
static enum MHD_Result tell_too_large(admin_request *self) {
  head_tell(self->mhd, self->connection->socket,
            "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  return MHD_NO;
}

static enum MHD_Result begin(admin_request *self, const char *method) {
  answer answer;
  if (self->connection == NULL) return MHD_NO; // memory was out when it came
  if (!head_leaves_room(self->mhd)) return tell_too_large(self);
  admin_connection_expect_body(self->connection);
  bool good = check_single(self, &answer) && check_browser(self, &answer) &&
              (is_open(self, method) || check_token(self, &answer)) && find_endpoint(self, method, &answer) &&
              begin_platform(self, method, &answer) && check_length(self, &answer);
  return good ? MHD_YES : send_answer(self, answer);
}

enum MHD_Result admin_request_handle(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                                     const char *version, const char *data, size_t *size, void **request) {
  (void)version;
  admin_request *self = *request;
  if (self == NULL) {
    *request = self = request_new(context, mhd, url);
    return self == NULL ? MHD_NO : begin(self, method);
  }
  if (*size == 0) return finish(self);
  enum MHD_Result result = take_body(self, data, *size);
  *size = 0;
  return result;
}

void admin_request_completed(void *context, struct MHD_Connection *mhd, void **request,
                             enum MHD_RequestTerminationCode reason) {
  (void)context;
  (void)mhd;
  (void)reason;
  admin_request *self = *request;
  if (self == NULL) return;
  if (self->connection != NULL) admin_connection_expect_headers(self->connection);
  close_file(self);
  remove_file(self);
  admin_platform_drop(self->call);
  ubiq_error_delete(self->error);
  access_token_clear(&self->who);
  buffer_free(&self->body);
  free(self);
  *request = NULL;
}
