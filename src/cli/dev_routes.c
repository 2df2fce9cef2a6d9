// A route and a curl line for each function that has one.
#include "cli/dev_routes.h"

#include <stdio.h>

static bool has_body(text method) {
  return !text_equal_string(method, "GET") && !text_equal_string(method, "HEAD") &&
         !text_equal_string(method, "DELETE") && !text_equal_string(method, "OPTIONS");
}

/// A path that the template matches: `{name}` becomes `name`.
static void print_example_path(text path) {
  for (size_t i = 0; i < path.size; i++)
    if (path.data[i] != '{' && path.data[i] != '}' && path.data[i] != '.') putchar(path.data[i]);
}

static void print_route(const project_function *function, const char *url) {
  text method = function->method;
  bool needs_method = method.size > 0 && !text_equal_string(method, "GET") && !text_equal_string(method, "POST");
  printf("  %-20s %.*s%s%.*s\n    curl ", function->name, (int)method.size, method.data, method.size > 0 ? " " : "",
         (int)function->path.size, function->path.data);
  if (needs_method) printf("-X %.*s ", (int)method.size, method.data);
  if (has_body(method)) printf("-d Ada ");
  printf("%s", url);
  print_example_path(function->path);
  putchar('\n');
}

void dev_routes_print(const project *project, const char *url) {
  for (size_t i = 0; i < project->functions_count; i++)
    if (project->functions[i].path.size > 0) print_route(&project->functions[i], url);
  fflush(stdout);
}
