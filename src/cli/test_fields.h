// What the tables of test cases have in common: texts, headers and JSON, copied into a file's arena.
#ifndef CLI_TEST_FIELDS_H
#define CLI_TEST_FIELDS_H

#include "base/arena.h"
#include "base/fetch.h"
#include "base/json.h"

enum { TEST_HEADERS_OWN = 4, TEST_HEADERS_MAX = FETCH_REQUEST_HEADERS_MAX - TEST_HEADERS_OWN };

/// A string without a NUL in it.
ubiq_error *test_fields_string(arena *arena, const json_value *value, const char **out);

/// A table of names, made lower case, and texts; one that is absent has none. There is room for `more` behind them.
ubiq_error *test_fields_headers(arena *arena, const json_value *value, size_t more, fetch_header **out, size_t *count);

/// A value as JSON text.
ubiq_error *test_fields_json(arena *arena, yyjson_val *value, text *out);

/// What a table has under `body`, a text, or `json`, any value as its text: one of the two or neither, and nothing is
/// written then.
ubiq_error *test_fields_body(arena *arena, const json_value *table, text *out, bool *is_json);

#endif
