// Keys and values in SQLite: reads on any connection, changes on the writer's.
#ifndef SERVICES_BACKEND_SQLITE_KV_H
#define SERVICES_BACKEND_SQLITE_KV_H

#include "services/backend/sqlite_usage.h"

/// What a row counts for.
#define SQLITE_KV_SIZE "length(key) + length(value) + ifnull(length(media_type), 0) + ifnull(length(attachment), 0)"

/// What the writer's thread keeps of it. Zeroed but for the part's functions (sqlite_kv_init).
typedef struct sqlite_kv {
  sqlite_part part;
  sqlite_usage usage;
  sqlite_writer *writer; ///< told when something is to be swept
  sqlite_rows *rows;     ///< told what changed
} sqlite_kv;

void sqlite_kv_init(sqlite_kv *self, sqlite_rows *rows);
void sqlite_kv_end(sqlite_kv *self);

/// A write as the writer's job. Owned by itself: it ends with its `done`.
ubiq_error *sqlite_kv_job(sqlite_kv *self, backend_kv_write *operation, sqlite_job **out);
/// Ends a job that was not taken.
void sqlite_kv_job_drop(sqlite_job *job);

/// Removes keys that expired, a few; see sqlite_part.
ubiq_error *sqlite_kv_sweep(sqlite_part *part, database *database, uint64_t now_ms, uint64_t *next_ms);
/// The same of one project, by its id; `*removed` is how many.
ubiq_error *sqlite_kv_sweep_project(sqlite_kv *self, database *database, int64_t project, uint64_t now_ms,
                                    size_t *removed);
/// Removes a row. Its size is the caller's to count.
ubiq_error *sqlite_kv_remove(database *database, int64_t id);

/// Answers by the operation's error and the rest, and calls `done` or `each` while the row is there. What is read goes to `rows`, of whose turn
/// it is.
void sqlite_kv_read(database *database, backend_kv_read *operation, uint64_t now_ms, sqlite_rows *rows, uint64_t turn);
void sqlite_kv_list(database *database, backend_kv_list *operation, uint64_t now_ms);
ubiq_error *sqlite_kv_usage(database *database, text project, backend_kv_usage *out);

#endif
