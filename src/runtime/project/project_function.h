// The tables [functions.NAME] of ubiq.toml; for project.c.
#ifndef RUNTIME_PROJECT_PROJECT_FUNCTION_H
#define RUNTIME_PROJECT_PROJECT_FUNCTION_H

#include "base/json.h"
#include "runtime/project/project.h"

/// What the project says for functions that do not say it themselves. All that is pointed to is the project's.
typedef struct project_defaults {
  pool_settings pool;
  const cors *cors;          ///< NULL: none
  const auth_settings *auth; ///< of all functions; NULL: nobody is known
  const text *permissions;   ///< that every function has
  size_t permissions_count;
} project_defaults;

/// Reads an array of permissions into a list behind those of `more`, copied. Errors: `invalid_input` with the place,
/// out of memory.
ubiq_error *project_read_permissions(arena *arena, const json_value *value, const project_defaults *more,
                                     const text **out, size_t *count);

/// Reads all functions, and with them the project's triggers. Errors: `invalid_input` with the place, out of memory.
ubiq_error *project_read_functions(project *self, const json_value *value, const project_defaults *defaults);

#endif
