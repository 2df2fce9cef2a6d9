// The thread that writes: takes jobs, does many of them in one transaction, and tells each when it is on the disk.
//
// Each job is all or nothing by itself: one that fails is taken back to where it began (a savepoint) and its neighbours stay. When
// the transaction fails as a whole, the disk is full perhaps, all of its jobs are told so and none was done.
#ifndef SERVICES_BACKEND_SQLITE_WRITER_H
#define SERVICES_BACKEND_SQLITE_WRITER_H

#include "base/database.h"
#include "services/backend/backend.h"
#include "services/backend/sqlite_rows.h"

typedef struct sqlite_writer sqlite_writer;

/// A job. It is embedded in what it is for, and the writer's until `done`.
typedef struct sqlite_job {
  /// Before the savepoint; may be NULL. What it changes stays when `apply` fails.
  ubiq_error *(*prepare)(struct sqlite_job *self, database *database, uint64_t now_ms);
  ubiq_error *(*apply)(struct sqlite_job *self, database *database, uint64_t now_ms);
  /// It is on the disk, and nobody was told yet; may be NULL.
  void (*committed)(struct sqlite_job *self);
  /// Takes the error. On the writer's thread: whatever it does keeps all others waiting.
  void (*done)(struct sqlite_job *self, ubiq_error *error);
  bool is_single; ///< it fails before its only change, if it fails: it needs no savepoint
  size_t bytes;   ///< what it counts for in the queue
  // The writer's.
  ubiq_error *error;
  struct sqlite_job *next;
} sqlite_job;

/// What jobs of one kind share on the writer's thread. Any function may be NULL.
typedef struct sqlite_part {
  /// Once in each transaction, before it is committed: writes what was only counted so far.
  ubiq_error *(*flush)(struct sqlite_part *self, database *database);
  /// A transaction failed, or another process wrote: whatever is known of the database is no longer so.
  void (*forget)(struct sqlite_part *self);
  /// Removes a small portion of what is no longer needed, in a transaction of its own. `*next_ms` is when to be called again,
  /// UINT64_MAX: when something is written.
  ubiq_error *(*sweep)(struct sqlite_part *self, database *database, uint64_t now_ms, uint64_t *next_ms);
} sqlite_part;

enum { SQLITE_PARTS_MAX = 4 };

typedef struct sqlite_writer_settings {
  database *database; ///< the writer's alone from now on, its hook for commits too; not closed by it
  sqlite_part *parts[SQLITE_PARTS_MAX];
  sqlite_rows *rows;    ///< told of each transaction; NULL: there are none
  size_t waiting_max;   ///< jobs
  size_t waiting_bytes; ///< of jobs
  uint64_t (*now_ms)(void);
} sqlite_writer_settings;

/// Starts the thread. Errors: `internal`.
ubiq_error *sqlite_writer_start(const sqlite_writer_settings *settings, sqlite_writer **out);

/// Hands over a job. Errors: `busy` when too much waits; the job's `done` is not called then. Any thread.
ubiq_error *sqlite_writer_add(sqlite_writer *self, sqlite_job *job);

/// That something is to be swept at `at_ms`: not later than this sweep is called. The writer's thread.
void sqlite_writer_sweep_by(sqlite_writer *self, uint64_t at_ms);

void sqlite_writer_count(sqlite_writer *self, backend_counts *out);

/// Does what waits and ends the thread. No job may be added any more. NULL is allowed.
void sqlite_writer_stop(sqlite_writer *self);

#endif
