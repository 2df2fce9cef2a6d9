// How many items the counted queues (BACKEND_WORK_COUNTED) have: kept in memory on the writer's thread as they change, and in rows of their own,
// which are written once a transaction. So who asks how a queue stands reads a row, however much waits.
//
// What a job changes is taken back when the job is.
#ifndef SERVICES_BACKEND_SQLITE_WORK_COUNTS_H
#define SERVICES_BACKEND_SQLITE_WORK_COUNTS_H

#include "base/database.h"
#include "base/map.h"

/// The numbers of a queue. Borrowed until the transaction ends.
typedef struct sqlite_queue sqlite_queue;

/// A zeroed one is empty. The writer's thread alone.
typedef struct sqlite_work_counts {
  map queues;            ///< a project's id and a queue's name: a pointer to its numbers, owned
  sqlite_queue *touched; ///< by the job that is under way
  sqlite_queue *changed; ///< since they were read or written
} sqlite_work_counts;

bool sqlite_work_is_counted(text queue);

/// A queue's numbers, which are read when they are not known; NULL for one that is not counted. Errors: SQLite's.
ubiq_error *sqlite_work_counts_enter(sqlite_work_counts *self, database *database, int64_t project, text queue,
                                     sqlite_queue **out);
/// `by` more items have a state, as it is stored. NULL is allowed.
void sqlite_work_counts_add(sqlite_work_counts *self, sqlite_queue *queue, uint64_t state, int by);
/// The job is over: what it changed stays, or is as it was before.
void sqlite_work_counts_settle(sqlite_work_counts *self, bool is_kept);

ubiq_error *sqlite_work_counts_flush(sqlite_work_counts *self, database *database);
void sqlite_work_counts_forget(sqlite_work_counts *self);

#endif
