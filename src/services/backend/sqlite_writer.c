// Group commit.
//
// DESIGN: jobs are added to a list under a lock. The thread takes the list's beginning, up to a bound, and makes it one transaction;
// what arrives meanwhile is the next one's. So a lone writer waits for one sync, and the more writers there are, the more
// share one. Nobody waits in order that more may come.
//
// LOCKS: `lock` guards the list, its sums and `is_ending`. It is never held while SQLite is called.
#include "services/backend/sqlite_writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
  LOG_FRAMES_MAX =
      4096, ///< pages, 16 MiB: then they are moved into the database, so that busy times sync that less often
  GROUP_JOBS_MAX = 4096,
  GROUP_BYTES_MAX = 16 << 20,
  SWEEP_PAUSE_MS = 1000, ///< between sweeps, unless one left something that is due
  SWEEP_LOOK_MS = 60000, ///< how often the wall clock is looked at, which may be set
};

struct sqlite_writer {
  sqlite_writer_settings settings;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed; ///< on the monotonic clock
  sqlite_job *first, **last;
  size_t waiting, waiting_bytes; ///< jobs that were added and are not taken
  bool is_ending;
  // The thread's.
  uint64_t sweep_at_ms;    ///< wall clock; UINT64_MAX: nothing is to be swept
  uint64_t not_before_ms;  ///< wall clock: of sweeps that jobs ask for
  int64_t others_wrote;    ///< SQLite's data_version: changes when another connection commits
  bool has_written;        ///< the transaction changed the database
  int log_frames;          ///< pages in the log when it did last
  atomic_ullong counts[3]; ///< writes, refused, groups
};

enum { COUNT_WRITES, COUNT_REFUSED, COUNT_GROUPS };

// ------------------------------------------------------------------------------------------------------ a transaction

static void forget_all(sqlite_writer *self) {
  for (size_t i = 0; i < SQLITE_PARTS_MAX; i++)
    if (self->settings.parts[i] != NULL && self->settings.parts[i]->forget != NULL)
      self->settings.parts[i]->forget(self->settings.parts[i]);
}

static ubiq_error *flush_all(sqlite_writer *self) {
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < SQLITE_PARTS_MAX; i++)
    if (self->settings.parts[i] != NULL && self->settings.parts[i]->flush != NULL)
      error = self->settings.parts[i]->flush(self->settings.parts[i], self->settings.database);
  return error;
}

/// Another process may write, too: a second `ubiq dev` of the same project.
static ubiq_error *look_for_others(sqlite_writer *self) {
  static const char statement[] = "PRAGMA data_version";
  sqlite3_stmt *row = NULL;
  bool is_row = false;
  ubiq_error *error = database_ask_one(self->settings.database, statement, NULL, 0, &row, &is_row);
  if (error != NULL || !is_row) return error;
  int64_t version = sqlite3_column_int64(row, 0);
  sqlite3_reset(row);
  if (version != self->others_wrote) forget_all(self);
  self->others_wrote = version;
  return NULL;
}

static ubiq_error *begin(sqlite_writer *self) {
  ubiq_error *error = database_begin(self->settings.database);
  if (error != NULL) return error;
  self->has_written = false;
  if (self->settings.rows != NULL) sqlite_rows_begun(self->settings.rows);
  error = look_for_others(self);
  return error == NULL ? NULL : database_end(self->settings.database, error);
}

/// SQLite's, after a commit that wrote to the log; in the place of its own, which would move the log's pages before anybody is told.
static int note_commit(void *user, sqlite3 *handle, const char *name, int frames) {
  sqlite_writer *self = user;
  (void)handle, (void)name;
  self->has_written = true;
  self->log_frames = frames;
  return SQLITE_OK;
}

/// Ends the transaction; `jobs` are those that are told so first.
static ubiq_error *finish(sqlite_writer *self, sqlite_job *jobs, ubiq_error *error) {
  error = database_end(self->settings.database, error);
  sqlite_rows *rows = self->settings.rows;
  if (error != NULL) {
    forget_all(self);
    if (rows != NULL) sqlite_rows_failed(rows);
    return error;
  }
  for (sqlite_job *job = jobs; job != NULL; job = job->next)
    if (job->error == NULL && job->committed != NULL) job->committed(job);
  if (rows != NULL) sqlite_rows_committed(rows, self->has_written);
  return NULL;
}

/// As far as others do not read what is there. A failure is no reason to fail a write: the pages are in the log, and go on with the next.
static void move_log(sqlite_writer *self) {
  if (self->log_frames < LOG_FRAMES_MAX) return;
  self->log_frames = 0;
  (void)sqlite3_wal_checkpoint_v2(database_handle(self->settings.database), NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                  NULL);
}

