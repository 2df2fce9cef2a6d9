// libmicrohttpd does not say how much it has left; this is what it uses, rounded up.
#include "server/front/head_room.h"

#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/socket.h>

/// Of the header Cookie it takes only the first apart: this one.
static const char no_cookies[] = "-";

enum {
  FIELD_BYTES = 64,   ///< beside a header, cookie or part of a query: where it is
  SMALL_BYTES = 256,  ///< of a head in which, whatever is in it, there are too few fields to matter
  SERVER_BYTES = 512, ///< the status line, the date, who may read the answer
  SEPARATORS = sizeof ": \r\n" - 1,
};

static enum MHD_Result add_size(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                const char *value, size_t value_size) {
  (void)name;
  (void)value;
  size_t *sum = user;
  *sum += FIELD_BYTES;
  if (kind == MHD_COOKIE_KIND) *sum += name_size + value_size + SEPARATORS; // taken apart in a copy
  return MHD_YES;
}

size_t head_room(struct MHD_Connection *mhd) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  size_t used = SERVER_BYTES + (info == NULL ? HEAD_MEMORY_BYTES : info->header_size);
  MHD_get_connection_values_n(mhd, MHD_HEADER_KIND | MHD_COOKIE_KIND | MHD_GET_ARGUMENT_KIND, add_size, &used);
  return used < HEAD_MEMORY_BYTES ? HEAD_MEMORY_BYTES - used : 0;
}

bool head_leaves_room(struct MHD_Connection *mhd) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  bool is_small = info != NULL && info->header_size <= SMALL_BYTES;
  return is_small || head_room(mhd) >= HEAD_ROOM_MIN;
}

bool head_target_fits(const char *target, size_t size) {
  size_t used = SERVER_BYTES + size + FIELD_BYTES;
  for (size_t i = 0; i < size; i++)
    if (target[i] == '&') used += FIELD_BYTES;
  return used + HEAD_ROOM_MIN <= HEAD_MEMORY_BYTES;
}

static enum MHD_Result add_header(void *user, enum MHD_ValueKind kind, const char *name, const char *value) {
  (void)kind;
  *(size_t *)user += strlen(name) + strlen(value) + SEPARATORS;
  return MHD_YES;
}

size_t head_bytes(struct MHD_Response *response) {
  size_t sum = 0;
  MHD_get_response_headers(response, add_header, &sum);
  return sum;
}

void head_leave_cookies(struct MHD_Connection *mhd) {
  MHD_set_connection_value_n(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_COOKIE, sizeof MHD_HTTP_HEADER_COOKIE - 1,
                             no_cookies, sizeof no_cookies - 1);
}

bool head_is_ours(const char *value) {
  return value == no_cookies;
}

void head_tell(struct MHD_Connection *mhd, int socket, const char *message) {
  const union MHD_ConnectionInfo *tls = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  const size_t size = strlen(message);
  ssize_t sent = tls != NULL
                     ? gnutls_record_send(tls->tls_session, message, size) // an error before the handshake is done
                     : send(socket, message, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)sent;
}
