// Taking away what nobody is to have any more: a portion in each transaction, so that other writes go between.
#include "services/backend/sqlite_work_inside.h"

#include <stdlib.h>

enum { PORTION = 1024, PORTION_BYTES = 8 << 20 };

/// Items that are to be taken away, read before the first of them is.
typedef struct portion {
  size_t count;
  bool is_more; ///< than a portion
  uint64_t ids[PORTION], states[PORTION], bytes[PORTION];
} portion;

static ubiq_error *read_portion(const work_job *self, database *database, text queue, portion *out) {
  static const char statement[] =
      "SELECT id, state, length(payload) FROM work WHERE project = ? AND queue = ? AND name IS NULL LIMIT ?";
  const database_value values[] = {database_number(self->project->id), database_blob(queue.data, queue.size),
                                   database_number(PORTION)};
  sqlite3_stmt *rows = NULL;
  bool is_row = true;
  uint64_t bytes = 0;
  ubiq_error *error = database_ask(database, statement, values, 3, &rows);
  while (error == NULL && out->count < PORTION && bytes < PORTION_BYTES) {
    error = database_step(database, rows, &is_row);
    if (error != NULL || !is_row) break;
    out->ids[out->count] = (uint64_t)sqlite3_column_int64(rows, 0);
    out->states[out->count] = (uint64_t)sqlite3_column_int64(rows, 1);
    bytes += out->bytes[out->count++] = (uint64_t)sqlite3_column_int64(rows, 2);
  }
  if (rows != NULL) sqlite3_reset(rows);
  out->is_more = is_row;
  return error;
}

/// All of the queue is to go, so that nobody is moved to the beginning of an order.
static ubiq_error *remove_portion(work_job *self, database *database, const portion *portion, sqlite_queue *queue) {
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < portion->count; i++) {
    const work_kept kept = {.bytes = portion->bytes[i], .state = portion->states[i], .queue = queue};
    error = sqlite_work_remove(self, database, portion->ids[i], &kept);
  }
  return error;
}

ubiq_error *sqlite_work_clear(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  sqlite_queue *queue = NULL;
  (void)now_ms;
  portion *portion = calloc(1, sizeof *portion);
  if (portion == NULL) return ubiq_error_no_memory();
  ubiq_error *error =
      sqlite_work_counts_enter(&self->work->counts, database, self->project->id, change->item.queue, &queue);
  if (error == NULL) error = read_portion(self, database, change->item.queue, portion);
  if (error == NULL) error = remove_portion(self, database, portion, queue);
  change->is_more = portion->is_more;
  free(portion);
  return error;
}
