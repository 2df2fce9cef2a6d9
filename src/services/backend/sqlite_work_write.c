// Changes of work, on the writer's thread.
#include "services/backend/sqlite_work.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct work_job {
  sqlite_job job;
  sqlite_work *work;
  backend_work_write *operation;
  sqlite_project *project; ///< entered by `prepare`
  uint64_t items;          ///< what the project will have when all succeed
  uint64_t due_ms;         ///< the first that is due now and was not before
} work_job;

static database_value blob_or_null(text value) {
  return value.size == 0 ? (database_value){DATABASE_NULL, 0, {NULL, 0}} : database_blob(value.data, value.size);
}

static ubiq_error *run(database *database, const char *statement, const database_value *values, size_t count) {
  sqlite3_stmt *prepared = NULL;
  ubiq_error *error = database_prepare(database, statement, &prepared);
  return error != NULL ? error : database_run(database, prepared, values, count);
}

/// The first column of the only row; false when there is none.
static ubiq_error *find_number(database *database, const char *statement, const database_value *values, size_t count,
                               bool *is_found, uint64_t *out) {
  sqlite3_stmt *row = NULL;
  ubiq_error *error = database_prepare(database, statement, &row);
  if (error == NULL) error = database_bind(database, row, values, count);
  if (error == NULL) error = database_step(database, row, is_found);
  if (error != NULL || !*is_found) return error;
  *out = (uint64_t)sqlite3_column_int64(row, 0);
  sqlite3_reset(row);
  return NULL;
}

static void note_due(work_job *self, const backend_work_item *item) {
  if (item->state == BACKEND_WORK_WAITING && item->due_ms < self->due_ms) self->due_ms = item->due_ms;
}

// ---------------------------------------------------------------------------------------------------------------- new

static ubiq_error *find_named(work_job *self, database *database, const backend_work_item *item, bool *is_found,
                              uint64_t *id) {
  static const char statement[] = "SELECT id FROM work WHERE project = ? AND queue = ? AND name = ?";
  const database_value values[] = {database_number(self->project->id),
                                   database_blob(item->queue.data, item->queue.size),
                                   database_blob(item->name.data, item->name.size)};
  *is_found = false;
  return item->name.size == 0 ? NULL : find_number(database, statement, values, 3, is_found, id);
}

static ubiq_error *remove_item(work_job *self, database *database, uint64_t id) {
  static const char statement[] = "DELETE FROM work WHERE id = ?";
  const database_value value = database_number((int64_t)id);
  ubiq_error *error = run(database, statement, &value, 1);
  if (error == NULL && sqlite3_changes(database_handle(database)) > 0) self->items -= self->items > 0;
  return error;
}

static ubiq_error *insert(work_job *self, database *database, backend_work_item *item, uint64_t now_ms) {
  static const char statement[] = "INSERT INTO work (project, queue, name, ordering, due_ms, added_ms, attempts, hops,"
                                  " state, payload, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  const database_value values[] = {database_number(self->project->id),
                                   database_blob(item->queue.data, item->queue.size),
                                   blob_or_null(item->name),
                                   blob_or_null(item->order),
                                   database_number((int64_t)item->due_ms),
                                   database_number((int64_t)now_ms),
                                   database_number(item->attempts),
                                   database_number(item->hops),
                                   database_number(item->state),
                                   database_blob(item->payload.data, item->payload.size),
                                   blob_or_null(item->failure)};
  uint64_t items_max = self->operation->limits.items_max;
  if (items_max > 0 && self->items >= items_max)
    return ubiq_error_new(UBIQ_QUOTA, "the project has %" PRIu64 " items of work waiting, which is its limit",
                          self->items);
  ubiq_error *error = run(database, statement, values, sizeof values / sizeof values[0]);
  if (error != NULL) return error;
  item->id = (uint64_t)sqlite3_last_insert_rowid(database_handle(database));
  item->added_ms = now_ms;
  self->items++;
  note_due(self, item);
  return NULL;
}

static ubiq_error *add(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  bool is_found;
  uint64_t id;
  ubiq_error *error = find_named(self, database, &change->item, &is_found, &id);
  if (error == NULL && is_found)
    error =
        ubiq_error_new(UBIQ_CONFLICT, "\"%.*s\" is there already", (int)change->item.name.size, change->item.name.data);
  return error != NULL ? error : insert(self, database, &change->item, now_ms);
}

static ubiq_error *set(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  bool is_found;
  uint64_t id;
  ubiq_error *error = find_named(self, database, &change->item, &is_found, &id);
  if (error == NULL && is_found) error = remove_item(self, database, id);
  return error != NULL ? error : insert(self, database, &change->item, now_ms);
}

// ----------------------------------------------------------------------------------------------------------- what is there

