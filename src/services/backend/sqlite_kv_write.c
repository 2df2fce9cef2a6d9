// Changes of keys and values, on the writer's thread.
#include "services/backend/sqlite_kv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_TEXT_SIZE = 24 };

typedef struct kv_job {
  sqlite_job job;
  sqlite_kv *kv;
  backend_kv_write *operation;
  sqlite_project *project; ///< entered by `prepare`
  uint64_t keys, bytes;    ///< what the project will have, and the last version, when all succeed
  uint64_t sequence;
  uint64_t sweep_at_ms; ///< the first expiry
} kv_job;

/// What is there under a key.
typedef struct kv_row {
  bool is_there; ///< and did not expire
  bool has_row;  ///< there is a row, expired perhaps
  int64_t id;
  uint64_t version, size;
  int64_t expires_ms; ///< 0: never
} kv_row;

// ---------------------------------------------------------------------------------------------------------- one change

static database_value null_unless(bool is_there, database_value value) {
  return is_there ? value : (database_value){DATABASE_NULL, 0, {NULL, 0}};
}

static database_value attachment_of(const backend_kv_change *change) {
  return null_unless(change->attachment.data != NULL,
                     database_blob((const char *)change->attachment.data, change->attachment.size));
}

static uint64_t size_of(const backend_kv_change *change) {
  return change->key.size + change->value.size + change->media_type.size + change->attachment.size;
}

static ubiq_error *look(const kv_job *self, database *database, text key, uint64_t now_ms, kv_row *out) {
  static const char statement[] =
      "SELECT id, version, expires_ms, " SQLITE_KV_SIZE " FROM kv WHERE project = ? AND function = ? AND key = ?";
  const text function = self->operation->place.function;
  const database_value values[] = {database_number(self->project->id), database_blob(function.data, function.size),
                                   database_blob(key.data, key.size)};
  sqlite3_stmt *row = NULL;
  *out = (kv_row){0};
  ubiq_error *error =
      database_ask_one(database, statement, values, sizeof values / sizeof values[0], &row, &out->has_row);
  if (error != NULL || !out->has_row) return error;
  out->id = sqlite3_column_int64(row, 0);
  out->version = (uint64_t)sqlite3_column_int64(row, 1);
  out->expires_ms = sqlite3_column_int64(row, 2);
  out->size = (uint64_t)sqlite3_column_int64(row, 3);
  out->is_there = out->expires_ms == 0 || (uint64_t)out->expires_ms > now_ms;
  sqlite3_reset(row);
  return NULL;
}

static ubiq_error *refuse(kv_job *self, backend_kv_refusal refusal, ubiq_error *error) {
  self->operation->refusal = refusal;
  return error;
}

static ubiq_error *check_condition(kv_job *self, const backend_kv_change *change, const kv_row *row) {
  if (change->condition == BACKEND_KV_ALWAYS) return NULL;
  if (change->condition == BACKEND_KV_IF_ABSENT && !row->is_there) return NULL;
  if (change->condition == BACKEND_KV_IF_ABSENT)
    return refuse(self, BACKEND_KV_REFUSED_CONDITION,
                  ubiq_error_new(UBIQ_CONFLICT, "the key is there, with version %" PRIu64, row->version));
  if (!row->is_there)
    return refuse(self, BACKEND_KV_REFUSED_CONDITION, ubiq_error_new(UBIQ_CONFLICT, "the key is not there"));
  if (row->version == change->version) return NULL;
  return refuse(
      self, BACKEND_KV_REFUSED_CONDITION,
      ubiq_error_new(UBIQ_CONFLICT, "the key has version %" PRIu64 ", not %" PRIu64, row->version, change->version));
}

/// Counts `size` more bytes, and a key if none is replaced.
static ubiq_error *count(kv_job *self, const kv_row *row, uint64_t size) {
  const backend_kv_limits *limits = &self->operation->limits;
  uint64_t keys = self->keys + (row->has_row ? 0 : 1);
  uint64_t bytes = self->bytes - (row->has_row && row->size <= self->bytes ? row->size : 0) + size;
  if (keys > limits->keys_max && keys > self->keys)
    return refuse(
        self, BACKEND_KV_REFUSED_LIMIT,
        ubiq_error_new(UBIQ_QUOTA, "the project has %" PRIu64 " keys, which is its limit; delete some", self->keys));
  if (bytes > limits->bytes_max && bytes > self->bytes)
    return refuse(self, BACKEND_KV_REFUSED_LIMIT,
                  ubiq_error_new(UBIQ_QUOTA,
                                 "the project's keys and values have %" PRIu64 " bytes, and would have %" PRIu64
                                 "; its limit is %" PRIu64 "; delete some",
                                 self->bytes, bytes, limits->bytes_max));
  self->keys = keys;
  self->bytes = bytes;
  return NULL;
}

