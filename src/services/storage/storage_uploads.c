// Handlers of uploads: an object put in parts. Who adds to one holds it meanwhile; what its owner has forgotten is dropped by a thread that
// has nothing else to do, and when others begin one.
#include "base/clock.h"
#include "services/operations.h"
#include "services/permissions/permissions.h"
#include "services/services.h"
#include "services/storage/storage_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { UPLOADS_MAX = 256 };

static void upload_free(storage_upload *self) {
  free(self->key);
  free(self->media_type);
  free(self->metadata);
  free(self);
}

static text key_of(const storage_upload *self) {
  return (text){self->key, self->key_size};
}

// --------------------------------------------------------------------------------------------------------- all of them

/// Takes those that nobody holds, and nothing comes to, off the list. With the lock.
static storage_upload *take_old(storage *self, bool all) {
  storage_upload *taken = NULL;
  uint64_t now_ns = clock_monotonic_ns();
  for (storage_upload **at = &self->uploads; *at != NULL;) {
    storage_upload *upload = *at;
    bool is_old = now_ns - upload->last_ns > self->settings.upload_ms * CLOCK_NS_PER_MS;
    if (!all && (upload->is_busy || !is_old)) {
      at = &upload->next;
      continue;
    }
    *at = upload->next;
    self->uploads_count--;
    upload->next = taken;
    taken = upload;
  }
  return taken;
}

static void drop(storage *self, storage_upload *upload) {
  storage_file_remove(self, upload->id, false);
  storage_release(self, key_of(upload), upload->size);
  upload_free(upload);
}

void storage_uploads_drop(storage *self, bool all) {
  pthread_mutex_lock(&self->lock);
  storage_upload *taken = take_old(self, all);
  pthread_mutex_unlock(&self->lock);
  while (taken != NULL) {
    storage_upload *next = taken->next;
    drop(self, taken);
    taken = next;
  }
}

// ----------------------------------------------------------------------------------------------------------- one of them

static ubiq_error *no_upload(void) {
  return ubiq_error_new(UBIQ_NOT_FOUND,
                        "storage: there is no such upload; it was ended, or dropped when nothing came to it");
}

/// Those of others are not there: the key begins with who the caller is.
static bool is_callers(service_call *call, const storage_upload *upload) {
  text own;
  ubiq_error *error = storage_prefix(call, (text){"", 0}, &own);
  ubiq_error_delete(error);
  return error == NULL && text_starts_with(key_of(upload), own);
}

static storage_upload **find(storage *self, service_call *call) {
  const text id = call->params[0].text;
  for (storage_upload **at = &self->uploads; *at != NULL; at = &(*at)->next)
    if (text_equal_string(id, (*at)->id)) return is_callers(call, *at) ? at : NULL;
  return NULL;
}

static ubiq_error *permit(const service_call *call, const storage_upload *upload) {
  const permission_ask ask = {TEXT("storage"), TEXT("write"), storage_path_of(key_of(upload)), false};
  return call->caller.permissions == NULL ? NULL : permissions_check(call->caller.permissions, &ask);
}

/// Holds the call's upload; with `takes` it is off the list, too.
static ubiq_error *hold(storage *self, service_call *call, bool takes, storage_upload **out) {
  ubiq_error *error = NULL;
  pthread_mutex_lock(&self->lock);
  storage_upload **at = find(self, call);
  if (at == NULL) error = no_upload();
  if (error == NULL && (*at)->is_busy)
    error = ubiq_error_new(UBIQ_BUSY, "storage: another part of the upload is added now");
  if (error == NULL) error = permit(call, *at);
  if (error == NULL) {
    *out = *at;
    (*out)->is_busy = true;
    if (takes) {
      *at = (*out)->next;
      self->uploads_count--;
    }
  }
  pthread_mutex_unlock(&self->lock);
  return error;
}

static void let_go(storage *self, storage_upload *upload, bool is_new) {
  pthread_mutex_lock(&self->lock);
  upload->is_busy = false;
  upload->last_ns = clock_monotonic_ns();
  if (is_new) {
    upload->next = self->uploads;
    self->uploads = upload;
    self->uploads_count++;
  }
  pthread_mutex_unlock(&self->lock);
}

// --------------------------------------------------------------------------------------------------------------- begin

static storage_upload *upload_new(text key, text media_type, text metadata) {
  storage_upload *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->key = malloc(key.size);
  self->key_size = key.size;
  self->media_type = strndup(media_type.data, media_type.size);
  self->metadata = strndup(metadata.size == 0 ? "" : metadata.data, metadata.size);
  if (self->key != NULL && self->media_type != NULL && self->metadata != NULL) {
    memcpy(self->key, key.data, key.size);
    storage_new_id(self->id);
    return self;
  }
  upload_free(self);
  return NULL;
}

static ubiq_error *check_count(storage *self) {
  storage_uploads_drop(self, false);
  pthread_mutex_lock(&self->lock);
  bool has_room = self->uploads_count < UPLOADS_MAX;
  pthread_mutex_unlock(&self->lock);
  return has_room ? NULL : ubiq_error_new(UBIQ_BUSY, "storage: %d uploads are under way; end or drop one", UPLOADS_MAX);
}

