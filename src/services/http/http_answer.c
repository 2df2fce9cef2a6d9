// What another server answered, as JSON. Nothing of it is trusted: JSON is put in only after it was read.
#include "base/json.h"
#include "base/json_write.h"
#include "base/media_type.h"
#include "services/http/http_call.h"

static bool is_said_before(const fetch_response *response, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (strcmp(response->headers[i].name, response->headers[index].name) == 0) return true;
  return false;
}

/// A name's values from `index` on: the only one alone, several in an array.
static bool write_values(buffer *out, const fetch_response *response, size_t index) {
  const char *name = response->headers[index].name;
  size_t count = 0, written = 0;
  for (size_t i = index; i < response->headers_count; i++) count += strcmp(response->headers[i].name, name) == 0;
  bool good = count == 1 || buffer_append_byte(out, '[');
  for (size_t i = index; good && i < response->headers_count; i++) {
    if (strcmp(response->headers[i].name, name) != 0) continue;
    good =
        (written++ == 0 || buffer_append_byte(out, ',')) && json_write_text(out, text_of(response->headers[i].value));
  }
  return good && (count == 1 || buffer_append_byte(out, ']'));
}

static bool write_headers(buffer *out, const fetch_response *response) {
  bool good = buffer_append_byte(out, '{');
  size_t written = 0;
  for (size_t i = 0; good && i < response->headers_count; i++) {
    if (is_said_before(response, i)) continue;
    good = (written++ == 0 || buffer_append_byte(out, ',')) &&
           json_write_text(out, text_of(response->headers[i].name)) && buffer_append_byte(out, ':') &&
           write_values(out, response, i);
  }
  return good && buffer_append_byte(out, '}');
}

static bool says_json(const fetch_response *response) {
  return media_type_is_json(text_of(fetch_response_header(response, "content-type")));
}

/// Read as the one item of an array, so that it is one value, and not nested too deep for the answer around it. False when
/// memory is out.
static bool read_json(ubiq_bytes body, bool *is_json) {
  buffer array = {0};
  yyjson_doc *document = NULL;
  bool good =
      buffer_append_byte(&array, '[') && buffer_append(&array, body.data, body.size) && buffer_append_byte(&array, ']');
  ubiq_error *error = good ? json_parse("answer", array.data, array.size, &document) : NULL;
  good = good && ubiq_error_code(error) != UBIQ_INTERNAL;
  *is_json = good && error == NULL && yyjson_arr_size(yyjson_doc_get_root(document)) == 1;
  ubiq_error_delete(error);
  yyjson_doc_free(document);
  buffer_free(&array);
  return good;
}

static bool write_base64(buffer *out, ubiq_bytes body) {
  return buffer_append_byte(out, '"') && text_base64_encode(out, body.data, body.size) && buffer_append_byte(out, '"');
}

static bool write_body(buffer *out, const fetch_response *response) {
  const ubiq_bytes body = buffer_bytes(&response->body);
  bool is_json = false;
  if (body.size == 0) return true;
  if (says_json(response) && !read_json(body, &is_json)) return false;
  if (is_json)
    return buffer_append_string(out, ",\"encoding\":\"json\",\"body\":") && buffer_append(out, body.data, body.size);
  if (text_utf8_valid(body.data, body.size))
    return buffer_append_string(out, ",\"encoding\":\"utf8\",\"body\":") &&
           json_write_text(out, (text){(const char *)body.data, body.size});
  return buffer_append_string(out, ",\"encoding\":\"base64\",\"body\":") && write_base64(out, body);
}

static bool write_url(buffer *out, const char *url) {
  return buffer_append_string(out, ",\"url\":") && json_write_text(out, text_of(url));
}

bool http_answer_write(buffer *out, const fetch_response *response, bool says_url) {
  return buffer_printf(out, "{\"status\":%d,\"headers\":", response->status) && write_headers(out, response) &&
         write_body(out, response) && (!says_url || response->url == NULL || write_url(out, response->url)) &&
         buffer_append_byte(out, '}');
}
