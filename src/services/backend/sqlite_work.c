// Reads of work.
#include "services/backend/sqlite_work.h"

#include "services/backend/sqlite_work_order.h"

#include <string.h>

#define COLUMNS                                                                                                        \
  "w.id, p.name, w.queue, w.name, w.ordering, w.due_ms, w.added_ms, w.attempts, w.hops, w.state, w.payload, w.failure"

enum { ID, PROJECT, QUEUE, NAME, ORDER, DUE, ADDED, ATTEMPTS, HOPS, STATE, PAYLOAD, FAILURE };

static text column_text(sqlite3_stmt *row, int column) {
  return (text){sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column)};
}

static uint64_t column_number(sqlite3_stmt *row, int column) {
  return (uint64_t)sqlite3_column_int64(row, column);
}

/// What waits behind an older one of its order waits, too.
static backend_work_state state_of(uint64_t stored) {
  return stored == SQLITE_WORK_BEHIND ? BACKEND_WORK_WAITING : (backend_work_state)stored;
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
                             .state = state_of(column_number(row, STATE)),
                             .payload = {(const uint8_t *)payload.data, payload.size},
                             .failure = column_text(row, FAILURE)};
}

// ----------------------------------------------------------------------------------------------------------- what is due

/// When the first is due after `now_ms`.
static ubiq_error *find_next(database *database, uint64_t now_ms, uint64_t *next_ms) {
  static const char statement[] = "SELECT due_ms FROM work WHERE state = 0 AND due_ms > ? ORDER BY due_ms LIMIT 1";
  const database_value value = database_number((int64_t)now_ms);
  sqlite3_stmt *row = NULL;
  bool is_row = false;
  ubiq_error *error = database_ask_one(database, statement, &value, 1, &row, &is_row);
  if (error != NULL) return error;
  *next_ms = is_row ? column_number(row, 0) : UINT64_MAX;
  if (is_row) sqlite3_reset(row);
  return NULL;
}

static ubiq_error *ask_due(database *database, const backend_work_due *operation, sqlite3_stmt **rows) {
  static const char of_all[] =
      "SELECT " COLUMNS " FROM work w JOIN projects p ON p.id = w.project"
      " WHERE w.state = 0 AND (w.due_ms, w.id) > (?, ?) AND w.due_ms <= ? ORDER BY w.due_ms, w.id";
  static const char
      of_queue[] = // those of one time come by their ids, as the index work_count has them: saying so would sort them
      "SELECT " COLUMNS " FROM projects p CROSS JOIN work w ON w.project = p.id WHERE p.name = ? AND w.queue = ?"
      " AND w.name IS NULL AND w.state = 0 AND w.due_ms <= ? ORDER BY w.due_ms";
  static const char of_order[] =
      "SELECT " COLUMNS " FROM projects p CROSS JOIN work w ON w.project = p.id WHERE p.name = ? AND w.queue = ?"
      " AND w.ordering = ? AND w.ordering IS NOT NULL AND w.state IN (0, 3) AND w.id > ? ORDER BY w.id";
  const database_value project = database_blob(operation->project.data, operation->project.size),
                       queue = database_blob(operation->queue.data, operation->queue.size),
                       order = database_blob(operation->order.data, operation->order.size),
                       after_ms = database_number((int64_t)operation->after.due_ms),
                       after_id = database_number((int64_t)operation->after.id),
                       now_ms = database_number((int64_t)operation->now_ms);
  if (operation->order.size > 0)
    return database_ask(database, of_order, (database_value[]){project, queue, order, after_id}, 4, rows);
  if (operation->queue.size > 0)
    return database_ask(database, of_queue, (database_value[]){project, queue, now_ms}, 3, rows);
  return database_ask(database, of_all, (database_value[]){after_ms, after_id, now_ms}, 3, rows);
}

ubiq_error *sqlite_work_due(database *database, backend_work_due *operation) {
  sqlite3_stmt *rows = NULL;
  ubiq_error *error = ask_due(database, operation, &rows);
  size_t told = 0;
  for (bool is_row = true; error == NULL && told < operation->limit; told++) {
    error = database_step(database, rows, &is_row);
    if (error != NULL || !is_row) break;
    const backend_work_item item = item_of(rows);
    if (item.due_ms > operation->now_ms) break; // of an order, whose items come by age
    operation->after = (backend_work_cursor){item.due_ms, item.id};
    operation->each(operation, &item);
  }
  if (rows != NULL) sqlite3_reset(rows);
  operation->next_ms = operation->now_ms;
  if (error != NULL || told == operation->limit) return error;
  operation->next_ms = UINT64_MAX;
  if (operation->queue.size > 0) return NULL;
  return find_next(database, operation->now_ms, &operation->next_ms);
}

// ------------------------------------------------------------------------------------------------------------- a queue

#define ITEMS "SELECT " COLUMNS " FROM projects p CROSS JOIN work w ON w.project = p.id "

