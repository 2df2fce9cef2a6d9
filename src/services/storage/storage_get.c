// storage.get: the backend is asked by the handler itself. What is in a row is answered where the backend answers, what is a file by a thread.
#include "services/operations.h"
#include "services/services.h"
#include "services/storage/storage_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { RANGE_TEXT_SIZE = 80, ATTEMPTS_MAX = 100 };

/// Lives in its call's arena; the call's state while a thread has it.
typedef struct object_get {
  backend_kv_read look;
  storage *storage; ///< entered while the backend looks
  service_call *call;
  storage_entry entry;
  unsigned attempts;
  bool is_settled; ///< without its bytes
} object_get;

// ------------------------------------------------------------------------------------------------------- what is answered

static ubiq_error *missed(service_call *call, const storage_entry *entry) {
  char said[RANGE_TEXT_SIZE];
  snprintf(said, sizeof said, "bytes */%" PRIu64, entry->size);
  call->status = 416;
  return service_call_header(call, "content-range", text_of(said)) ? NULL : ubiq_error_no_memory();
}

static condition condition_of(const service_call *call) {
  return (condition){.match = call->params[STORAGE_GET_IF_MATCH].text,
                     .none_match = call->params[STORAGE_GET_IF_NONE_MATCH].text};
}

/// Whether the call ends without the object's bytes: it is not the one that was asked for, or the one that the caller has.
static bool is_settled(service_call *call, const storage_entry *entry, ubiq_error **error) {
  condition condition = condition_of(call);
  bool is_unchanged = condition_is_unchanged(&condition, text_of(entry->id));
  condition.none_match = (text){NULL, 0};
  *error = storage_entry_check(&condition, entry);
  if (*error != NULL) {
    call->status = 412;
  } else if (is_unchanged) {
    call->status = 304;
    if (!storage_add_headers(call, entry)) *error = ubiq_error_no_memory();
  }
  return *error != NULL || is_unchanged;
}

/// A range of what is there now would not fit what the caller has of another.
static bool is_for_range(const service_call *call, const storage_entry *entry) {
  const service_param *range = &call->params[STORAGE_GET_RANGE], *tag = &call->params[STORAGE_GET_IF_RANGE];
  return range->is_given && storage_range_is_one(range->text) &&
         (!tag->is_given || condition_names(tag->text, text_of(entry->id), false));
}

/// A longer range than fits an answer is cut; a file has no such limit.
static ubiq_error *choose(service_call *call, const storage_entry *entry, storage_range *out) {
  const uint64_t most = call->takes_files ? UINT64_MAX : STORAGE_ANSWER_MAX;
  bool is_part = is_for_range(call, entry);
  *out = (storage_range){.is_whole = true, .size = entry->size};
  if (!is_part && entry->size > most)
    return ubiq_error_new(UBIQ_TOO_LARGE, "the object has %" PRIu64 " bytes; expected a header range for at most %d",
                          entry->size, STORAGE_ANSWER_MAX);
  if (!is_part) return NULL;
  ubiq_error *error = storage_range_read(call->params[STORAGE_GET_RANGE].text, entry->size, out);
  if (out->size > most) out->size = most;
  ubiq_error *further = out->is_missed ? missed(call, entry) : NULL;
  if (further == NULL) return error;
  ubiq_error_delete(error);
  return further;
}

static bool say_part(service_call *call, const storage_entry *entry, const storage_range *part) {
  char said[RANGE_TEXT_SIZE];
  if (part->is_whole) return true;
  call->status = 206;
  snprintf(said, sizeof said, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part->from, part->from + part->size - 1,
           entry->size);
  return service_call_header(call, "content-range", text_of(said));
}

/// A part of JSON is none.
static void set_type(service_body *body, const storage_entry *entry, const storage_range *part) {
  if (!entry->is_json)
    body->media_type = entry->media_type;
  else if (!part->is_whole)
    body->media_type = TEXT("application/octet-stream");
  else if (body->kind == SERVICE_BODY_FILE)
    body->media_type = TEXT("application/json");
  else
    body->kind = SERVICE_BODY_JSON;
}

static bool describe(service_call *call, const storage_entry *entry, const storage_range *part) {
  set_type(&call->answer, entry, part);
  return storage_add_headers(call, entry) && say_part(call, entry, part);
}

/// False when they are not there, or memory is out.
static bool append_recent(const storage *storage, const storage_entry *entry, const storage_range *part, buffer *out) {
  memo_item *kept = memo_find(storage->recent, text_of(entry->id));
  if (kept == NULL) return false;
  const ubiq_bytes all = memo_bytes(kept);
  bool is_good = part->from <= all.size && part->size <= all.size - part->from &&
                 buffer_append(out, all.data + part->from, (size_t)part->size);
  memo_release(kept);
  return is_good;
}

