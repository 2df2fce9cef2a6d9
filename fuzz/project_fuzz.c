/// ubiq.toml of any bytes: what passes is within its bounds and makes a router, unless two routes collide.
#include "runtime/project/project.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_function(const project_function *function) {
  router_route route;
  if (function->name == NULL || function->file == NULL || function->export_name == NULL) abort();
  if (function->limits.wall_ms == 0 || function->limits.cpu_ms == 0 || function->limits.memory_bytes < 65536) abort();
  if (function->pool.min > function->pool.max || function->pool.interval_ms == 0) abort();
  if (function->pool.idle_ms < function->pool.interval_ms) abort();
  if (function->path.size > 0 && router_route_parse(function->path, &route) != NULL) abort();
}

static void make_router(const project *project) {
  router_route *routes = calloc(project->functions_count, sizeof *routes);
  size_t count = 0;
  if (routes == NULL) return;
  for (size_t i = 0; i < project->functions_count; i++) {
    const project_function *function = &project->functions[i];
    check_function(function);
    if (function->path.size > 0)
      routes[count++] = (router_route){function->method, function->host, function->path, function->name, function};
  }
  router *router = NULL;
  ubiq_error_delete(router_new(routes, count, &router));
  router_delete(router);
  free(routes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  project *project = NULL;
  ubiq_error *error = project_parse("dir", "ubiq.toml", data, size, &project);
  if ((error == NULL) != (project != NULL)) abort();
  if (error == NULL) make_router(project);
  ubiq_error_delete(error);
  project_delete(project);
  return 0;
}
