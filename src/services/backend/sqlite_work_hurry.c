// What waits, when the clock was set back: a portion of rows in each transaction, so that other writes go between.
#include "services/backend/sqlite_work.h"

#include "base/log.h"

#include <stdlib.h>

enum { PORTION = 1024, LATER_MS_MIN = 1000 };

typedef struct hurry_job {
  sqlite_job job;
  sqlite_work *work;
  sqlite_writer *writer;
  uint64_t by_ms;
  uint64_t after; ///< id of the last row that was looked at
  bool is_over;
} hurry_job;

// A little is no clock that was set.
ubiq_error *sqlite_work_set_back(database *database, uint64_t now_ms, uint64_t *by_ms) {
  static const char statement[] = "SELECT added_ms FROM work ORDER BY id DESC LIMIT 1";
  uint64_t added_ms = 0;
  bool is_found = false;
  ubiq_error *error = sqlite_work_number(database, statement, NULL, 0, &is_found, &added_ms);
  *by_ms = error == NULL && is_found && added_ms > now_ms + LATER_MS_MIN ? added_ms - now_ms : 0;
  return error;
}

static ubiq_error *hurry_rows(const hurry_job *self, database *database, uint64_t until, uint64_t now_ms) {
  static const char statement[] = "UPDATE work SET due_ms = max(0, due_ms - ?)"
                                  " WHERE id > ? AND id <= ? AND state IN (0, 3) AND due_ms > ?";
  const database_value values[] = {database_number((int64_t)self->by_ms), database_number((int64_t)self->after),
                                   database_number((int64_t)until), database_number((int64_t)now_ms)};
  return database_run(database, statement, values, sizeof values / sizeof values[0]);
}

/// Nothing was added later than now any more: who begins next looks at that.
static ubiq_error *mark_rows(const hurry_job *self, database *database, uint64_t until, uint64_t now_ms) {
  static const char statement[] = "UPDATE work SET added_ms = ? WHERE id > ? AND id <= ? AND added_ms > ?";
  const database_value values[] = {database_number((int64_t)now_ms), database_number((int64_t)self->after),
                                   database_number((int64_t)until), database_number((int64_t)now_ms)};
  return database_run(database, statement, values, sizeof values / sizeof values[0]);
}

static ubiq_error *apply(sqlite_job *job, database *database, uint64_t now_ms) {
  static const char statement[] = "SELECT max(id) FROM (SELECT id FROM work WHERE id > ? ORDER BY id LIMIT ?)";
  hurry_job *self = (hurry_job *)job;
  const database_value values[] = {database_number((int64_t)self->after), database_number(PORTION)};
  uint64_t until = 0;
  bool is_found = false;
  ubiq_error *error = sqlite_work_number(database, statement, values, 2, &is_found, &until);
  self->is_over = true;
  if (error != NULL || !is_found || until == 0) return error;
  error = hurry_rows(self, database, until, now_ms);
  if (error == NULL) error = mark_rows(self, database, until, now_ms);
  self->after = until;
  self->is_over = error != NULL;
  return error;
}

static void done(sqlite_job *job, ubiq_error *error) {
  hurry_job *self = (hurry_job *)job;
  if (error == NULL && !self->is_over) {
    sqlite_work_tell(self->work, 0);
    error = sqlite_writer_add(self->writer, job);
    if (error == NULL) return;
  }
  if (error != NULL)
    log_warn("work: the clock was set back, and some of what waits is due as much later: %s",
             ubiq_error_message(error));
  ubiq_error_delete(error);
  free(self);
}

sqlite_job *sqlite_work_hurry_job(sqlite_work *self, sqlite_writer *writer, uint64_t by_ms) {
  hurry_job *job = calloc(1, sizeof *job);
  if (job == NULL) return NULL;
  job->job = (sqlite_job){.apply = apply, .done = done, .bytes = sizeof *job};
  job->work = self;
  job->writer = writer;
  job->by_ms = by_ms;
  return &job->job;
}
