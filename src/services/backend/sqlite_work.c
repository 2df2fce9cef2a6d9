// Reads of work.
#include "services/backend/sqlite_work.h"

#define COLUMNS                                                                                                        \
  "w.id, p.name, w.queue, w.name, w.ordering, w.due_ms, w.added_ms, w.attempts, w.hops, w.state, w.payload, w.failure"

enum { ID, PROJECT, QUEUE, NAME, ORDER, DUE, ADDED, ATTEMPTS, HOPS, STATE, PAYLOAD, FAILURE };

static text column_text(sqlite3_stmt *row, int column) {
  return (text){sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column)};
}

static uint64_t column_number(sqlite3_stmt *row, int column) {
  return (uint64_t)sqlite3_column_int64(row, column);
}

static backend_work_item item_of(sqlite3_stmt *row) {
  const text payload = column_text(row, PAYLOAD);
  return (backend_work_item){.id = column_number(row, ID),
                             .project = column_text(row, PROJECT),
                             .queue = column_text(row, QUEUE),
                             .name = column_text(row, NAME),
                             .order = column_text(row, ORDER),
                             .due_ms = column_number(row, DUE),
                             .added_ms = column_number(row, ADDED),
                             .attempts = (uint32_t)column_number(row, ATTEMPTS),
                             .hops = (uint32_t)column_number(row, HOPS),
                             .state = (backend_work_state)column_number(row, STATE),
                             .payload = {(const uint8_t *)payload.data, payload.size},
                             .failure = column_text(row, FAILURE)};
}

/// Prepares and binds. On an error there are no rows.
static ubiq_error *ask(database *database, const char *statement, const database_value *values, size_t count,
                       sqlite3_stmt **rows) {
  ubiq_error *error = database_prepare(database, statement, rows);
  return error != NULL ? error : database_bind(database, *rows, values, count);
}

// ----------------------------------------------------------------------------------------------------------- what is due

/// When the first is due after `now_ms`.
static ubiq_error *find_next(database *database, uint64_t now_ms, uint64_t *next_ms) {
  static const char statement[] = "SELECT due_ms FROM work WHERE state = 0 AND due_ms > ? ORDER BY due_ms LIMIT 1";
  const database_value value = database_number((int64_t)now_ms);
  sqlite3_stmt *row = NULL;
  bool is_row = false;
  ubiq_error *error = ask(database, statement, &value, 1, &row);
  if (error == NULL) error = database_step(database, row, &is_row);
  if (error != NULL) return error;
  *next_ms = is_row ? column_number(row, 0) : UINT64_MAX;
  if (is_row) sqlite3_reset(row);
  return NULL;
}

ubiq_error *sqlite_work_due(database *database, backend_work_due *operation) {
  static const char statement[] =
      "SELECT " COLUMNS " FROM work w JOIN projects p ON p.id = w.project"
      " WHERE w.state = 0 AND (w.due_ms, w.id) > (?, ?) AND w.due_ms <= ?"
      " AND (w.ordering IS NULL OR NOT EXISTS (SELECT 1 FROM work o WHERE o.project = w.project AND o.queue = w.queue"
      " AND o.ordering = w.ordering AND o.state = 0 AND o.id < w.id))"
      " ORDER BY w.due_ms, w.id";
  const database_value values[] = {database_number((int64_t)operation->after.due_ms),
                                   database_number((int64_t)operation->after.id),
                                   database_number((int64_t)operation->now_ms)};
  sqlite3_stmt *rows = NULL;
  ubiq_error *error = ask(database, statement, values, 3, &rows);
  size_t told = 0;
  for (bool is_row = true; error == NULL && told < operation->limit; told++) {
    error = database_step(database, rows, &is_row);
    if (error != NULL || !is_row) break;
    const backend_work_item item = item_of(rows);
    operation->after = (backend_work_cursor){item.due_ms, item.id};
    operation->each(operation, &item);
  }
  if (rows != NULL) sqlite3_reset(rows);
  operation->next_ms = operation->now_ms;
  if (error != NULL || told == operation->limit) return error;
  return find_next(database, operation->now_ms, &operation->next_ms);
}

// ------------------------------------------------------------------------------------------------------------- a queue

ubiq_error *sqlite_work_list(database *database, backend_work_list *operation) {
  static const char named[] = "SELECT " COLUMNS " FROM work w JOIN projects p ON p.id = w.project"
                              " WHERE p.name = ? AND w.queue = ? AND w.name = ?";
  static const char all[] =
      "SELECT " COLUMNS " FROM work w JOIN projects p ON p.id = w.project WHERE p.name = ?1 AND w.queue = ?2"
      " AND (?3 < 0 OR w.state = ?3) AND ifnull(w.name, x'') >= ?4 AND (ifnull(w.name, x''), w.id) > (?4, ?5) AND (?6 "
      "= 0 OR w.id = ?6)"
      " ORDER BY ifnull(w.name, x''), w.id";
  static const char dead[] = "SELECT " COLUMNS " FROM work w JOIN projects p ON p.id = w.project"
                             " WHERE p.name = ? AND w.state = 2 AND w.id > ? ORDER BY w.id";
  const database_value by_name[] = {database_blob(operation->project.data, operation->project.size),
                                    database_blob(operation->queue.data, operation->queue.size),
                                    database_blob(operation->name.data, operation->name.size)};
  const database_value by_age[] = {by_name[0],
                                   by_name[1],
                                   database_number(operation->state),
                                   database_blob(operation->after_name.data, operation->after_name.size),
                                   database_number((int64_t)operation->after_id),
                                   database_number((int64_t)operation->only_id)};
  sqlite3_stmt *rows = NULL;
  operation->is_more = false;
  const database_value of_all[] = {by_name[0], by_age[4]};
  ubiq_error *error = operation->queue.size == 0 ? ask(database, dead, of_all, 2, &rows)
                      : operation->name.size > 0 ? ask(database, named, by_name, 3, &rows)
                                                 : ask(database, all, by_age, 6, &rows);
  for (size_t told = 0; error == NULL; told++) {
    bool is_row = false;
    error = database_step(database, rows, &is_row);
    if (error != NULL || !is_row) break;
    operation->is_more = told == operation->limit;
    if (operation->is_more) break;
    const backend_work_item item = item_of(rows);
    operation->each(operation, &item);
  }
  if (rows != NULL) sqlite3_reset(rows);
  return error;
}

static ubiq_error *take_count(void *user, sqlite3_stmt *row) {
  backend_work_count *out = user;
  uint64_t *const counts[] = {&out->waiting, &out->paused, &out->dead};
  uint64_t state = column_number(row, 0);
  if (state < sizeof counts / sizeof counts[0]) *counts[state] = column_number(row, 1);
  if (state == BACKEND_WORK_WAITING) out->oldest_ms = column_number(row, 2);
  return NULL;
}

ubiq_error *sqlite_work_count(database *database, text project, text queue, backend_work_count *out) {
  static const char statement[] =
      "SELECT state, count(*), min(due_ms) FROM work"
      " WHERE project = (SELECT id FROM projects WHERE name = ?) AND queue = ? GROUP BY state";
  const database_value values[] = {database_blob(project.data, project.size), database_blob(queue.data, queue.size)};
  *out = (backend_work_count){0};
  return database_query(database, statement, values, 2, take_count, out);
}