/// `*is_missing`: they are not known yet.
static ubiq_error *take_row(const object_get *self, const storage_range *part, bool *is_missing) {
  const ubiq_bytes row = self->look.entry.attachment;
  const storage_entry *entry = &self->entry;
  buffer *out = &self->call->bytes;
  *is_missing = false;
  if (append_recent(self->storage, entry, part, out)) return NULL;
  *is_missing = !self->look.wants_attachment;
  if (*is_missing) return NULL;
  if (row.size != entry->size) return ubiq_error_new(UBIQ_INTERNAL, "storage: an object's row has another size");
  storage_keep_recent(self->storage, entry, row);
  bool good = buffer_append(out, part->size == 0 ? NULL : row.data + part->from, (size_t)part->size);
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *answer_row(const object_get *self, bool *is_missing) {
  service_call *call = self->call;
  storage_range part;
  ubiq_error *error = choose(call, &self->entry, &part);
  if (error == NULL) error = take_row(self, &part, is_missing);
  if (error != NULL || *is_missing) return error;
  call->answer = (service_body){.kind = SERVICE_BODY_BYTES, .bytes = buffer_bytes(&call->bytes)};
  return describe(call, &self->entry, &part) ? NULL : ubiq_error_no_memory();
}

static ubiq_error *take_bytes(const object_get *self, const storage_range *part) {
  service_call *call = self->call;
  ubiq_error *error = storage_file_read(self->storage, self->entry.id, part->from, (size_t)part->size, &call->bytes);
  call->answer = (service_body){.kind = SERVICE_BODY_BYTES, .bytes = buffer_bytes(&call->bytes)};
  return error;
}

static ubiq_error *take_file(const object_get *self, const storage_range *part) {
  service_body *answer = &self->call->answer;
  *answer = (service_body){.kind = SERVICE_BODY_FILE, .file = {-1, part->from, part->size}};
  return storage_file_open(self->storage, self->entry.id, &answer->file.descriptor);
}

static ubiq_error *answer_file(const object_get *self) {
  service_call *call = self->call;
  storage_range part;
  ubiq_error *error = choose(call, &self->entry, &part);
  if (error == NULL) error = call->takes_files ? take_file(self, &part) : take_bytes(self, &part);
  if (error != NULL || describe(call, &self->entry, &part)) return error;
  if (call->answer.kind == SERVICE_BODY_FILE) close(call->answer.file.descriptor);
  return ubiq_error_no_memory();
}

// ------------------------------------------------------------------------------------------------------------ the way

static void end(service_call *call, ubiq_error *error) {
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_done(call);
}

static void look(object_get *self) {
  ubiq_error *error = storage_enter(self->call, &self->storage);
  if (error == NULL)
    backend_kv_read_start(self->storage->settings.backend, &self->look);
  else
    service_call_fail(self->call, error);
}

/// On a thread. A file that is gone was replaced behind the look: what it was replaced by is looked for.
static void get_file(service_call *call) {
  object_get *self = call->state;
  ubiq_error *error = answer_file(self);
  if (ubiq_error_code(error) != UBIQ_NOT_FOUND) {
    end(call, error);
    return;
  }
  ubiq_error_delete(error);
  if (++self->attempts < ATTEMPTS_MAX)
    look(self);
  else
    service_call_fail(call, ubiq_error_new(UBIQ_INTERNAL, "storage: an object's file is not there"));
}

static ubiq_error *take_entry(object_get *self, bool *is_missing) {
  const backend_kv_read *found = &self->look;
  if (found->error != NULL || !found->is_found) return found->error != NULL ? found->error : storage_no_object();
  if (!storage_entry_read(found->entry.value, &self->call->arena, &self->entry))
    return ubiq_error_new(UBIQ_INTERNAL, "storage: an object's entry cannot be read");
  ubiq_error *error = NULL;
  self->is_settled = is_settled(self->call, &self->entry, &error);
  return self->is_settled || !self->entry.is_in_row ? error : answer_row(self, is_missing);
}

static void take_look(backend_kv_read *operation) {
  object_get *self = operation->user;
  service_call *call = self->call;
  storage *storage = self->storage;
  bool is_missing = false;
  ubiq_error *error = take_entry(self, &is_missing);
  if (is_missing) {
    self->look.wants_attachment = true;
    backend_kv_read_start(storage->settings.backend, &self->look);
  } else if (error != NULL || self->is_settled || self->entry.is_in_row) {
    storage_leave(storage);
    end(call, error);
  } else {
    storage_start_handler(call, get_file);
    storage_leave(storage);
  }
}

void service_storage_get(service_call *call) {
  text key;
  ubiq_error *error = storage_key(call, call->params[STORAGE_GET_PATH].text, &key);
  object_get *self = error == NULL ? arena_array(&call->arena, 1, sizeof *self) : NULL;
  if (self == NULL) {
    service_call_fail(call, error != NULL ? error : ubiq_error_no_memory());
    return;
  }
  self->call = call;
  self->look = (backend_kv_read){.place = storage_place, .key = key, .done = take_look, .user = self};
  call->state = self;
  look(self);
}
