#include "services/backend/sqlite_work_counts.h"

#include "services/backend/sqlite_work_order.h"
#include "services/backend/work.h"

#include <assert.h>
#include <stdlib.h>

enum {
  STATES = BACKEND_WORK_DEAD + 1,
  KNOWN_MAX = 8192, ///< queues; beyond, they are read again when they change
};

struct sqlite_queue {
  int64_t project;
  uint64_t counts[STATES];
  uint64_t before[STATES]; ///< the job that is under way
  bool is_touched, is_changed;
  sqlite_queue *next_touched, *next_changed;
  size_t name_size;
  char name[];
};

bool sqlite_work_is_counted(text queue) {
  return text_starts_with(queue, TEXT(BACKEND_WORK_COUNTED));
}

// ------------------------------------------------------------------------------------------------------------- knowing

static ubiq_error *read_counts(database *database, sqlite_queue *self) {
  static const char statement[] = "SELECT waiting, paused, dead FROM work_queues WHERE project = ? AND queue = ?";
  const database_value values[] = {database_number(self->project), database_blob(self->name, self->name_size)};
  sqlite3_stmt *row = NULL;
  bool is_row = false;
  ubiq_error *error = database_ask_one(database, statement, values, 2, &row, &is_row);
  if (error != NULL || !is_row) return error;
  for (int i = 0; i < STATES; i++) self->counts[i] = (uint64_t)sqlite3_column_int64(row, i);
  sqlite3_reset(row);
  return NULL;
}

static ubiq_error *learn(sqlite_work_counts *self, database *database, int64_t project, text queue, text key,
                         sqlite_queue **out) {
  sqlite_queue *made = calloc(1, sizeof *made + queue.size);
  if (made == NULL) return ubiq_error_no_memory();
  made->project = project;
  made->name_size = queue.size;
  memcpy(made->name, queue.data, queue.size);
  ubiq_error *error = read_counts(database, made);
  if (error == NULL && !map_set(&self->queues, key, &made, sizeof made)) error = ubiq_error_no_memory();
  if (error == NULL)
    *out = made;
  else
    free(made);
  return error;
}

ubiq_error *sqlite_work_counts_enter(sqlite_work_counts *self, database *database, int64_t project, text queue,
                                     sqlite_queue **out) {
  char key[sizeof project + BACKEND_WORK_NAME_MAX];
  ubiq_bytes found;
  *out = NULL;
  if (!sqlite_work_is_counted(queue)) return NULL;
  assert(queue.size <= BACKEND_WORK_NAME_MAX);
  memcpy(key, &project, sizeof project);
  memcpy(key + sizeof project, queue.data, queue.size);
  const text name = {key, sizeof project + queue.size};
  if (!map_get(&self->queues, name, &found)) return learn(self, database, project, queue, name, out);
  memcpy(out, found.data, sizeof *out);
  return NULL;
}

// ------------------------------------------------------------------------------------------------------------ changing

/// What waits behind an older one waits, too.
static size_t class_of(uint64_t state) {
  return state == SQLITE_WORK_BEHIND ? BACKEND_WORK_WAITING : (size_t)state;
}

void sqlite_work_counts_add(sqlite_work_counts *self, sqlite_queue *queue, uint64_t state, int by) {
  if (queue == NULL || class_of(state) >= STATES) return;
  if (!queue->is_touched) {
    memcpy(queue->before, queue->counts, sizeof queue->before);
    queue->is_touched = true;
    queue->next_touched = self->touched;
    self->touched = queue;
  }
  queue->counts[class_of(state)] += (uint64_t)(int64_t)by;
}

static void note_changed(sqlite_work_counts *self, sqlite_queue *queue) {
  if (queue->is_changed) return;
  queue->is_changed = true;
  queue->next_changed = self->changed;
  self->changed = queue;
}

void sqlite_work_counts_settle(sqlite_work_counts *self, bool is_kept) {
  for (sqlite_queue *queue = self->touched; queue != NULL; queue = queue->next_touched) {
    queue->is_touched = false;
    if (is_kept)
      note_changed(self, queue);
    else
      memcpy(queue->counts, queue->before, sizeof queue->counts);
  }
  self->touched = NULL;
}

// ------------------------------------------------------------------------------------------------------------- writing

static ubiq_error *write_counts(database *database, const sqlite_queue *self) {
  static const char put[] = "REPLACE INTO work_queues (project, queue, waiting, paused, dead) VALUES (?, ?, ?, ?, ?)",
                    end[] = "DELETE FROM work_queues WHERE project = ? AND queue = ?";
  const uint64_t *counts = self->counts;
  const database_value values[] = {database_number(self->project), database_blob(self->name, self->name_size),
                                   database_number((int64_t)counts[BACKEND_WORK_WAITING]),
                                   database_number((int64_t)counts[BACKEND_WORK_PAUSED]),
                                   database_number((int64_t)counts[BACKEND_WORK_DEAD])};
  bool has_any = false;
  for (size_t i = 0; i < STATES; i++) has_any |= counts[i] > 0;
  return has_any ? database_run(database, put, values, 5) : database_run(database, end, values, 2);
}

ubiq_error *sqlite_work_counts_flush(sqlite_work_counts *self, database *database) {
  ubiq_error *error = NULL;
  while (error == NULL && self->changed != NULL) {
    sqlite_queue *queue = self->changed;
    self->changed = queue->next_changed;
    queue->is_changed = false;
    error = write_counts(database, queue);
  }
  if (error == NULL && self->queues.count > KNOWN_MAX) sqlite_work_counts_forget(self);
  return error;
}

void sqlite_work_counts_forget(sqlite_work_counts *self) {
  for (size_t i = 0; i < self->queues.count; i++) {
    sqlite_queue *queue = NULL;
    memcpy(&queue, self->queues.entries[i].value.data, sizeof queue);
    free(queue);
  }
  map_free(&self->queues);
  *self = (sqlite_work_counts){0};
}
