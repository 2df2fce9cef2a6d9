// Reads of keys and values. Where a project is not known, nothing is found.
#include "services/backend/sqlite_kv.h"

#include <stdlib.h>

enum { COLUMN_KEY, COLUMN_VERSION, COLUMN_EXPIRES, COLUMN_MEDIA_TYPE, COLUMN_VALUE, COLUMN_ATTACHMENT };

static text column_text(sqlite3_stmt *row, int column) {
  return (text){sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column)};
}

static ubiq_bytes column_bytes(sqlite3_stmt *row, int column) {
  const text found = column_text(row, column);
  return (ubiq_bytes){(const uint8_t *)found.data, found.size};
}

/// What of an entry every row has; the media type of JSON is NULL in the table.
static backend_kv_entry entry_of(sqlite3_stmt *row) {
  return (backend_kv_entry){.key = column_text(row, COLUMN_KEY),
                            .version = (uint64_t)sqlite3_column_int64(row, COLUMN_VERSION),
                            .expires_ms = (uint64_t)sqlite3_column_int64(row, COLUMN_EXPIRES),
                            .media_type = column_text(row, COLUMN_MEDIA_TYPE)};
}

#define READ_FROM                                                                                                      \
  " FROM kv WHERE project = (SELECT id FROM projects WHERE name = ?) AND function = ? AND key = ?"                     \
  " AND (expires_ms IS NULL OR expires_ms > ?)"

void sqlite_kv_read(database *database, backend_kv_read *operation, uint64_t now_ms, sqlite_rows *rows, uint64_t turn) {
  static const char *const statements[] = {"SELECT key, version, expires_ms, media_type, value" READ_FROM,
                                           "SELECT key, version, expires_ms, media_type, value, attachment" READ_FROM};
  const backend_place place = operation->place;
  const database_value values[] = {
      database_blob(place.project.data, place.project.size), database_blob(place.function.data, place.function.size),
      database_blob(operation->key.data, operation->key.size), database_number((int64_t)now_ms)};
  sqlite3_stmt *row = NULL;
  operation->error = database_ask_one(database, statements[operation->wants_attachment], values,
                                      sizeof values / sizeof values[0], &row, &operation->is_found);
  if (operation->is_found) {
    operation->entry = entry_of(row);
    operation->entry.value = column_bytes(row, COLUMN_VALUE);
    if (operation->wants_attachment) operation->entry.attachment = column_bytes(row, COLUMN_ATTACHMENT);
    sqlite_rows_keep(rows, operation, turn);
  }
  operation->done(operation);
  if (row != NULL) sqlite3_reset(row);
}

/// Where a page begins: the prefix itself, the key behind which it goes on, or behind that.
static text first_key(const backend_kv_list *operation, bool *is_behind) {
  *is_behind = operation->is_after && text_compare(operation->after, operation->prefix) >= 0;
  return *is_behind ? operation->after : operation->prefix;
}

#define LIST_FROM                                                                                                      \
  ", length(attachment) FROM kv WHERE project = (SELECT id FROM projects WHERE name = ?) AND function = ? AND key "
#define LIST_END " ? AND (expires_ms IS NULL OR expires_ms > ?) ORDER BY key"

static ubiq_error *list(database *database, backend_kv_list *operation, uint64_t now_ms, sqlite3_stmt **row) {
  static const char *const statements[2][2] = {
      {"SELECT key, version, expires_ms, media_type, length(value)" LIST_FROM ">=" LIST_END,
       "SELECT key, version, expires_ms, media_type, length(value)" LIST_FROM ">" LIST_END},
      {"SELECT key, version, expires_ms, media_type, value" LIST_FROM ">=" LIST_END,
       "SELECT key, version, expires_ms, media_type, value" LIST_FROM ">" LIST_END}};
  bool is_behind = false;
  const text first = first_key(operation, &is_behind);
  const backend_place place = operation->place;
  const database_value values[] = {database_blob(place.project.data, place.project.size),
                                   database_blob(place.function.data, place.function.size),
                                   database_blob(first.data, first.size), database_number((int64_t)now_ms)};
  return database_ask(database, statements[operation->wants_values][is_behind], values,
                      sizeof values / sizeof values[0], row);
}

/// Adds the value where it is wanted.
static size_t size_of_value(const backend_kv_list *operation, sqlite3_stmt *row, backend_kv_entry *entry) {
  if (!operation->wants_values) return (size_t)sqlite3_column_int64(row, COLUMN_VALUE);
  entry->value = column_bytes(row, COLUMN_VALUE);
  return entry->value.size;
}

void sqlite_kv_list(database *database, backend_kv_list *operation, uint64_t now_ms) {
  sqlite3_stmt *row = NULL;
  ubiq_error *error = list(database, operation, now_ms, &row);
  for (size_t told = 0; error == NULL; told++) {
    bool is_row = false;
    error = database_step(database, row, &is_row);
    if (error != NULL || !is_row) break;
    backend_kv_entry entry = entry_of(row);
    entry.attachment.size = (size_t)sqlite3_column_int64(row, COLUMN_ATTACHMENT);
    if (!text_starts_with(entry.key, operation->prefix)) break;
    operation->is_more = told == operation->limit;
    if (operation->is_more) break;
    operation->each(operation, &entry, size_of_value(operation, row, &entry));
  }
  if (row != NULL) sqlite3_reset(row);
  operation->error = error;
  operation->done(operation);
}

ubiq_error *sqlite_kv_usage(database *database, text project, backend_kv_usage *out) {
  static const char statement[] = "SELECT keys, bytes, work, work_bytes FROM projects WHERE name = ?";
  const database_value name = database_blob(project.data, project.size);
  sqlite3_stmt *row = NULL;
  bool is_row = false;
  *out = (backend_kv_usage){0};
  ubiq_error *error = database_ask_one(database, statement, &name, 1, &row, &is_row);
  if (error != NULL || !is_row) return error;
  *out = (backend_kv_usage){.keys = (uint64_t)sqlite3_column_int64(row, 0),
                            .bytes = (uint64_t)sqlite3_column_int64(row, 1),
                            .work_items = (uint64_t)sqlite3_column_int64(row, 2),
                            .work_bytes = (uint64_t)sqlite3_column_int64(row, 3)};
  sqlite3_reset(row);
  return NULL;
}
