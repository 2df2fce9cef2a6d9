#include "cli/test_fields.h"

#include <ctype.h>
#include <stdlib.h>

ubiq_error *test_fields_string(arena *arena, const json_value *value, const char **out) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  if (memchr(found.data, '\0', found.size) != NULL) return json_wrong(value, "a string without a NUL in it");
  *out = arena_string(arena, found.data, found.size);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

static bool lower(arena *arena, text value, const char **out) {
  char *made = arena_string(arena, value.data, value.size);
  for (char *at = made; at != NULL && *at != '\0'; at++) *at = (char)tolower((unsigned char)*at);
  *out = made;
  return made != NULL;
}

ubiq_error *test_fields_headers(arena *arena, const json_value *value, size_t more, fetch_header **out, size_t *count) {
  ubiq_error *error = json_is_absent(value) ? NULL : json_expect_object(value);
  if (error == NULL && json_count(value) > TEST_HEADERS_MAX)
    error = json_wrong(value, "at most %d headers", TEST_HEADERS_MAX);
  if (error != NULL) return error;
  fetch_header *list = arena_array(arena, json_count(value) + more + 1, sizeof *list);
  if (list == NULL) return ubiq_error_no_memory();
  json_value field = {0};
  *count = 0;
  while (error == NULL && json_next_field(value, &field)) {
    if (!lower(arena, field.key, &list[*count].name)) return ubiq_error_no_memory();
    error = test_fields_string(arena, &field, &list[(*count)++].value);
  }
  *out = list;
  return error;
}

ubiq_error *test_fields_json(arena *arena, yyjson_val *value, text *out) {
  size_t size = 0;
  char *json = yyjson_val_write(value, 0, &size);
  *out = (text){json == NULL ? NULL : arena_copy(arena, json, size), size};
  free(json);
  return out->data == NULL ? ubiq_error_no_memory() : NULL;
}

ubiq_error *test_fields_body(arena *arena, const json_value *table, text *out, bool *is_json) {
  json_value body = json_field(table, "body"), json = json_field(table, "json");
  *is_json = !json_is_absent(&json);
  if (*is_json && !json_is_absent(&body)) return json_error(&json, "stands beside \"body\"; expected one of the two");
  if (*is_json) return test_fields_json(arena, json.value, out);
  return json_is_absent(&body) ? NULL : json_get_text(&body, out);
}
