// An SQLite database of ours: opened so that what was committed is on the disk, asked with values that are never text of
// the statement, and with errors that say what to do.
//
// Any thread; statements of several threads on one database go one after the other, a transaction is the caller's to guard.
#ifndef RUNTIME_DATABASE_H
#define RUNTIME_DATABASE_H

#include "base/text.h"
#include "ubiq/error.h"

#include <sqlite3.h>

typedef struct database database;

typedef enum database_kind { DATABASE_NULL, DATABASE_NUMBER, DATABASE_TEXT, DATABASE_BYTES } database_kind;

/// A value for a `?` of a statement. What it points to is borrowed for the call.
typedef struct database_value {
  database_kind kind;
  int64_t number;
  ubiq_bytes bytes;
} database_value;

static inline database_value database_number(int64_t number) {
  return (database_value){DATABASE_NUMBER, number, {NULL, 0}};
}

/// NULL becomes the value NULL.
static inline database_value database_text(const char *string) {
  return (database_value){string == NULL ? DATABASE_NULL : DATABASE_TEXT,
                          0,
                          {(const uint8_t *)string, string == NULL ? 0 : strlen(string)}};
}

/// No bytes become the value NULL.
static inline database_value database_bytes(ubiq_bytes bytes) {
  return (database_value){bytes.data == NULL ? DATABASE_NULL : DATABASE_BYTES, 0, bytes};
}

/// Opens the database at `path`; it is made when it is missing. `schema` is what the tables of version `version` are made by;
/// a database of another version is refused. `*out` is the caller's. Errors: `denied`, `quota` when the disk is
/// full, `busy` when another process holds it too long, `internal` for one that is damaged, `invalid_input` for what is
/// no database or of another version.
ubiq_error *database_open(const char *path, const char *schema, int version, database **out);

/// NULL is allowed.
void database_close(database *self);

/// Takes one row of a result: columns are read by sqlite3_column_*. An error ends the query.
typedef ubiq_error *(*database_row)(void *user, sqlite3_stmt *row);

/// Runs one statement. `values` are for its `?` in order; `each` may be NULL. Errors: as database_open.
ubiq_error *database_query(database *self, const char *statement, const database_value *values, size_t count,
                           database_row each, void *user);

ubiq_error *database_begin(database *self);
/// Commits when `error` is NULL, else takes all back to database_begin. Returns `error`, or why it was not committed.
ubiq_error *database_end(database *self, ubiq_error *error);

#endif
