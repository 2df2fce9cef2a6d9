// The backend of one SQLite database: hands writes to the thread that writes and reads by connections that are lent.
#include "services/backend/sqlite.h"

#include "base/clock.h"
#include "services/backend/sqlite_kv.h"
#include "services/backend/sqlite_readers.h"
#include "services/backend/sqlite_schema.h"
#include "services/backend/sqlite_work.h"

#include <stdlib.h>
#include <unistd.h>

enum { WAITING_MAX = 65536, WAITING_BYTES = 64 << 20 };

typedef struct sqlite_backend {
  backend backend;
  char *path;
  uint64_t (*now_ms)(void);
  database *database; ///< the writer's
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

static void start_read(backend *base, backend_kv_read *operation) {
  sqlite_backend *self = of(base);
  database *reader = NULL;
  operation->is_found = false;
  operation->error = sqlite_readers_take(&self->readers, &reader);
  if (operation->error != NULL) {
    operation->done(operation);
    return;
  }
  sqlite_kv_read(reader, operation, self->now_ms());
  sqlite_readers_give(&self->readers, reader);
}

static void start_list(backend *base, backend_kv_list *operation) {
  sqlite_backend *self = of(base);
  database *reader = NULL;
  operation->is_more = false;
  operation->error = sqlite_readers_take(&self->readers, &reader);
  if (operation->error != NULL) {
    operation->done(operation);
    return;
  }
  sqlite_kv_list(reader, operation, self->now_ms());
  sqlite_readers_give(&self->readers, reader);
}

static void start_write(backend *base, backend_kv_write *operation) {
  sqlite_backend *self = of(base);
  sqlite_job *job = NULL;
  operation->refusal = BACKEND_KV_REFUSED_NOT;
  operation->failed = 0;
  ubiq_error *error = sqlite_kv_job(&self->kv, operation, &job);
  if (error == NULL) error = sqlite_writer_add(self->writer, job);
  if (error == NULL) return;
  sqlite_kv_job_drop(job);
  operation->error = error;
  operation->done(operation);
}

static ubiq_error *usage(backend *base, text project, backend_kv_usage *out) {
  sqlite_backend *self = of(base);
  database *reader = NULL;
  ubiq_error *error = sqlite_readers_take(&self->readers, &reader);
  if (error != NULL) return error;
  error = sqlite_kv_usage(reader, project, out);
  sqlite_readers_give(&self->readers, reader);
  return error;
}

static void start_work_write(backend *base, backend_work_write *operation) {
  sqlite_backend *self = of(base);
  sqlite_job *job = NULL;
  ubiq_error *error = sqlite_work_job(&self->work, operation, &job);
  if (error == NULL) error = sqlite_writer_add(self->writer, job);
  if (error == NULL) return;
  sqlite_work_job_drop(job);
  operation->error = error;
  operation->done(operation);
}

static ubiq_error *work_due(backend *base, backend_work_due *operation) {
  sqlite_backend *self = of(base);
  database *reader = NULL;
  ubiq_error *error = sqlite_readers_take(&self->readers, &reader);
  if (error != NULL) return error;
  error = sqlite_work_due(reader, operation);
  sqlite_readers_give(&self->readers, reader);
  return error;
}

static ubiq_error *work_list(backend *base, backend_work_list *operation) {
  sqlite_backend *self = of(base);
  database *reader = NULL;
  ubiq_error *error = sqlite_readers_take(&self->readers, &reader);
  if (error != NULL) return error;
  error = sqlite_work_list(reader, operation);
  sqlite_readers_give(&self->readers, reader);
  return error;
}

static ubiq_error *work_count(backend *base, text project, text queue, backend_work_count *out) {
  sqlite_backend *self = of(base);
  database *reader = NULL;
  ubiq_error *error = sqlite_readers_take(&self->readers, &reader);
  if (error != NULL) return error;
  error = sqlite_work_count(reader, project, queue, out);
  sqlite_readers_give(&self->readers, reader);
  return error;
}

static ubiq_error *work_counts(backend *base, backend_work_counts *operation) {
  sqlite_backend *self = of(base);
  database *reader = NULL;
  ubiq_error *error = sqlite_readers_take(&self->readers, &reader);
  if (error != NULL) return error;
  error = sqlite_work_counts(reader, operation);
  sqlite_readers_give(&self->readers, reader);
  return error;
}

static void work_watch(backend *base, void (*added)(void *user, uint64_t due_ms), void *user) {
  sqlite_work_watch(&of(base)->work, added, user);
}

static void count(backend *base, backend_counts *out) {
  sqlite_writer_count(of(base)->writer, out);
}

// ------------------------------------------------------------------------------------------------------------- opening

/// The writer's connection goes last: it moves the log into the database and removes it.
static void close_all(backend *base) {
  sqlite_backend *self = of(base);
  sqlite_writer_stop(self->writer);
  sqlite_work_end(&self->work);
  sqlite_kv_end(&self->kv);
  sqlite_readers_end(&self->readers);
  database_close(self->database);
  free(self->path);
  free(self);
}

static const backend_work_ops work_operations = {start_work_write, work_due,    work_list,
                                                 work_count,       work_counts, work_watch};
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
      .parts = {&self->kv.part},
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
  sqlite_kv_init(&self->kv);
  sqlite_work_init(&self->work, &self->kv.usage);
  sqlite_readers_init(&self->readers, self->path);
  ubiq_error *error = self->path == NULL ? ubiq_error_no_memory() : open_database(self, settings->is_fleeting);
  if (error == NULL) error = start_writer(self, settings);
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
