// The backend of one SQLite database: hands writes to the thread that writes, and reads by connections that are lent. Lending takes two
// hundred of the 12,000 instructions of a read; a connection for each thread would save those, and be held by threads that read once.
#include "services/backend/sqlite.h"

#include "base/clock.h"
#include "base/log.h"
#include "services/backend/sqlite_kv.h"
#include "services/backend/sqlite_readers.h"
#include "services/backend/sqlite_schema.h"
#include "services/backend/sqlite_work.h"

#include <stdlib.h>
#include <string.h>

enum { WAITING_MAX = 65536, WAITING_BYTES = 64 << 20 };

typedef struct sqlite_backend {
  backend backend;
  char *path;
  uint64_t (*now_ms)(void);
  database *database; ///< the writer's
  sqlite_rows rows;
  sqlite_kv kv;
  sqlite_work work;
  sqlite_writer *writer;
  sqlite_readers readers;
} sqlite_backend;

static uint64_t wall_clock_ms(void) {
  return clock_realtime_ns() / CLOCK_NS_PER_MS;
}

static sqlite_backend *of(backend *self) {
  return (sqlite_backend *)self;
}

// ---------------------------------------------------------------------------------------------------------- operations

/// A read on the caller's thread, by a connection that nobody else has meanwhile.
typedef ubiq_error *(*reading)(const sqlite_backend *self, database *reader, void *operation);

static ubiq_error *read_by(backend *base, reading read, void *operation) {
  sqlite_backend *self = of(base);
  database *reader = NULL;
  ubiq_error *error = sqlite_readers_take(&self->readers, &reader);
  if (error != NULL) return error;
  error = read(self, reader, operation);
  sqlite_readers_give(&self->readers, reader);
  return error;
}

typedef struct key_read {
  backend_kv_read *operation;
  sqlite_rows *rows;
  uint64_t turn;
} key_read;

/// What is found is borrowed from the connection until `done` has returned, so that is told from in here, and the operation gone then.
static ubiq_error *read_key(const sqlite_backend *self, database *reader, void *operation) {
  const key_read *read = operation;
  sqlite_kv_read(reader, read->operation, self->now_ms(), read->rows, read->turn);
  return NULL;
}

static void start_read(backend *base, backend_kv_read *operation) {
  sqlite_rows *rows = &of(base)->rows;
  operation->is_found = false;
  if (sqlite_rows_answer(rows, operation, of(base)->now_ms())) return;
  ubiq_error *error = read_by(base, read_key, &(key_read){operation, rows, sqlite_rows_turn(rows, operation)});
  if (error == NULL) return;
  operation->error = error;
  operation->done(operation);
}

static ubiq_error *read_list(const sqlite_backend *self, database *reader, void *operation) {
  sqlite_kv_list(reader, operation, self->now_ms());
  return NULL;
}

static void start_list(backend *base, backend_kv_list *operation) {
  operation->is_more = false;
  ubiq_error *error = read_by(base, read_list, operation);
  if (error == NULL) return;
  operation->error = error;
  operation->done(operation);
}

static ubiq_error *hand_over(const sqlite_backend *self, sqlite_job *job) {
  return self->writer == NULL ? ubiq_error_new(UBIQ_UNAVAILABLE, "%s: is open for reading", self->path)
                              : sqlite_writer_add(self->writer, job);
}

static void start_write(backend *base, backend_kv_write *operation) {
  sqlite_backend *self = of(base);
  sqlite_job *job = NULL;
  operation->refusal = BACKEND_KV_REFUSED_NOT;
  operation->failed = 0;
  ubiq_error *error = sqlite_kv_job(&self->kv, operation, &job);
  if (error == NULL) error = hand_over(self, job);
  if (error == NULL) return;
  sqlite_kv_job_drop(job);
  operation->error = error;
  operation->done(operation);
}

typedef struct usage_read {
  text project;
  backend_kv_usage *out;
} usage_read;

static ubiq_error *read_usage(const sqlite_backend *self, database *reader, void *operation) {
  (void)self;
  const usage_read *asked = operation;
  return sqlite_kv_usage(reader, asked->project, asked->out);
}

static ubiq_error *usage(backend *base, text project, backend_kv_usage *out) {
  return read_by(base, read_usage, &(usage_read){project, out});
}

static void start_work_write(backend *base, backend_work_write *operation) {
  sqlite_backend *self = of(base);
  sqlite_job *job = NULL;
  ubiq_error *error = sqlite_work_job(&self->work, operation, &job);
  if (error == NULL) error = hand_over(self, job);
  if (error == NULL) return;
  sqlite_work_job_drop(job);
  operation->error = error;
  operation->done(operation);
}

static ubiq_error *read_due(const sqlite_backend *self, database *reader, void *operation) {
  (void)self;
  return sqlite_work_due(reader, operation);
}

static ubiq_error *work_due(backend *base, backend_work_due *operation) {
  return read_by(base, read_due, operation);
}

static ubiq_error *read_work(const sqlite_backend *self, database *reader, void *operation) {
  (void)self;
  return sqlite_work_list(reader, operation);
}

static ubiq_error *work_list(backend *base, backend_work_list *operation) {
  return read_by(base, read_work, operation);
}

