// Changes of work, on the writer's thread.
#include "services/backend/sqlite_work_inside.h"
#include "services/backend/sqlite_work_order.h"

#include <inttypes.h>
#include <stdlib.h>

static database_value blob_or_null(text value) {
  return value.size == 0 ? (database_value){DATABASE_NULL, 0, {NULL, 0}} : database_blob(value.data, value.size);
}

ubiq_error *sqlite_work_number(database *database, const char *statement, const database_value *values, size_t count,
                               bool *is_found, uint64_t *out) {
  sqlite3_stmt *row = NULL;
  ubiq_error *error = database_ask_one(database, statement, values, count, &row, is_found);
  if (error != NULL || !*is_found) return error;
  *out = (uint64_t)sqlite3_column_int64(row, 0);
  sqlite3_reset(row);
  return NULL;
}

static void note_time(work_job *self, uint64_t due_ms) {
  if (due_ms < self->due_ms) self->due_ms = due_ms;
}

static void note_due(work_job *self, const backend_work_item *item, bool is_behind) {
  if (item->state == BACKEND_WORK_WAITING && !is_behind) note_time(self, item->due_ms);
}

// --------------------------------------------------------------------------------------------------------- what is there

enum { DUE, STATE, HAS_ORDER, BYTES, NEXT, NEXT_DUE, QUEUE };

static work_kept kept_of(sqlite3_stmt *row) {
  return (work_kept){.is_there = true,
                     .due_ms = (uint64_t)sqlite3_column_int64(row, DUE),
                     .state = (uint64_t)sqlite3_column_int64(row, STATE),
                     .has_order = sqlite3_column_int(row, HAS_ORDER) != 0,
                     .bytes = (uint64_t)sqlite3_column_int64(row, BYTES),
                     .next_id = (uint64_t)sqlite3_column_int64(row, NEXT),
                     .next_due_ms = (uint64_t)sqlite3_column_int64(row, NEXT_DUE)};
}

/// All at once, and no statement here has RETURNING, for which SQLite makes a table: both cost more than the change itself. What is not first
/// is not compared with all that wait behind it, because no id is beyond the largest.
static ubiq_error *look(work_job *self, database *database, uint64_t id, work_kept *out) {
  static const char statement[] =
      "SELECT x.due_ms, x.state, x.ordering IS NOT NULL, length(x.payload), n.id, n.due_ms, x.queue"
      " FROM work x LEFT JOIN work n ON " SQLITE_WORK_OF_ITS_ORDER
      " AND n.id > iif(x.state = 0, x.id, 9223372036854775807)"
      " WHERE x.id = ? AND x.project = ? ORDER BY n.id LIMIT 1";
  const database_value values[] = {database_number((int64_t)id), database_number(self->project->id)};
  sqlite3_stmt *row = NULL;
  bool is_there = false;
  *out = (work_kept){0};
  ubiq_error *error = database_ask_one(database, statement, values, 2, &row, &is_there);
  if (error != NULL || !is_there) return error;
  *out = kept_of(row);
  const text queue = {sqlite3_column_blob(row, QUEUE), (size_t)sqlite3_column_bytes(row, QUEUE)};
  error = sqlite_work_counts_enter(&self->work->counts, database, self->project->id, queue, &out->queue);
  sqlite3_reset(row);
  return error;
}

static ubiq_error *expect(backend_work_change *change, const work_kept *kept) {
  const bool is_so =
      kept->is_there && kept->due_ms == change->expected_ms && (!change->is_dead || kept->state == BACKEND_WORK_DEAD);
  if (!change->is_expected || is_so) return NULL;
  change->was_passed = change->may_pass;
  if (change->may_pass) return NULL;
  return ubiq_error_new(UBIQ_CONFLICT, "it was changed or taken away meanwhile");
}

/// An item is about to wait no more: whoever waits behind it is due, if it was the first of its order.
static ubiq_error *leave_order(work_job *self, database *database, const work_kept *kept) {
  if (kept->next_id == 0) return NULL;
  note_time(self, kept->next_due_ms);
  return sqlite_work_order_lead(database, kept->next_id);
}

