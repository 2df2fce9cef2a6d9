// The whole: its threads, its folder, what projects use.
//
// LOCKS: `lock` guards the list of jobs, the numbers and the uploads; no file and no backend is touched under it.
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/thread.h"
#include "services/quotas.h"
#include "services/services.h"
#include "services/storage/storage_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------ threads

static void run_job(storage_job *job) {
  service_call *call = job->call;
  if (job->handler != NULL) {
    job->handler(call);
    return;
  }
  ubiq_error *error = job->work(job);
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_done(call);
}

/// With the lock, which is given back meanwhile.
static void look_after_uploads(storage *self) {
  enum { LOOKS = 4 }; // within the time after which one is dropped
  self->look_ns = clock_monotonic_ns() + self->settings.upload_ms * (CLOCK_NS_PER_MS / LOOKS);
  pthread_mutex_unlock(&self->lock);
  storage_uploads_drop(self, false);
  pthread_mutex_lock(&self->lock);
}

/// With the lock, which is given back meanwhile. Who waits looks after uploads now and then, where there are any.
static void wait_for_work(storage *self) {
  if (self->uploads == NULL) {
    pthread_cond_wait(&self->changed, &self->lock);
  } else if (clock_monotonic_ns() >= self->look_ns) {
    look_after_uploads(self);
  } else {
    const struct timespec until = {(time_t)(self->look_ns / CLOCK_NS_PER_SECOND),
                                   (long)(self->look_ns % CLOCK_NS_PER_SECOND)};
    pthread_cond_timedwait(&self->changed, &self->lock, &until);
  }
}

