// See the header. Numbers are taken as they are, strings have units.
#include "base/json_units.h"

#include "base/units.h"

ubiq_error *json_get_duration(const json_value *value, uint64_t *milliseconds) {
  if (yyjson_is_int(value->value)) return json_get_u64(value, 1, UINT32_MAX, milliseconds);
  text found = {NULL, 0};
  ubiq_error *error = yyjson_is_str(value->value) ? json_get_text(value, &found) : NULL;
  if (error != NULL) return error;
  if (!yyjson_is_str(value->value) || !units_duration_parse(found, milliseconds) || *milliseconds == 0)
    return json_wrong(value, UNITS_DURATION_FORM ", or milliseconds as a number");
  return NULL;
}

ubiq_error *json_read_duration(const json_value *object, const char *key, uint64_t *milliseconds) {
  json_value value = json_field(object, key);
  return json_is_absent(&value) ? NULL : json_get_duration(&value, milliseconds);
}

ubiq_error *json_get_size(const json_value *value, uint64_t max, uint64_t *bytes) {
  if (yyjson_is_int(value->value)) return json_get_u64(value, 0, max, bytes);
  text found = {NULL, 0};
  ubiq_error *error = yyjson_is_str(value->value) ? json_get_text(value, &found) : NULL;
  if (error != NULL) return error;
  if (!yyjson_is_str(value->value) || !units_size_parse(found, bytes))
    return json_wrong(value, UNITS_SIZE_FORM ", or bytes as a number");
  return *bytes <= max ? NULL : json_wrong(value, "at most %llu bytes", (unsigned long long)max);
}
