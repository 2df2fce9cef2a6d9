// The tables `files` of ubiq.toml.
#ifndef RUNTIME_PROJECT_PROJECT_FILES_H
#define RUNTIME_PROJECT_PROJECT_FILES_H

#include "base/arena.h"
#include "base/json.h"
#include "runtime/project/project.h"

/// Reads them into `project`, whose arena and directory they use. Errors: `invalid_input` with the place.
ubiq_error *project_read_files(project *project, const json_value *value);

#endif
