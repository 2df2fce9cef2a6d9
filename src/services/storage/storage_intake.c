// An object that comes in parts within one request: they go to its file as they come, so that memory has one of them at a time. One that is
// said to be small is collected, for its row.
//
// THREADS: parts are written by the thread that has received them; the rest is a storage thread's.
#include "base/clock.h"
#include "services/operations.h"
#include "services/storage/storage_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/// Lives in its call's arena.
typedef struct intake {
  service_intake base;
  storage *storage;
  const service_caller *caller; ///< whose quotas count
  text key;
  storage_entry entry; ///< its size grows
  uint64_t replaces;   ///< bytes of the object that it replaces, which do not count besides
  condition condition;
  int file;     ///< -1: closed
  char *path;   ///< owned
  uint8_t *row; ///< the arena's, of as many bytes as are expected; NULL: it is a file
  uint64_t row_size;
} intake;

static ubiq_error *close_file(intake *self) {
  ubiq_error *error = self->file < 0 || close(self->file) == 0 ? NULL : storage_file_error(errno, self->path);
  self->file = -1;
  return error;
}

static ubiq_error *add(service_intake *base, ubiq_bytes part) {
  intake *self = (intake *)(void *)base;
  ubiq_error *error = storage_reserve(self->storage, self->caller, self->key, part.size, self->replaces);
  if (error != NULL) return error;
  error = storage_file_write_at(self->file, self->path, self->entry.size, part);
  if (error != NULL)
    storage_release(self->storage, self->key, part.size);
  else
    self->entry.size += part.size;
  return error;
}

static void drop(service_intake *base) {
  intake *self = (intake *)(void *)base;
  ubiq_error_delete(close_file(self));
  storage_file_remove(self->storage, self->entry.id, false);
  storage_release(self->storage, self->key, self->entry.size);
  free(self->path);
}

// ----------------------------------------------------------------------------------------------------------- of a row

static ubiq_error *add_to_row(service_intake *base, ubiq_bytes part) {
  intake *self = (intake *)(void *)base;
  if (part.size > self->row_size - self->entry.size)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the object is longer than the %" PRIu64 " bytes that were announced",
                          self->row_size);
  if (part.size > 0) memcpy(self->row + self->entry.size, part.data, part.size);
  self->entry.size += part.size;
  return NULL;
}

static void finish_row(service_intake *base, service_call *call) {
  intake *self = (intake *)(void *)base;
  self->entry.bytes = (ubiq_bytes){self->row, (size_t)self->entry.size};
  storage_row_put(call, &self->entry);
}

static void drop_row(service_intake *base) {
  (void)base;
}

static ubiq_error *open_row(intake *self, uint64_t size, arena *arena) {
  self->base = (service_intake){add_to_row, finish_row, drop_row};
  self->row_size = size;
  self->row = arena_alloc(arena, (size_t)size);
  return self->row == NULL ? ubiq_error_no_memory() : NULL;
}

// ----------------------------------------------------------------------------------------------------------------- end

static ubiq_error *end(storage_job *job) {
  service_call *call = job->call;
  intake *self = call->state;
  ubiq_error *error = close_file(self);
  if (error != NULL) {
    drop(&self->base);
    return error;
  }
  free(self->path);
  self->path = NULL;
  self->entry.modified_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  error = storage_commit(job->storage, call, self->key, &self->entry, &self->condition);
  return error != NULL ? error : storage_answer_written(call, &self->entry);
}

static void finish(service_intake *base, service_call *call) {
  call->state = base;
  ubiq_error *error = storage_hand_over(call, end);
  if (error == NULL) return;
  drop(base);
  service_call_fail(call, error);
}

// --------------------------------------------------------------------------------------------------------------- begin

/// What can be refused before the first byte is.
static ubiq_error *look_ahead(intake *self, service_call *call) {
  storage_entry old = {0};
  bool is_found = false;
  ubiq_error *error = storage_entry_find(self->storage, self->key, &call->arena, &is_found, &old);
  if (error != NULL) return error;
  self->replaces = is_found ? old.size : 0;
  error = storage_entry_check(&self->condition, is_found ? &old : NULL);
  if (error != NULL) {
    call->status = 412;
    return error;
  }
  error = storage_reserve(self->storage, self->caller, self->key, call->body.expected, self->replaces);
  if (error == NULL) storage_release(self->storage, self->key, call->body.expected);
  return error;
}

static ubiq_error *open_file(intake *self) {
  storage_new_id(self->entry.id);
  self->path = storage_file_path(self->storage, self->entry.id, false);
  if (self->path == NULL) return ubiq_error_no_memory();
  self->file = open(self->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (self->file >= 0) return NULL;
  ubiq_error *error = storage_file_error(errno, self->path);
  free(self->path);
  return error;
}

ubiq_error *storage_intake_begin(storage_job *job) {
  service_call *call = job->call;
  intake *self = arena_array(&call->arena, 1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  *self = (intake){.base = {add, finish, drop},
                   .storage = job->storage,
                   .caller = &call->caller,
                   .condition = storage_put_condition(call),
                   .file = -1};
  ubiq_error *error = stored_media_type(call->body.media_type, &self->entry.media_type);
  if (error == NULL) error = storage_metadata(call, &call->params[STORAGE_PUT_UBIQ_METADATA], &self->entry.metadata);
  if (error == NULL) error = storage_key(call, call->params[STORAGE_PUT_PATH].text, &self->key);
  if (error == NULL) error = look_ahead(self, call);
  const uint64_t expected = call->body.expected;
  bool is_row = expected > 0 && storage_is_for_row(job->storage, expected);
  if (error == NULL) error = is_row ? open_row(self, expected, &call->arena) : open_file(self);
  if (error == NULL) call->intake = &self->base;
  return error;
}
