// SQLite with one way to fail: each of its results has a class and words of ours.
#include "runtime/database.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  BUSY_MS = 5000,             ///< how long another process may hold it
  APPLICATION_ID = 0x55626971 ///< "Ubiq": whose database it is
};

struct database {
  sqlite3 *handle;
  char *path;
};

// ---------------------------------------------------------------------------------------------------------- errors

typedef struct meaning {
  int result;
  ubiq_code code;
  const char *text;
} meaning;

static const meaning meanings[] = {
    {SQLITE_FULL, UBIQ_QUOTA, "the disk is full; make room and try again"},
    {SQLITE_BUSY, UBIQ_BUSY, "another process holds it; try again later"},
    {SQLITE_READONLY, UBIQ_DENIED, "it cannot be written; expected a file and a folder of this user's"},
    {SQLITE_PERM, UBIQ_DENIED, "this user may not use it"},
    {SQLITE_CANTOPEN, UBIQ_UNAVAILABLE,
     "it, or its journal, cannot be made or opened; expected its folder, and room on the disk"},
    {SQLITE_CORRUPT, UBIQ_INTERNAL, "it is damaged; restore it from a copy, or move it away and deploy again"},
    {SQLITE_NOTADB, UBIQ_INVALID_INPUT, "it is no database; expected one that `ubiq serve` made"},
};

/// The system's own word, where SQLite only says that it could not. After a file could not be made SQLite tries to open it
/// as it is, so that of the first reason nothing is left but the second's: that there is no such file.
static int system_number(const database *self, int result) {
  bool asks = (result & 0xff) == SQLITE_CANTOPEN || (result & 0xff) == SQLITE_IOERR;
  int number = asks ? sqlite3_system_errno(self->handle) : 0;
  return number == ENOENT ? 0 : number;
}

/// The error for a result of SQLite's.
static ubiq_error *failure(const database *self, int result) {
  int number = system_number(self, result);
  if ((result & 0xff) == SQLITE_NOMEM) return ubiq_error_no_memory();
  if (number != 0) return file_error(number, self->path);
  for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
    if (meanings[i].result == (result & 0xff))
      return ubiq_error_new(meanings[i].code, "%s: %s", self->path, meanings[i].text);
  return ubiq_error_new(UBIQ_INTERNAL, "%s: %s", self->path, sqlite3_errmsg(self->handle));
}

// --------------------------------------------------------------------------------------------------------- queries

static int bind(sqlite3_stmt *statement, int at, const database_value *value) {
  switch (value->kind) {
  case DATABASE_NUMBER: return sqlite3_bind_int64(statement, at, value->number);
  case DATABASE_TEXT:
    return sqlite3_bind_text64(statement, at, (const char *)value->bytes.data, value->bytes.size, SQLITE_STATIC,
                               SQLITE_UTF8);
  case DATABASE_BYTES: return sqlite3_bind_blob64(statement, at, value->bytes.data, value->bytes.size, SQLITE_STATIC);
  default: return sqlite3_bind_null(statement, at);
  }
}

static ubiq_error *step_all(database *self, sqlite3_stmt *statement, database_row each, void *user) {
  for (;;) {
    int result = sqlite3_step(statement);
    if (result == SQLITE_DONE) return NULL;
    if (result != SQLITE_ROW) return failure(self, result);
    ubiq_error *error = each == NULL ? NULL : each(user, statement);
    if (error != NULL) return error;
  }
}

ubiq_error *database_query(database *self, const char *statement, const database_value *values, size_t count,
                           database_row each, void *user) {
  sqlite3_stmt *prepared = NULL;
  int result = sqlite3_prepare_v2(self->handle, statement, -1, &prepared, NULL);
  for (size_t i = 0; result == SQLITE_OK && i < count; i++) result = bind(prepared, (int)i + 1, &values[i]);
  ubiq_error *error = result == SQLITE_OK ? step_all(self, prepared, each, user) : failure(self, result);
  sqlite3_finalize(prepared);
  return error;
}

static ubiq_error *run(database *self, const char *statements) {
  int result = sqlite3_exec(self->handle, statements, NULL, NULL, NULL);
  return result == SQLITE_OK ? NULL : failure(self, result);
}

ubiq_error *database_begin(database *self) {
  return run(self, "BEGIN IMMEDIATE");
}

ubiq_error *database_end(database *self, ubiq_error *error) {
  if (error == NULL) error = run(self, "COMMIT");
  if (error != NULL && sqlite3_get_autocommit(self->handle) == 0) ubiq_error_delete(run(self, "ROLLBACK"));
  return error;
}

// --------------------------------------------------------------------------------------------------------- opening

static ubiq_error *take_number(void *user, sqlite3_stmt *row) {
  *(int64_t *)user = sqlite3_column_int64(row, 0);
  return NULL;
}

static ubiq_error *take_verdict(void *user, sqlite3_stmt *row) {
  const char *text = (const char *)sqlite3_column_text(row, 0);
  *(bool *)user = text != NULL && strcmp(text, "ok") == 0;
  return NULL;
}

static ubiq_error *make_tables(database *self, const char *schema, int version) {
  char mark[96];
  snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, version);
  ubiq_error *error = database_begin(self);
  if (error != NULL) return error;
  error = run(self, schema);
  if (error == NULL) error = run(self, mark);
  return database_end(self, error);
}

static ubiq_error *check_version(database *self, const char *schema, int version) {
  int64_t owner = 0, found = 0, tables = 0;
  ubiq_error *error = database_query(self, "PRAGMA application_id", NULL, 0, take_number, &owner);
  if (error == NULL) error = database_query(self, "PRAGMA user_version", NULL, 0, take_number, &found);
  if (error == NULL) error = database_query(self, "SELECT count(*) FROM sqlite_schema", NULL, 0, take_number, &tables);
  if (error != NULL) return error;
  if (owner == 0 && found == 0 && tables == 0) return make_tables(self, schema, version);
  if (owner != APPLICATION_ID)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is another program's database", self->path);
  if (found != version)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: has version %lld; expected %d, which this ubiq knows", self->path,
                          (long long)found, version);
  return NULL;
}

/// Small as it is, all of it is looked at: what is damaged is told before anything is served by it.
static ubiq_error *check_whole(database *self) {
  bool good = false;
  ubiq_error *error = database_query(self, "PRAGMA quick_check(1)", NULL, 0, take_verdict, &good);
  return error != NULL || good ? error : failure(self, SQLITE_CORRUPT);
}

/// `synchronous = EXTRA`: with a rollback journal it is the end of the journal's name that commits, and has to be on the
/// disk, too.
static ubiq_error *set_up(database *self, const char *schema, int version) {
  sqlite3_busy_timeout(self->handle, BUSY_MS);
  sqlite3_db_config(self->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  ubiq_error *error = run(self, "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA foreign_keys = ON; "
                                "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF");
  if (error == NULL) error = check_whole(self);
  return error != NULL ? error : check_version(self, schema, version);
}

ubiq_error *database_open(const char *path, const char *schema, int version, database **out) {
  database *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->path = strdup(path);
  if (self->path == NULL) {
    free(self);
    return ubiq_error_no_memory();
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
  int result = sqlite3_open_v2(path, &self->handle, flags, NULL);
  ubiq_error *error = result == SQLITE_OK ? set_up(self, schema, version) : failure(self, result);
  if (error == NULL)
    *out = self;
  else
    database_close(self);
  return error;
}

void database_close(database *self) {
  if (self == NULL) return;
  sqlite3_close(self->handle);
  free(self->path);
  free(self);
}