/// SQLite may take the whole transaction back by itself, when the disk is full for instance.
static bool is_open(const sqlite_writer *self) {
  return sqlite3_get_autocommit(database_handle(self->settings.database)) == 0;
}

static ubiq_error *apply_apart(sqlite_writer *self, sqlite_job *job, uint64_t now_ms) {
  static const char enter[] = "SAVEPOINT job", leave[] = "RELEASE job", back[] = "ROLLBACK TO job";
  database *database = self->settings.database;
  ubiq_error *error = database_run(database, enter, NULL, 0);
  if (error != NULL) return error;
  error = job->apply(job, database, now_ms);
  ubiq_error *failed = error == NULL || !is_open(self) ? NULL : database_run(database, back, NULL, 0);
  if (failed == NULL && is_open(self)) failed = database_run(database, leave, NULL, 0);
  if (error == NULL) return failed;
  ubiq_error_delete(failed);
  return error;
}

static ubiq_error *apply(sqlite_writer *self, sqlite_job *job, uint64_t now_ms) {
  ubiq_error *error = job->prepare == NULL ? NULL : job->prepare(job, self->settings.database, now_ms);
  if (error != NULL) return error;
  return job->is_single ? job->apply(job, self->settings.database, now_ms) : apply_apart(self, job, now_ms);
}

/// Makes the jobs one transaction. Each job's own failure is noted in it; what is returned is everybody's.
static ubiq_error *commit(sqlite_writer *self, sqlite_job *jobs) {
  uint64_t now_ms = self->settings.now_ms();
  ubiq_error *error = begin(self);
  if (error != NULL) return error;
  for (sqlite_job *job = jobs; job != NULL; job = job->next) {
    job->error = apply(self, job, now_ms);
    if (is_open(self)) continue;
    error = job->error != NULL ? job->error : ubiq_error_new(UBIQ_INTERNAL, "a group of writes was taken back");
    job->error = NULL;
    break;
  }
  if (error == NULL) error = flush_all(self);
  return finish(self, jobs, error);
}

/// Every job gets an error of its own: they end on different threads.
static void tell(sqlite_writer *self, sqlite_job *jobs, ubiq_error *error) {
  for (sqlite_job *job = jobs, *next; job != NULL; job = next) {
    next = job->next;
    ubiq_error *own = job->error;
    if (error != NULL) {
      ubiq_error_delete(own);
      own = ubiq_error_new(ubiq_error_code(error), "%s", ubiq_error_message(error));
    }
    atomic_fetch_add_explicit(&self->counts[own == NULL ? COUNT_WRITES : COUNT_REFUSED], 1, memory_order_relaxed);
    job->done(job, own);
  }
  ubiq_error_delete(error);
}

// -------------------------------------------------------------------------------------------------------- the thread

void sqlite_writer_sweep_by(sqlite_writer *self, uint64_t at_ms) {
  if (at_ms < self->not_before_ms) at_ms = self->not_before_ms;
  if (at_ms < self->sweep_at_ms) self->sweep_at_ms = at_ms;
}

static void sweep(sqlite_writer *self, uint64_t now_ms) {
  uint64_t next_ms = UINT64_MAX;
  ubiq_error *error = begin(self);
  for (size_t i = 0; error == NULL && i < SQLITE_PARTS_MAX; i++) {
    uint64_t wanted_ms = UINT64_MAX;
    sqlite_part *part = self->settings.parts[i];
    if (part != NULL && part->sweep != NULL) error = part->sweep(part, self->settings.database, now_ms, &wanted_ms);
    if (wanted_ms < next_ms) next_ms = wanted_ms;
  }
  if (error == NULL) error = flush_all(self);
  error = finish(self, NULL, error);
  if (error != NULL) {
    log_warn("what expired cannot be removed: %s", ubiq_error_message(error));
    next_ms = now_ms + SWEEP_PAUSE_MS;
  }
  ubiq_error_delete(error);
  self->not_before_ms = now_ms + SWEEP_PAUSE_MS;
  self->sweep_at_ms = next_ms <= now_ms || next_ms > self->not_before_ms ? next_ms : self->not_before_ms;
}

/// Takes the beginning of the list. With the lock.
static sqlite_job *take_group(sqlite_writer *self) {
  sqlite_job *jobs = self->first, *end = NULL;
  size_t count = 0, bytes = 0;
  for (sqlite_job *job = jobs; job != NULL; job = job->next) {
    if (count == GROUP_JOBS_MAX || (count > 0 && bytes + job->bytes > GROUP_BYTES_MAX)) break;
    count++;
    bytes += job->bytes;
    end = job;
  }
  if (end == NULL) return NULL;
  self->first = end->next;
  if (self->first == NULL) self->last = &self->first;
  end->next = NULL;
  self->waiting -= count;
  self->waiting_bytes -= bytes;
  return jobs;
}

