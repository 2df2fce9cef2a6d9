#include "services/work/agenda_line.h"

#include "base/log.h"
#include "services/work/agenda_inside.h"

#include <stdlib.h>
#include <string.h>

struct agenda_line {
  agenda *agenda;
  const agenda_kind *kind;
  agenda_lane *lane;                  ///< NULL: its kind has none, or memory was short
  agenda_task *running;               ///< is under way, or about to begin; NULL: none
  agenda_task *behind, **behind_last; ///< to be begun one after the other
  agenda_task *over;                  ///< done, the youngest first: their ends are to be written
  size_t over_count;
  agenda_task *writing; ///< done: their ends are being written
  agenda_task *other;   ///< the last, which changes: that is written behind all ends
  bool is_other_begun;  ///< its write
  bool is_next;         ///< `running` is to be begun by whoever steps
  bool is_stepping;     ///< somebody begins what runs, and what follows that, as long as it has ended meanwhile
  bool is_cut;          ///< nothing of `behind` is begun any more
  bool is_lost;         ///< an end could not be written: nothing that was done since is, either
  uint64_t passed_ms;   ///< when its order's first was due that it does not know; UINT64_MAX: there was none
  uint64_t again_ms;    ///< when to look for what did not end; UINT64_MAX: all did
  uint64_t due_ms;      ///< when that was due
  backend_work_write write;
  backend_work_change *changes;
  struct agenda_line *next;
  text project, queue, order;
  char names[];
};

// ---------------------------------------------------------------------------------------------------------- those there are

static size_t hash_of(const backend_work_item *item) {
  const text texts[] = {item->project, item->queue, item->order};
  size_t hash = 5381;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    for (size_t at = 0; at < texts[i].size; at++) hash = hash * 33 + (unsigned char)texts[i].data[at];
  return hash % AGENDA_LINE_BUCKETS;
}

agenda_line *agenda_line_find(const agenda *self, const backend_work_item *item) {
  if (item->order.size == 0) return NULL;
  agenda_line *line = self->lines[hash_of(item)];
  while (line != NULL && !(text_equal(line->order, item->order) && text_equal(line->queue, item->queue) &&
                           text_equal(line->project, item->project)))
    line = line->next;
  return line;
}

void agenda_line_pass(agenda_line *self, const backend_work_item *item) {
  self->is_cut = true;
  if (item->due_ms < self->passed_ms) self->passed_ms = item->due_ms;
}

static void remove_line(agenda_line *self) {
  const backend_work_item item = {.project = self->project, .queue = self->queue, .order = self->order};
  agenda_line **at = &self->agenda->lines[hash_of(&item)];
  while (*at != self) at = &(*at)->next;
  *at = self->next;
}

// -------------------------------------------------------------------------------------------------------------- a new one

static text put_name(char **at, text name) {
  const text out = {*at, name.size};
  if (name.size > 0) memcpy(*at, name.data, name.size);
  *at += name.size;
  return out;
}

static agenda_line *make(agenda *agenda, agenda_task *first, const agenda_kind *kind) {
  const backend_work_item *item = &first->item;
  agenda_line *self = calloc(1, sizeof *self + item->project.size + item->queue.size + item->order.size);
  if (self == NULL) return NULL;
  char *at = self->names;
  self->agenda = agenda;
  self->kind = kind;
  self->lane = first->lane;
  self->running = first;
  self->behind_last = &self->behind;
  self->passed_ms = self->again_ms = self->due_ms = UINT64_MAX;
  self->project = put_name(&at, item->project);
  self->queue = put_name(&at, item->queue);
  self->order = put_name(&at, item->order);
  first->lane = NULL;
  first->line = self;
  return self;
}

/// One that follows. What has no room, and all behind it, is read later.
static void take_behind(backend_work_due *operation, const backend_work_item *item) {
  agenda_line *self = operation->user;
  agenda *agenda = self->agenda;
  agenda_task *task = self->is_cut ? NULL : agenda_task_new(agenda, item);
  size_t bytes = task == NULL ? 0 : agenda_task_bytes(task);
  pthread_mutex_lock(&agenda->lock);
  bool has_room = task != NULL && agenda->behind_bytes + bytes <= AGENDA_BEHIND_BYTES_MAX &&
                  agenda_tasks_find(&agenda->tasks, item->id) == NULL;
  if (has_room) agenda->behind_bytes += bytes;
  pthread_mutex_unlock(&agenda->lock);
  if (has_room) {
    task->line = self;
    *self->behind_last = task;
    self->behind_last = &task->next_in_line;
    return;
  }
  self->is_cut = true;
  if (task != NULL) agenda_task_delete(task);
}

