#include "base/json_table.h"

#include <assert.h>

static const char *name_of(const json_keys *keys, size_t row) {
  return *(const char *const *)(const void *)((const char *)keys->rows + row * keys->row_bytes);
}

ubiq_error *json_check_table(const json_value *table, const json_keys *keys) {
  const char *names[JSON_KEYS_MAX];
  assert(keys->count <= JSON_KEYS_MAX);
  for (size_t i = 0; i < keys->count; i++) names[i] = name_of(keys, i);
  ubiq_error *error = json_expect_object(table);
  return error != NULL ? error : json_check_keys(table, names, keys->count);
}

bool json_next_known(const json_value *table, const json_keys *keys, size_t *next, json_value *field) {
  while (*next < keys->count) {
    *field = json_field(table, name_of(keys, (*next)++));
    if (!json_is_absent(field)) return true;
  }
  return false;
}
