// A file's table is read key by key into the file's arena; what is expected as JSON stays what toml_parse made of it.
#include "cli/test_case.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/test_fields.h"
#include "cli/test_schedule.h"

#include <ctype.h>
#include <stdlib.h>

typedef struct reader {
  arena *arena;
  const project *project;
  const char *file_function;        ///< what the file's name says
  const project_function *function; ///< of the case; NULL: none is known
  test_case *out;
  bool has_json;  ///< the request's body is JSON
  bool is_turn;   ///< of a schedule, which is not a request that the case says
  test_turn turn; ///< then
} reader;

#define CHECK_KEYS(value, ...)                                                                                         \
  json_check_keys(value, (const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

// ------------------------------------------------------------------------------------------------ values

static const project_function *find_function(const project *project, text name) {
  for (size_t i = 0; i < project->functions_count; i++)
    if (text_equal_string(name, project->functions[i].name)) return &project->functions[i];
  return NULL;
}

// ----------------------------------------------------------------------------------------------- request

static bool append_escaped(buffer *out, text value) {
  bool is_good = true;
  for (size_t i = 0; is_good && i < value.size; i++) {
    unsigned char c = (unsigned char)value.data[i];
    bool is_plain = (c < 0x80 && isalnum(c)) || (c != '\0' && strchr("-._~", c) != NULL);
    is_good = is_plain ? buffer_append_byte(out, c) : buffer_printf(out, "%%%02X", c);
  }
  return is_good;
}

static ubiq_error *add_query(buffer *path, text name, const json_value *value) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  bool is_first = path->size == 0 || memchr(path->data, '?', path->size) == NULL;
  bool is_good = buffer_append_byte(path, is_first ? '?' : '&') && append_escaped(path, name) &&
                 buffer_append_byte(path, '=') && append_escaped(path, found);
  return is_good ? NULL : ubiq_error_no_memory();
}

/// Texts, and arrays of them for names that come several times.
static ubiq_error *add_queries(buffer *path, const json_value *query) {
  json_value field = {0};
  ubiq_error *error = json_is_absent(query) ? NULL : json_expect_object(query);
  while (error == NULL && json_next_field(query, &field)) {
    json_value item = {0};
    if (!yyjson_is_arr(field.value))
      error = add_query(path, field.key, &field);
    else
      while (error == NULL && json_next_item(&field, &item)) error = add_query(path, field.key, &item);
  }
  return error;
}

/// The route's path where the case says none.
static ubiq_error *default_path(const reader *self, const json_value *path, buffer *out) {
  if (self->function == NULL)
    return json_wrong(path, "a path such as \"/greet\", or `function`, whose route is taken then");
  text route = self->function->path;
  if (route.size == 0)
    return json_wrong(path, "a path such as \"/greet\": the function %s has no route", self->function->name);
  if (memchr(route.data, '{', route.size) != NULL)
    return json_wrong(path, "a path for the route %.*s of %s, which has parameters", (int)route.size, route.data,
                      self->function->name);
  return buffer_append(out, route.data, route.size) ? NULL : ubiq_error_no_memory();
}

static ubiq_error *given_path(const json_value *path, buffer *out) {
  text found;
  ubiq_error *error = json_get_text(path, &found);
  if (error != NULL) return error;
  if (found.size == 0 || found.data[0] != '/') return json_wrong(path, "a path that begins with a slash");
  return buffer_append(out, found.data, found.size) ? NULL : ubiq_error_no_memory();
}

static ubiq_error *read_path(reader *self, const json_value *request) {
  json_value path = json_field(request, "path"), query = json_field(request, "query");
  buffer made = {0};
  ubiq_error *error = json_is_absent(&path) ? default_path(self, &path, &made) : given_path(&path, &made);
  if (error == NULL) error = add_queries(&made, &query);
  if (error == NULL) self->out->path = arena_string(self->arena, (const char *)made.data, made.size);
  buffer_free(&made);
  return error == NULL && self->out->path == NULL ? ubiq_error_no_memory() : error;
}

static ubiq_error *read_body(reader *self, const json_value *request) {
  if (self->is_turn) {
    self->has_json = false;
    self->out->body = self->turn.input;
    return NULL;
  }
  return test_fields_body(self->arena, request, &self->out->body, &self->has_json);
}

static ubiq_error *read_method(reader *self, const json_value *request) {
  json_value method = json_field(request, "method");
  if (!json_is_absent(&method)) return test_fields_string(self->arena, &method, &self->out->method);
  bool has_own = self->function != NULL && self->function->method.size > 0;
  json_value body = json_field(request, "body");
  bool has_body = self->is_turn || self->has_json || !json_is_absent(&body);
  text found = has_own ? self->function->method : has_body ? TEXT("POST") : TEXT("GET");
  self->out->method = arena_string(self->arena, found.data, found.size);
  return self->out->method == NULL ? ubiq_error_no_memory() : NULL;
}

static bool has_header(const test_case *test, const char *name) {
  bool found = false;
  for (size_t i = 0; !found && i < test->headers_count; i++) found = strcmp(test->headers[i].name, name) == 0;
  return found;
}

/// What the request has beside the headers that the case names. A pattern of hosts is for the case to make one of.
static ubiq_error *read_request_headers(reader *self, const json_value *request) {
  test_case *out = self->out;
  json_value headers = json_field(request, "headers");
  fetch_header *list = NULL;
  ubiq_error *error = test_fields_headers(self->arena, &headers, TEST_HEADERS_OWN, &list, &out->headers_count);
  if (error != NULL) return error;
  out->headers = list;
  if (self->is_turn) memcpy(list, self->turn.headers, sizeof self->turn.headers);
  if (self->is_turn) out->headers_count = TEST_TURN_HEADERS;
  if (self->has_json && !has_header(out, "content-type"))
    list[out->headers_count++] = (fetch_header){"content-type", "application/json"};
  text host = self->function == NULL ? (text){0} : self->function->host;
  if (host.size == 0 || host.data[0] == '*' || has_header(out, "host")) return NULL;
  list[out->headers_count] = (fetch_header){"host", arena_string(self->arena, host.data, host.size)};
  return list[out->headers_count++].value == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_request(reader *self, const json_value *test) {
  json_value request = json_field(test, "request");
  ubiq_error *error = json_is_absent(&request) ? NULL : json_expect_object(&request);
  if (error == NULL && self->is_turn)
    error = CHECK_KEYS(&request, "method", "path");
  else if (error == NULL)
    error = CHECK_KEYS(&request, "method", "path", "query", "headers", "body", "json");
  if (error == NULL) error = read_body(self, &request);
  if (error == NULL) error = read_path(self, &request);
  if (error == NULL) error = read_method(self, &request);
  return error != NULL ? error : read_request_headers(self, &request);
}

// ----------------------------------------------------------------------------------- what is expected

static ubiq_error *read_expected_body(test_case *out, const json_value *expect) {
  json_value body = json_field(expect, "body"), json = json_field(expect, "json");
  out->expects_body = !json_is_absent(&body);
  out->expected_json = json.value;
  if (out->expects_body && json.value != NULL)
    return json_error(&json, "stands beside \"body\"; expected one of the two");
  return out->expects_body ? json_get_text(&body, &out->expected_body) : NULL;
}

static ubiq_error *read_expect(reader *self, const json_value *test) {
  json_value expect = json_field(test, "expect");
  ubiq_error *error = json_is_absent(&expect) ? NULL : json_expect_object(&expect);
  if (error == NULL) error = CHECK_KEYS(&expect, "status", "headers", "body", "json");
  if (error != NULL) return error;
  json_value status = json_field(&expect, "status"), headers = json_field(&expect, "headers");
  uint64_t number = 200;
  fetch_header *list = NULL;
  if (!json_is_absent(&status)) error = json_get_u64(&status, 100, 599, &number);
  if (error == NULL) error = test_fields_headers(self->arena, &headers, 0, &list, &self->out->expected_headers_count);
  self->out->status = (unsigned)number;
  self->out->expected_headers = list;
  return error != NULL ? error : read_expected_body(self->out, &expect);
}

// ---------------------------------------------------------------------------------------------- the file

/// A turn is its schedule's function's.
static ubiq_error *read_schedule(reader *self, const json_value *test) {
  json_value schedule = json_field(test, "schedule"), function = json_field(test, "function");
  self->is_turn = !json_is_absent(&schedule);
  if (!self->is_turn) return NULL;
  if (!self->out->has_time) return json_error(&schedule, "stands without \"time\"; expected the time of a turn");
  if (!json_is_absent(&function))
    return json_error(&function, "stands beside \"schedule\", which says whose turn it is");
  ubiq_error *error = test_turn_read(self->arena, self->project, &schedule, self->out->time_ns, &self->turn);
  self->out->problem = self->turn.problem;
  return error;
}

static ubiq_error *read_function(reader *self, const json_value *test) {
  json_value named = json_field(test, "function");
  text name = text_of(self->is_turn ? self->turn.function : self->file_function);
  ubiq_error *error = json_is_absent(&named) ? NULL : json_get_text(&named, &name);
  if (error != NULL) return error;
  self->function = find_function(self->project, name);
  self->out->function = self->function == NULL ? "" : self->function->name;
  bool is_wrong = self->function == NULL && !json_is_absent(&named);
  return is_wrong ? json_wrong(&named, "the name of a function of " PROJECT_FILE) : NULL;
}

static ubiq_error *read_name(reader *self, const json_value *test) {
  json_value name = json_field(test, "name");
  ubiq_error *error = test_fields_string(self->arena, &name, &self->out->name);
  bool is_bad = error == NULL && (self->out->name[0] == '\0' || strchr(self->out->name, '\n') != NULL);
  return is_bad ? json_wrong(&name, "one line that says what is tested") : error;
}

static ubiq_error *read_time(reader *self, const json_value *test) {
  json_value time = json_field(test, "time");
  text found;
  int64_t unix_ms = 0;
  self->out->has_time = !json_is_absent(&time);
  if (!self->out->has_time) return NULL;
  ubiq_error *error = json_get_text(&time, &found);
  if (error == NULL && (!clock_parse(found, &unix_ms) || unix_ms < 0)) error = json_wrong(&time, CLOCK_TEXT_FORM);
  self->out->time_ns = (uint64_t)unix_ms * CLOCK_NS_PER_MS;
  return error;
}

static ubiq_error *read_http(reader *self, const json_value *test) {
  json_value http = json_field(test, "http");
  self->out->has_http = !json_is_absent(&http);
  return self->out->has_http ? test_http_read(self->arena, &http, &self->out->http, &self->out->http_count) : NULL;
}

static ubiq_error *read_services(reader *self, const json_value *test) {
  json_value services = json_field(test, "service");
  if (json_is_absent(&services)) return NULL;
  return test_http_read_services(self->arena, &services, &self->out->services, &self->out->services_count);
}

static ubiq_error *read_case(reader *self, const json_value *test) {
  ubiq_error *error = json_expect_object(test);
  if (error == NULL)
    error = CHECK_KEYS(test, "name", "function", "time", "schedule", "http", "service", "request", "expect");
  if (error == NULL) error = read_name(self, test);
  if (error == NULL) error = read_time(self, test);
  if (error == NULL) error = read_schedule(self, test);
  if (error == NULL) error = read_function(self, test);
  if (error == NULL) error = read_http(self, test);
  if (error == NULL) error = read_services(self, test);
  if (error == NULL) error = read_request(self, test);
  return error != NULL ? error : read_expect(self, test);
}

static ubiq_error *read_cases(test_file *self, const project *project) {
  json_value root = toml_root(self->document), cases = json_field(&root, "case"), item = {0};
  ubiq_error *error = CHECK_KEYS(&root, "case");
  if (error == NULL) error = json_is_absent(&cases) ? json_wrong(&cases, "test cases: [[case]]") : NULL;
  if (error == NULL) error = json_expect_array(&cases);
  if (error != NULL) return error;
  const char *slash = strrchr(self->path, '/'), *name = slash == NULL ? self->path : slash + 1;
  reader reader = {.arena = &self->arena, .project = project};
  reader.file_function = arena_string(&self->arena, name, strlen(name) - strlen(TEST_CASE_SUFFIX));
  self->cases = arena_array(&self->arena, json_count(&cases) + 1, sizeof *self->cases);
  if (self->cases == NULL || reader.file_function == NULL) return ubiq_error_no_memory();
  while (error == NULL && json_next_item(&cases, &item)) {
    reader.out = &self->cases[self->cases_count++];
    error = read_case(&reader, &item);
  }
  return error;
}

ubiq_error *test_file_parse(const project *project, const char *path, const void *data, size_t size, test_file **out) {
  test_file *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  arena_init(&self->arena);
  const char *shown = strncmp(path, "./", 2) == 0 ? path + 2 : path;
  self->path = arena_string(&self->arena, shown, strlen(shown));
  ubiq_error *error = self->path == NULL ? ubiq_error_no_memory() : NULL;
  if (error == NULL) error = toml_parse(self->path, data, size, &self->document);
  if (error == NULL) error = read_cases(self, project);
  if (error == NULL)
    *out = self;
  else
    test_file_delete(self);
  return error;
}

ubiq_error *test_file_read(const project *project, const char *path, test_file **out) {
  buffer bytes = {0};
  ubiq_error *error = file_read_all(path, TEST_CASE_FILE_BYTES_MAX, &bytes);
  if (error == NULL) error = test_file_parse(project, path, bytes.data, bytes.size, out);
  buffer_free(&bytes);
  return error;
}

void test_file_delete(test_file *self) {
  if (self == NULL) return;
  toml_delete(self->document);
  arena_free(&self->arena);
  free(self);
}
