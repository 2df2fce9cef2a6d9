// A route and a curl line for each function that has one.
#include "cli/dev_routes.h"

#include <stdio.h>
#include <string.h>

static bool has_body(text method) {
  return !text_equal_string(method, "GET") && !text_equal_string(method, "HEAD") &&
         !text_equal_string(method, "DELETE") && !text_equal_string(method, "OPTIONS");
}

static bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("/-_.:%+,@=", c) != NULL;
}

static bool is_plain_for_shells(text path) {
  for (size_t i = 0; i < path.size; i++)
    if (!is_plain(path.data[i]) && path.data[i] != '{' && path.data[i] != '}') return false;
  return true;
}

/// A path that the template matches: `{name}` and `{name...}` become `name`. Within single quotes a shell takes all but
/// those as it is.
static void print_example_path(text path) {
  bool is_name = false;
  for (size_t i = 0; i < path.size; i++) {
    char c = path.data[i];
    if (c == '{' || c == '}')
      is_name = c == '{';
    else if (c == '\'')
      fputs("'\\''", stdout);
    else if (!is_name || c != '.')
      putchar(c);
  }
}

/// A component is handed what it is sent as JSON.
static const char *example_body(const project_function *function) {
  return function->wire == PROJECT_WIRE_COMPONENT ? "--json '{\"name\": \"Ada\"}' " : "-d Ada ";
}

/// Options for anything but what curl does by itself. An answer to HEAD has no body, which curl waits for without -I.
static void print_options(const project_function *function) {
  const text method = function->method;
  bool is_usual = method.size == 0 || text_equal_string(method, "GET") || text_equal_string(method, "POST");
  if (text_equal_string(method, "HEAD"))
    printf("-I ");
  else if (!is_usual)
    printf("-X %.*s ", (int)method.size, method.data);
  if (has_body(method)) fputs(example_body(function), stdout);
}

/// A host that the route answers for; one below a pattern.
static void print_host(text host) {
  if (host.size == 0) return;
  bool is_pattern = host.data[0] == '*';
  printf("-H 'Host: %s%.*s' ", is_pattern ? "www" : "", (int)(host.size - is_pattern), host.data + is_pattern);
}

static void print_route(const project_function *function, const char *url) {
  text method = function->method;
  const char *quote = is_plain_for_shells(function->path) ? "" : "'";
  text host = function->host;
  printf("  %-20s %.*s%s%.*s%.*s\n    curl ", function->name, (int)method.size, method.data, method.size > 0 ? " " : "",
         (int)host.size, host.data, (int)function->path.size, function->path.data);
  print_options(function);
  print_host(host);
  printf("%s%s", quote, url);
  print_example_path(function->path);
  printf("%s\n", quote);
}

void dev_routes_print(const project *project, const char *url) {
  for (size_t i = 0; i < project->functions_count; i++)
    if (project->functions[i].path.size > 0) print_route(&project->functions[i], url);
  fflush(stdout);
}
