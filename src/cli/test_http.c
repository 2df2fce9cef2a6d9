// Tables are read into the file's arena; what is expected as JSON stays what toml_parse made of it.
#include "cli/test_http.h"

#include "base/fetch_response.h"
#include "cli/test_fields.h"
#include "cli/test_match.h"

#include <ctype.h>

#define CHECK_KEYS(value, ...)                                                                                         \
  json_check_keys(value, (const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

// --------------------------------------------------------------------------------------------------------- reading

static ubiq_error *read_method(arena *arena, const json_value *table, const char **out) {
  json_value method = json_field(table, "method");
  text found;
  if (json_is_absent(&method)) return NULL;
  ubiq_error *error = json_get_text(&method, &found);
  char *made = error == NULL ? arena_string(arena, found.data, found.size) : NULL;
  for (char *at = made; at != NULL && *at != '\0'; at++) *at = (char)toupper((unsigned char)*at);
  *out = made;
  return error == NULL && made == NULL ? ubiq_error_no_memory() : error;
}

static ubiq_error *read_url(const json_value *table, text *out) {
  json_value url = json_field(table, "url");
  ubiq_error *error = json_get_text(&url, out);
  bool is_good = error != NULL || text_starts_with(*out, TEXT("http")) || text_starts_with(*out, TEXT("glob:")) ||
                 text_equal(*out, TEXT("*"));
  return is_good ? error : json_wrong(&url, "a URL, a pattern such as \"glob:https://example.com/*\", or \"*\"");
}

static ubiq_error *read_path(const json_value *table, text *out) {
  json_value path = json_field(table, "path");
  ubiq_error *error = json_get_text(&path, out);
  bool is_good = error != NULL || text_starts_with(*out, TEXT("/v1/")) || text_starts_with(*out, TEXT("glob:/"));
  return is_good ? error : json_wrong(&path, "a path of the API such as \"/v1/kv/a\", or a pattern: \"glob:/v1/kv/*\"");
}

static ubiq_error *read_number(const json_value *table, const char *key, uint64_t min, uint64_t max, unsigned *out) {
  json_value value = json_field(table, key);
  uint64_t number = *out;
  ubiq_error *error = json_is_absent(&value) ? NULL : json_get_u64(&value, min, max, &number);
  *out = (unsigned)number;
  return error;
}

static ubiq_error *read_expected_body(const json_value *table, test_http *out) {
  json_value body = json_field(table, "body"), json = json_field(table, "json");
  out->expects_body = !json_is_absent(&body);
  out->expected_json = json.value;
  if (out->expects_body && json.value != NULL)
    return json_error(&json, "stands beside \"body\"; expected one of the two");
  return out->expects_body ? json_get_text(&body, &out->expected_body) : NULL;
}

static bool has_type(const fetch_header *headers, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(headers[i].name, "content-type") == 0) return true;
  return false;
}

static ubiq_error *read_answer(arena *arena, const json_value *table, test_http *out) {
  json_value answer = json_field(table, "answer");
  if (json_is_absent(&answer)) return NULL;
  out->has_answer = true;
  ubiq_error *error = json_expect_object(&answer);
  if (error == NULL) error = CHECK_KEYS(&answer, "status", "headers", "body", "json");
  if (error != NULL) return error;
  json_value headers = json_field(&answer, "headers");
  fetch_header *list = NULL;
  error = read_number(&answer, "status", 100, 599, &out->status);
  if (error == NULL) error = test_fields_headers(arena, &headers, 1, &list, &out->headers_count);
  if (error == NULL) error = test_fields_body(arena, &answer, &out->body, &out->is_json);
  if (error == NULL && out->is_json && !has_type(list, out->headers_count))
    list[out->headers_count++] = (fetch_header){"content-type", "application/json"};
  out->headers = list;
  return error;
}

static ubiq_error *read_rest(arena *arena, const json_value *table, unsigned times_min, test_http *out) {
  ubiq_error *error = read_method(arena, table, &out->method);
  if (error == NULL) error = read_expected_body(table, out);
  if (error == NULL) error = read_number(table, "times", times_min, 1000000, &out->times);
  return error != NULL ? error : read_answer(arena, table, out);
}

static ubiq_error *read_one(arena *arena, const json_value *table, test_http *out) {
  *out = (test_http){.times = 1, .status = 200};
  ubiq_error *error = json_expect_object(table);
  if (error == NULL) error = CHECK_KEYS(table, "method", "url", "body", "json", "times", "answer");
  if (error == NULL) error = read_url(table, &out->url);
  return error != NULL ? error : read_rest(arena, table, 1, out);
}

static ubiq_error *read_service(arena *arena, const json_value *table, test_http *out) {
  *out = (test_http){.times = 1, .status = 200};
  ubiq_error *error = json_expect_object(table);
  if (error == NULL) error = CHECK_KEYS(table, "method", "path", "body", "json", "times", "answer");
  if (error == NULL) error = read_path(table, &out->url);
  return error != NULL ? error : read_rest(arena, table, 0, out);
}

typedef ubiq_error *(*reading)(arena *arena, const json_value *table, test_http *out);

static ubiq_error *read_list(arena *arena, const json_value *list, reading read, const test_http **out, size_t *count) {
  ubiq_error *error = json_expect_array(list);
  if (error == NULL && json_count(list) > TEST_HTTP_MAX) error = json_wrong(list, "at most %d requests", TEST_HTTP_MAX);
  if (error != NULL) return error;
  test_http *made = arena_array(arena, json_count(list) + 1, sizeof *made);
  if (made == NULL) return ubiq_error_no_memory();
  json_value item = {0};
  *count = 0;
  while (error == NULL && json_next_item(list, &item)) error = read(arena, &item, &made[(*count)++]);
  *out = made;
  return error;
}

ubiq_error *test_http_read(arena *arena, const json_value *list, const test_http **out, size_t *count) {
  return read_list(arena, list, read_one, out, count);
}

ubiq_error *test_http_read_services(arena *arena, const json_value *list, const test_http **out, size_t *count) {
  return read_list(arena, list, read_service, out, count);
}

// ---------------------------------------------------------------------------------------------- matching, answering

static bool is_json_expected(yyjson_val *expected, text body) {
  yyjson_doc *document = body.size == 0 ? NULL : yyjson_read(body.data, body.size, 0);
  buffer differences = {0};
  bool is_same = document != NULL && test_match_json(expected, yyjson_doc_get_root(document), &differences) &&
                 differences.size == 0;
  buffer_free(&differences);
  yyjson_doc_free(document);
  return is_same;
}

bool test_http_matches(const test_http *self, const char *method, text url, text body) {
  if (self->method != NULL && strcmp(self->method, method) != 0) return false;
  if (!test_match_text(self->url, url)) return false;
  if (self->expects_body) return test_match_text(self->expected_body, body);
  return self->expected_json == NULL || is_json_expected(self->expected_json, body);
}

static ubiq_error *take_header(fetch_response *out, const fetch_header *header) {
  buffer line = {0};
  bool good = buffer_printf(&line, "%s: %s\r\n", header->name, header->value);
  ubiq_error *error = good ? fetch_response_take_line(out, (const char *)line.data, line.size) : ubiq_error_no_memory();
  buffer_free(&line);
  return error;
}

ubiq_error *test_http_answer(const test_http *self, uint64_t bytes_max, fetch_response *out) {
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < self->headers_count; i++) error = take_header(out, &self->headers[i]);
  if (error == NULL && self->body.size > 0)
    error = fetch_response_take_body(out, self->body.data, self->body.size, bytes_max);
  out->status = (int)self->status;
  return error;
}