static ubiq_error *begin(storage_job *job) {
  service_call *call = job->call;
  const service_param *given = &call->params[UPLOADS_BEGIN_MEDIA_TYPE];
  text key, metadata, media_type;
  ubiq_error *error = check_count(job->storage);
  if (error == NULL) error = stored_media_type(given->is_given ? given->text : (text){NULL, 0}, &media_type);
  if (error == NULL) error = storage_metadata(call, &call->params[UPLOADS_BEGIN_UBIQ_METADATA], &metadata);
  if (error == NULL) error = storage_key(call, call->params[UPLOADS_BEGIN_PATH].text, &key);
  if (error != NULL) return error;
  storage_upload *upload = upload_new(key, media_type, metadata);
  if (upload == NULL) return ubiq_error_no_memory();
  error = storage_file_write(job->storage, upload->id, 0, (ubiq_bytes){NULL, 0});
  if (error == NULL && !buffer_printf(&call->bytes, "{\"upload\":\"%s\"}", upload->id)) error = ubiq_error_no_memory();
  if (error != NULL) {
    drop(job->storage, upload);
    return error;
  }
  let_go(job->storage, upload, true);
  call->status = 201;
  call->answer = (service_body){.kind = SERVICE_BODY_JSON, .bytes = buffer_bytes(&call->bytes)};
  return NULL;
}

void service_uploads_begin(service_call *call) {
  storage_start(call, begin);
}

// -------------------------------------------------------------------------------------------------------------- append

static ubiq_error *add_bytes(storage *self, service_call *call, storage_upload *upload, ubiq_bytes bytes) {
  uint64_t offset = call->params[UPLOADS_APPEND_OFFSET].number;
  if (offset != upload->size)
    return ubiq_error_new(UBIQ_CONFLICT, "the upload has %" PRIu64 " bytes; expected them as offset, not %" PRIu64,
                          upload->size, offset);
  ubiq_error *error = storage_reserve(self, &call->caller, key_of(upload), bytes.size, 0);
  if (error != NULL) return error;
  error = storage_file_write(self, upload->id, offset, bytes);
  if (error != NULL)
    storage_release(self, key_of(upload), bytes.size);
  else
    upload->size += bytes.size;
  return error;
}

static ubiq_error *append_bytes(storage_job *job, ubiq_bytes bytes) {
  service_call *call = job->call;
  storage_upload *upload = NULL;
  ubiq_error *error = hold(job->storage, call, false, &upload);
  if (error != NULL) return error;
  error = add_bytes(job->storage, call, upload, bytes);
  uint64_t size = upload->size;
  let_go(job->storage, upload, false);
  if (error == NULL && !buffer_printf(&call->bytes, "{\"size\":%" PRIu64 "}", size)) error = ubiq_error_no_memory();
  call->answer = (service_body){.kind = SERVICE_BODY_JSON, .bytes = buffer_bytes(&call->bytes)};
  return error;
}

static ubiq_error *append(storage_job *job) {
  const service_body *body = &job->call->body;
  if (body->kind == SERVICE_BODY_BYTES) return append_bytes(job, body->bytes);
  size_t size = 0;
  char *json = yyjson_val_write(body->value, YYJSON_WRITE_NOFLAG, &size);
  if (json == NULL) return ubiq_error_no_memory();
  ubiq_error *error = append_bytes(job, (ubiq_bytes){(const uint8_t *)json, size});
  free(json);
  return error;
}

void service_uploads_append(service_call *call) {
  if (call->body.kind == SERVICE_BODY_NONE)
    service_call_fail(call, ubiq_error_new(UBIQ_INVALID_INPUT, "there is no body; expected a part of the object"));
  else
    storage_start(call, append);
}

// ------------------------------------------------------------------------------------------------------ finish and drop

static ubiq_error *finish(storage_job *job) {
  service_call *call = job->call;
  storage_upload *upload = NULL;
  ubiq_error *error = hold(job->storage, call, true, &upload);
  if (error != NULL) return error;
  storage_entry entry = {.size = upload->size,
                         .modified_ms = clock_realtime_ns() / CLOCK_NS_PER_MS,
                         .media_type = text_of(upload->media_type),
                         .metadata = text_of(upload->metadata)};
  memcpy(entry.id, upload->id, sizeof entry.id);
  error = storage_commit(job->storage, call, key_of(upload), &entry, &(condition){0});
  upload_free(upload);
  return error != NULL ? error : storage_answer_written(call, &entry);
}

void service_uploads_finish(service_call *call) {
  storage_start(call, finish);
}

static ubiq_error *drop_upload(storage_job *job) {
  storage_upload *upload = NULL;
  ubiq_error *error = hold(job->storage, job->call, true, &upload);
  if (error == NULL) drop(job->storage, upload);
  return error;
}

void service_uploads_drop(service_call *call) {
  storage_start(call, drop_upload);
}
