// Work in SQLite: reads on any connection, changes on the writer's.
#ifndef SERVICES_BACKEND_SQLITE_WORK_H
#define SERVICES_BACKEND_SQLITE_WORK_H

#include "services/backend/sqlite_usage.h"
#include "services/backend/sqlite_work_counts.h"
#include "services/backend/sqlite_writer.h"
#include "services/backend/work.h"

#include <pthread.h>

typedef struct sqlite_work {
  sqlite_part part;          ///< for the writer
  sqlite_usage *usage;       ///< the projects' ids and numbers; the writer's thread alone
  sqlite_work_counts counts; ///< the same
  pthread_mutex_t lock;      ///< for what follows
  void (*added)(void *user, uint64_t due_ms);
  void *user;
} sqlite_work;

void sqlite_work_init(sqlite_work *self, sqlite_usage *usage);
void sqlite_work_end(sqlite_work *self);
void sqlite_work_watch(sqlite_work *self, void (*added)(void *user, uint64_t due_ms), void *user);

/// A write as the writer's job. Owned by itself: it ends with its `done`.
ubiq_error *sqlite_work_job(sqlite_work *self, backend_work_write *operation, sqlite_job **out);
/// Ends a job that was not taken.
void sqlite_work_job_drop(sqlite_job *job);

/// How much later than now the newest item was added, in milliseconds; 0: the clock was not set back since.
ubiq_error *sqlite_work_set_back(database *database, uint64_t now_ms, uint64_t *by_ms);

/// Of the hurry of work.h by `by_ms`, which is not 0, the writer's first job; it makes those that follow. NULL when memory is out. Owned by itself.
sqlite_job *sqlite_work_hurry_job(sqlite_work *self, sqlite_writer *writer, uint64_t by_ms);

/// Tells who watches that something is due at `due_ms` (UINT64_MAX: nothing is).
void sqlite_work_tell(sqlite_work *self, uint64_t due_ms);

ubiq_error *sqlite_work_due(database *database, backend_work_due *operation);
ubiq_error *sqlite_work_list(database *database, backend_work_list *operation);
ubiq_error *sqlite_work_count(database *database, text project, text queue, backend_work_count *out);
ubiq_error *sqlite_work_counts_list(database *database, backend_work_counts *operation);

/// The first column of a statement's first row; `*is_found` is false when there is none.
ubiq_error *sqlite_work_number(database *database, const char *statement, const database_value *values, size_t count,
                               bool *is_found, uint64_t *out);

#endif