static ubiq_error *insert(const kv_job *self, database *database, const backend_kv_change *change,
                          uint64_t expires_ms) {
  static const char statement[] =
      "INSERT INTO kv (project, function, key, version, expires_ms, media_type, value, attachment)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
  const text function = self->operation->place.function;
  const database_value values[] = {
      database_number(self->project->id),
      database_blob(function.data, function.size),
      database_blob(change->key.data, change->key.size),
      database_number((int64_t)self->sequence),
      null_unless(expires_ms != 0, database_number((int64_t)expires_ms)),
      null_unless(change->media_type.size > 0, database_blob(change->media_type.data, change->media_type.size)),
      database_blob(change->value.data, change->value.size),
      attachment_of(change)};
  return database_run(database, statement, values, sizeof values / sizeof values[0]);
}

static ubiq_error *replace(const kv_job *self, database *database, const backend_kv_change *change, int64_t id,
                           uint64_t expires_ms) {
  static const char statement[] =
      "UPDATE kv SET version = ?, expires_ms = ?, media_type = ?, value = ?, attachment = ? WHERE id = ?";
  const database_value values[] = {
      database_number((int64_t)self->sequence),
      null_unless(expires_ms != 0, database_number((int64_t)expires_ms)),
      null_unless(change->media_type.size > 0, database_blob(change->media_type.data, change->media_type.size)),
      database_blob(change->value.data, change->value.size),
      attachment_of(change),
      database_number(id)};
  return database_run(database, statement, values, sizeof values / sizeof values[0]);
}

static ubiq_error *put_row(kv_job *self, database *database, backend_kv_change *change, const kv_row *row,
                           uint64_t expires_ms) {
  ubiq_error *error = count(self, row, size_of(change));
  if (error != NULL) return error;
  change->version_now = ++self->sequence;
  if (expires_ms != 0 && expires_ms < self->sweep_at_ms) self->sweep_at_ms = expires_ms;
  return row->has_row ? replace(self, database, change, row->id, expires_ms)
                      : insert(self, database, change, expires_ms);
}

static ubiq_error *put(kv_job *self, database *database, backend_kv_change *change, const kv_row *row) {
  return put_row(self, database, change, row, change->expires_ms);
}

static ubiq_error *remove_key(kv_job *self, database *database, backend_kv_change *change, const kv_row *row) {
  change->version_now = 0;
  if (!row->has_row) return NULL;
  self->keys -= self->keys > 0;
  self->bytes -= row->size < self->bytes ? row->size : self->bytes;
  self->sequence++; // whoever makes the key again gets another version than it had
  return sqlite_kv_remove(database, row->id);
}

/// The JSON integer that a key's value is.
static ubiq_error *read_number(kv_job *self, database *database, int64_t id, int64_t *out) {
  static const char statement[] = "SELECT value FROM kv WHERE id = ? AND media_type IS NULL AND length(value) < 24";
  const database_value value = database_number(id);
  sqlite3_stmt *row = NULL;
  bool is_row = false;
  ubiq_error *error = database_ask_one(database, statement, &value, 1, &row, &is_row);
  if (error != NULL) return error;
  char digits[NUMBER_TEXT_SIZE] = "";
  size_t size = is_row ? (size_t)sqlite3_column_bytes(row, 0) : 0;
  if (size > 0) memcpy(digits, sqlite3_column_blob(row, 0), size);
  sqlite3_reset(row);
  char *end = digits;
  *out = strtoll(digits, &end, 10);
  if (end != digits && *end == '\0' && *out <= BACKEND_KV_NUMBER_MAX && *out >= -BACKEND_KV_NUMBER_MAX) return NULL;
  return refuse(
      self, BACKEND_KV_REFUSED_VALUE,
      ubiq_error_new(UBIQ_CONFLICT, "the key's value is not an integer of JSON, from -(2^53 - 1) to 2^53 - 1"));
}

static ubiq_error *increment(kv_job *self, database *database, backend_kv_change *change, const kv_row *row) {
  int64_t number = 0;
  ubiq_error *error = row->is_there ? read_number(self, database, row->id, &number) : NULL;
  if (error != NULL) return error;
  if (__builtin_add_overflow(number, change->amount, &number) || number > BACKEND_KV_NUMBER_MAX ||
      number < -BACKEND_KV_NUMBER_MAX)
    return refuse(self, BACKEND_KV_REFUSED_VALUE,
                  ubiq_error_new(UBIQ_CONFLICT, "the key's value would pass 2^53 - 1, or its opposite"));
  char digits[NUMBER_TEXT_SIZE];
  int size = snprintf(digits, sizeof digits, "%" PRId64, number);
  backend_kv_change made = *change;
  made.value = (ubiq_bytes){(const uint8_t *)digits, (size_t)size};
  made.media_type = (text){NULL, 0};
  error = put_row(self, database, &made, row, row->is_there ? (uint64_t)row->expires_ms : change->expires_ms);
  change->version_now = made.version_now;
  change->number = number;
  return error;
}

