// Durations and sizes in ubiq.toml, with the places of what is wrong.
#ifndef RUNTIME_PROJECT_VALUES_H
#define RUNTIME_PROJECT_VALUES_H

#include "base/json.h"

/// `"500ms"`, `"30s"` or a number of milliseconds, from 1. Errors: `invalid_input` with the place.
ubiq_error *project_read_duration(const json_value *value, uint64_t *milliseconds);

/// `"64MiB"`, `"512KiB"` or a number of bytes, at most `max`. Errors: `invalid_input` with the place.
ubiq_error *project_read_size(const json_value *value, uint64_t max, uint64_t *bytes);

#endif
