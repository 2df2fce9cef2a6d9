// Every function of a project is built and loaded, or there is no release at all.
#include "runtime/release.h"

#include "base/log.h"
#include "runtime/build.h"

#include <stdlib.h>

static ubiq_error *open_functions(release *self) {
  const project *project = self->project;
  ubiq_error *error = NULL;
  for (size_t i = 0; i < project->functions_count && error == NULL; i++) {
    char *file = NULL;
    error = build_function(project, &project->functions[i], &file);
    if (error == NULL) error = function_open(&self->functions[i], &project->functions[i], file);
    free(file);
  }
  return error;
}

static ubiq_error *make_router(release *self) {
  const project *project = self->project;
  router_route *routes = calloc(project->functions_count, sizeof *routes);
  if (routes == NULL) return ubiq_error_no_memory();
  size_t count = 0;
  for (size_t i = 0; i < project->functions_count; i++) {
    const project_function *function = &project->functions[i];
    if (function->path.size == 0)
      log_warn("%s: has no route, so that no request reaches it", function->name);
    else
      routes[count++] = (router_route){function->method, function->path, function->name, &self->functions[i]};
  }
  ubiq_error *error = router_new(routes, count, &self->router);
  free(routes);
  return error;
}

ubiq_error *release_new(project *project, release **out) {
  release *self = calloc(1, sizeof *self);
  function *functions = calloc(project->functions_count, sizeof *functions);
  if (self == NULL || functions == NULL) {
    free(self);
    free(functions);
    project_delete(project);
    return ubiq_error_no_memory();
  }
  atomic_init(&self->owners, 1);
  self->project = project;
  self->functions = functions;
  ubiq_error *error = open_functions(self);
  if (error == NULL) error = make_router(self);
  if (error == NULL)
    *out = self;
  else
    release_delete(self);
  return error;
}

ubiq_error *release_read(const char *directory, release **out) {
  project *project;
  ubiq_error *error = project_read(directory, &project);
  return error != NULL ? error : release_new(project, out);
}

release *release_retain(release *self) {
  atomic_fetch_add_explicit(&self->owners, 1, memory_order_relaxed);
  return self;
}

void release_delete(release *self) {
  if (self == NULL || atomic_fetch_sub_explicit(&self->owners, 1, memory_order_acq_rel) > 1) return;
  for (size_t i = 0; i < self->project->functions_count; i++) function_close(&self->functions[i]);
  free(self->functions);
  router_delete(self->router);
  project_delete(self->project);
  free(self);
}