static ubiq_error *ask_list(database *database, const backend_work_list *operation, sqlite3_stmt **rows) {
  static const char by_id[] = ITEMS "WHERE p.name = ? AND w.id = ?",
                    by_name[] = ITEMS "WHERE p.name = ? AND w.queue = ? AND w.name = ?",
                    dead[] = ITEMS "WHERE p.name = ? AND w.state = 2 AND w.id > ? ORDER BY w.id",
                    dead_of_queue[] =
                        ITEMS "WHERE p.name = ? AND w.state = 2 AND w.id > ? AND w.queue = ? ORDER BY w.id",
                    named[] =
                        ITEMS "WHERE p.name = ? AND w.queue = ? AND w.name IS NOT NULL AND w.name > ? ORDER BY w.name",
                    of_all[] = ITEMS "WHERE w.queue = ? AND w.name IS NOT NULL ORDER BY p.id, w.name";
  const database_value project = database_blob(operation->project.data, operation->project.size),
                       queue = database_blob(operation->queue.data, operation->queue.size),
                       name = database_blob(operation->name.data, operation->name.size),
                       after_name = database_blob(operation->after_name.data, operation->after_name.size),
                       after_id = database_number((int64_t)operation->after_id),
                       only_id = database_number((int64_t)operation->only_id);
  if (operation->of_all) return database_ask(database, of_all, &queue, 1, rows);
  if (operation->only_id != 0) return database_ask(database, by_id, (database_value[]){project, only_id}, 2, rows);
  if (operation->name.size > 0)
    return database_ask(database, by_name, (database_value[]){project, queue, name}, 3, rows);
  if (operation->queue.size == 0) return database_ask(database, dead, (database_value[]){project, after_id}, 2, rows);
  if (operation->state == BACKEND_WORK_DEAD)
    return database_ask(database, dead_of_queue, (database_value[]){project, after_id, queue}, 3, rows);
  return database_ask(database, named, (database_value[]){project, queue, after_name}, 3, rows);
}

ubiq_error *sqlite_work_list(database *database, backend_work_list *operation) {
  sqlite3_stmt *rows = NULL;
  operation->is_more = false;
  ubiq_error *error = ask_list(database, operation, &rows);
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

// ------------------------------------------------------------------------------------------------------------- numbers

/// Adds a row of a state, how many have it, and when the first of them is due.
static void add_row(backend_work_count *out, sqlite3_stmt *row, int column) {
  uint64_t *const counts[] = {&out->waiting, &out->paused, &out->dead};
  backend_work_state state = state_of(column_number(row, column));
  uint64_t first_ms = column_number(row, column + 2);
  if (state > BACKEND_WORK_DEAD) return;
  *counts[state] += column_number(row, column + 1);
  if (state == BACKEND_WORK_WAITING && (out->oldest_ms == 0 || first_ms < out->oldest_ms)) out->oldest_ms = first_ms;
}

static ubiq_error *take_count(void *user, sqlite3_stmt *row) {
  add_row(user, row, 0);
  return NULL;
}

static ubiq_error *count_items(database *database, text project, text queue, backend_work_count *out) {
#define COUNT                                                                                                          \
  "SELECT state, count(*), min(due_ms) FROM work WHERE project = (SELECT id FROM projects WHERE name = ?1)"            \
  " AND queue = ?2 AND name IS "
  static const char statement[] = COUNT "NULL GROUP BY state UNION ALL " COUNT "NOT NULL GROUP BY state";
#undef COUNT
  const database_value values[] = {database_blob(project.data, project.size), database_blob(queue.data, queue.size)};
  return database_query(database, statement, values, 2, take_count, out);
}

/// When the first of a state is due: the first entry of the index that has a queue's items in this order. (SQLite looks at all of them for
/// a min.)
#define FIRST_DUE(state)                                                                                               \
  "(SELECT w.due_ms FROM work w WHERE w.project = q.project AND w.queue = q.queue AND w.state = " state                \
  " AND w.name IS NULL ORDER BY w.due_ms LIMIT 1)"

#define NUMBERS                                                                                                        \
  "SELECT q.queue, q.waiting, q.paused, q.dead, " FIRST_DUE("0") ", " FIRST_DUE(                                       \
      "3") " FROM work_queues q"                                                                                       \
           " WHERE q.project = (SELECT id FROM projects WHERE name = ?)"

static backend_work_count numbers_of(sqlite3_stmt *row) {
  enum { NUMBERS_WAITING = 1, NUMBERS_PAUSED, NUMBERS_DEAD, NUMBERS_FIRST, NUMBERS_FIRST_BEHIND };
  uint64_t first_ms = column_number(row, NUMBERS_FIRST), behind_ms = column_number(row, NUMBERS_FIRST_BEHIND);
  bool is_behind = first_ms == 0 || (behind_ms != 0 && behind_ms < first_ms);
  return (backend_work_count){.waiting = column_number(row, NUMBERS_WAITING),
                              .paused = column_number(row, NUMBERS_PAUSED),
                              .dead = column_number(row, NUMBERS_DEAD),
                              .oldest_ms = is_behind ? behind_ms : first_ms};
}

static ubiq_error *take_numbers(void *user, sqlite3_stmt *row) {
  *(backend_work_count *)user = numbers_of(row);
  return NULL;
}

static ubiq_error *read_numbers(database *database, text project, text queue, backend_work_count *out) {
  static const char statement[] = NUMBERS " AND q.queue = ?";
  const database_value values[] = {database_blob(project.data, project.size), database_blob(queue.data, queue.size)};
  return database_query(database, statement, values, 2, take_numbers, out);
}

ubiq_error *sqlite_work_count(database *database, text project, text queue, backend_work_count *out) {
  *out = (backend_work_count){0};
  return sqlite_work_is_counted(queue) ? read_numbers(database, project, queue, out)
                                       : count_items(database, project, queue, out);
}

static ubiq_error *take_queue(void *user, sqlite3_stmt *row) {
  backend_work_counts *operation = user;
  const backend_work_count count = numbers_of(row);
  operation->each(operation, column_text(row, 0), &count);
  return NULL;
}

ubiq_error *sqlite_work_counts_list(database *database, backend_work_counts *operation) {
  static const char statement[] = NUMBERS " ORDER BY q.queue";
  const database_value value = database_blob(operation->project.data, operation->project.size);
  return database_query(database, statement, &value, 1, take_queue, operation);
}
