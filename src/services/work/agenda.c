// See the header for the design.
#include "services/work/agenda_inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
  TASKS_MAX = 4096,
  PLACES = 512,         ///< of one queue
  PORTION = 128,        ///< items that are read at once
  READ_AGAIN_MS = 1000, ///< until what could not be read is read again
  LOOK_MS = 5 * 1000,   ///< the longest wait: the wall clock may be set meanwhile
  STEP_MS_MIN = 1000,   ///< a clock that is set back by less is not minded
  GLANCE_MS_MAX = 100,  ///< of looking at both clocks; what takes longer, because the machine rested, tells nothing
};

static uint64_t wall_clock_ms(void) {
  return clock_realtime_ns() / CLOCK_NS_PER_MS;
}

static uint64_t monotonic_clock_ms(void) {
  return clock_monotonic_ns() / CLOCK_NS_PER_MS;
}

static double random_chance(void) {
  return randombytes_random() / 4294967296.0;
}

// ---------------------------------------------------------------------------------------------------- when to look

void agenda_look_at(agenda *self, uint64_t at_ms) {
  if (at_ms >= self->look_ms) return;
  self->look_ms = at_ms;
  pthread_cond_signal(&self->changed);
}

static void look_at_lanes(agenda *self, uint64_t at_ms) {
  if (at_ms >= self->lanes_ms) return;
  self->lanes_ms = at_ms;
  pthread_cond_signal(&self->changed);
}

void agenda_step_back(agenda *self, uint64_t due_ms) {
  if (due_ms < self->back_ms) self->back_ms = due_ms;
}

void agenda_forget(agenda *self, agenda_task *task) {
  agenda_step_back(self, task->passed_ms);
  if (task->passed_ms != UINT64_MAX) agenda_look_at(self, 0);
  agenda_tasks_remove(&self->tasks, task);
  agenda_task_delete(task);
}

void agenda_retire(agenda *self, agenda_task *task) {
  if (self->is_looking) {
    task->next_over = self->over;
    self->over = task;
  } else {
    agenda_forget(self, task);
  }
}

void agenda_free_place(agenda *self, agenda_lane *lane, uint64_t due_ms, uint64_t look_ms) {
  bool was_full = self->tasks_count-- == self->settings.tasks_max;
  if (lane != NULL) {
    look_at_lanes(self, agenda_lanes_leave(&self->lanes, lane, look_ms));
  } else {
    if (look_ms != UINT64_MAX) agenda_step_back(self, due_ms);
    agenda_look_at(self, look_ms);
  }
  if (was_full) agenda_look_at(self, 0);
  if (was_full || self->is_ending) pthread_cond_signal(&self->changed);
}

const agenda_settings *agenda_settings_of(const agenda *self) {
  return &self->settings;
}

void agenda_leave(agenda_task *task, uint64_t look_ms) {
  agenda *self = task->agenda;
  pthread_mutex_lock(&self->lock);
  agenda_free_place(self, task->lane, task->item.due_ms, look_ms);
  agenda_retire(self, task);
  pthread_mutex_unlock(&self->lock);
}

// ------------------------------------------------------------------------------------------------------------- the thread

/// What one look found, to be begun without the lock.
typedef struct found {
  agenda *agenda;
  agenda_task *first, **last;
  bool is_short; ///< of memory
} found;

static const agenda_kind *kind_of(const agenda *self, const backend_work_item *item) {
  for (size_t i = 0; i < self->settings.kinds_count; i++)
    if (text_starts_with(item->queue, text_of(self->kinds[i].prefix))) return &self->kinds[i];
  return NULL;
}

/// Whether the item is under way. One that was changed meanwhile is looked for again when that ends.
static bool pass_known(const agenda *self, const backend_work_item *item) {
  agenda_task *known = agenda_tasks_find(&self->tasks, item->id);
  if (known == NULL) return false;
  if (item->due_ms != known->item.due_ms || item->attempts != known->item.attempts) known->passed_ms = item->due_ms;
  return true;
}

/// Whether its queue has no place for it.
static bool pass_full(const agenda *self, const backend_work_item *item) {
  agenda_lane *lane = agenda_lanes_find(&self->lanes, item->project, item->queue);
  if (lane == NULL || lane->count < self->lanes.places) return false;
  lane->has_more = true;
  return true;
}

/// Whether another of its order is under way, which it does not follow.
static bool pass_line(const agenda *self, const backend_work_item *item) {
  agenda_line *line = agenda_line_find(self, item);
  if (line != NULL) agenda_line_pass(line, item);
  return line != NULL;
}

static void take_item(backend_work_due *operation, const backend_work_item *item) {
  found *found = operation->user;
  agenda *self = found->agenda;
  pthread_mutex_lock(&self->lock);
  bool is_taken = pass_known(self, item) || pass_line(self, item) || pass_full(self, item);
  pthread_mutex_unlock(&self->lock);
  if (is_taken || found->is_short) return;
  agenda_task *task = agenda_task_new(self, item);
  found->is_short = task == NULL;
  if (task == NULL) return;
  const agenda_kind *kind = kind_of(self, item);
  pthread_mutex_lock(&self->lock);
  if (kind != NULL && kind->has_lanes && item->name.size == 0)
    task->lane = agenda_lanes_enter(&self->lanes, item->project, item->queue);
  pthread_mutex_unlock(&self->lock);
  *found->last = task;
  found->last = &task->next;
}

