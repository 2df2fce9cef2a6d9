// The request goes over a socket of this machine to a server of this process: nothing is different for a function that is
// tested.
#include "cli/test_run.h"

#include "base/clock.h"
#include "cli/test_match.h"

#include <stdlib.h>

enum { ANSWER_BYTES_MAX = 1 << 30 };

static bool check_status(const test_case *test, const fetch_response *response, buffer *out) {
  if ((unsigned)response->status == test->status) return true;
  yyjson_doc *problem = yyjson_read((const char *)response->body.data, response->body.size, 0);
  yyjson_val *detail = yyjson_obj_get(yyjson_doc_get_root(problem), "detail");
  bool good = buffer_printf(out, "status: expected %u, is %d", test->status, response->status);
  if (yyjson_is_str(detail))
    good = good && buffer_append_string(out, " (") &&
           text_escape(out, (text){yyjson_get_str(detail), yyjson_get_len(detail)}) && buffer_append_byte(out, ')');
  yyjson_doc_free(problem);
  return good && buffer_append_byte(out, '\n');
}

/// A name that comes several times matches with one of its values.
static bool check_header(const fetch_header *expected, const fetch_response *response, buffer *out) {
  const char *found = NULL;
  for (size_t i = 0; i < response->headers_count; i++) {
    if (strcmp(response->headers[i].name, expected->name) != 0) continue;
    found = response->headers[i].value;
    if (test_match_text(text_of(expected->value), text_of(found))) return true;
  }
  bool good = buffer_append_string(out, "header ") && text_escape(out, text_of(expected->name)) &&
              buffer_append_string(out, ": expected ") && text_escape(out, text_of(expected->value)) &&
              buffer_append_string(out, found == NULL ? ", is absent" : ", is ");
  return good && text_escape(out, text_of(found)) && buffer_append_byte(out, '\n');
}

static bool check_text(const test_case *test, text body, buffer *out) {
  if (test_match_text(test->expected_body, body)) return true;
  return buffer_append_string(out, "body:\n") && test_match_lines(test->expected_body, body, out);
}

static bool check_json(const test_case *test, text body, buffer *out) {
  yyjson_doc *document = yyjson_read(body.data, body.size, 0);
  if (document == NULL)
    return buffer_append_string(out, "body: expected JSON, is\n") && test_match_lines((text){0}, body, out);
  buffer differences = {0};
  bool good = test_match_json(test->expected_json, yyjson_doc_get_root(document), &differences);
  if (differences.size > 0)
    good = good && buffer_append_string(out, "json:\n") && buffer_append(out, differences.data, differences.size);
  buffer_free(&differences);
  yyjson_doc_free(document);
  return good;
}

static bool check(const test_case *test, const fetch_response *response, buffer *out) {
  text body = {response->body.data == NULL ? "" : (const char *)response->body.data, response->body.size};
  bool good = check_status(test, response, out);
  for (size_t i = 0; good && i < test->expected_headers_count; i++)
    good = check_header(&test->expected_headers[i], response, out);
  if (good && test->expects_body) good = check_text(test, body, out);
  if (good && test->expected_json != NULL) good = check_json(test, body, out);
  return good;
}

/// What is asked for is this machine, and what redirects is an answer.
static ubiq_error *ask(const test_case *test, const char *url, fetch_client *client, fetch_response *out) {
  buffer place = {0};
  const fetch_policy policy = {.gate = &net_gate_private, .any_host_header = true};
  const fetch_request request = {
      .method = test->method,
      .headers = test->headers,
      .headers_count = test->headers_count,
      .body = (const uint8_t *)test->body.data,
      .body_size = test->body.size,
      .response_bytes_max = ANSWER_BYTES_MAX,
      .keeps_redirects = true,
      .policy = &policy,
  };
  fetch_request sent = request;
  bool good = buffer_printf(&place, "%s%s", url, test->path);
  sent.url = good ? buffer_string(&place) : NULL;
  ubiq_error *error = sent.url == NULL ? ubiq_error_no_memory() : fetch_client_perform(client, &sent, NULL, out);
  buffer_free(&place);
  return error;
}

/// A case that asks for what there is not has failed.
static ubiq_error *tell_problem(const test_case *test, test_result *out) {
  buffer line = {0};
  bool good = buffer_printf(&line, "%s\n", test->problem) && (out->differences = buffer_take_string(&line)) != NULL;
  buffer_free(&line);
  return good ? NULL : ubiq_error_no_memory();
}

ubiq_error *test_run(const test_file *file, const test_case *test, const char *url, fetch_client *client,
                     test_world *world, test_result *out) {
  buffer differences = {0};
  fetch_response response = {0};
  *out = (test_result){.file = file, .test = test};
  if (test->problem != NULL) return tell_problem(test, out);
  uint64_t began_ns = clock_monotonic_ns();
  test_world_begin(world, test);
  ubiq_error *error = ask(test, url, client, &response);
  out->duration_us = (clock_monotonic_ns() - began_ns) / 1000;
  bool good = test_world_end(world, &differences);
  if (good)
    good = error == NULL ? check(test, &response, &differences)
                         : buffer_append_string(&differences, "request: ") &&
                               text_escape(&differences, text_of(ubiq_error_message(error))) &&
                               buffer_append_byte(&differences, '\n');
  ubiq_error_delete(error);
  fetch_response_free(&response);
  if (good && differences.size > 0) good = (out->differences = buffer_take_string(&differences)) != NULL;
  buffer_free(&differences);
  return good ? NULL : ubiq_error_no_memory();
}
