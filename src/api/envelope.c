// One reader for a value, whichever format it came in; the answers are written straight out.
#include "api/envelope.h"

#include "base/json.h"
#include "base/json_write.h"
#include "base/msgpack.h"

static const json_source source = {.name = "request"};

// ----------------------------------------------------------------------------------------------------------- reading

typedef struct fields {
  api_field *items;
  size_t count;
} fields;

static ubiq_error *add_field(fields *self, text name, const json_value *value) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  if (self->count == API_FIELDS_MAX) return json_error(value, "is one too many; expected at most %d", API_FIELDS_MAX);
  self->items[self->count++] = (api_field){name, found};
  return NULL;
}

static ubiq_error *add_repeated(fields *self, const json_value *field) {
  if (!yyjson_is_arr(field->value)) return add_field(self, field->key, field);
  json_value item = {0};
  ubiq_error *error = NULL;
  while (error == NULL && json_next_item(field, &item)) error = add_field(self, field->key, &item);
  return error;
}

static ubiq_error *read_fields(const json_value *root, const char *key, arena *arena, fields *out) {
  json_value object = json_field(root, key), field = {0};
  *out = (fields){0};
  if (json_is_absent(&object)) return NULL;
  ubiq_error *error = json_expect_object(&object);
  if (error != NULL || json_count(&object) == 0) return error;
  out->items = arena_array(arena, API_FIELDS_MAX, sizeof *out->items);
  if (out->items == NULL) return ubiq_error_no_memory();
  while (error == NULL && json_next_field(&object, &field)) error = add_repeated(out, &field);
  return error;
}

static ubiq_error *wrong_header(const json_value *root, const char *what) {
  const json_value value = json_field(root, "headers");
  return json_error(&value, "has %s", what);
}

