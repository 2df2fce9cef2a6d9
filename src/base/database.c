// SQLite with one way to fail: each of its results has a class and words of ours.
#include "base/database.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  BUSY_MS = 5000,              ///< how long another process may hold it
  APPLICATION_ID = 0x55626971, ///< "Ubiq": whose database it is
  PREPARED_MAX = 128,          ///< statements kept for one database; a power of two
};

typedef struct prepared {
  const char *text; ///< known by its address; NULL: free
  sqlite3_stmt *statement;
} prepared;

struct database {
  sqlite3 *handle;
  char *path;
  prepared prepared[PREPARED_MAX]; ///< by the address of their text, open addressing
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

ubiq_error *database_failure(const database *self, int result) {
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

static ubiq_error *bind_all(database *self, sqlite3_stmt *statement, const database_value *values, size_t count) {
  int result = SQLITE_OK;
  for (size_t i = 0; result == SQLITE_OK && i < count; i++) result = bind(statement, (int)i + 1, &values[i]);
  return result == SQLITE_OK ? NULL : database_failure(self, result);
}

ubiq_error *database_step(database *self, sqlite3_stmt *statement, bool *is_row) {
  int result = sqlite3_step(statement);
  *is_row = result == SQLITE_ROW;
  if (*is_row) return NULL;
  ubiq_error *error = result == SQLITE_DONE ? NULL : database_failure(self, result);
  sqlite3_reset(statement);
  return error;
}

static ubiq_error *step_all(database *self, sqlite3_stmt *statement, database_row each, void *user) {
  for (;;) {
    bool is_row = false;
    ubiq_error *error = database_step(self, statement, &is_row);
    if (error == NULL && is_row && each != NULL) error = each(user, statement);
    if (error != NULL || !is_row) return error;
  }
}

ubiq_error *database_query(database *self, const char *statement, const database_value *values, size_t count,
                           database_row each, void *user) {
  sqlite3_stmt *made = NULL;
  int result = sqlite3_prepare_v2(self->handle, statement, -1, &made, NULL);
  ubiq_error *error = result == SQLITE_OK ? bind_all(self, made, values, count) : database_failure(self, result);
  if (error == NULL) error = step_all(self, made, each, user);
  sqlite3_finalize(made);
  return error;
}

/// The place of a statement, or the free one that it goes to.
static prepared *place_of(database *self, const char *text) {
  size_t at = ((uintptr_t)text >> 3) * 31;
  for (size_t tried = 0; tried < PREPARED_MAX; tried++) {
    prepared *place = &self->prepared[(at + tried) % PREPARED_MAX];
    if (place->text == text || place->text == NULL) return place;
  }
  return NULL;
}

/// The statement of this text, ready to run, with nothing bound.
static ubiq_error *prepare(database *self, const char *statement, sqlite3_stmt **out) {
  prepared *place = place_of(self, statement);
  if (place == NULL) return ubiq_error_new(UBIQ_INTERNAL, "%s: too many statements are kept", self->path);
  if (place->text == NULL) {
    int result = sqlite3_prepare_v3(self->handle, statement, -1, SQLITE_PREPARE_PERSISTENT, &place->statement, NULL);
    if (result != SQLITE_OK) return database_failure(self, result);
    place->text = statement;
  }
  sqlite3_reset(place->statement);
  sqlite3_clear_bindings(place->statement);
  *out = place->statement;
  return NULL;
}

ubiq_error *database_ask(database *self, const char *statement, const database_value *values, size_t count,
                         sqlite3_stmt **rows) {
  *rows = NULL;
  ubiq_error *error = prepare(self, statement, rows);
  if (error == NULL) error = bind_all(self, *rows, values, count);
  if (error != NULL) *rows = NULL;
  return error;
}

ubiq_error *database_ask_one(database *self, const char *statement, const database_value *values, size_t count,
                             sqlite3_stmt **row, bool *is_row) {
  *is_row = false;
  ubiq_error *error = database_ask(self, statement, values, count, row);
  return error != NULL ? error : database_step(self, *row, is_row);
}

ubiq_error *database_run(database *self, const char *statement, const database_value *values, size_t count) {
  sqlite3_stmt *rows;
  ubiq_error *error = database_ask(self, statement, values, count, &rows);
  return error != NULL ? error : step_all(self, rows, NULL, NULL);
}

static ubiq_error *run(database *self, const char *statements) {
  int result = sqlite3_exec(self->handle, statements, NULL, NULL, NULL);
  return result == SQLITE_OK ? NULL : database_failure(self, result);
}

ubiq_error *database_begin(database *self) {
  static const char statement[] = "BEGIN IMMEDIATE";
  return database_run(self, statement, NULL, 0);
}

ubiq_error *database_end(database *self, ubiq_error *error) {
  static const char statement[] = "COMMIT";
  if (error == NULL) error = database_run(self, statement, NULL, 0);
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

/// Takes the steps that lead from `version` to the newest; 0 is nothing. In a transaction.
static ubiq_error *take_steps(database *self, const database_settings *settings, int version) {
  char mark[96];
  int newest = settings->first + settings->steps_count - 1;
  snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, newest);
  ubiq_error *error = NULL;
  int done = version == 0 ? 0 : version - settings->first + 1;
  for (int i = done; error == NULL && i < settings->steps_count; i++) error = run(self, settings->steps[i]);
  return error != NULL ? error : run(self, mark);
}

/// Finds the database's version; 0: there is nothing in it yet.
static ubiq_error *read_version(database *self, const database_settings *settings, int *version) {
  int64_t owner = 0, found = 0, tables = 0;
  int newest = settings->first + settings->steps_count - 1;
  ubiq_error *error = database_query(self, "PRAGMA application_id", NULL, 0, take_number, &owner);
  if (error == NULL) error = database_query(self, "PRAGMA user_version", NULL, 0, take_number, &found);
  if (error == NULL) error = database_query(self, "SELECT count(*) FROM sqlite_schema", NULL, 0, take_number, &tables);
  if (error != NULL) return error;
  *version = (int)found;
  if (owner == 0 && found == 0 && tables == 0 && !settings->is_for_reading) return NULL;
  if (owner != APPLICATION_ID)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is another program's database", self->path);
  if (found > newest || found < settings->first)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "%s: has version %lld, which this ubiq does not know; expected at most %d", self->path,
                          (long long)found, newest);
  if (!settings->is_for_reading || found == newest) return NULL;
  return ubiq_error_new(UBIQ_UNAVAILABLE, "%s: has version %lld; a server of this ubiq makes it %d when it starts",
                        self->path, (long long)found, newest);
}

/// Brings an older database to the newest version. The version is looked at again in the transaction: another process may have
/// taken the same steps meanwhile.
static ubiq_error *bring_up_to_date(database *self, const database_settings *settings) {
  int version = 0, newest = settings->first + settings->steps_count - 1;
  ubiq_error *error = read_version(self, settings, &version);
  if (error != NULL || version == newest) return error;
  error = database_begin(self);
  if (error != NULL) return error;
  error = read_version(self, settings, &version);
  if (error == NULL && version != newest) error = take_steps(self, settings, version);
  return database_end(self, error);
}

static ubiq_error *check_whole(database *self) {
  bool good = false;
  ubiq_error *error = database_query(self, "PRAGMA quick_check(1)", NULL, 0, take_verdict, &good);
  return error != NULL || good ? error : database_failure(self, SQLITE_CORRUPT);
}

/// With a rollback journal it is the end of the journal's name that commits, and has to be on the disk, too: EXTRA. A log's
/// commit is a frame of it: FULL. A log of 16 MiB is moved into the database, so that busy times sync that less often.
static ubiq_error *set_up(database *self, const database_settings *settings) {
  sqlite3_busy_timeout(self->handle, BUSY_MS);
  sqlite3_db_config(self->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  ubiq_error *error = run(self, "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF");
  if (error == NULL && !settings->is_for_reading)
    error = run(self, settings->is_log
                          ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4096;"
                            "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384"
                          : "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA");
  if (error == NULL && settings->is_fleeting) error = run(self, "PRAGMA synchronous = OFF");
  if (error == NULL && settings->is_checked) error = check_whole(self);
  return error != NULL ? error : bring_up_to_date(self, settings);
}

static int flags_of(const database_settings *settings) {
  return (settings->is_for_reading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
         (settings->is_for_one ? SQLITE_OPEN_NOMUTEX : SQLITE_OPEN_FULLMUTEX);
}

/// Counting what SQLite has allocated takes one lock of the process for each allocation, which all readers would share. Once, before
/// the first database; where the process has used SQLite already, it goes on counting.
static void begin_once(void) {
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

ubiq_error *database_open_with(const char *path, const database_settings *settings, database **out) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, begin_once);
  database *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->path = strdup(path);
  if (self->path == NULL) {
    free(self);
    return ubiq_error_no_memory();
  }
  int result = sqlite3_open_v2(path, &self->handle, flags_of(settings), NULL);
  ubiq_error *error = result == SQLITE_OK ? set_up(self, settings) : database_failure(self, result);
  if (error == NULL)
    *out = self;
  else
    database_close(self);
  return error;
}

ubiq_error *database_open(const char *path, const char *schema, int version, database **out) {
  const database_settings settings = {.steps = &schema, .steps_count = 1, .first = version, .is_checked = true};
  return database_open_with(path, &settings, out);
}

void database_close(database *self) {
  if (self == NULL) return;
  for (size_t i = 0; i < PREPARED_MAX; i++) sqlite3_finalize(self->prepared[i].statement);
  sqlite3_close(self->handle);
  free(self->path);
  free(self);
}

sqlite3 *database_handle(const database *self) {
  return self->handle;
}

// --------------------------------------------------------------------------------------------------------- copying

/// In one step: with a log that is a look at one moment, which no writer waits for.
static ubiq_error *copy_pages(const database *self, database *target) {
  sqlite3_backup *backup = sqlite3_backup_init(target->handle, "main", self->handle, "main");
  int result = backup == NULL ? sqlite3_errcode(target->handle) : sqlite3_backup_step(backup, -1);
  int ended = sqlite3_backup_finish(backup);
  if (result == SQLITE_DONE) result = ended;
  return result == SQLITE_OK ? NULL : database_failure(target, result);
}

ubiq_error *database_copy(database *self, const char *path) {
  int descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (descriptor < 0 && errno == EEXIST)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is there already; expected a new file", path);
  if (descriptor < 0) return file_error(errno, path);
  close(descriptor);
  database target = {.path = (char *)path};
  int result = sqlite3_open_v2(path, &target.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  ubiq_error *error = result == SQLITE_OK ? NULL : database_failure(&target, result);
  if (error == NULL) error = run(&target, "PRAGMA synchronous = FULL");
  if (error == NULL) error = copy_pages(self, &target);
  sqlite3_close(target.handle);
  if (error != NULL) unlink(path);
  return error;
}
