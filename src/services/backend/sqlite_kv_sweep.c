// Removing keys that expired, a few at a time, on the writer's thread.
#include "services/backend/sqlite_kv.h"

/// What expired is found before anything of it is removed, 256 at once. Without the index's name SQLite would go through all keys of a project
/// that has little of it, once for each write while the project is full.
#define EXPIRED(condition)                                                                                             \
  "SELECT id, project, " SQLITE_KV_SIZE " FROM kv WHERE id IN"                                                         \
  " (SELECT id FROM kv INDEXED BY kv_expiry WHERE expires_ms IS NOT NULL AND expires_ms <= ?" condition                \
  " ORDER BY expires_ms LIMIT 256)"

ubiq_error *sqlite_kv_remove(database *database, int64_t id) {
  static const char statement[] = "DELETE FROM kv WHERE id = ?";
  const database_value value = database_number(id);
  return database_run(database, statement, &value, 1);
}

static ubiq_error *remove_row(sqlite_kv *self, database *database, sqlite3_stmt *row) {
  int64_t project = sqlite3_column_int64(row, 1);
  uint64_t size = (uint64_t)sqlite3_column_int64(row, 2);
  ubiq_error *error = sqlite_kv_remove(database, sqlite3_column_int64(row, 0));
  sqlite_rows_swept(self->rows);
  return error != NULL ? error : sqlite_usage_remove(&self->usage, database, project, size);
}

static ubiq_error *remove_all(sqlite_kv *self, database *database, sqlite3_stmt *rows, size_t *removed) {
  for (*removed = 0;; ++*removed) {
    bool is_row = false;
    ubiq_error *error = database_step(database, rows, &is_row);
    if (error == NULL && is_row) error = remove_row(self, database, rows);
    if (error != NULL) sqlite3_reset(rows);
    if (error != NULL || !is_row) return error;
  }
}

ubiq_error *sqlite_kv_sweep_project(sqlite_kv *self, database *database, int64_t project, uint64_t now_ms,
                                    size_t *removed) {
  static const char statement[] = EXPIRED(" AND project = ?");
  const database_value values[] = {database_number((int64_t)now_ms), database_number(project)};
  sqlite3_stmt *rows = NULL;
  ubiq_error *error = database_ask(database, statement, values, 2, &rows);
  return error != NULL ? error : remove_all(self, database, rows, removed);
}

static ubiq_error *sweep_all(sqlite_kv *self, database *database, uint64_t now_ms) {
  static const char statement[] = EXPIRED("");
  const database_value value = database_number((int64_t)now_ms);
  sqlite3_stmt *rows = NULL;
  size_t removed;
  ubiq_error *error = database_ask(database, statement, &value, 1, &rows);
  return error != NULL ? error : remove_all(self, database, rows, &removed);
}

ubiq_error *sqlite_kv_sweep(sqlite_part *part, database *database, uint64_t now_ms, uint64_t *next_ms) {
  static const char statement[] = "SELECT min(expires_ms) FROM kv WHERE expires_ms IS NOT NULL";
  sqlite3_stmt *row = NULL;
  bool is_row = false;
  ubiq_error *error = sweep_all((sqlite_kv *)part, database, now_ms);
  if (error == NULL) error = database_ask_one(database, statement, NULL, 0, &row, &is_row);
  if (error != NULL || !is_row) return error;
  bool has_expiry = sqlite3_column_type(row, 0) != SQLITE_NULL;
  *next_ms = has_expiry ? (uint64_t)sqlite3_column_int64(row, 0) : UINT64_MAX;
  sqlite3_reset(row);
  return NULL;
}