static void read_behind(agenda_line *self, uint64_t now_ms) {
  backend_work_due due = {.now_ms = now_ms,
                          .project = self->project,
                          .queue = self->queue,
                          .order = self->order,
                          .after = {.id = self->running->item.id},
                          .limit = AGENDA_LINE_MAX,
                          .each = take_behind,
                          .user = self};
  ubiq_error_delete(backend_work_due_now(self->agenda->settings.backend, &due)); // the first is enough
  self->is_cut = false;
}

agenda_line *agenda_line_new(agenda *agenda, agenda_task *task, const agenda_kind *kind, uint64_t now_ms) {
  agenda_line *self = make(agenda, task, kind);
  if (self == NULL) return NULL;
  read_behind(self, now_ms);
  pthread_mutex_lock(&agenda->lock);
  agenda_line **bucket = &agenda->lines[hash_of(&task->item)];
  self->next = *bucket;
  *bucket = self;
  agenda_tasks_add(&agenda->tasks, task);
  for (agenda_task *behind = self->behind; behind != NULL; behind = behind->next_in_line)
    agenda_tasks_add(&agenda->tasks, behind);
  self->is_next = self->is_stepping = true;
  pthread_mutex_unlock(&agenda->lock);
  return self;
}

// ------------------------------------------------------------------------------------------------------------- one by one

/// Takes the next one of those behind; NULL: there is none.
static agenda_task *take_next(agenda_line *self) {
  agenda_task *task = self->behind;
  if (task == NULL) return NULL;
  self->behind = task->next_in_line;
  self->agenda->behind_bytes -= agenda_task_bytes(task);
  return task;
}

/// Nothing more of those behind is begun. They still wait.
static void cut(agenda_line *self) {
  self->is_cut = true;
  for (agenda_task *task = take_next(self); task != NULL; task = take_next(self)) agenda_forget(self->agenda, task);
}

/// Ends the line if it is over.
static void end_if_over(agenda_line *self) {
  agenda *agenda = self->agenda;
  if (self->running != NULL || self->over != NULL || self->writing != NULL || self->other != NULL || self->is_stepping)
    return;
  remove_line(self);
  cut(self);
  agenda_step_back(agenda, self->passed_ms);
  if (self->passed_ms != UINT64_MAX) agenda_look_at(agenda, 0);
  agenda_free_place(agenda, self->lane, self->due_ms, self->again_ms);
  free(self);
}

static void come_again(agenda_line *self, const agenda_task *task, uint64_t again_ms) {
  if (again_ms < self->again_ms) self->again_ms = again_ms;
  if (task->item.due_ms < self->due_ms) self->due_ms = task->item.due_ms;
}

/// What was running has ended. True when the caller is to step.
static bool advance(agenda_line *self) {
  if (self->is_cut || self->agenda->is_paused) cut(self);
  self->running = take_next(self);
  self->is_next = self->running != NULL;
  if (!self->is_next || self->is_stepping) return false;
  self->is_stepping = true;
  return true;
}

static void step(agenda_line *self) {
  agenda *agenda = self->agenda;
  pthread_mutex_lock(&agenda->lock);
  while (self->is_next) {
    agenda_task *task = self->running;
    self->is_next = false;
    pthread_mutex_unlock(&agenda->lock);
    self->kind->begin(self->kind->user, task);
    pthread_mutex_lock(&agenda->lock);
  }
  self->is_stepping = false;
  end_if_over(self);
  pthread_mutex_unlock(&agenda->lock);
}

void agenda_line_begin(agenda_line *self) {
  step(self);
}

// ------------------------------------------------------------------------------------------------------------------ writes

/// Forgets the tasks of a list, which are to be begun again when that was lost.
static void retire_all(agenda_line *self, agenda_task *list) {
  for (agenda_task *task = list, *next; task != NULL; task = next) {
    next = task->next_in_line;
    if (self->is_lost) come_again(self, task, self->again_ms);
    agenda_retire(self->agenda, task);
  }
}

/// An end is not written, so that no later one may be.
static void lose(agenda_line *self) {
  uint64_t again_ms = self->agenda->settings.now_ms() + AGENDA_WRITE_AGAIN_MS;
  if (again_ms < self->again_ms) self->again_ms = again_ms;
  self->is_lost = true;
  cut(self);
  retire_all(self, self->over);
  self->over = NULL;
  self->over_count = 0;
}

