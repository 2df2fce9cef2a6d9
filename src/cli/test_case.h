// Test cases beside the functions of a project: files `NAME.test.toml`.
//
//     [[case]]
//     name = "greets by name"
//     function = "greet"                 # default: the file's name
//     time = "2026-01-01T00:00:00Z"      # what the wall clock shows the function; default: the time that it is
//     schedule = "nightly"               # or in place of a request: its turn at `time` (test_schedule.h)
//     [case.request]
//     method = "POST"                    # default: the route's, else POST with a body and GET without
//     path = "/greet/Ada"                # default: the route's, when it has no {parameters}
//     query = { tag = ["a", "b"] }
//     headers = { accept = "text/plain" }
//     body = "text"                      # or json = { ... }
//     [case.expect]
//     status = 200                       # the default
//     headers = { content-type = "glob:text/plain*" }
//     body = "Hello, Ada!"               # or json = { ... }; texts may be matchers (test_match.h)
//     [[case.http]]                      # requests of the function's own (test_http.h); default: they go out
//     [[case.service]]                   # and of the platform: what is not here the services answer, which begin empty
#ifndef CLI_TEST_CASE_H
#define CLI_TEST_CASE_H

#include "base/arena.h"
#include "base/fetch.h"
#include "base/toml.h"
#include "cli/test_http.h"
#include "runtime/project/project.h"

#define TEST_CASE_SUFFIX ".test.toml"

enum { TEST_CASE_FILE_BYTES_MAX = 4 << 20 };

typedef struct test_case {
  const char *name;
  const char *function; ///< "" when the file is named like none and the case names none
  const char *method;
  const char *path;            ///< with the query
  const fetch_header *headers; ///< with `content-type` for `json`, and `host` where the route has one
  size_t headers_count;
  text body;
  const char *problem; ///< why nothing can be asked for; NULL: it can
  unsigned status;
  const fetch_header *expected_headers; ///< names in lower case; values may be matchers
  size_t expected_headers_count;
  bool expects_body;         ///< else it is not looked at
  text expected_body;        ///< text of an answer
  yyjson_val *expected_json; ///< or the value that it is; NULL: it is not looked at
  bool has_time;             ///< else the clock is the system's
  uint64_t time_ns;          ///< since 1970
  bool has_http;             ///< `http` is all that the function may ask for; else its requests go out
  const test_http *http;
  size_t http_count;
  const test_http *services; ///< what it is to ask the platform for; what is not among them the services answer
  size_t services_count;
} test_case;

/// The cases of one file. What they point to is the file's.
typedef struct test_file {
  const char *path;
  test_case *cases;
  size_t cases_count;
  toml_document *document;
  arena arena;
} test_file;

/// Reads the cases of a file for a project's functions. `*out` is the caller's (test_file_delete). Errors: those of
/// file_read_all and toml_parse; `invalid_input` with file, line and column.
ubiq_error *test_file_read(const project *project, const char *path, test_file **out);

/// The same for what is in a file whose name is `path`.
ubiq_error *test_file_parse(const project *project, const char *path, const void *data, size_t size, test_file **out);

/// NULL is allowed.
void test_file_delete(test_file *self);

#endif
