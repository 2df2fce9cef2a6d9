// Each key by itself, then what they must be together.
#include "runtime/project/project_pool.h"

#include "base/json_string.h"
#include "base/json_units.h"

enum { INTERVAL_MS_MIN = 10 };

static ubiq_error *read_count(const json_value *table, const char *key, uint32_t min, uint32_t max, uint32_t *out) {
  json_value value = json_field(table, key);
  uint64_t found = 0;
  if (json_is_absent(&value)) return NULL;
  ubiq_error *error = json_get_u64(&value, min, max, &found);
  if (error == NULL) *out = (uint32_t)found;
  return error;
}

static ubiq_error *check_pool(const json_value *value, pool_settings *settings) {
  json_value min = json_field(value, "min");
  if (json_is_absent(&min) && settings->min > settings->max) settings->min = settings->max;
  if (settings->min > settings->max)
    return json_error(value, "has min %u and max %u; expected a min of at most max", settings->min, settings->max);
  if (settings->interval_ms < INTERVAL_MS_MIN)
    return json_error(value, "has a scale_interval of %llu ms; expected at least %d ms",
                      (unsigned long long)settings->interval_ms, INTERVAL_MS_MIN);
  if (settings->idle_ms < settings->interval_ms)
    return json_error(value, "has idle %llu ms and scale_interval %llu ms; expected an idle of at least scale_interval",
                      (unsigned long long)settings->idle_ms, (unsigned long long)settings->interval_ms);
  return NULL;
}

ubiq_error *project_read_pool(const json_value *value, pool_settings *settings) {
  static const char *const keys[] = {"min", "max", "overprovision", "idle", "scale_interval"};
  ubiq_error *error = json_expect_object(value);
  if (error == NULL) error = json_check_keys(value, keys, sizeof keys / sizeof keys[0]);
  if (error == NULL) error = read_count(value, "min", 0, POOL_MIN_MAX, &settings->min);
  if (error == NULL) error = read_count(value, "max", 1, POOL_MAX_MAX, &settings->max);
  if (error == NULL)
    error = read_count(value, "overprovision", 0, POOL_OVERPROVISION_MAX, &settings->overprovision_percent);
  if (error == NULL) error = json_read_duration(value, "idle", &settings->idle_ms);
  if (error == NULL) error = json_read_duration(value, "scale_interval", &settings->interval_ms);
  return error != NULL ? error : check_pool(value, settings);
}

static const char *const kinds[] = {
    [LIFETIME_REQUEST] = "request", [LIFETIME_REUSE] = "reuse", [LIFETIME_PINNED] = "pinned"};

const char *lifetime_kind_name(lifetime_kind kind) {
  return kinds[kind];
}

ubiq_error *project_read_lifetime(const json_value *value, lifetime *out) {
  size_t found = 0;
  ubiq_error *error = json_get_word(value, kinds, sizeof kinds / sizeof kinds[0], &found);
  if (error == NULL) out->kind = (lifetime_kind)found;
  return error;
}

ubiq_error *project_check_lifetime(const json_value *value, const lifetime *lifetime) {
  if ((lifetime->runs_max != 0 || lifetime->age_ms_max != 0) && lifetime->kind != LIFETIME_REUSE)
    return json_error(value, "has \"max_runs\" or \"max_age\"; expected them with instance = \"reuse\" only");
  json_value pool = json_field(value, "pool");
  if (lifetime->kind == LIFETIME_PINNED && !json_is_absent(&pool))
    return json_error(value, "has \"pool\"; a pinned function has one instance: expected none");
  return NULL;
}