/// What HTTP takes: names are one word, and nothing ends a line or a text.
static bool is_word(text name) {
  for (size_t at = 0; at < name.size; at++)
    if (name.data[at] <= ' ' || name.data[at] >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", name.data[at]) != NULL)
      return false;
  return name.size > 0;
}

static bool is_line(text value) {
  for (size_t at = 0; at < value.size; at++) {
    const unsigned char byte = (unsigned char)value.data[at];
    if ((byte < ' ' && byte != '\t') || byte == 0x7f) return false;
  }
  return true;
}

static bool has_capitals(text name) {
  for (size_t at = 0; at < name.size; at++)
    if (name.data[at] >= 'A' && name.data[at] <= 'Z') return true;
  return false;
}

static ubiq_error *check_headers(const fields *headers, const json_value *root) {
  for (size_t i = 0; i < headers->count; i++) {
    const api_field *header = &headers->items[i];
    if (has_capitals(header->name)) return wrong_header(root, "a name with capital letters; expected lower case");
    if (!is_word(header->name))
      return wrong_header(root, "a name that is none in HTTP; expected letters, digits and \"-\"");
    if (!is_line(header->value))
      return wrong_header(root, "a value with a control character; expected one line of text");
    if (header->value.size > API_HEADER_BYTES_MAX)
      return ubiq_error_new(UBIQ_TOO_LARGE, "a header has %zu bytes; expected at most %d", header->value.size,
                            API_HEADER_BYTES_MAX);
  }
  return NULL;
}

static text content_type(const api_request *request) {
  for (size_t i = 0; i < request->headers_count; i++)
    if (text_equal_string(request->headers[i].name, "content-type")) return request->headers[i].value;
  return (text){NULL, 0};
}

static ubiq_error *read_base64(const json_value *body, text value, arena *arena, ubiq_bytes *out) {
  buffer bytes = {0};
  text_base64_result result = text_base64_decode(&bytes, value);
  uint8_t *copy = result == TEXT_BASE64_OK ? arena_copy(arena, bytes.data, bytes.size) : NULL;
  *out = (ubiq_bytes){copy, bytes.size};
  buffer_free(&bytes);
  if (result == TEXT_BASE64_INVALID) return json_error(body, "is no base64, as its encoding says");
  return copy == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_bytes(const json_value *body, bool is_base64, arena *arena, api_request *out) {
  text value;
  ubiq_error *error = json_get_text(body, &value);
  if (error != NULL) return error;
  out->body = (service_body){.kind = SERVICE_BODY_BYTES, .media_type = content_type(out)};
  if (is_base64) return read_base64(body, value, arena, &out->body.bytes);
  out->body.bytes = (ubiq_bytes){(const uint8_t *)value.data, value.size};
  if (out->body.media_type.size == 0) out->body.media_type = TEXT("text/plain; charset=utf-8");
  return NULL;
}

/// What MessagePack has as bytes is the guest's memory still, which may end before the call.
static ubiq_error *read_raw(yyjson_val *value, arena *arena, api_request *out) {
  const size_t size = yyjson_get_len(value);
  const uint8_t *copy = arena_copy(arena, yyjson_get_raw(value), size);
  out->body = (service_body){.kind = SERVICE_BODY_BYTES, .bytes = {copy, size}, .media_type = content_type(out)};
  return copy == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_body(const json_value *root, arena *arena, api_request *out) {
  const json_value body = json_field(root, "body"), encoding = json_field(root, "encoding");
  text name = TEXT("json");
  ubiq_error *error = encoding.value == NULL ? NULL : json_get_text(&encoding, &name);
  if (error != NULL || body.value == NULL) return error;
  if (yyjson_is_raw(body.value)) return read_raw(body.value, arena, out);
  if (text_equal_string(name, "json")) {
    out->body = (service_body){.kind = SERVICE_BODY_JSON, .value = body.value};
    return NULL;
  }
  bool is_base64 = text_equal_string(name, "base64");
  if (!is_base64 && !text_equal_string(name, "utf8")) return json_wrong(&encoding, "\"json\", \"utf8\" or \"base64\"");
  return read_bytes(&body, is_base64, arena, out);
}

static ubiq_error *read_value(yyjson_val *value, arena *arena, api_request *out) {
  static const char *const keys[] = {"method", "path", "query", "headers", "body", "encoding"};
  const json_value root = json_root(&source, value);
  const json_value method = json_field(&root, "method"), path = json_field(&root, "path");
  fields query = {0}, headers = {0};
  *out = (api_request){0};
  ubiq_error *error = json_expect_object(&root);
  if (error == NULL) error = json_check_keys(&root, keys, sizeof keys / sizeof keys[0]);
  if (error == NULL) error = json_get_text(&method, &out->method);
  if (error == NULL) error = json_get_text(&path, &out->path);
  if (error == NULL && memchr(out->path.data, '?', out->path.size) != NULL)
    error = json_error(&path, "has a \"?\"; expected parameters in \"query\"");
  if (error == NULL) error = read_fields(&root, "query", arena, &query);
  if (error == NULL) error = read_fields(&root, "headers", arena, &headers);
  if (error == NULL) error = check_headers(&headers, &root);
  out->query = query.items;
  out->query_count = query.count;
  out->headers = headers.items;
  out->headers_count = headers.count;
  return error != NULL ? error : read_body(&root, arena, out);
}

static ubiq_error *parse(int32_t format, ubiq_bytes bytes, arena *arena, yyjson_doc **document, yyjson_val **root) {
  static const json_limits limits = {API_REQUEST_VALUES_MAX, API_REQUEST_MEMBERS_MAX};
  if (format == ENVELOPE_MESSAGEPACK)
    return msgpack_value_read(source.name, bytes.data, bytes.size, &limits, "body", arena, root);
  ubiq_error *error = json_parse_up_to(source.name, bytes.data, bytes.size, &limits, document);
  *root = yyjson_doc_get_root(*document);
  return error;
}

ubiq_error *envelope_read(int32_t format, ubiq_bytes bytes, arena *arena, yyjson_doc **document, api_request *out) {
  yyjson_val *root = NULL;
  *document = NULL;
  if (format != ENVELOPE_JSON && format != ENVELOPE_MESSAGEPACK)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the format is %d; expected 0 (JSON) or 1 (MessagePack)", (int)format);
  if (bytes.size > API_REQUEST_BYTES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "the request has %zu bytes; expected at most %d", bytes.size,
                          API_REQUEST_BYTES_MAX);
  ubiq_error *error = parse(format, bytes, arena, document, &root);
  return error != NULL ? error : read_value(root, arena, out);
}

// ----------------------------------------------------------------------------------------------------------- writing

static text media_type_of(const service_body *body) {
  bool is_unknown = body->kind == SERVICE_BODY_BYTES && body->media_type.size == 0;
  return is_unknown ? TEXT("application/octet-stream") : body->media_type;
}

static bool write_header(const char *name, text value, bool *is_first, buffer *out) {
  bool good = *is_first || buffer_append_byte(out, ',');
  *is_first = false;
  return good && json_write_text(out, text_of(name)) && buffer_append_byte(out, ':') && json_write_text(out, value);
}

static bool write_headers(const service_call *call, buffer *out) {
  bool is_first = true, good = true;
  const text type = media_type_of(&call->answer);
  if (type.size > 0) good = write_header("content-type", type, &is_first, out);
  for (size_t i = 0; good && i < call->headers_count; i++)
    good = write_header(call->headers[i].name, call->headers[i].value, &is_first, out);
  return good;
}

static bool is_text(const service_body *body) {
  return text_starts_with(body->media_type, TEXT("text/")) && text_utf8_valid(body->bytes.data, body->bytes.size);
}

static bool write_bytes(const service_body *body, buffer *out) {
  if (is_text(body))
    return buffer_append_string(out, ",\"encoding\":\"utf8\",\"body\":") &&
           json_write_text(out, (text){(const char *)body->bytes.data, body->bytes.size});
  return buffer_append_string(out, ",\"encoding\":\"base64\",\"body\":\"") &&
         text_base64_encode(out, body->bytes.data, body->bytes.size) && buffer_append_byte(out, '"');
}

static bool write_body(const service_body *body, buffer *out) {
  switch (body->kind) {
  case SERVICE_BODY_JSON:
    return buffer_append_string(out, ",\"body\":") && buffer_append(out, body->bytes.data, body->bytes.size);
  case SERVICE_BODY_BYTES: return write_bytes(body, out);
  default: return true;
  }
}

/// A status has three digits.
static bool write_head(unsigned status, buffer *out) {
  char head[] = "{\"status\":000,\"headers\":{";
  char *digits = strchr(head, '0');
  digits[0] = (char)('0' + status / 100 % 10);
  digits[1] = (char)('0' + status / 10 % 10);
  digits[2] = (char)('0' + status % 10);
  return buffer_append(out, head, sizeof head - 1);
}

static bool write_json(const service_call *call, buffer *out) {
  return buffer_reserve(out, call->answer.bytes.size + 64) && write_head(call->status, out) &&
         write_headers(call, out) && buffer_append_byte(out, '}') && write_body(&call->answer, out) &&
         buffer_append_byte(out, '}');
}

// ------------------------------------------------------------------------------------------------------- MessagePack

static bool write_packed_headers(const service_call *call, buffer *out) {
  const text type = media_type_of(&call->answer);
  bool good = msgpack_write_map(out, call->headers_count + (type.size > 0));
  if (type.size > 0) good = good && msgpack_write_text(out, TEXT("content-type")) && msgpack_write_text(out, type);
  for (size_t i = 0; good && i < call->headers_count; i++)
    good = msgpack_write_text(out, text_of(call->headers[i].name)) && msgpack_write_text(out, call->headers[i].value);
  return good;
}

static bool write_packed_json(ubiq_bytes json, buffer *out) {
  yyjson_doc *document = yyjson_read((const char *)json.data, json.size, 0);
  bool good = document != NULL && msgpack_value_write(out, yyjson_doc_get_root(document));
  yyjson_doc_free(document);
  return good;
}

static bool write_packed(const service_call *call, buffer *out) {
  const service_body *body = &call->answer;
  bool has_body = body->kind != SERVICE_BODY_NONE;
  bool good = msgpack_write_map(out, has_body ? 3 : 2) && msgpack_write_text(out, TEXT("status")) &&
              msgpack_write_unsigned(out, call->status) && msgpack_write_text(out, TEXT("headers")) &&
              write_packed_headers(call, out);
  if (!has_body) return good;
  good = good && msgpack_write_text(out, TEXT("body"));
  return good && (body->kind == SERVICE_BODY_JSON ? write_packed_json(body->bytes, out)
                                                  : msgpack_write_bytes(out, body->bytes));
}

bool envelope_write(int32_t format, const service_call *call, buffer *out) {
  return format == ENVELOPE_MESSAGEPACK ? write_packed(call, out) : write_json(call, out);
}