typedef struct count_read {
  text project, queue;
  backend_work_count *out;
} count_read;

static ubiq_error *read_count(const sqlite_backend *self, database *reader, void *operation) {
  (void)self;
  const count_read *asked = operation;
  return sqlite_work_count(reader, asked->project, asked->queue, asked->out);
}

static ubiq_error *work_count(backend *base, text project, text queue, backend_work_count *out) {
  return read_by(base, read_count, &(count_read){project, queue, out});
}

static ubiq_error *read_counts(const sqlite_backend *self, database *reader, void *operation) {
  (void)self;
  return sqlite_work_counts_list(reader, operation);
}

static ubiq_error *work_counts(backend *base, backend_work_counts *operation) {
  return read_by(base, read_counts, operation);
}

static void work_watch(backend *base, void (*added)(void *user, uint64_t due_ms), void *user) {
  sqlite_work_watch(&of(base)->work, added, user);
}

static ubiq_error *read_set_back(const sqlite_backend *self, database *reader, void *operation) {
  return sqlite_work_set_back(reader, self->now_ms(), operation);
}

// Who begins writes nothing where the clock was not set.
static uint64_t find_set_back(backend *base) {
  uint64_t by_ms = 0;
  ubiq_error *error = read_by(base, read_set_back, &by_ms);
  if (error != NULL) log_warn("work: whether the clock was set back is not known: %s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return by_ms;
}

static void work_hurry(backend *base, uint64_t by_ms) {
  sqlite_backend *self = of(base);
  if (by_ms == 0) by_ms = find_set_back(base);
  if (by_ms == 0 || self->writer == NULL) return;
  sqlite_job *job = sqlite_work_hurry_job(&self->work, self->writer, by_ms);
  ubiq_error *error = job == NULL ? NULL : sqlite_writer_add(self->writer, job);
  if (error != NULL) job->done(job, error);
}

static void count(backend *base, backend_counts *out) {
  *out = (backend_counts){0};
  if (of(base)->writer != NULL) sqlite_writer_count(of(base)->writer, out);
}

// ------------------------------------------------------------------------------------------------------------- opening

/// The writer's connection goes last: it moves the log into the database and removes it.
static void close_all(backend *base) {
  sqlite_backend *self = of(base);
  sqlite_writer_stop(self->writer);
  sqlite_work_end(&self->work);
  sqlite_kv_end(&self->kv);
  sqlite_readers_end(&self->readers);
  sqlite_rows_end(&self->rows);
  database_close(self->database);
  free(self->path);
  free(self);
}

static const backend_work_ops work_operations = {start_work_write, work_due,   work_list, work_count,
                                                 work_counts,      work_watch, work_hurry};
static const backend_ops operations = {"sqlite", start_read,       start_list, start_write,
                                       usage,    &work_operations, count,      close_all};

static ubiq_error *open_database(sqlite_backend *self, bool is_fleeting) {
  const database_settings settings = {.steps = sqlite_schema,
                                      .steps_count = sizeof sqlite_schema / sizeof sqlite_schema[0],
                                      .first = 1,
                                      .is_log = true,
                                      .is_fleeting = is_fleeting,
                                      .is_for_one = true};
  return database_open_with(self->path, &settings, &self->database);
}

static ubiq_error *start_writer(sqlite_backend *self, const sqlite_backend_settings *settings) {
  const sqlite_writer_settings writer = {
      .database = self->database,
      .parts = {&self->kv.part, &self->work.part},
      .rows = &self->rows,
      .waiting_max = settings->waiting_max == 0 ? WAITING_MAX : settings->waiting_max,
      .waiting_bytes = settings->waiting_bytes == 0 ? WAITING_BYTES : settings->waiting_bytes,
      .now_ms = self->now_ms};
  return sqlite_writer_start(&writer, &self->writer);
}

ubiq_error *sqlite_backend_open(const sqlite_backend_settings *settings, backend **out) {
  sqlite_backend *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->backend.ops = &operations;
  self->now_ms = settings->now_ms == NULL ? wall_clock_ms : settings->now_ms;
  self->path = strdup(settings->path);
  sqlite_kv_init(&self->kv, &self->rows);
  sqlite_work_init(&self->work, &self->kv.usage);
  sqlite_readers_init(&self->readers, self->path);
  bool is_written = !settings->is_for_reading;
  ubiq_error *error = self->path == NULL ? ubiq_error_no_memory() : NULL;
  if (error == NULL && is_written) error = open_database(self, settings->is_fleeting);
  if (error == NULL && is_written) error = sqlite_rows_begin(&self->rows, self->database);
  if (error == NULL && is_written) error = start_writer(self, settings);
  self->kv.writer = self->writer;
  if (error == NULL)
    *out = &self->backend;
  else
    close_all(&self->backend);
  return error;
}

ubiq_error *sqlite_backend_copy(const char *path, const char *target) {
  const database_settings settings = {.steps = sqlite_schema,
                                      .steps_count = sizeof sqlite_schema / sizeof sqlite_schema[0],
                                      .first = 1,
                                      .is_for_one = true,
                                      .is_for_reading = true};
  database *source = NULL;
  ubiq_error *error = database_open_with(path, &settings, &source);
  if (error == NULL) error = database_copy(source, target);
  database_close(source);
  return error;
}
