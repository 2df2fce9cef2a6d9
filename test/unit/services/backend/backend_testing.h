/// A backend in a folder of its own, and operations that wait for their answer.
#ifndef UBIQ_TEST_BACKEND_TESTING_H
#define UBIQ_TEST_BACKEND_TESTING_H

#include "services/backend/sqlite.h"
#include "unit/base/testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PLACE  ((backend_place){TEXT("shop"), {NULL, 0}})
#define LIMITS ((backend_kv_limits){100000, 100u << 20})

/// Told once, waited for once.
typedef struct signal_flag {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool is_set;
} signal_flag;

static inline void flag_init(signal_flag *self) {
  pthread_mutex_init(&self->lock, NULL);
  pthread_cond_init(&self->changed, NULL);
  self->is_set = false;
}

/// Under the lock to its end: the waiter ends the flag as soon as it may go on.
static inline void flag_set(signal_flag *self) {
  pthread_mutex_lock(&self->lock);
  self->is_set = true;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->lock);
}

static inline void flag_wait(signal_flag *self) {
  pthread_mutex_lock(&self->lock);
  while (!self->is_set) pthread_cond_wait(&self->changed, &self->lock);
  pthread_mutex_unlock(&self->lock);
  pthread_mutex_destroy(&self->lock);
  pthread_cond_destroy(&self->changed);
}

typedef struct folder {
  char path[64];
  char file[96];
} folder;

static inline void folder_make(folder *self) {
  snprintf(self->path, sizeof self->path, "/tmp/ubiq-backend-XXXXXX");
  assert_non_null(mkdtemp(self->path));
  snprintf(self->file, sizeof self->file, "%s/services.db", self->path);
}

static inline void folder_remove(const folder *self) {
  char command[96];
  snprintf(command, sizeof command, "rm -rf %s", self->path);
  assert_int_equal(system(command), 0);
}

static inline void written(backend_kv_write *operation) {
  flag_set(operation->user);
}

/// Waits for a write; its error is the caller's.
static inline ubiq_error *write_now(backend *backend, backend_kv_write *operation) {
  signal_flag flag;
  flag_init(&flag);
  operation->user = &flag;
  operation->done = written;
  backend_kv_write_start(backend, operation);
  flag_wait(&flag);
  return operation->error;
}

static inline ubiq_error *change_now(backend *backend, backend_kv_change *change) {
  backend_kv_write operation = {.place = PLACE, .changes = change, .count = 1, .limits = LIMITS};
  return write_now(backend, &operation);
}

static inline backend_kv_change put_of(const char *key, const char *value) {
  return (backend_kv_change){
      .action = BACKEND_KV_PUT, .key = text_of(key), .value = {(const uint8_t *)value, strlen(value)}};
}

static inline uint64_t put_now(backend *backend, const char *key, const char *value) {
  backend_kv_change change = put_of(key, value);
  assert_success(change_now(backend, &change));
  return change.version_now;
}

/// What a read found, copied.
typedef struct found {
  bool is_found;
  char value[256];
  char media_type[64];
  char attachment[64];
  size_t attachment_size;
  uint64_t version, expires_ms;
} found;

static inline void note_found(backend_kv_read *operation) {
  found *out = operation->user;
  out->is_found = operation->is_found;
  if (!operation->is_found) return;
  snprintf(out->value, sizeof out->value, "%.*s", (int)operation->entry.value.size,
           (const char *)operation->entry.value.data);
  snprintf(out->media_type, sizeof out->media_type, "%.*s", (int)operation->entry.media_type.size,
           operation->entry.media_type.size == 0 ? "" : operation->entry.media_type.data);
  out->attachment_size = operation->entry.attachment.size;
  snprintf(out->attachment, sizeof out->attachment, "%.*s", (int)out->attachment_size,
           out->attachment_size == 0 ? "" : (const char *)operation->entry.attachment.data);
  out->version = operation->entry.version;
  out->expires_ms = operation->entry.expires_ms;
}

static inline found find_now(backend *backend, text key, bool wants_attachment) {
  found out = {0};
  backend_kv_read operation = {
      .place = PLACE, .key = key, .wants_attachment = wants_attachment, .done = note_found, .user = &out};
  backend_kv_read_start(backend, &operation);
  assert_success(operation.error);
  return out;
}

static inline found get_now(backend *backend, text key) {
  return find_now(backend, key, false);
}

#endif
