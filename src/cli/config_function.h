// The settings of one function as they hold, each with where it is said: for people or as JSON.
#ifndef CLI_CONFIG_FUNCTION_H
#define CLI_CONFIG_FUNCTION_H

#include "base/json.h"
#include "cli/table.h"
#include "runtime/project/project.h"

typedef struct config_writer {
  const project_function *function;
  json_value said;         ///< its table in ubiq.toml
  json_value project_pool; ///< [project.pool]; may be absent
  table *table;            ///< for people
  yyjson_mut_doc *document;
  yyjson_mut_val *object; ///< as JSON; NULL: for people
} config_writer;

/// Writes all settings of the function. False when memory is out, as of those below.
bool config_write_function(const config_writer *self);

/// Appends `name=value, ...`. Values are shown: who may read ubiq.toml may read them.
bool config_append_settings(buffer *out, const project_settings *settings);

/// Adds them to an object, a key for each; false for none (NULL).
bool config_fill_settings(yyjson_mut_doc *document, yyjson_mut_val *object, const project_settings *settings);

#endif
