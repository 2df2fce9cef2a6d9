// The API has checked types and ranges already; what is left is what a schema does not say.
#include "base/json_units.h"
#include "base/json_write.h"
#include "services/http/http.h"
#include "services/http/http_call.h"

#include <strings.h>

static const json_source source = {.name = "body"};

enum { REDIRECTS_DEFAULT = 5, RETRIES_DEFAULT = 2, OWN_HEADERS = 3 }; // content-type, traceparent, tracestate

static ubiq_error *copy_text(service_call *call, const json_value *value, const char **out) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  if (memchr(found.data, '\0', found.size) != NULL) return json_error(value, "has a zero byte; expected none");
  *out = arena_string(&call->arena, found.data, found.size);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

// ------------------------------------------------------------------------------------------------------------ headers

static size_t count_headers(const json_value *headers) {
  size_t count = 0;
  json_value field = {0};
  while (!json_is_absent(headers) && json_next_field(headers, &field))
    count += yyjson_is_arr(field.value) ? json_count(&field) : 1;
  return count;
}

static ubiq_error *add_header(service_call *call, text name, const json_value *value, http_ask *out) {
  fetch_header *header = &out->headers[out->headers_count];
  if (memchr(name.data, '\0', name.size) != NULL) return json_error(value, "has a zero byte in its name");
  header->name = arena_string(&call->arena, name.data, name.size);
  if (header->name == NULL) return ubiq_error_no_memory();
  ubiq_error *error = copy_text(call, value, &header->value);
  if (error == NULL) out->headers_count++;
  return error;
}

static ubiq_error *add_repeated(service_call *call, const json_value *field, http_ask *out) {
  if (!yyjson_is_arr(field->value)) return add_header(call, field->key, field, out);
  json_value item = {0};
  ubiq_error *error = NULL;
  while (error == NULL && json_next_item(field, &item)) error = add_header(call, field->key, &item, out);
  return error;
}

static ubiq_error *read_headers(service_call *call, const json_value *headers, http_ask *out) {
  size_t count = count_headers(headers);
  if (count > FETCH_REQUEST_HEADERS_MAX)
    return json_error(headers, "has %zu values; expected at most %d", count, FETCH_REQUEST_HEADERS_MAX);
  out->headers = arena_array(&call->arena, count + OWN_HEADERS, sizeof *out->headers);
  if (out->headers == NULL) return ubiq_error_no_memory();
  json_value field = {0};
  ubiq_error *error = NULL;
  while (error == NULL && !json_is_absent(headers) && json_next_field(headers, &field))
    error = add_repeated(call, &field, out);
  return error;
}

bool http_ask_has_header(const http_ask *self, const char *name) {
  for (size_t i = 0; i < self->headers_count; i++)
    if (strcasecmp(self->headers[i].name, name) == 0) return true;
  return false;
}

// --------------------------------------------------------------------------------------------------------------- body

static ubiq_error *read_json(const json_value *body, http_ask *out) {
  return json_write_value(&out->body, body->value) ? NULL : ubiq_error_no_memory();
}

static ubiq_error *read_utf8(const json_value *body, http_ask *out) {
  text found;
  ubiq_error *error = json_get_text(body, &found);
  if (error != NULL) return error;
  return buffer_append(&out->body, found.data, found.size) ? NULL : ubiq_error_no_memory();
}

static ubiq_error *read_base64(const json_value *body, http_ask *out) {
  text found;
  ubiq_error *error = json_get_text(body, &found);
  if (error != NULL) return error;
  switch (text_base64_decode(&out->body, found)) {
  case TEXT_BASE64_OK: return NULL;
  case TEXT_BASE64_INVALID: return json_error(body, "is no base64, as its encoding says");
  default: return ubiq_error_no_memory();
  }
}

static const struct encoding {
  const char *name;
  const char *media_type; ///< where no header says one
  ubiq_error *(*read)(const json_value *body, http_ask *out);
} encodings[] = {
    {"json", "application/json", read_json},
    {"utf8", "text/plain; charset=utf-8", read_utf8},
    {"base64", "application/octet-stream", read_base64},
};

static ubiq_error *read_body(const json_value *root, http_ask *out) {
  const json_value body = json_field(root, "body"), encoding = json_field(root, "encoding");
  text name = TEXT("json");
  const struct encoding *found = NULL;
  if (body.value == NULL) return NULL;
  ubiq_error *error = encoding.value == NULL ? NULL : json_get_text(&encoding, &name);
  for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++)
    if (text_equal_string(name, encodings[i].name)) found = &encodings[i];
  if (error != NULL) return error;
  if (found == NULL) return json_wrong(&encoding, "\"json\", \"utf8\" or \"base64\"");
  error = found->read(&body, out);
  if (error != NULL) return error;
  if (out->body.size > HTTP_BODY_BYTES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "the request's body has %zu bytes; expected at most %d", out->body.size,
                          HTTP_BODY_BYTES_MAX);
  if (!http_ask_has_header(out, "content-type"))
    out->headers[out->headers_count++] = (fetch_header){"content-type", found->media_type};
  return NULL;
}

// ---------------------------------------------------------------------------------------------------------- the whole

static ubiq_error *read_count(const json_value *root, const char *key, uint64_t max, uint64_t *out) {
  json_value value = json_field(root, key);
  return json_is_absent(&value) ? NULL : json_get_u64(&value, 0, max, out);
}

static ubiq_error *read_timeout(const json_value *root, http_ask *out) {
  out->timeout_ms = HTTP_TIMEOUT_MS_MAX;
  ubiq_error *error = json_read_duration(root, "timeout", &out->timeout_ms);
  if (out->timeout_ms > HTTP_TIMEOUT_MS_MAX) out->timeout_ms = HTTP_TIMEOUT_MS_MAX;
  return error;
}

ubiq_error *http_ask_read(service_call *call, http_ask *out) {
  const json_value root = json_root(&source, call->body.value);
  const json_value method = json_field(&root, "method"), url = json_field(&root, "url");
  const json_value headers = json_field(&root, "headers");
  uint64_t redirects = REDIRECTS_DEFAULT, retries = RETRIES_DEFAULT;
  *out = (http_ask){.method = "GET"};
  ubiq_error *error = json_is_absent(&method) ? NULL : copy_text(call, &method, &out->method);
  if (error == NULL) error = copy_text(call, &url, &out->url);
  if (error == NULL) error = read_headers(call, &headers, out);
  if (error == NULL) error = read_body(&root, out);
  if (error == NULL) error = read_timeout(&root, out);
  if (error == NULL) error = read_count(&root, "redirects", 20, &redirects);
  if (error == NULL) error = read_count(&root, "retries", 10, &retries);
  out->redirects = (int)redirects;
  out->retries = (unsigned)retries;
  return error;
}

void http_ask_free(http_ask *self) {
  buffer_free(&self->body);
}
