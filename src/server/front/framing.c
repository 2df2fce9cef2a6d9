// libmicrohttpd goes by the first of several headers of one name, takes an unknown transfer coding as a body without an
// end, and lets names and values through that others read as something else; so they are all looked at here.
#include "server/front/framing.h"

#include "base/fetch_headers.h"
#include "base/text.h"
#include "server/front/head_room.h"

/// The headers that count, as they are found.
typedef struct seen {
  unsigned lengths, codings, hosts;
  const char *end; ///< of what was looked at last, in libmicrohttpd's buffer
  bool gap;        ///< something lies between what was looked at
  bool malformed;  ///< any of all headers
  bool length_is_number, coding_is_chunked, host_is_malformed; ///< of the last one
  uint64_t body_bytes;
} seen;

/// `Content-Length : 5` is no Content-Length to us, but may be one to others, as what follows a lone CR may be a header.
static bool is_malformed(text name, text value) {
  return name.size != strlen(name.data) || !fetch_token_valid(name.data) ||
         (value.size > 0 && memchr(value.data, '\r', value.size) != NULL);
}

/// The characters of names, addresses and ports (RFC 3986, section 3.2.2); empty where the target has no authority.
static bool is_host(text value) {
  for (size_t i = 0; i < value.size; i++) {
    char c = value.data[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_plain && (c == '\0' || strchr("-._~!$&'()*+,;=%:[]", c) == NULL)) return false;
  }
  return true;
}

/// Whether something begins on the line after the one that ends at `end`, where CR LF or LF was.
static bool is_next_line(const char *place, const char *end) {
  return place == end + 1 || place == end + 2;
}

static bool is_right_behind(const char *value, const char *colon) {
  return value == colon + 1 + strspn(colon + 1, " \t");
}

static enum MHD_Result look(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value,
                            size_t size) {
  (void)kind;
  seen *self = user;
  if (head_is_ours(value)) return MHD_YES;
  const text header = {name, name_size}, content = {value, size};
  if (is_malformed(header, content)) self->malformed = true;
  if (!is_next_line(name, self->end) || !is_right_behind(value, name + name_size)) self->gap = true;
  self->end = value + size;
  if (text_equal_ignoring_case(header, TEXT(MHD_HTTP_HEADER_HOST))) {
    self->hosts++;
    self->host_is_malformed = !is_host(text_trim(content));
  } else if (text_equal_ignoring_case(header, TEXT(MHD_HTTP_HEADER_CONTENT_LENGTH))) {
    self->lengths++;
    self->length_is_number = text_to_u64(content, &self->body_bytes);
  } else if (text_equal_ignoring_case(header, TEXT(MHD_HTTP_HEADER_TRANSFER_ENCODING))) {
    self->codings++;
    self->coding_is_chunked = text_equal_ignoring_case(content, TEXT("chunked"));
  }
  return MHD_YES;
}

static framing refused(unsigned status, const char *problem) {
  return (framing){.has_body = true, .body_bytes = UINT64_MAX, .status = status, .problem = problem};
}

/// Whether there is nothing in the head but what libmicrohttpd has made of it.
static bool is_without_gaps(struct MHD_Connection *mhd, const request_line *line, const seen *seen) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  if (info == NULL || seen->gap) return false;
  const char *head_end = line->method + info->header_size;
  return line->url == line->method + strlen(line->method) + 1 && line->version == line->url + line->target_bytes + 1 &&
         (is_next_line(head_end, seen->end + 1) || is_next_line(head_end, seen->end + 2));
}

framing framing_read(struct MHD_Connection *mhd, const request_line *line) {
  seen seen = {.end = line->version + strlen(line->version)};
  MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, look, &seen);
  if (!is_without_gaps(mhd, line, &seen))
    return refused(MHD_HTTP_BAD_REQUEST, "the request's head is malformed; expected single blanks in its first line, "
                                         "each header on a line of its own, and no NUL");
  if (seen.malformed)
    return refused(MHD_HTTP_BAD_REQUEST,
                   "a header is malformed; expected a name of letters, digits and !#$%&'*+-.^_`|~, "
                   "a colon at once, and a value on one line");
  if (seen.hosts == 0 && strcmp(line->version, MHD_HTTP_VERSION_1_0) != 0)
    return refused(MHD_HTTP_BAD_REQUEST, "the request has no Host");
  if (seen.host_is_malformed)
    return refused(MHD_HTTP_BAD_REQUEST, "the request's Host is malformed; expected a name or an address, and a port");
  if (seen.hosts > 1) return refused(MHD_HTTP_BAD_REQUEST, "the request has more than one Host");
  if (seen.lengths > 0 && seen.codings > 0)
    return refused(MHD_HTTP_BAD_REQUEST, "the request has both Content-Length and Transfer-Encoding");
  if (seen.lengths > 1) return refused(MHD_HTTP_BAD_REQUEST, "the request has more than one Content-Length");
  if (seen.lengths > 0 && !seen.length_is_number)
    return refused(MHD_HTTP_BAD_REQUEST, "the request's Content-Length is not a number");
  if (seen.codings > 0 && strcmp(line->version, MHD_HTTP_VERSION_1_0) == 0)
    return refused(MHD_HTTP_BAD_REQUEST, "the request has a Transfer-Encoding, which HTTP/1.0 does not know");
  if (seen.codings > 1) return refused(MHD_HTTP_BAD_REQUEST, "the request has more than one Transfer-Encoding");
  if (seen.codings > 0 && !seen.coding_is_chunked)
    return refused(MHD_HTTP_NOT_IMPLEMENTED, "the request's Transfer-Encoding is not understood; expected chunked");
  return (framing){.has_body = seen.codings > 0 || seen.body_bytes > 0, .body_bytes = seen.body_bytes};
}
