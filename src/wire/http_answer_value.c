// Reading an answer: what a function may not say is refused before anything of it is sent.
#include "wire/http_value.h"

#include "base/json.h"

#include <stdlib.h>

#define TEXT_TYPE  "text/plain; charset=utf-8"
#define JSON_TYPE  "application/json"
#define BYTES_TYPE "application/octet-stream"

static const json_source source = {.name = "answer"};

// ---------------------------------------------------------------------------------------------------------- headers

/// What the server says itself, and what is between it and the client alone (RFC 9110, section 7.6.1).
static bool is_servers_own(text name) {
  static const char *const own[] = {"connection", "content-length",  "transfer-encoding",
                                    "keep-alive", "upgrade",         "trailer",
                                    "te",         "proxy-connection"};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    if (text_equal_ignoring_case(name, text_of(own[i]))) return true;
  return false;
}

/// RFC 9110, section 5.6.2.
static bool is_token(text name) {
  static const char others[] = "!#$%&'*+-.^_`|~";
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alphanumeric && (c == '\0' || strchr(others, c) == NULL)) return false;
  }
  return name.size > 0;
}

static bool is_field_value(text value) {
  for (size_t i = 0; i < value.size; i++) {
    unsigned char c = (unsigned char)value.data[i];
    if ((c < ' ' && c != '\t') || c == 0x7f) return false;
  }
  return value.size == 0 || (value.data[0] != ' ' && value.data[value.size - 1] != ' ');
}

static ubiq_error *add_header(http_answer *self, text name, const json_value *value) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  if (!is_field_value(found)) return json_wrong(value, "a header's value: one line, with no blank at its ends");
  if (self->headers_count == HTTP_ANSWER_HEADERS_MAX)
    return json_error(value, "is one header too many; expected at most %d", HTTP_ANSWER_HEADERS_MAX);
  self->headers[self->headers_count++] = (http_field){name, found};
  return NULL;
}

static ubiq_error *add_headers(http_answer *self, const json_value *field) {
  if (!is_token(field->key)) return json_error(field, "is no header; expected a name of letters, digits and hyphens");
  if (is_servers_own(field->key)) return json_error(field, "is the server's to say; expected other headers");
  if (!yyjson_is_arr(field->value)) return add_header(self, field->key, field);
  json_value item = {0};
  ubiq_error *error = NULL;
  while (error == NULL && json_next_item(field, &item)) error = add_header(self, field->key, &item);
  return error;
}

static ubiq_error *read_headers(http_answer *self, const json_value *value) {
  if (json_is_absent(value)) return NULL;
  ubiq_error *error = json_expect_object(value);
  if (error != NULL) return error;
  self->headers = malloc(HTTP_ANSWER_HEADERS_MAX * sizeof *self->headers);
  if (self->headers == NULL) return ubiq_error_no_memory();
  json_value field = {0};
  while (error == NULL && json_next_field(value, &field)) error = add_headers(self, &field);
  return error;
}

// ------------------------------------------------------------------------------------------------------------- body

static ubiq_error *read_json(http_answer *self, const json_value *value) {
  size_t size = 0;
  char *text = yyjson_val_write(value->value, YYJSON_WRITE_NOFLAG, &size);
  if (text == NULL) return ubiq_error_no_memory();
  self->bytes = (buffer){(uint8_t *)text, size, size};
  self->body = (ubiq_bytes){(const uint8_t *)text, size};
  self->content_type = JSON_TYPE;
  return NULL;
}

static ubiq_error *read_text(http_answer *self, const json_value *value) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  self->body = (ubiq_bytes){(const uint8_t *)found.data, found.size};
  self->content_type = TEXT_TYPE;
  return NULL;
}

static ubiq_error *read_base64(http_answer *self, const json_value *value) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  text_base64_result result = text_base64_decode(&self->bytes, found);
  if (result == TEXT_BASE64_NO_MEMORY) return ubiq_error_no_memory();
  if (result == TEXT_BASE64_INVALID) return json_wrong(value, "base64, padded");
  self->body = buffer_bytes(&self->bytes);
  self->content_type = BYTES_TYPE;
  return NULL;
}

static ubiq_error *read_encoded(http_answer *self, const json_value *encoding, const json_value *body) {
  text name = TEXT("json");
  ubiq_error *error = json_is_absent(encoding) ? NULL : json_get_text(encoding, &name);
  if (error != NULL) return error;
  if (text_equal(name, TEXT("json"))) return read_json(self, body);
  if (text_equal(name, TEXT("utf8"))) return read_text(self, body);
  if (text_equal(name, TEXT("base64"))) return read_base64(self, body);
  return json_wrong(encoding, "\"json\", \"utf8\" or \"base64\"");
}

static bool has_no_body(unsigned status) {
  return status == 204 || status == 205 || status == 304;
}

/// A body that is null is one, with the value null; only what is not there is none.
static ubiq_error *read_body(http_answer *self, const json_value *root) {
  json_value body = json_field(root, "body"), encoding = json_field(root, "encoding");
  if (body.value == NULL)
    return json_is_absent(&encoding) ? NULL : json_error(&encoding, "stands without a body; expected one");
  if (has_no_body(self->status)) return json_error(&body, "stands beside status %u; expected none", self->status);
  return read_encoded(self, &encoding, &body);
}

// ------------------------------------------------------------------------------------------------------------ whole

static ubiq_error *read_status(http_answer *self, const json_value *value) {
  uint64_t status = 200;
  ubiq_error *error = json_is_absent(value) ? NULL : json_get_u64(value, 200, 599, &status);
  self->status = (unsigned)status;
  return error;
}

static ubiq_error *read_root(http_answer *self, const json_value *root) {
  static const char *const keys[] = {"status", "headers", "body", "encoding"};
  ubiq_error *error = json_expect_object(root);
  if (error == NULL) error = json_check_keys(root, keys, sizeof keys / sizeof keys[0]);
  json_value status = json_field(root, "status"), headers = json_field(root, "headers");
  if (error == NULL) error = read_status(self, &status);
  if (error == NULL) error = read_headers(self, &headers);
  if (error == NULL) error = read_body(self, root);
  return error;
}

/// What is wrong in an answer is the function's fault, not the client's.
static ubiq_error *as_output(ubiq_error *error) {
  if (ubiq_error_code(error) != UBIQ_INVALID_INPUT) return error;
  ubiq_error *output = ubiq_error_new(UBIQ_INVALID_OUTPUT, "%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return output;
}

ubiq_error *http_answer_read(ubiq_bytes value, http_answer *out) {
  *out = (http_answer){0};
  ubiq_error *error = json_parse("answer", value.data, value.size, &out->document);
  if (error == NULL) {
    json_value root = json_root(&source, yyjson_doc_get_root(out->document));
    error = read_root(out, &root);
  }
  if (error != NULL) http_answer_free(out);
  return as_output(error);
}

void http_answer_free(http_answer *self) {
  yyjson_doc_free(self->document);
  buffer_free(&self->bytes);
  free(self->headers);
  *self = (http_answer){0};
}
