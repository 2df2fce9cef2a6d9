// An SQLite database of ours: opened so that what was committed is on the disk, asked with values that are never text of
// the statement, and with errors that say what to do.
//
// Any thread; statements of several threads on one database go one after the other, a transaction is the caller's to guard.
#ifndef BASE_DATABASE_H
#define BASE_DATABASE_H

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

/// Bytes, which an empty view is, too.
static inline database_value database_blob(const void *data, size_t size) {
  return (database_value){DATABASE_BYTES, 0, {data == NULL ? (const uint8_t *)"" : data, size}};
}

/// No bytes become the value NULL.
static inline database_value database_bytes(ubiq_bytes bytes) {
  return (database_value){bytes.data == NULL ? DATABASE_NULL : DATABASE_BYTES, 0, bytes};
}

/// How a database is opened that grows with its versions, or that is written often.
typedef struct database_settings {
  const char *const
      *steps;       ///< steps[0] makes the tables of version `first`, each further one the next version of the last
  int steps_count;  ///< at least 1
  int first;        ///< version
  bool is_log;      ///< a write-ahead log, synced with each commit: readers and one writer do not wait for each other
  bool is_fleeting; ///< nothing is synced: for what need not outlive the machine
  bool is_for_one;  ///< no two threads are in a call of it at once; else they go one after the other
  bool is_for_reading; ///< only reads; it has to be there
  bool is_checked;     ///< looked at whole when it is opened: for small ones
} database_settings;

/// Opens the database at `path`; it is made when it is missing. `schema` is what the tables of version `version` are made by;
/// a database of another version is refused. `*out` is the caller's. Errors: `denied`, `quota` when the disk is
/// full, `busy` when another process holds it too long, `internal` for one that is damaged, `invalid_input` for what is
/// no database or of another version.
ubiq_error *database_open(const char *path, const char *schema, int version, database **out);

/// The same, with what an older version is brought to the newest by. Errors besides: `invalid_input` for a newer version.
ubiq_error *database_open_with(const char *path, const database_settings *settings, database **out);

/// NULL is allowed.
void database_close(database *self);

/// Takes one row of a result: columns are read by sqlite3_column_*. An error ends the query.
typedef ubiq_error *(*database_row)(void *user, sqlite3_stmt *row);

/// Runs one statement. `values` are for its `?` in order; `each` may be NULL. Errors: as database_open.
ubiq_error *database_query(database *self, const char *statement, const database_value *values, size_t count,
                           database_row each, void *user);

// The statements of these three are constants, known by their addresses: prepared once for each database and kept by it.

/// Runs a statement to its end. `values` are for its `?` in order.
ubiq_error *database_run(database *self, const char *statement, const database_value *values, size_t count);
/// Begins a statement whose rows database_step takes. `*rows` is borrowed until the same statement is asked again; NULL after an
/// error. `values` are borrowed until its last row, or sqlite3_reset.
ubiq_error *database_ask(database *self, const char *statement, const database_value *values, size_t count,
                         sqlite3_stmt **rows);
/// Its first row; `*is_row` is false when there is none, or after an error. Whoever has read the row says sqlite3_reset.
ubiq_error *database_ask_one(database *self, const char *statement, const database_value *values, size_t count,
                             sqlite3_stmt **row, bool *is_row);

/// The next row of a statement that was begun; false when there is none. Whoever stops earlier says sqlite3_reset, so that no
/// old state of the database is held on to.
ubiq_error *database_step(database *self, sqlite3_stmt *statement, bool *is_row);

/// The error for a result of SQLite's on this database.
ubiq_error *database_failure(const database *self, int result);
/// SQLite's own, for what nothing here does.
sqlite3 *database_handle(const database *self);
/// Copies all of it to a file that is not there yet, as it is now, while others go on reading and writing.
/// Errors: those of database_open; `invalid_input` when the file is there.
ubiq_error *database_copy(database *self, const char *path);

ubiq_error *database_begin(database *self);
/// Commits when `error` is NULL, else takes all back to database_begin. Returns `error`, or why it was not committed.
ubiq_error *database_end(database *self, ubiq_error *error);

#endif
