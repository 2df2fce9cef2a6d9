#include "runtime/project/project_routes.h"

#include "base/arena.h"

static ubiq_error *give_route(arena *arena, project_function *function) {
  const size_t before = strlen(PROJECT_TEST_ROUTES), size = strlen(function->name);
  char *path = arena_alloc(arena, before + size);
  if (path == NULL) return ubiq_error_no_memory();
  memcpy(path, PROJECT_TEST_ROUTES, before);
  memcpy(path + before, function->name, size);
  function->path = (text){path, before + size};
  return NULL;
}

ubiq_error *project_route_all(project *self) {
  project_function *functions = arena_array(self->arena, self->functions_count + 1, sizeof *functions);
  ubiq_error *error = NULL;
  if (functions == NULL) return ubiq_error_no_memory();
  for (size_t i = 0; error == NULL && i < self->functions_count; i++) {
    functions[i] = self->functions[i];
    if (functions[i].path.size == 0) error = give_route(self->arena, &functions[i]);
  }
  if (error == NULL) self->functions = functions;
  return error;
}