static void written(backend_work_write *write);

/// Makes a write of the ends that wait, unless some are being written. The youngest goes first, so that the first of the order, which makes way
/// for the next, does so once.
static bool prepare(agenda_line *self) {
  if (self->writing != NULL || self->over == NULL) return false;
  self->changes = calloc(self->over_count, sizeof *self->changes);
  if (self->changes == NULL) {
    lose(self);
    return false;
  }
  size_t count = 0;
  for (const agenda_task *task = self->over; task != NULL; task = task->next_in_line)
    self->changes[count++] = (backend_work_change){.action = BACKEND_WORK_END, .item = {.id = task->item.id}};
  self->write = (backend_work_write){.project = self->project,
                                     .changes = self->changes,
                                     .count = count,
                                     .is_quiet = self->running != NULL, // which is what they make way for
                                     .done = written,
                                     .user = self};
  self->writing = self->over;
  self->over = NULL;
  self->over_count = 0;
  return true;
}

/// The change that is to be written now, because all ends are; NULL: none.
static agenda_task *take_other(agenda_line *self) {
  if (self->other == NULL || self->is_other_begun || self->writing != NULL || self->over != NULL) return NULL;
  self->is_other_begun = true;
  return self->other;
}

/// A change that is not made because an end before it was not: whoever waits for its write is told.
static void refuse_other(agenda_task *task) {
  task->write.error = ubiq_error_new(UBIQ_UNAVAILABLE, "what was done before it is not on the disk");
  task->write.done(&task->write);
}

static void start_other(agenda_task *other, bool is_lost) {
  if (is_lost)
    refuse_other(other);
  else
    backend_work_write_start(other->agenda->settings.backend, &other->write);
}

/// Starts what can be written, or ends the line if it is over, which it is not where the caller steps. Takes the lock, and gives it up.
static void write_next(agenda_line *self, bool may_end) {
  agenda *agenda = self->agenda;
  bool starts = prepare(self), is_lost = self->is_lost;
  agenda_task *other = starts ? NULL : take_other(self);
  if (!starts && other == NULL && may_end) end_if_over(self);
  pthread_mutex_unlock(&agenda->lock);
  if (starts) backend_work_write_start(agenda->settings.backend, &self->write);
  if (other != NULL) start_other(other, is_lost);
}

static void written(backend_work_write *write) {
  agenda_line *self = write->user;
  bool is_settled = agenda_is_settled(write->error);
  if (!is_settled)
    log_warn("work: %zu items that were done could not be ended, so they are begun again: %s", write->count,
             ubiq_error_message(write->error));
  ubiq_error_delete(write->error);
  pthread_mutex_lock(&self->agenda->lock);
  free(self->changes);
  self->changes = NULL;
  if (!is_settled) lose(self);
  agenda_task *ended = self->writing;
  self->writing = NULL;
  retire_all(self, ended);
  write_next(self, true);
}

// ------------------------------------------------------------------------------------------------- how the one under way ended

void agenda_line_done(agenda_task *task) {
  agenda_line *self = task->line;
  pthread_mutex_lock(&self->agenda->lock);
  if (self->is_lost) {
    come_again(self, task, self->again_ms);
    agenda_retire(self->agenda, task);
  } else {
    task->next_in_line = self->over;
    self->over = task;
    self->over_count++;
  }
  bool steps = advance(self);
  write_next(self, !steps);
  if (steps) step(self);
}

void agenda_line_change(agenda_task *task) {
  agenda_line *self = task->line;
  pthread_mutex_lock(&self->agenda->lock);
  cut(self);
  self->running = NULL;
  self->other = task;
  write_next(self, true);
}

void agenda_line_changed(agenda_task *task, uint64_t again_ms) {
  agenda_line *self = task->line;
  agenda *agenda = self->agenda;
  pthread_mutex_lock(&agenda->lock);
  if (again_ms != UINT64_MAX) come_again(self, task, again_ms);
  agenda_retire(agenda, task);
  self->other = NULL;
  end_if_over(self);
  pthread_mutex_unlock(&agenda->lock);
}

void agenda_line_refused(agenda_task *task, uint64_t again_ms) {
  agenda_line *self = task->line;
  agenda *agenda = self->agenda;
  pthread_mutex_lock(&agenda->lock);
  cut(self);
  self->running = NULL;
  come_again(self, task, again_ms);
  agenda_retire(agenda, task);
  end_if_over(self);
  pthread_mutex_unlock(&agenda->lock);
}
