// Settings in ubiq.toml: of a function, of an environment, of the project.
//
//     [config]
//     greeting = "Hello"
//
//     [environments.staging.config]   # where `ubiq serve --environment staging` serves it
//     greeting = "Hello, staging"
//
// A function's own `config` comes before both. Names and values are strings without a NUL; values may be empty.
#ifndef RUNTIME_PROJECT_PROJECT_SETTINGS_H
#define RUNTIME_PROJECT_PROJECT_SETTINGS_H

#include "base/arena.h"
#include "base/json.h"
#include "runtime/project/project.h"

/// Reads a table of settings into the arena. Errors: `invalid_input`, with the place.
ubiq_error *project_read_settings(const json_value *value, arena *arena, project_settings *out);

/// Reads [environments]. Errors: as above.
ubiq_error *project_read_environments(const json_value *value, arena *arena, project *out);

/// The environment of this name; NULL: the project has none.
const project_environment *project_find_environment(const project *self, text name);

/// Finds a setting of `function` (NULL: of none), of the environment (empty: of none), of the project. Borrowed from
/// the project. False when there is none.
bool project_find_setting(const project *self, const project_function *function, text environment, text name,
                          text *out);

#endif