ubiq_error *sqlite_work_remove(work_job *self, database *database, uint64_t id, const work_kept *kept) {
  static const char statement[] = "DELETE FROM work WHERE id = ?";
  const database_value value = database_number((int64_t)id);
  ubiq_error *error = database_run(database, statement, &value, 1);
  if (error == NULL) error = leave_order(self, database, kept);
  sqlite_work_counts_add(&self->work->counts, kept->queue, kept->state, -1);
  self->items -= self->items > 0;
  self->bytes -= kept->bytes < self->bytes ? kept->bytes : self->bytes;
  return error;
}

// ---------------------------------------------------------------------------------------------------------------- new

static ubiq_error *find_named(work_job *self, database *database, const backend_work_item *item, bool *is_found,
                              uint64_t *id) {
  static const char statement[] = "SELECT id FROM work WHERE project = ? AND queue = ? AND name = ?";
  const database_value values[] = {database_number(self->project->id),
                                   database_blob(item->queue.data, item->queue.size),
                                   database_blob(item->name.data, item->name.size)};
  *is_found = false;
  return item->name.size == 0 ? NULL : sqlite_work_number(database, statement, values, 3, is_found, id);
}

static ubiq_error *check_limits(const work_job *self, const backend_work_item *item) {
  const backend_work_limits limits = self->operation->limits;
  if (limits.items_max > 0 && self->items >= limits.items_max)
    return ubiq_error_new(UBIQ_QUOTA, "the project has %" PRIu64 " items of work waiting, which is its limit",
                          self->items);
  if (limits.bytes_max == 0 || self->bytes + item->payload.size <= limits.bytes_max) return NULL;
  return ubiq_error_new(UBIQ_QUOTA,
                        "the project's work that waits has %" PRIu64 " bytes; with %zu more it has over %" PRIu64,
                        self->bytes, item->payload.size, limits.bytes_max);
}

/// That its queue has room for one more name.
static ubiq_error *check_names(const work_job *self, database *database, const backend_work_item *item) {
  static const char statement[] = "SELECT count(*) FROM (SELECT 1 FROM work"
                                  " WHERE project = ? AND queue = ? AND name IS NOT NULL LIMIT ?)";
  const uint64_t max = self->operation->limits.names_max;
  const database_value values[] = {database_number(self->project->id),
                                   database_blob(item->queue.data, item->queue.size), database_number((int64_t)max)};
  bool is_found = false;
  uint64_t count = 0;
  if (max == 0 || item->name.size == 0) return NULL;
  ubiq_error *error = sqlite_work_number(database, statement, values, 3, &is_found, &count);
  if (error != NULL || count < max) return error;
  return ubiq_error_new(UBIQ_QUOTA, "the project has %" PRIu64 " %.*s, which is its limit", count,
                        (int)item->queue.size, item->queue.data);
}

static ubiq_error *insert_row(work_job *self, database *database, const backend_work_item *item, bool is_behind,
                              uint64_t now_ms) {
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
                                   database_number(is_behind ? SQLITE_WORK_BEHIND : (int64_t)item->state),
                                   database_blob(item->payload.data, item->payload.size),
                                   blob_or_null(item->failure)};
  return database_run(database, statement, values, sizeof values / sizeof values[0]);
}

static ubiq_error *insert(work_job *self, database *database, backend_work_item *item, uint64_t now_ms) {
  bool is_behind = false;
  sqlite_queue *queue = NULL;
  ubiq_error *error = check_limits(self, item);
  if (error == NULL)
    error = sqlite_work_counts_enter(&self->work->counts, database, self->project->id, item->queue, &queue);
  if (error == NULL) error = sqlite_work_order_enter(database, self->project->id, item, &is_behind);
  if (error == NULL) error = insert_row(self, database, item, is_behind, now_ms);
  if (error != NULL) return error;
  item->id = (uint64_t)sqlite3_last_insert_rowid(database_handle(database));
  item->added_ms = now_ms;
  self->items++;
  self->bytes += item->payload.size;
  sqlite_work_counts_add(&self->work->counts, queue, item->state, 1);
  note_due(self, item, is_behind);
  return NULL;
}