static ubiq_error *check(kv_job *self, database *database, backend_kv_change *change, const kv_row *row) {
  (void)self;
  (void)database;
  change->version_now = row->is_there ? row->version : 0;
  return NULL;
}

typedef ubiq_error *(*kv_action)(kv_job *self, database *database, backend_kv_change *change, const kv_row *row);

static ubiq_error *make_change(kv_job *self, database *database, backend_kv_change *change, uint64_t now_ms) {
  static const kv_action actions[] = {[BACKEND_KV_PUT] = put,
                                      [BACKEND_KV_DELETE] = remove_key,
                                      [BACKEND_KV_INCREMENT] = increment,
                                      [BACKEND_KV_CHECK] = check};
  kv_row row;
  ubiq_error *error = look(self, database, change->key, now_ms, &row);
  if (error == NULL) error = check_condition(self, change, &row);
  if (error != NULL) return error;
  change->was_there = row.is_there;
  return actions[change->action](self, database, change, &row);
}

// -------------------------------------------------------------------------------------------------------------- a job

static uint64_t bytes_of(const backend_kv_write *operation) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < operation->count; i++) bytes += size_of(&operation->changes[i]);
  return bytes;
}

/// Whether the project may have no room for the write.
static bool is_full(const kv_job *self) {
  const backend_kv_limits *limits = &self->operation->limits;
  return self->project->keys + self->operation->count > limits->keys_max ||
         self->project->bytes + bytes_of(self->operation) > limits->bytes_max;
}

/// A project without room is rid of what expired first, until it has room or nothing expired is left.
static ubiq_error *prepare(sqlite_job *job, database *database, uint64_t now_ms) {
  kv_job *self = (kv_job *)job;
  size_t removed = SIZE_MAX;
  ubiq_error *error = sqlite_usage_enter(&self->kv->usage, database, self->operation->place.project, &self->project);
  while (error == NULL && removed > 0 && is_full(self))
    error = sqlite_kv_sweep_project(self->kv, database, self->project->id, now_ms, &removed);
  return error;
}

static ubiq_error *apply(sqlite_job *job, database *database, uint64_t now_ms) {
  kv_job *self = (kv_job *)job;
  backend_kv_write *operation = self->operation;
  sqlite_project *project = self->project;
  self->keys = project->keys;
  self->bytes = project->bytes;
  self->sequence = project->sequence;
  self->sweep_at_ms = UINT64_MAX;
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < operation->count; i++) {
    operation->failed = i;
    error = make_change(self, database, &operation->changes[i], now_ms);
  }
  if (error != NULL) return error;
  project->keys = self->keys;
  project->bytes = self->bytes;
  project->sequence = self->sequence;
  sqlite_usage_change(&self->kv->usage, project);
  if (self->sweep_at_ms != UINT64_MAX) sqlite_writer_sweep_by(self->kv->writer, self->sweep_at_ms);
  return NULL;
}

static void tell_rows(sqlite_rows *rows, backend_place place, const backend_kv_change *change) {
  const backend_kv_entry entry = {.key = change->key,
                                  .value = change->value,
                                  .media_type = change->media_type,
                                  .version = change->version_now,
                                  .expires_ms = change->expires_ms};
  if (change->action == BACKEND_KV_CHECK) return;
  sqlite_rows_changed(rows, place, change->key, change->action == BACKEND_KV_PUT ? &entry : NULL);
}

static void committed(sqlite_job *job) {
  const kv_job *self = (kv_job *)job;
  const backend_kv_write *operation = self->operation;
  for (size_t i = 0; i < operation->count; i++) tell_rows(self->kv->rows, operation->place, &operation->changes[i]);
}

static void done(sqlite_job *job, ubiq_error *error) {
  backend_kv_write *operation = ((kv_job *)job)->operation;
  free(job);
  operation->error = error;
  operation->done(operation);
}

ubiq_error *sqlite_kv_job(sqlite_kv *self, backend_kv_write *operation, sqlite_job **out) {
  kv_job *job = calloc(1, sizeof *job);
  if (job == NULL) return ubiq_error_no_memory();
  job->job = (sqlite_job){.prepare = prepare,
                          .apply = apply,
                          .committed = committed,
                          .done = done,
                          .is_single = operation->count == 1,
                          .bytes = sizeof *job + bytes_of(operation)};
  job->kv = self;
  job->operation = operation;
  *out = &job->job;
  return NULL;
}

void sqlite_kv_job_drop(sqlite_job *job) {
  free(job);
}

static ubiq_error *flush(sqlite_part *part, database *database) {
  return sqlite_usage_flush(&((sqlite_kv *)part)->usage, database);
}

static void forget(sqlite_part *part) {
  sqlite_usage_forget(&((sqlite_kv *)part)->usage);
}

void sqlite_kv_init(sqlite_kv *self, sqlite_rows *rows) {
  *self = (sqlite_kv){.part = {flush, forget, sqlite_kv_sweep}, .rows = rows};
}

void sqlite_kv_end(sqlite_kv *self) {
  sqlite_usage_forget(&self->usage);
}
