// Reading schedules: each key by itself, then what they must be together.
#include "services/schedules/schedule.h"

#include "base/clock.h"
#include "base/json_units.h"

#include <string.h>

#define DAY_MS (UINT64_C(86400) * 1000)

const char *const schedule_keys[] = {"cron",          "every",       "at",         "timezone", "on_dst_gap",
                                     "on_dst_repeat", "start_after", "end_before", "missed",   "catch_up_window",
                                     "overlap",       "retry",       NULL};

/// One of `names`, ended by NULL; `out` stays as it is when the key is not there.
static ubiq_error *read_choice(const json_value *object, const char *key, const char *const *names, int *out) {
  json_value value = json_field(object, key);
  text found;
  if (json_is_absent(&value)) return NULL;
  ubiq_error *error = json_get_text(&value, &found);
  if (error != NULL) return error;
  for (int i = 0; names[i] != NULL; i++) {
    if (!text_equal_string(found, names[i])) continue;
    *out = i;
    return NULL;
  }
  return json_wrong(&value, names[2] == NULL ? "%s or %s" : "%s, %s or %s", names[0], names[1], names[2]);
}

static ubiq_error *read_time(const json_value *object, const char *key, int64_t *out) {
  json_value value = json_field(object, key);
  text found;
  if (json_is_absent(&value)) return NULL;
  ubiq_error *error = json_get_text(&value, &found);
  if (error != NULL) return error;
  return clock_parse(found, out) ? NULL : json_wrong(&value, CLOCK_TEXT_FORM);
}

// ---------------------------------------------------------------------------------------------------- what it is due

/// An error that names the key and says more, where `error` says something of a value alone.
static ubiq_error *at_key(const json_value *value, ubiq_error *error) {
  if (error == NULL || ubiq_error_code(error) != UBIQ_INVALID_INPUT) return error;
  ubiq_error *placed = json_error(value, "is no good: %s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return placed;
}

static ubiq_error *read_cron(const json_value *object, const json_value *value, schedule *out) {
  static const char *const gaps[] = {[CRON_GAP_SKIP] = "skip", [CRON_GAP_RUN_AFTER] = "run_after", NULL, NULL};
  static const char *const repeats[] = {[CRON_REPEAT_ONCE] = "once", [CRON_REPEAT_TWICE] = "twice", NULL, NULL};
  text expression, name = TEXT("UTC");
  json_value timezone = json_field(object, "timezone");
  int on_gap = CRON_GAP_RUN_AFTER, on_repeat = CRON_REPEAT_ONCE;
  ubiq_error *error = json_get_text(value, &expression);
  if (error == NULL) error = at_key(value, cron_parse(expression, &out->cron));
  if (error == NULL && !json_is_absent(&timezone)) error = json_get_text(&timezone, &name);
  if (error == NULL) error = at_key(&timezone, zone_find(name, &out->zone));
  if (error == NULL) error = read_choice(object, "on_dst_gap", gaps, &on_gap);
  if (error == NULL) error = read_choice(object, "on_dst_repeat", repeats, &on_repeat);
  out->kind = SCHEDULE_CRON;
  out->clock = (cron_policy){(cron_gap)on_gap, (cron_repeat)on_repeat};
  return error;
}

static ubiq_error *read_every(const json_value *object, const json_value *value, schedule *out) {
  (void)object;
  ubiq_error *error = json_get_duration(value, &out->every_ms);
  if (error == NULL && out->every_ms < SCHEDULE_EVERY_MS_MIN)
    error = json_wrong(value, "at least %d ms", SCHEDULE_EVERY_MS_MIN);
  out->kind = SCHEDULE_EVERY;
  return error;
}

/// What is done once is done however late, unless it says otherwise.
static ubiq_error *read_at(const json_value *object, const json_value *value, schedule *out) {
  (void)value;
  out->kind = SCHEDULE_ONCE;
  out->catch_up_ms = UINT64_MAX;
  return read_time(object, "at", &out->at_ms);
}

static ubiq_error *read_kind(const json_value *object, schedule *out) {
  static const struct {
    const char *key;
    ubiq_error *(*read)(const json_value *object, const json_value *value, schedule *out);
  } kinds[] = {{"cron", read_cron}, {"every", read_every}, {"at", read_at}};
  ubiq_error *error = NULL;
  size_t found = 0;
  for (size_t i = 0; error == NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
    json_value value = json_field(object, kinds[i].key);
    if (json_is_absent(&value)) continue;
    found++;
    error = kinds[i].read(object, &value, out);
  }
  if (error != NULL || found == 1) return error;
  return json_error(object, "has %s of cron, every and at; expected one", found == 0 ? "none" : "several");
}

/// Keys that say something of expressions alone.
static ubiq_error *check_kind(const json_value *object, const schedule *self) {
  static const char *const of_cron[] = {"timezone", "on_dst_gap", "on_dst_repeat"};
  for (size_t i = 0; self->kind != SCHEDULE_CRON && i < sizeof of_cron / sizeof of_cron[0]; i++) {
    json_value value = json_field(object, of_cron[i]);
    if (!json_is_absent(&value)) return json_error(&value, "goes with cron only");
  }
  return NULL;
}

// --------------------------------------------------------------------------------------------------------- policies

static ubiq_error *read_policies(const json_value *object, schedule *out) {
  static const char *const missed[] = {
      [SCHEDULE_MISSED_ONCE] = "once", [SCHEDULE_MISSED_SKIP] = "skip", [SCHEDULE_MISSED_ALL] = "all", NULL};
  static const char *const overlaps[] = {
      [SCHEDULE_OVERLAP_ALLOW] = "allow", [SCHEDULE_OVERLAP_SKIP] = "skip", [SCHEDULE_OVERLAP_QUEUE] = "queue", NULL};
  int on_missed = (int)out->missed, overlap = (int)out->overlap;
  ubiq_error *error = read_choice(object, "missed", missed, &on_missed);
  if (error == NULL) error = json_read_duration(object, "catch_up_window", &out->catch_up_ms);
  if (error == NULL) error = read_choice(object, "overlap", overlaps, &overlap);
  out->missed = (schedule_missed)on_missed;
  out->overlap = (schedule_overlap)overlap;
  return error != NULL ? error : retry_policy_read(object, &out->retry);
}

static ubiq_error *read_bounds(const json_value *object, schedule *out) {
  ubiq_error *error = read_time(object, "start_after", &out->start_after_ms);
  if (error == NULL) error = read_time(object, "end_before", &out->end_before_ms);
  if (error == NULL && out->start_after_ms >= out->end_before_ms)
    error = json_error(object, "ends before it starts; expected a start_after before end_before");
  return error;
}

ubiq_error *schedule_read(const json_value *object, int64_t made_ms, schedule *out) {
  *out = (schedule){.start_after_ms = INT64_MIN, .end_before_ms = INT64_MAX, .catch_up_ms = DAY_MS};
  ubiq_error *error = json_expect_object(object);
  if (error == NULL) error = read_kind(object, out);
  if (error == NULL) error = check_kind(object, out);
  if (error == NULL) error = read_bounds(object, out);
  if (error == NULL) error = read_policies(object, out);
  out->anchor_ms = out->start_after_ms == INT64_MIN ? made_ms : out->start_after_ms;
  return error;
}
