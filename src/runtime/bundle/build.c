// Which way a function's module is made, and the way by a shell command.
#include "runtime/bundle/build.h"

#include "base/file.h"
#include "base/log.h"
#include "runtime/bundle/process.h"
#include "runtime/bundle/source_tree.h"

#include <stdlib.h>

ubiq_error *build_command(const project *project, const project_function *function, build_stop *stop) {
  source_tree tree;
  ubiq_error *error = source_tree_scan(project->directory, NULL, NULL, &tree);
  uint64_t changed_ns = source_file_changed_ns(function->file);
  if (error != NULL || changed_ns > tree.newest_ns) return error;
  log_info("%s: building: %s", function->name, function->build);
  const char *arguments[] = {"/bin/sh", "-c", function->build, NULL};
  int status = 0;
  error = process_run(arguments, project->directory, stop, NULL, &status);
  if (error != NULL) return error;
  if (status != 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: the build command `%s` ended with exit code %d; expected 0",
                          function->name, function->build, status);
  if (!file_exists(function->file))
    return ubiq_error_new(UBIQ_NOT_FOUND, "%s: the build command `%s` did not make %s", function->name, function->build,
                          function->file);
  return NULL;
}

ubiq_error *build_function(const project *project, const project_function *function, build_stop *stop, char **file) {
  if (build_stop_is_asked(stop)) return build_stop_error();
  if (function->origin == PROJECT_SOURCE) return build_source(function->file, function->stack_bytes, stop, file);
  if (function->build != NULL) {
    ubiq_error *error = build_command(project, function, stop);
    if (error != NULL) return error;
  }
  *file = strdup(function->file);
  return *file == NULL ? ubiq_error_no_memory() : NULL;
}
