/// libcurl takes headers as lines and gives two forms of them a meaning of its own: `Name:` removes a header of its
/// making and `Name;` sends one without a value. Lines of callers are written so that they always mean themselves.
#include "base/fetch_headers.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Headers that say how a message is carried, which is not the caller's to say.
static const char *const carried[] = {
    "connection", "content-length",      "expect",           "http2-settings",
    "keep-alive", "proxy-authorization", "proxy-connection", "te",
    "trailer",    "transfer-encoding",   "upgrade",
};

/// Headers that are for the origin they were made for.
static const char *const sensitive[] = {"authorization", "cookie", "cookie2", "host"};

/// Headers that libcurl would add on its own, in the form that tells it not to.
static const char *const unwanted[] = {"Expect:", "Content-Type:"};

static bool is_among(text name, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (text_equal_ignoring_case(name, text_of(names[i]))) return true;
  }
  return false;
}

#define IS_AMONG(name, names) is_among((name), (names), sizeof(names) / sizeof *(names))

/// By two masks, because it is asked of each header of each request: strspn makes a table of the alphabet each time.
static bool is_token_character(unsigned char c) {
  static const uint64_t low = UINT64_C(0x03ff6cfa00000000);  // !#$%&'*+-. and digits
  static const uint64_t high = UINT64_C(0x57ffffffc7fffffe); // letters and ^_`|~
  return c < 128 && ((c < 64 ? low : high) >> c % 64 & 1) != 0;
}

bool fetch_token_valid(const char *token) {
  const char *at = token;
  while (is_token_character((unsigned char)*at)) at++;
  return at > token && *at == '\0';
}

static bool value_is_valid(const char *value) {
  for (const unsigned char *at = (const unsigned char *)value; *at; at++) {
    if ((*at < 0x20 && *at != '\t') || *at == 0x7f) return false;
  }
  return true;
}

static ubiq_error *check(const fetch_header *header) {
  if (!header->name || !header->value || !fetch_token_valid(header->name))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "a header's name is malformed; expected letters, digits and !#$%%&'*+-.^_`|~");
  if (!value_is_valid(header->value))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "header %s: the value holds a control character; expected text on one line", header->name);
  return NULL;
}

/// Whether a `host` header says what the URL says: its host, with or without its port.
static bool host_is_of(text value, const fetch_url *url) {
  char with_port[16];
  snprintf(with_port, sizeof with_port, ":%d", url->port);
  text host = text_of(url->host);
  if (value.size < host.size || !text_equal_ignoring_case((text){value.data, host.size}, host)) return false;
  text rest = {value.data + host.size, value.size - host.size};
  return rest.size == 0 || text_equal_string(rest, with_port);
}

static ubiq_error *check_host(const fetch_request *request, const fetch_header *header, const fetch_url *url) {
  bool any = request->policy && request->policy->any_host_header;
  if (any || strcasecmp(header->name, "host") != 0 || host_is_of(text_trim(text_of(header->value)), url)) return NULL;
  return ubiq_error_new(UBIQ_DENIED,
                        "HTTP request to %s: header host names another host; expected %s or no such header", url->shown,
                        url->host);
}

/// Appends a copy of a line; false when memory is out, and the lines are as they were.
static bool append(struct curl_slist **lines, const char *line) {
  struct curl_slist *longer = curl_slist_append(*lines, line);
  if (longer) *lines = longer;
  return longer != NULL;
}

static bool append_header(struct curl_slist **lines, const fetch_header *header) {
  text value = text_trim(text_of(header->value));
  buffer line = {0};
  bool good = buffer_append_string(&line, header->name) && buffer_append_string(&line, value.size ? ": " : ";") &&
              buffer_append(&line, value.data, value.size) && buffer_string(&line) &&
              append(lines, (const char *)line.data);
  buffer_free(&line);
  return good;
}

static bool is_named(const fetch_request *request, const char *name) {
  for (size_t i = 0; i < request->headers_count; i++) {
    if (strcasecmp(request->headers[i].name, name) == 0) return true;
  }
  return false;
}

static bool append_own(const fetch_request *request, struct curl_slist **lines) {
  for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++) {
    bool content_type = strcmp(unwanted[i], "Content-Type:") == 0;
    if (content_type && is_named(request, "content-type")) continue;
    if (!append(lines, unwanted[i])) return false;
  }
  return is_named(request, "user-agent") || append(lines, "User-Agent: ubiq");
}

static ubiq_error *append_all(const fetch_request *request, const fetch_url *url, struct curl_slist **lines) {
  size_t bytes = 0;
  for (size_t i = 0; i < request->headers_count; i++) {
    const fetch_header *header = &request->headers[i];
    ubiq_error *error = check(header);
    if (!error) error = check_host(request, header, url);
    if (error) return error;
    bytes += strlen(header->name) + strlen(header->value) + 4;
    if (bytes > FETCH_HEADER_BYTES_MAX)
      return ubiq_error_new(UBIQ_INVALID_INPUT, "the request's headers pass %d bytes", FETCH_HEADER_BYTES_MAX);
    if (!IS_AMONG(text_of(header->name), carried) && !append_header(lines, header)) return ubiq_error_no_memory();
  }
  return append_own(request, lines) ? NULL : ubiq_error_no_memory();
}

ubiq_error *fetch_headers_make(const fetch_request *request, const fetch_url *url, struct curl_slist **lines) {
  *lines = NULL;
  if (request->headers_count > FETCH_REQUEST_HEADERS_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the request has %zu headers; at most %d are allowed",
                          request->headers_count, FETCH_REQUEST_HEADERS_MAX);
  ubiq_error *error = append_all(request, url, lines);
  if (error) {
    curl_slist_free_all(*lines);
    *lines = NULL;
  }
  return error;
}

static bool is_dropped(const char *line, unsigned drop) {
  text name = {line, strcspn(line, ":;")};
  if (line[name.size] == ':' && line[name.size + 1] == '\0') return false; // one of `unwanted`
  if ((drop & FETCH_DROP_SENSITIVE) && IS_AMONG(name, sensitive)) return true;
  return (drop & FETCH_DROP_CONTENT) && name.size >= 8 && strncasecmp(name.data, "content-", 8) == 0;
}

bool fetch_headers_redirect(struct curl_slist **lines, unsigned drop) {
  struct curl_slist *kept = NULL;
  for (struct curl_slist *line = *lines; line; line = line->next) {
    if (!is_dropped(line->data, drop) && !append(&kept, line->data)) {
      curl_slist_free_all(kept);
      return false;
    }
  }
  curl_slist_free_all(*lines);
  *lines = kept;
  return true;
}