static ubiq_error *add(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  bool is_found;
  uint64_t id;
  ubiq_error *error = find_named(self, database, &change->item, &is_found, &id);
  if (error == NULL && is_found)
    error =
        ubiq_error_new(UBIQ_CONFLICT, "\"%.*s\" is there already", (int)change->item.name.size, change->item.name.data);
  if (error == NULL) error = check_names(self, database, &change->item);
  return error != NULL ? error : insert(self, database, &change->item, now_ms);
}

static ubiq_error *set(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  bool is_found;
  uint64_t id;
  work_kept kept;
  ubiq_error *error = find_named(self, database, &change->item, &is_found, &id);
  if (error == NULL && is_found) error = look(self, database, id, &kept);
  if (error == NULL && is_found) error = sqlite_work_remove(self, database, id, &kept);
  if (error == NULL && !is_found) error = check_names(self, database, &change->item);
  return error != NULL ? error : insert(self, database, &change->item, now_ms);
}

static ubiq_error *put_row(database *database, const backend_work_item *item) {
  static const char statement[] = "UPDATE work SET due_ms = ?, state = ?, payload = ? WHERE id = ?";
  const database_value values[] = {database_number((int64_t)item->due_ms), database_number((int64_t)item->state),
                                   database_blob(item->payload.data, item->payload.size),
                                   database_number((int64_t)item->id)};
  return database_run(database, statement, values, sizeof values / sizeof values[0]);
}

/// What is there with its name becomes what is given.
static ubiq_error *replace(work_job *self, database *database, const backend_work_item *item) {
  work_kept kept;
  ubiq_error *error = look(self, database, item->id, &kept);
  if (error != NULL) return error;
  const uint64_t items = self->items, bytes = self->bytes;
  self->items -= items > 0;
  self->bytes -= kept.bytes < bytes ? kept.bytes : bytes;
  error = check_limits(self, item);
  if (error == NULL) error = put_row(database, item);
  if (error != NULL) return error;
  self->items = items;
  self->bytes += item->payload.size;
  sqlite_work_counts_add(&self->work->counts, kept.queue, kept.state, -1);
  sqlite_work_counts_add(&self->work->counts, kept.queue, item->state, 1);
  note_due(self, item, false);
  return NULL;
}

static ubiq_error *put(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  bool is_found;
  uint64_t id;
  ubiq_error *error = find_named(self, database, &change->item, &is_found, &id);
  if (error == NULL && !is_found) error = check_names(self, database, &change->item);
  if (error != NULL || !is_found) return error != NULL ? error : insert(self, database, &change->item, now_ms);
  change->item.id = id;
  return replace(self, database, &change->item);
}

// ------------------------------------------------------------------------------------------------------------ changes

/// What its order makes of a change's state.
static ubiq_error *change_order(work_job *self, database *database, const backend_work_item *item,
                                const work_kept *kept, bool *is_behind) {
  *is_behind = false;
  if (!kept->has_order) return NULL;
  if (item->state == BACKEND_WORK_WAITING) return sqlite_work_order_return(database, item->id, is_behind);
  return leave_order(self, database, kept);
}

static ubiq_error *update(database *database, const backend_work_item *item, bool is_behind) {
  static const char statement[] =
      "UPDATE work SET due_ms = ?, attempts = ?, state = ?, failure = ?, hops = max(hops, ?) WHERE id = ?";
  const database_value values[] = {database_number((int64_t)item->due_ms),
                                   database_number(item->attempts),
                                   database_number(is_behind ? SQLITE_WORK_BEHIND : (int64_t)item->state),
                                   blob_or_null(item->failure),
                                   database_number(item->hops),
                                   database_number((int64_t)item->id)};
  return database_run(database, statement, values, sizeof values / sizeof values[0]);
}

static ubiq_error *change_item(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  work_kept kept;
  bool is_behind = false;
  (void)now_ms;
  ubiq_error *error = look(self, database, change->item.id, &kept);
  if (error == NULL) error = expect(change, &kept);
  if (error != NULL || change->was_passed) return error;
  if (!kept.is_there) error = ubiq_error_new(UBIQ_NOT_FOUND, "it is not there any more");
  if (error == NULL) error = change_order(self, database, &change->item, &kept, &is_behind);
  if (error == NULL) error = update(database, &change->item, is_behind);
  if (error != NULL) return error;
  sqlite_work_counts_add(&self->work->counts, kept.queue, kept.state, -1);
  sqlite_work_counts_add(&self->work->counts, kept.queue, change->item.state, 1);
  note_due(self, &change->item, is_behind);
  return NULL;
}

