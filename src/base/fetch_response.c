/// A header is one allocation: the name, a NUL, the value, a NUL; `name` is its start.
#include "base/fetch_response.h"

#include "base/fetch_headers.h"
#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS_FIRST = 16 }; ///< headers that the first allocation has room for

static bool make_room(fetch_response *response) {
  size_t count = response->headers_count;
  bool full = count == 0 ? response->headers == NULL : count >= HEADERS_FIRST && (count & (count - 1)) == 0;
  if (!full) return true;
  size_t capacity = count == 0 ? HEADERS_FIRST : 2 * count;
  fetch_header *larger = realloc(response->headers, capacity * sizeof *larger);
  if (larger) response->headers = larger;
  return larger != NULL;
}

/// Writes name and value; a CR inside of the value becomes a blank (RFC 9112, section 2.2).
static char *make_pair(text name, text value) {
  char *pair = malloc(name.size + value.size + 2);
  if (!pair) return NULL;
  char *to = pair;
  for (size_t i = 0; i < name.size; i++) *to++ = (char)tolower((unsigned char)name.data[i]);
  *to++ = '\0';
  for (size_t i = 0; i < value.size; i++) *to++ = value.data[i] == '\r' ? ' ' : value.data[i];
  *to = '\0';
  return pair;
}

static ubiq_error *add(fetch_response *response, text name, text value) {
  if (response->headers_count == FETCH_RESPONSE_HEADERS_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "HTTP response has more than %d headers", FETCH_RESPONSE_HEADERS_MAX);
  char *pair = make_pair(name, value);
  bool good = pair && fetch_token_valid(pair);
  if (!good || !make_room(response)) {
    free(pair);
    return pair && !good ? NULL : ubiq_error_no_memory(); // what is no header is passed over
  }
  response->headers[response->headers_count++] = (fetch_header){.name = pair, .value = pair + name.size + 1};
  return NULL;
}

/// Joins a folded line (RFC 9112, section 5.2) to the value before it with one blank.
static ubiq_error *add_folded(fetch_response *response, text more) {
  if (response->headers_count == 0) return NULL;
  fetch_header *last = &response->headers[response->headers_count - 1];
  buffer joined = {0};
  bool good = buffer_append_string(&joined, last->value) && buffer_append_byte(&joined, ' ') &&
              buffer_append(&joined, more.data, more.size);
  char *pair = good ? make_pair(text_of(last->name), (text){(const char *)joined.data, joined.size}) : NULL;
  buffer_free(&joined);
  if (!pair) return ubiq_error_no_memory();
  size_t name_size = strlen(last->name);
  free((char *)last->name);
  *last = (fetch_header){.name = pair, .value = pair + name_size + 1};
  return NULL;
}

static void drop_headers(fetch_response *response) {
  for (size_t i = 0; i < response->headers_count; i++) free((char *)response->headers[i].name);
  free(response->headers);
  response->headers = NULL;
  response->headers_count = 0;
}

ubiq_error *fetch_response_take_line(fetch_response *response, const char *line, size_t size) {
  text whole = {line, size};
  if (text_starts_with(whole, TEXT("HTTP/"))) {
    drop_headers(response);
    return NULL;
  }
  text trimmed = text_trim(whole);
  if (trimmed.size == 0 || memchr(trimmed.data, '\0', trimmed.size))
    return NULL; // the end of the block, or nothing that a string could hold
  if (line[0] == ' ' || line[0] == '\t') return add_folded(response, trimmed);
  const char *colon = memchr(trimmed.data, ':', trimmed.size);
  if (!colon) return NULL;
  text name = {trimmed.data, (size_t)(colon - trimmed.data)};
  text value = {colon + 1, trimmed.size - name.size - 1};
  return add(response, text_trim(name), text_trim(value));
}

ubiq_error *fetch_response_too_large(uint64_t bytes_max) {
  return ubiq_error_new(UBIQ_TOO_LARGE, "HTTP response exceeds the configured maximum number of bytes: %" PRIu64,
                        bytes_max);
}

ubiq_error *fetch_response_take_body(fetch_response *response, const void *data, size_t size, uint64_t bytes_max) {
  if (size > bytes_max || response->body.size > bytes_max - size) return fetch_response_too_large(bytes_max);
  return buffer_append(&response->body, data, size) ? NULL : ubiq_error_no_memory();
}

void fetch_response_drop_header(fetch_response *response, const char *name) {
  size_t kept = 0;
  for (size_t i = 0; i < response->headers_count; i++) {
    if (strcmp(response->headers[i].name, name) == 0)
      free((char *)response->headers[i].name);
    else
      response->headers[kept++] = response->headers[i];
  }
  response->headers_count = kept;
}

void fetch_response_clear(fetch_response *response) {
  drop_headers(response);
  buffer_clear(&response->body);
  response->status = 0;
}

const char *fetch_response_header(const fetch_response *response, const char *name) {
  for (size_t i = response->headers_count; i-- > 0;) {
    if (strcmp(response->headers[i].name, name) == 0) return response->headers[i].value;
  }
  return NULL;
}

static bool is_printable(const char *value) {
  for (const unsigned char *at = (const unsigned char *)value; *at; at++) {
    if ((*at < 0x20 && *at != '\t') || *at >= 0x7f) return false;
  }
  return true;
}

bool fetch_response_header_in_extism(const fetch_response *response, size_t index) {
  const fetch_header *header = &response->headers[index];
  if (!is_printable(header->value)) return false;
  for (size_t i = index + 1; i < response->headers_count; i++) {
    const fetch_header *later = &response->headers[i];
    if (strcmp(later->name, header->name) == 0 && is_printable(later->value)) return false;
  }
  return true;
}

void fetch_response_free(fetch_response *response) {
  drop_headers(response);
  buffer_free(&response->body);
  free(response->url);
  *response = (fetch_response){0};
}