/// Until there is a job, something to sweep, or the end. With the lock.
static void wait_for_work(sqlite_writer *self) {
  while (self->first == NULL && !self->is_ending) {
    if (self->sweep_at_ms == UINT64_MAX) {
      pthread_cond_wait(&self->changed, &self->lock);
      continue;
    }
    uint64_t now_ms = self->settings.now_ms();
    if (now_ms >= self->sweep_at_ms) return;
    uint64_t pause_ms = self->sweep_at_ms - now_ms;
    if (pause_ms > SWEEP_LOOK_MS) pause_ms = SWEEP_LOOK_MS;
    uint64_t until_ns = clock_monotonic_ns() + pause_ms * CLOCK_NS_PER_MS;
    const struct timespec until = {(time_t)(until_ns / CLOCK_NS_PER_SECOND), (long)(until_ns % CLOCK_NS_PER_SECOND)};
    pthread_cond_timedwait(&self->changed, &self->lock, &until);
  }
}

static void *write_all(void *user) {
  sqlite_writer *self = user;
  for (;;) {
    pthread_mutex_lock(&self->lock);
    wait_for_work(self);
    sqlite_job *jobs = take_group(self);
    bool is_end = jobs == NULL && self->is_ending;
    pthread_mutex_unlock(&self->lock);
    if (is_end) return NULL;
    if (jobs != NULL) {
      ubiq_error *error = commit(self, jobs);
      atomic_fetch_add_explicit(&self->counts[COUNT_GROUPS], 1, memory_order_relaxed);
      tell(self, jobs, error);
    }
    uint64_t now_ms = self->settings.now_ms();
    if (now_ms >= self->sweep_at_ms) sweep(self, now_ms);
    move_log(self);
  }
}

// ------------------------------------------------------------------------------------------------------- from outside

ubiq_error *sqlite_writer_add(sqlite_writer *self, sqlite_job *job) {
  job->next = NULL;
  job->error = NULL;
  pthread_mutex_lock(&self->lock);
  bool has_room = self->waiting < self->settings.waiting_max &&
                  (self->waiting == 0 || self->waiting_bytes + job->bytes <= self->settings.waiting_bytes);
  bool was_idle = self->first == NULL;
  if (has_room) {
    *self->last = job;
    self->last = &job->next;
    self->waiting++;
    self->waiting_bytes += job->bytes;
  }
  pthread_mutex_unlock(&self->lock);
  if (has_room && was_idle) pthread_cond_signal(&self->changed);
  if (!has_room) atomic_fetch_add_explicit(&self->counts[COUNT_REFUSED], 1, memory_order_relaxed);
  return has_room ? NULL : ubiq_error_new(UBIQ_BUSY, "too many writes wait for the disk; try again later");
}

void sqlite_writer_count(sqlite_writer *self, backend_counts *out) {
  out->writes = atomic_load_explicit(&self->counts[COUNT_WRITES], memory_order_relaxed);
  out->refused = atomic_load_explicit(&self->counts[COUNT_REFUSED], memory_order_relaxed);
  out->groups = atomic_load_explicit(&self->counts[COUNT_GROUPS], memory_order_relaxed);
  pthread_mutex_lock(&self->lock);
  out->waiting = self->waiting;
  pthread_mutex_unlock(&self->lock);
}

static void free_all(sqlite_writer *self) {
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

ubiq_error *sqlite_writer_start(const sqlite_writer_settings *settings, sqlite_writer **out) {
  sqlite_writer *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->settings = *settings;
  self->last = &self->first;
  self->sweep_at_ms = 0; // what expired while nothing ran
  sqlite3_wal_hook(database_handle(self->settings.database), note_commit, self);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&self->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&self->lock, NULL);
  int number = thread_start(&self->thread, NULL, write_all, self);
  if (number != 0) {
    free_all(self);
    return ubiq_error_new(UBIQ_INTERNAL, "the thread that writes cannot be started: %s", strerror(number));
  }
  *out = self;
  return NULL;
}

void sqlite_writer_stop(sqlite_writer *self) {
  if (self == NULL) return;
  pthread_mutex_lock(&self->lock);
  self->is_ending = true;
  pthread_mutex_unlock(&self->lock);
  pthread_cond_signal(&self->changed);
  pthread_join(self->thread, NULL);
  sqlite3_wal_hook(database_handle(self->settings.database), NULL, NULL);
  free_all(self);
}
