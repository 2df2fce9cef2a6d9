// Tables whose keys are known beforehand: which keys one may have, and reading those that it has.
#ifndef BASE_JSON_TABLE_H
#define BASE_JSON_TABLE_H

#include "base/json.h"

enum { JSON_KEYS_MAX = 64 };

/// What keys a table may have: an array of rows of any type whose first member is the key's name, a `const char *`.
typedef struct json_keys {
  const void *rows;
  size_t count; ///< at most JSON_KEYS_MAX
  size_t row_bytes;
} json_keys;

/// The keys that begin the rows of an array.
#define JSON_KEYS(rows) ((json_keys){rows, sizeof(rows) / sizeof(rows)[0], sizeof(rows)[0]})

/// Fails when `table` is no object or has a key that begins no row. Errors: as json_check_keys.
ubiq_error *json_check_table(const json_value *table, const json_keys *keys);

/// Walks those keys that are there, in the order of the rows: start with `*next` at 0; `*next` - 1 is then the row of
/// `field`. False at the end.
bool json_next_known(const json_value *table, const json_keys *keys, size_t *next, json_value *field);

#endif
