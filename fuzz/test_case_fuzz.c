/// Files of test cases of any bytes, for a project of two functions: what is read is within its bounds.
#include "cli/test_case.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char settings[] = "[functions.greet]\nwasm = 'm.wasm'\nroute = 'POST /greet'\n"
                               "[functions.user]\nwasm = 'm.wasm'\nroute = 'GET api.example.com/users/{id}'\n";

static void check_http(const test_http *one) {
  if (one->url.size == 0 || one->times == 0 || one->status < 100 || one->status > 599) abort();
  if (one->expects_body && one->expected_json != NULL) abort();
  fetch_response response = {0};
  ubiq_error_delete(test_http_answer(one, 1 << 20, &response));
  fetch_response_free(&response);
}

static void check_case(const test_case *test) {
  if (test->name == NULL || test->name[0] == '\0' || test->function == NULL) abort();
  if (test->method == NULL || test->path == NULL || test->path[0] != '/') abort();
  if (test->status < 100 || test->status > 599 || test->headers_count > FETCH_REQUEST_HEADERS_MAX) abort();
  if (test->http_count > TEST_HTTP_MAX || (test->http_count > 0 && !test->has_http)) abort();
  for (size_t i = 0; i < test->headers_count; i++)
    if (test->headers[i].name == NULL || test->headers[i].value == NULL) abort();
  for (size_t i = 0; i < test->http_count; i++) check_http(&test->http[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  project *project = NULL;
  test_file *file = NULL;
  if (project_parse("dir", "ubiq.toml", settings, sizeof settings - 1, &project) != NULL) abort();
  ubiq_error *error = test_file_parse(project, "dir/greet.test.toml", data, size, &file);
  if ((error == NULL) != (file != NULL)) abort();
  for (size_t i = 0; file != NULL && i < file->cases_count; i++) check_case(&file->cases[i]);
  ubiq_error_delete(error);
  test_file_delete(file);
  project_delete(project);
  return 0;
}