static void begin(agenda *self, agenda_task *task, uint64_t now_ms) {
  const agenda_kind *kind = kind_of(self, &task->item);
  bool has_line = kind != NULL && kind->has_lines && task->item.order.size > 0;
  agenda_line *line = has_line ? agenda_line_new(self, task, kind, now_ms) : NULL;
  pthread_mutex_lock(&self->lock);
  if (line == NULL) agenda_tasks_add(&self->tasks, task);
  self->tasks_count++;
  pthread_mutex_unlock(&self->lock);
  if (line != NULL)
    agenda_line_begin(line);
  else if (kind != NULL)
    kind->begin(kind->user, task);
  else
    agenda_failed(task, ubiq_error_new(UBIQ_NOT_FOUND, "nobody here does the work of the queue \"%.*s\"",
                                       (int)task->item.queue.size, task->item.queue.data));
}

/// Reads what is due and begins it. False when it could not be read.
static bool look(agenda *self, backend_work_due *due) {
  found found = {.agenda = self, .last = &found.first};
  due->each = take_item;
  due->user = &found;
  ubiq_error *error = backend_work_due_now(self->settings.backend, due);
  bool is_good = error == NULL && !found.is_short;
  if (error != NULL)
    log_warn("work: what is due could not be read, and will be in a second: %s", ubiq_error_message(error));
  ubiq_error_delete(error);
  for (agenda_task *task = found.first, *next; task != NULL; task = next) {
    next = task->next;
    begin(self, task, due->now_ms);
  }
  return is_good;
}

/// Moves the cursor back to what was added before it, or is to be begun again.
static void apply_back(agenda *self) {
  const backend_work_cursor back = {self->back_ms - 1, INT64_MAX};
  if (self->back_ms <= self->cursor.due_ms) self->cursor = self->back_ms == 0 ? (backend_work_cursor){0} : back;
  self->back_ms = UINT64_MAX;
}

/// Looks without the lock, which is given up meanwhile.
static bool look_unlocked(agenda *self, backend_work_due *due) {
  self->is_looking = true;
  pthread_mutex_unlock(&self->lock);
  bool is_good = look(self, due);
  pthread_mutex_lock(&self->lock);
  self->is_looking = false;
  for (agenda_task *task = self->over, *next; task != NULL; task = next) {
    next = task->next_over;
    agenda_forget(self, task);
  }
  self->over = NULL;
  return is_good;
}

/// Looks at a portion of what all queues have, behind the cursor.
static void look_once(agenda *self) {
  size_t room = self->settings.tasks_max - self->tasks_count;
  apply_back(self);
  self->look_ms = UINT64_MAX;
  backend_work_due due = {
      .now_ms = self->settings.now_ms(), .after = self->cursor, .limit = room < PORTION ? room : PORTION};
  bool is_good = look_unlocked(self, &due);
  if (is_good) self->cursor = due.after;
  agenda_look_at(self, is_good ? due.next_ms : due.now_ms + READ_AGAIN_MS);
}

/// Looks at what one queue has, which begins with what is under way. A place is held for the look, so that the lane stays.
static void look_at_lane(agenda *self, agenda_lane *lane) {
  size_t room = self->settings.tasks_max - self->tasks_count, places = self->lanes.places;
  size_t free_places = lane->count < places ? places - lane->count : 0;
  backend_work_due due = {.now_ms = self->settings.now_ms(),
                          .project = lane->project,
                          .queue = lane->queue,
                          .limit = lane->count + (free_places < room ? free_places : room)};
  lane->look_ms = UINT64_MAX;
  lane->has_more = false;
  self->lanes.places++;
  lane->count++;
  bool is_good = look_unlocked(self, &due);
  self->lanes.places--;
  lane->has_more |= due.next_ms == due.now_ms;
  uint64_t look_ms = agenda_lanes_leave(&self->lanes, lane, is_good ? UINT64_MAX : due.now_ms + READ_AGAIN_MS);
  if (look_ms != UINT64_MAX) self->lanes_ms = 0;
}

/// The lane whose time has come; NULL: there is none.
static agenda_lane *lane_due(agenda *self, uint64_t now_ms) {
  if (self->lanes_ms > now_ms) return NULL;
  agenda_lane *lane = agenda_lanes_first(&self->lanes, &self->lanes_ms);
  return self->lanes_ms > now_ms ? NULL : lane;
}