/// Whether the item is there, of the write's project, and due when it is expected to be.
static ubiq_error *look(work_job *self, database *database, const backend_work_change *change, bool *is_found) {
  static const char statement[] = "SELECT due_ms FROM work WHERE id = ? AND project = ?";
  const database_value values[] = {database_number((int64_t)change->item.id), database_number(self->project->id)};
  uint64_t due_ms = 0;
  *is_found = false;
  ubiq_error *error = find_number(database, statement, values, 2, is_found, &due_ms);
  if (error == NULL && change->is_expected && (!*is_found || due_ms != change->expected_ms))
    error = ubiq_error_new(UBIQ_CONFLICT, "it was changed or taken away meanwhile");
  return error;
}

static ubiq_error *change_item(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  static const char statement[] = "UPDATE work SET due_ms = ?, attempts = ?, state = ?, failure = ? WHERE id = ?";
  const backend_work_item *item = &change->item;
  const database_value values[] = {database_number((int64_t)item->due_ms), database_number(item->attempts),
                                   database_number(item->state), blob_or_null(item->failure),
                                   database_number((int64_t)item->id)};
  bool is_found;
  (void)now_ms;
  ubiq_error *error = look(self, database, change, &is_found);
  if (error == NULL && !is_found) error = ubiq_error_new(UBIQ_NOT_FOUND, "it is not there any more");
  if (error == NULL) error = run(database, statement, values, sizeof values / sizeof values[0]);
  if (error == NULL) note_due(self, item);
  return error;
}

static ubiq_error *end(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  bool is_found;
  (void)now_ms;
  ubiq_error *error = look(self, database, change, &is_found);
  return error != NULL || !is_found ? error : remove_item(self, database, change->item.id);
}

// -------------------------------------------------------------------------------------------------------------- a job

static ubiq_error *prepare(sqlite_job *job, database *database, uint64_t now_ms) {
  (void)now_ms;
  work_job *self = (work_job *)job;
  return sqlite_usage_enter(self->work->usage, database, self->operation->project, &self->project);
}

static ubiq_error *apply(sqlite_job *job, database *database, uint64_t now_ms) {
  typedef ubiq_error *(*action)(work_job *, struct database *, backend_work_change *, uint64_t);
  static const action actions[] = {[BACKEND_WORK_ADD] = add,
                                   [BACKEND_WORK_SET] = set,
                                   [BACKEND_WORK_CHANGE] = change_item,
                                   [BACKEND_WORK_END] = end};
  work_job *self = (work_job *)job;
  self->items = self->project->work;
  self->due_ms = UINT64_MAX;
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < self->operation->count; i++) {
    backend_work_change *change = &self->operation->changes[i];
    error = actions[change->action](self, database, change, now_ms);
  }
  if (error != NULL) return error;
  self->project->work = self->items;
  sqlite_usage_change(self->work->usage, self->project);
  return NULL;
}

static void tell(sqlite_work *self, uint64_t due_ms) {
  pthread_mutex_lock(&self->lock);
  if (self->added != NULL && due_ms != UINT64_MAX) self->added(self->user, due_ms);
  pthread_mutex_unlock(&self->lock);
}

static void done(sqlite_job *job, ubiq_error *error) {
  work_job *self = (work_job *)job;
  backend_work_write *operation = self->operation;
  if (error == NULL) tell(self->work, self->due_ms);
  free(self);
  operation->error = error;
  operation->done(operation);
}

static size_t bytes_of(const backend_work_write *operation) {
  size_t bytes = 0;
  for (size_t i = 0; i < operation->count; i++) {
    const backend_work_item *item = &operation->changes[i].item;
    bytes += item->queue.size + item->name.size + item->order.size + item->payload.size + item->failure.size;
  }
  return bytes;
}

ubiq_error *sqlite_work_job(sqlite_work *self, backend_work_write *operation, sqlite_job **out) {
  work_job *job = calloc(1, sizeof *job);
  if (job == NULL) return ubiq_error_no_memory();
  job->job = (sqlite_job){.prepare = prepare, .apply = apply, .done = done, .bytes = sizeof *job + bytes_of(operation)};
  job->work = self;
  job->operation = operation;
  *out = &job->job;
  return NULL;
}

void sqlite_work_job_drop(sqlite_job *job) {
  free(job);
}

void sqlite_work_init(sqlite_work *self, sqlite_usage *usage) {
  *self = (sqlite_work){.usage = usage};
  pthread_mutex_init(&self->lock, NULL);
}

void sqlite_work_end(sqlite_work *self) {
  pthread_mutex_destroy(&self->lock);
}

void sqlite_work_watch(sqlite_work *self, void (*added)(void *user, uint64_t due_ms), void *user) {
  pthread_mutex_lock(&self->lock);
  self->added = added;
  self->user = user;
  pthread_mutex_unlock(&self->lock);
}