static ubiq_error *end(work_job *self, database *database, backend_work_change *change, uint64_t now_ms) {
  work_kept kept;
  (void)now_ms;
  ubiq_error *error = look(self, database, change->item.id, &kept);
  if (error == NULL) error = expect(change, &kept);
  return error != NULL || change->was_passed || !kept.is_there
             ? error
             : sqlite_work_remove(self, database, change->item.id, &kept);
}

// -------------------------------------------------------------------------------------------------------------- a job

static ubiq_error *prepare(sqlite_job *job, database *database, uint64_t now_ms) {
  (void)now_ms;
  work_job *self = (work_job *)job;
  return sqlite_usage_enter(self->work->usage, database, self->operation->project, &self->project);
}

static ubiq_error *apply(sqlite_job *job, database *database, uint64_t now_ms) {
  typedef ubiq_error *(*action)(work_job *, struct database *, backend_work_change *, uint64_t);
  static const action actions[] = {[BACKEND_WORK_ADD] = add, [BACKEND_WORK_SET] = set,
                                   [BACKEND_WORK_PUT] = put, [BACKEND_WORK_CHANGE] = change_item,
                                   [BACKEND_WORK_END] = end, [BACKEND_WORK_CLEAR] = sqlite_work_clear};
  work_job *self = (work_job *)job;
  self->items = self->project->work;
  self->bytes = self->project->work_bytes;
  self->due_ms = UINT64_MAX;
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < self->operation->count; i++) {
    backend_work_change *change = &self->operation->changes[i];
    error = actions[change->action](self, database, change, now_ms);
  }
  sqlite_work_counts_settle(&self->work->counts, error == NULL);
  if (error != NULL) return error;
  self->project->work = self->items;
  self->project->work_bytes = self->bytes;
  sqlite_usage_change(self->work->usage, self->project);
  return NULL;
}

void sqlite_work_tell(sqlite_work *self, uint64_t due_ms) {
  pthread_mutex_lock(&self->lock);
  if (self->added != NULL && due_ms != UINT64_MAX) self->added(self->user, due_ms);
  pthread_mutex_unlock(&self->lock);
}

static void done(sqlite_job *job, ubiq_error *error) {
  work_job *self = (work_job *)job;
  backend_work_write *operation = self->operation;
  if (error == NULL && !operation->is_quiet) sqlite_work_tell(self->work, self->due_ms);
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
  job->job = (sqlite_job){.prepare = prepare,
                          .apply = apply,
                          .done = done,
                          .is_single = operation->count == 1 && operation->changes[0].action == BACKEND_WORK_ADD,
                          .bytes = sizeof *job + bytes_of(operation)};
  job->work = self;
  job->operation = operation;
  *out = &job->job;
  return NULL;
}

void sqlite_work_job_drop(sqlite_job *job) {
  free(job);
}

static ubiq_error *flush(sqlite_part *part, database *database) {
  return sqlite_work_counts_flush(&((sqlite_work *)part)->counts, database);
}

static void forget(sqlite_part *part) {
  sqlite_work_counts_forget(&((sqlite_work *)part)->counts);
}

void sqlite_work_init(sqlite_work *self, sqlite_usage *usage) {
  *self = (sqlite_work){.part = {.flush = flush, .forget = forget}, .usage = usage};
  pthread_mutex_init(&self->lock, NULL);
}

void sqlite_work_end(sqlite_work *self) {
  sqlite_work_counts_forget(&self->counts);
  pthread_mutex_destroy(&self->lock);
}

void sqlite_work_watch(sqlite_work *self, void (*added)(void *user, uint64_t due_ms), void *user) {
  pthread_mutex_lock(&self->lock);
  self->added = added;
  self->user = user;
  pthread_mutex_unlock(&self->lock);
}