/// Waits until it is time to look, or something changes. With the lock.
static void wait_for_change(agenda *self, uint64_t now_ms) {
  bool is_idle = self->is_paused || self->tasks_count == self->settings.tasks_max;
  uint64_t look_ms = self->lanes_ms < self->look_ms ? self->lanes_ms : self->look_ms;
  uint64_t wait_ms = is_idle || look_ms > now_ms + LOOK_MS ? LOOK_MS : look_ms - now_ms;
  uint64_t until_ns = clock_monotonic_ns() + wait_ms * CLOCK_NS_PER_MS;
  const struct timespec until = {(time_t)(until_ns / CLOCK_NS_PER_SECOND), (long)(until_ns % CLOCK_NS_PER_SECOND)};
  pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

/// How far the wall clock was set back since the last look at both; 0: it was not.
static uint64_t set_back_by(agenda *self) {
  if (self->settings.elapsed_ms == NULL) return 0;
  uint64_t before_ms = self->settings.elapsed_ms(), now_ms = self->settings.now_ms();
  if (self->settings.elapsed_ms() - before_ms > GLANCE_MS_MAX) return 0;
  int64_t last_ms = self->ahead_ms;
  self->ahead_ms = (int64_t)now_ms - (int64_t)before_ms;
  return last_ms - self->ahead_ms < STEP_MS_MIN ? 0 : (uint64_t)(last_ms - self->ahead_ms);
}

/// With the lock. All times that were counted are of the clock as it was.
static void mind_clock(agenda *self) {
  const uint64_t by_ms = set_back_by(self);
  if (by_ms == 0) return;
  log_warn("work: the clock was set back by %llu ms: what waits for a time is due as much earlier",
           (unsigned long long)by_ms);
  agenda_step_back(self, 0);
  self->look_ms = self->lanes_ms = 0;
  agenda_lanes_hurry(&self->lanes);
  pthread_mutex_unlock(&self->lock);
  backend_work_hurry(self->settings.backend, by_ms);
  pthread_mutex_lock(&self->lock);
}

static void *run(void *user) {
  agenda *self = user;
  pthread_mutex_lock(&self->lock);
  while (!self->is_ending || self->tasks_count > 0) {
    mind_clock(self);
    uint64_t now_ms = self->settings.now_ms();
    bool may_begin = !self->is_paused && self->tasks_count < self->settings.tasks_max;
    agenda_lane *lane = may_begin ? lane_due(self, now_ms) : NULL;
    if (lane != NULL) look_at_lane(self, lane);
    if (may_begin && self->look_ms <= now_ms && self->tasks_count < self->settings.tasks_max)
      look_once(self);
    else if (lane == NULL)
      wait_for_change(self, now_ms);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

// ------------------------------------------------------------------------------------------------------------ the whole

static void added(void *user, uint64_t due_ms) {
  agenda *self = user;
  pthread_mutex_lock(&self->lock);
  agenda_step_back(self, due_ms);
  agenda_look_at(self, due_ms);
  pthread_mutex_unlock(&self->lock);
}

static void agenda_delete(agenda *self) {
  agenda_lanes_end(&self->lanes);
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

static void init_changed(pthread_cond_t *self) {
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(self, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

ubiq_error *agenda_open(const agenda_settings *settings, agenda **out) {
  agenda *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->settings = *settings;
  self->back_ms = self->lanes_ms = UINT64_MAX;
  self->lanes.places = settings->places == 0 ? PLACES : settings->places;
  if (settings->tasks_max == 0) self->settings.tasks_max = TASKS_MAX;
  if (settings->now_ms == NULL && settings->elapsed_ms == NULL) self->settings.elapsed_ms = monotonic_clock_ms;
  if (settings->now_ms == NULL) self->settings.now_ms = wall_clock_ms;
  if (settings->chance == NULL) self->settings.chance = random_chance;
  assert(settings->kinds_count <= AGENDA_KINDS_MAX);
  memcpy(self->kinds, settings->kinds, settings->kinds_count * sizeof *settings->kinds);
  self->settings.kinds = self->kinds;
  (void)set_back_by(self);
  pthread_mutex_init(&self->lock, NULL);
  init_changed(&self->changed);
  backend_work_watch(settings->backend, added, self);
  backend_work_hurry(settings->backend, 0); // the clock may have been set while nothing ran
  int number = thread_start(&self->thread, NULL, run, self);
  if (number == 0) {
    *out = self;
    return NULL;
  }
  backend_work_watch(settings->backend, NULL, NULL);
  agenda_delete(self);
  return ubiq_error_new(UBIQ_INTERNAL, "no thread for work: %s", strerror(number));
}

void agenda_pause(agenda *self) {
  pthread_mutex_lock(&self->lock);
  self->is_paused = true;
  pthread_mutex_unlock(&self->lock);
}

void agenda_look(agenda *self) {
  pthread_mutex_lock(&self->lock);
  agenda_look_at(self, 0);
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->lock);
}

size_t agenda_busy(agenda *self) {
  pthread_mutex_lock(&self->lock);
  size_t count = self->tasks_count;
  pthread_mutex_unlock(&self->lock);
  return count;
}

void agenda_close(agenda *self) {
  if (self == NULL) return;
  pthread_mutex_lock(&self->lock);
  self->is_paused = self->is_ending = true;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->lock);
  pthread_join(self->thread, NULL);
  backend_work_watch(self->settings.backend, NULL, NULL);
  agenda_delete(self);
}
