// Delays grow by a factor, up to a longest one.
#include "services/work/retry.h"

#include "base/json_units.h"

static ubiq_error *read_number(const json_value *object, const char *key, double min, double max, double *out) {
  json_value value = json_field(object, key);
  if (json_is_absent(&value)) return NULL;
  double found = yyjson_get_num(value.value);
  if (!yyjson_is_num(value.value) || !(found >= min && found <= max))
    return json_wrong(&value, "a number from %g to %g", min, max);
  *out = found;
  return NULL;
}

static ubiq_error *read_attempts(const json_value *object, uint32_t *out) {
  json_value value = json_field(object, "attempts");
  uint64_t found = *out;
  ubiq_error *error = json_is_absent(&value) ? NULL : json_get_u64(&value, 1, RETRY_ATTEMPTS_MAX, &found);
  *out = (uint32_t)found;
  return error;
}

ubiq_error *retry_policy_read(const json_value *object, retry_policy *out) {
  static const char *const keys[] = {"attempts", "first_delay", "factor", "longest_delay", "jitter"};
  json_value value = json_field(object, "retry");
  *out = (retry_policy){
      .attempts = 3, .first_delay_ms = 1000, .factor = 2, .longest_delay_ms = 3600 * 1000, .jitter = 0.1};
  if (json_is_absent(&value)) return NULL;
  ubiq_error *error = json_expect_object(&value);
  if (error == NULL) error = json_check_keys(&value, keys, sizeof keys / sizeof keys[0]);
  if (error == NULL) error = read_attempts(&value, &out->attempts);
  if (error == NULL) error = json_read_duration(&value, "first_delay", &out->first_delay_ms);
  if (error == NULL) error = read_number(&value, "factor", 1, 100, &out->factor);
  if (error == NULL) error = json_read_duration(&value, "longest_delay", &out->longest_delay_ms);
  if (error == NULL) error = read_number(&value, "jitter", 0, 1, &out->jitter);
  return error;
}

uint64_t retry_policy_delay(const retry_policy *self, uint32_t attempt, double chance) {
  double delay_ms = attempt <= 1 ? 0 : (double)self->first_delay_ms;
  double longest_ms = (double)self->longest_delay_ms;
  for (uint32_t i = 2; i < attempt && delay_ms < longest_ms; i++) delay_ms *= self->factor;
  if (delay_ms > longest_ms) delay_ms = longest_ms;
  return (uint64_t)(delay_ms * (1 - self->jitter * chance));
}