static void *run(void *user) {
  storage *self = user;
  pthread_mutex_lock(&self->lock);
  for (;;) {
    while (self->first == NULL && !self->is_ending) wait_for_work(self);
    storage_job *job = self->first;
    if (job == NULL) break;
    self->first = job->next;
    if (self->first == NULL) self->last = &self->first;
    self->waiting--;
    pthread_mutex_unlock(&self->lock);
    run_job(job);
    pthread_mutex_lock(&self->lock);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

static bool add_job(storage *self, storage_job *job) {
  pthread_mutex_lock(&self->lock);
  bool good = self->waiting < STORAGE_WAITING_MAX && !self->is_ending;
  if (good) {
    *self->last = job;
    self->last = &job->next;
    self->waiting++;
    pthread_cond_signal(&self->changed);
  }
  pthread_mutex_unlock(&self->lock);
  return good;
}

static ubiq_error *no_storage(void) {
  return ubiq_error_new(UBIQ_UNAVAILABLE, "storage: this server keeps nothing");
}

static ubiq_error *hand_over(const storage_job *what) {
  if (what->storage == NULL) return no_storage();
  storage_job *job = arena_copy(&what->call->arena, what, sizeof *what);
  if (job == NULL) return ubiq_error_no_memory();
  return add_job(job->storage, job) ? NULL : ubiq_error_new(UBIQ_BUSY, "storage: too many wait for files; try again");
}

ubiq_error *storage_hand_over(service_call *call, ubiq_error *(*work)(storage_job *self)) {
  return hand_over(&(storage_job){.storage = call->services->storage, .call = call, .work = work});
}

void storage_start(service_call *call, ubiq_error *(*work)(storage_job *self)) {
  ubiq_error *error = storage_hand_over(call, work);
  if (error != NULL) service_call_fail(call, error);
}

ubiq_error *storage_continue(service_call *call, service_handler handler) {
  return hand_over(&(storage_job){.storage = call->services->storage, .call = call, .handler = handler});
}

void storage_start_handler(service_call *call, service_handler handler) {
  ubiq_error *error = storage_continue(call, handler);
  if (error != NULL) service_call_fail(call, error);
}

// ----------------------------------------------------------------------------------------- calls that the backend holds

ubiq_error *storage_enter(service_call *call, storage **out) {
  storage *self = call->services->storage;
  if (self == NULL) return no_storage();
  pthread_mutex_lock(&self->lock);
  self->entered++;
  pthread_mutex_unlock(&self->lock);
  *out = self;
  return NULL;
}

void storage_leave(storage *self) {
  pthread_mutex_lock(&self->lock);
  if (--self->entered == 0 && self->is_ending) pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->lock);
}

static void wait_for_entered(storage *self) {
  pthread_mutex_lock(&self->lock);
  while (self->entered > 0) pthread_cond_wait(&self->changed, &self->lock);
  pthread_mutex_unlock(&self->lock);
}

// --------------------------------------------------------------------------------------------------- what projects use

text storage_project_of(text key) {
  const char *end = memchr(key.data, '\0', key.size);
  return (text){key.data, end == NULL ? key.size : (size_t)(end - key.data)};
}

/// With the lock.
static uint64_t used_by(const storage *self, text project) {
  uint64_t used = 0;
  ubiq_bytes found;
  if (map_get(&self->used, project, &found)) memcpy(&used, found.data, sizeof used);
  return used;
}

ubiq_error *storage_reserve(storage *self, const service_caller *caller, text key, uint64_t size, uint64_t less) {
  const text project = storage_project_of(key);
  const uint64_t bytes_max = quotas_of(caller)->storage_bytes;
  pthread_mutex_lock(&self->lock);
  uint64_t used = used_by(self, project), other = used > less ? used - less : 0;
  bool has_room = other <= bytes_max && size <= bytes_max - other;
  uint64_t sum = used + size;
  bool good = has_room && map_set(&self->used, project, &sum, sizeof sum);
  pthread_mutex_unlock(&self->lock);
  if (good) return NULL;
  if (has_room) return ubiq_error_no_memory();
  return ubiq_error_new(
      UBIQ_QUOTA, "[project.quotas]: the project's objects have %llu bytes; with %llu more they would pass its %llu",
      (unsigned long long)other, (unsigned long long)size, (unsigned long long)bytes_max);
}

uint64_t storage_used(storage *self, text project) {
  pthread_mutex_lock(&self->lock);
  uint64_t used = used_by(self, project);
  pthread_mutex_unlock(&self->lock);
  return used;
}

void storage_count(storage *self, storage_counts *out) {
  pthread_mutex_lock(&self->lock);
  *out = (storage_counts){.uploads = self->uploads_count, .waiting = self->waiting};
  for (size_t i = 0; i < self->used.count; i++) {
    uint64_t used;
    memcpy(&used, self->used.entries[i].value.data, sizeof used);
    out->bytes += used;
  }
  pthread_mutex_unlock(&self->lock);
}

void storage_release(storage *self, text key, uint64_t size) {
  const text project = storage_project_of(key);
  ubiq_bytes found;
  pthread_mutex_lock(&self->lock);
  if (map_get(&self->used, project, &found)) {
    uint64_t used;
    memcpy(&used, found.data, sizeof used);
    used -= size < used ? size : used;
    memcpy((void *)(uintptr_t)found.data, &used, sizeof used);
  }
  pthread_mutex_unlock(&self->lock);
}

// ----------------------------------------------------------------------------------------------- beginning and end

/// What is found at the start.
typedef struct survey {
  storage *storage;
  arena arena;
  map ids;
  bool is_good; ///< memory sufficed
} survey;

static void count_entry(void *user, const backend_kv_entry *kept) {
  survey *self = user;
  storage_entry entry;
  if (!storage_entry_read(kept->value, &self->arena, &entry)) return;
  const text project = storage_project_of(kept->key);
  uint64_t used = used_by(self->storage, project) + entry.size;
  self->is_good = self->is_good && (entry.is_in_row || map_set(&self->ids, text_of(entry.id), "", 0)) &&
                  map_set(&self->storage->used, project, &used, sizeof used);
  arena_reset(&self->arena);
}

static ubiq_error *open_lock(const storage *self, const char *name, int *out) {
  char *path = file_path_join(self->directory, name);
  if (path == NULL) return ubiq_error_no_memory();
  *out = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ubiq_error *error = *out < 0 ? file_error(errno, path) : NULL;
  free(path);
  return error;
}

/// Files of other processes may have no entry yet: only who is alone here sweeps.
static ubiq_error *enter_folder(storage *self, bool *is_alone) {
  ubiq_error *error = open_lock(self, STORAGE_LOCK, &self->lock_file);
  if (error == NULL) error = open_lock(self, STORAGE_COPYING, &self->copying);
  *is_alone = error == NULL && flock(self->lock_file, LOCK_EX | LOCK_NB) == 0;
  return error;
}

static ubiq_error *look_around(storage *self) {
  survey survey = {.storage = self, .is_good = true};
  bool is_alone = false;
  arena_init(&survey.arena);
  ubiq_error *error = enter_folder(self, &is_alone);
  if (error == NULL) error = storage_entry_each(self, count_entry, &survey);
  if (error == NULL && !survey.is_good) error = ubiq_error_no_memory();
  if (error == NULL && is_alone) error = storage_file_sweep(self, &survey.ids);
  if (error == NULL && flock(self->lock_file, LOCK_SH) != 0) error = file_error(errno, self->directory);
  map_free(&survey.ids);
  arena_free(&survey.arena);
  return error;
}

static ubiq_error *start_threads(storage *self) {
  while (self->threads_count < STORAGE_THREADS) {
    int number = thread_start(&self->threads[self->threads_count], NULL, run, self);
    if (number != 0) return ubiq_error_new(UBIQ_INTERNAL, "storage: no thread can be started: %s", strerror(number));
    self->threads_count++;
  }
  return NULL;
}

static storage *storage_new(const storage_settings *settings) {
  storage *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->settings = *settings;
  if (self->settings.upload_ms == 0) self->settings.upload_ms = 3600 * 1000;
  self->last = &self->first;
  self->lock_file = self->copying = -1;
  pthread_mutex_init(&self->lock, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&self->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  self->directory = file_path_join(settings->directory, STORAGE_DIRECTORY);
  self->recent = memo_new(STORAGE_RECENT_MAX);
  if (self->directory != NULL && self->recent != NULL) return self;
  storage_close(self);
  return NULL;
}

ubiq_error *storage_open(const storage_settings *settings, storage **out) {
  storage *self = storage_new(settings);
  if (self == NULL) return ubiq_error_no_memory();
  ubiq_error *error = file_make_private_directory(self->directory);
  if (error == NULL) error = look_around(self);
  if (error == NULL) error = start_threads(self);
  if (error == NULL)
    *out = self;
  else
    storage_close(self);
  return error;
}

void storage_close(storage *self) {
  if (self == NULL) return;
  pthread_mutex_lock(&self->lock);
  self->is_ending = true;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->lock);
  for (size_t i = 0; i < self->threads_count; i++) pthread_join(self->threads[i], NULL);
  wait_for_entered(self);
  storage_uploads_drop(self, true);
  if (self->lock_file >= 0) close(self->lock_file);
  if (self->copying >= 0) close(self->copying);
  map_free(&self->used);
  memo_delete(self->recent);
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
  free(self->directory);
  free(self);
}
