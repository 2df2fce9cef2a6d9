// A function that can be run: its compiled plugin, its export and its limits. It never changes: any thread.
#ifndef RUNTIME_PROJECT_FUNCTION_H
#define RUNTIME_PROJECT_FUNCTION_H

#include "plugin/plugin.h"
#include "runtime/pool/function_pool.h"
#include "runtime/project/project.h"
#include "services/permissions/permissions.h"

typedef struct function {
  const char *name; ///< borrowed from the project
  compiled *compiled;
  compiled_function entry; ///< the export
  limits limits;
  bool is_private;             ///< what it keeps is its own
  uint32_t weight;             ///< its share of a worker's time, beside others'
  plugin_limits plugin_limits; ///< the same, in the plugin's terms
  function_pool pool;          ///< of its instances
  project_wire wire;
  project_input input;
  project_auth auth;
  permission_set *permissions; ///< what it may ask services for; what it counts is written by workers
  const cors *cors;            ///< NULL: none. Borrowed from the project
  const char *content_type;    ///< of its answers; NULL: found from what it answers. Borrowed from the project
} function;

/// Loads what `file` (made by build_function) holds. With `files`, which is borrowed for the call, `file` and all that it
/// names are of these, and a manifest among them is not trusted; NULL: they are this machine's. Those files are compiled
/// by `compiler`, borrowed for the call; NULL: by this thread. `self` borrows from `settings`, which must outlive it.
/// On success the caller owns what is in it (function_close). Errors: those of ubiq_compiled_new and
/// compiled_function_find.
ubiq_error *function_open(function *self, const project_function *settings, const char *file, const ubiq_files *files,
                          const engine_compiler *compiler);

/// Makes an instance in each part of the engine and ends it. Errors: those of plugin_new.
ubiq_error *function_warm(const function *self);

void function_close(function *self);

#endif
