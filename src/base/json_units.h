// Durations and sizes as JSON and TOML say them, with the places of what is wrong.
#ifndef BASE_JSON_UNITS_H
#define BASE_JSON_UNITS_H

#include "base/json.h"

/// `"500ms"`, `"30s"` or a number of milliseconds, from 1. Errors: `invalid_input` with the place.
ubiq_error *json_get_duration(const json_value *value, uint64_t *milliseconds);

/// The same of a key of an object; `*milliseconds` stays as it is where the key is absent.
ubiq_error *json_read_duration(const json_value *object, const char *key, uint64_t *milliseconds);

/// `"64MiB"`, `"512KiB"` or a number of bytes, at most `max`. Errors: `invalid_input` with the place.
ubiq_error *json_get_size(const json_value *value, uint64_t max, uint64_t *bytes);

#endif
