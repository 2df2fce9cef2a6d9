// When a schedule is due, and what of the past is made up for.
#include "services/schedules/schedule.h"

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

static bool next_cron(const schedule *self, int64_t after_ms, int64_t *next_ms) {
  int64_t next_s;
  if (!cron_next(&self->cron, self->zone, self->clock, floor_div(after_ms, 1000), &next_s)) return false;
  *next_ms = next_s * 1000;
  return true;
}

/// The beginning itself is no time of an interval.
static bool next_every(const schedule *self, int64_t after_ms, int64_t *next_ms) {
  int64_t every_ms = (int64_t)self->every_ms, since_ms = after_ms - self->anchor_ms;
  *next_ms = self->anchor_ms + (since_ms < 0 ? 1 : since_ms / every_ms + 1) * every_ms;
  return true;
}

static bool next_once(const schedule *self, int64_t after_ms, int64_t *next_ms) {
  *next_ms = self->at_ms;
  return self->at_ms > after_ms;
}

bool schedule_next(const schedule *self, int64_t after_ms, int64_t *next_ms) {
  static bool (*const next[])(const schedule *, int64_t, int64_t *) = {
      [SCHEDULE_CRON] = next_cron, [SCHEDULE_EVERY] = next_every, [SCHEDULE_ONCE] = next_once};
  if (self->start_after_ms > after_ms) after_ms = self->start_after_ms;
  return next[self->kind](self, after_ms, next_ms) && *next_ms < self->end_before_ms;
}

bool schedule_first(const schedule *self, int64_t now_ms, uint64_t *due_ms) {
  int64_t next_ms = 0;
  if (!schedule_next(self, self->kind == SCHEDULE_ONCE ? self->at_ms - 1 : now_ms, &next_ms)) return false;
  *due_ms = next_ms < 0 ? 0 : (uint64_t)next_ms;
  return true;
}

/// The first time from `from_ms` on; INT64_MAX when there is none.
static int64_t first_from(const schedule *self, int64_t from_ms) {
  int64_t next_ms;
  return schedule_next(self, from_ms - 1, &next_ms) ? next_ms : INT64_MAX;
}

/// The last time from `from_ms` on and before `end_ms`; INT64_MAX when there is none. Looks back further and further, so that it is
/// near where the walk begins.
static int64_t last_between(const schedule *self, int64_t from_ms, int64_t end_ms) {
  int64_t back_ms = 1000, found = INT64_MAX;
  for (bool more = true; more && found == INT64_MAX; back_ms *= 2) {
    more = back_ms < end_ms - from_ms;
    int64_t at_ms = first_from(self, more ? end_ms - back_ms : from_ms);
    if (at_ms < end_ms) found = at_ms;
  }
  for (int64_t at_ms = found; at_ms < end_ms; at_ms = first_from(self, at_ms + 1)) found = at_ms;
  return found;
}

/// From when on missed times are made up for.
static int64_t catch_up_from(const schedule *self, int64_t due_ms, int64_t now_ms) {
  if (due_ms >= now_ms || self->catch_up_ms >= (uint64_t)(now_ms - due_ms)) return due_ms;
  return now_ms - (int64_t)self->catch_up_ms;
}

size_t schedule_due(const schedule *self, int64_t due_ms, int64_t now_ms, int64_t *times, size_t max,
                    int64_t *next_ms) {
  size_t count = 0;
  int64_t fresh_ms = now_ms - SCHEDULE_LATE_MS > due_ms ? now_ms - SCHEDULE_LATE_MS : due_ms;
  int64_t at_ms = first_from(self, fresh_ms), from_ms = catch_up_from(self, due_ms, now_ms);
  if (self->missed == SCHEDULE_MISSED_ALL && from_ms < fresh_ms) at_ms = first_from(self, from_ms);
  if (self->missed == SCHEDULE_MISSED_ONCE && from_ms < fresh_ms && at_ms > now_ms) {
    int64_t last_ms = last_between(self, from_ms, fresh_ms);
    if (last_ms != INT64_MAX && max > 0) times[count++] = last_ms;
  }
  for (; at_ms <= now_ms && count < max; at_ms = first_from(self, at_ms + 1)) times[count++] = at_ms;
  *next_ms = at_ms;
  return count;
}
