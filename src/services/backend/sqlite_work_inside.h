// What the changes of work share, on the writer's thread. Not for anybody else.
#ifndef SERVICES_BACKEND_SQLITE_WORK_INSIDE_H
#define SERVICES_BACKEND_SQLITE_WORK_INSIDE_H

#include "services/backend/sqlite_work.h"

typedef struct work_job {
  sqlite_job job;
  sqlite_work *work;
  backend_work_write *operation;
  sqlite_project *project; ///< entered by `prepare`
  uint64_t items, bytes;   ///< what the project will have when all succeed
  uint64_t due_ms;         ///< the first that is due now and was not before
} work_job;

/// An item as it is kept.
typedef struct work_kept {
  bool is_there; ///< and the write's project's
  uint64_t due_ms, state;
  bool has_order;
  uint64_t bytes;                ///< of its payload
  sqlite_queue *queue;           ///< numbers; NULL: it is not counted
  uint64_t next_id, next_due_ms; ///< when it is the first of its order: whoever waits behind it; 0: nobody
} work_kept;

/// Takes an item away, and counts that.
ubiq_error *sqlite_work_remove(work_job *self, database *database, uint64_t id, const work_kept *kept);

/// BACKEND_WORK_CLEAR.
ubiq_error *sqlite_work_clear(work_job *self, database *database, backend_work_change *change, uint64_t now_ms);

#endif
