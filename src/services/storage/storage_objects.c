// Handlers of objects: put, get, head, delete.
#include "base/clock.h"
#include "base/json.h"
#include "services/operations.h"
#include "services/services.h"
#include "services/storage/storage_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { HTTP_DATE_SIZE = 32, NUMBER_SIZE = 80 };

static ubiq_error *no_object(void) {
  return ubiq_error_new(UBIQ_NOT_FOUND, "storage: there is no such object");
}

// ------------------------------------------------------------------------------------------------------------- headers

static void format_date(uint64_t unix_ms, char out[HTTP_DATE_SIZE]) {
  static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm parts;
  time_t seconds = (time_t)(unix_ms / 1000);
  gmtime_r(&seconds, &parts);
  snprintf(out, HTTP_DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * (ptrdiff_t)parts.tm_wday,
           parts.tm_mday % 100, months + 3 * (ptrdiff_t)parts.tm_mon, (parts.tm_year + 1900) % 10000,
           parts.tm_hour % 100, parts.tm_min % 100, parts.tm_sec % 100);
}

static bool add_tag(service_call *call, const storage_entry *entry) {
  char tag[STORAGE_ID_SIZE + 2];
  snprintf(tag, sizeof tag, "\"%s\"", entry->id);
  return service_call_header(call, "etag", text_of(tag));
}

static bool add_headers(service_call *call, const storage_entry *entry) {
  char date[HTTP_DATE_SIZE];
  format_date(entry->modified_ms, date);
  return add_tag(call, entry) && service_call_header(call, "last-modified", text_of(date)) &&
         (entry->metadata.size == 0 || service_call_header(call, "ubiq-metadata", entry->metadata));
}

ubiq_error *storage_metadata(service_call *call, const service_param *header, text *out) {
  yyjson_doc *document = NULL;
  *out = (text){NULL, 0};
  if (!header->is_given) return NULL;
  ubiq_error *error = json_parse("ubiq-metadata", header->text.data, header->text.size, &document);
  if (error != NULL) return error;
  yyjson_val *root = yyjson_doc_get_root(document), *key, *value;
  bool good = yyjson_is_obj(root);
  size_t index, max;
  yyjson_obj_foreach(root, index, max, key, value) good = good && yyjson_is_str(value);
  size_t size = 0;
  char *json = good ? yyjson_write(document, YYJSON_WRITE_ESCAPE_UNICODE, &size) : NULL; // a header is ASCII
  if (!good)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "ubiq-metadata is no object of strings; expected {\"name\":\"text\"}");
  else if (json == NULL || (out->data = arena_string(&call->arena, json, size)) == NULL)
    error = ubiq_error_no_memory();
  out->size = error == NULL ? size : 0;
  free(json);
  yyjson_doc_free(document);
  return error;
}

ubiq_error *storage_media_type(text said, text *out) {
  enum { MEDIA_TYPE_MAX = 127 };
  *out = said.size > 0 ? said : TEXT("application/octet-stream");
  bool good = said.size <= MEDIA_TYPE_MAX && memchr(out->data, '/', out->size) != NULL;
  for (size_t i = 0; good && i < out->size; i++) good = out->data[i] >= ' ' && out->data[i] < 0x7f;
  if (good) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "the media type is none; expected one such as \"image/png\", of at most %d bytes",
                        MEDIA_TYPE_MAX);
}

ubiq_error *storage_answer_written(service_call *call, const storage_entry *entry) {
  bool good = buffer_printf(&call->bytes, "{\"size\":%" PRIu64 ",\"etag\":\"\\\"%s\\\"\"}", entry->size, entry->id);
  call->answer = (service_body){.kind = SERVICE_BODY_JSON, .bytes = buffer_bytes(&call->bytes)};
  return good ? NULL : ubiq_error_no_memory();
}

// ----------------------------------------------------------------------------------------------------------------- put

ubiq_error *storage_commit(storage *self, service_call *call, text key, const storage_entry *entry, bool if_absent) {
  bool is_there = false;
  ubiq_error *error = storage_file_finish(self, entry->id);
  bool is_whole = error == NULL;
  if (error == NULL) error = storage_entry_put(self, key, &call->arena, entry, if_absent, &is_there);
  if (is_there) call->status = 412;
  // After `unavailable` or `internal` the entry may have been kept all the same: the next start knows.
  bool is_certain = ubiq_error_code(error) != UBIQ_UNAVAILABLE && ubiq_error_code(error) != UBIQ_INTERNAL;
  if (error == NULL || (is_whole && !is_certain)) return error;
  storage_file_remove(self, entry->id, is_whole);
  storage_release(self, key, entry->size);
  return error;
}

static ubiq_error *write_object(storage *self, service_call *call, text key, const storage_entry *entry,
                                ubiq_bytes bytes) {
  ubiq_error *error = storage_file_write(self, entry->id, 0, bytes);
  if (error == NULL) return storage_commit(self, call, key, entry, call->params[STORAGE_PUT_IF_ABSENT].number != 0);
  storage_file_remove(self, entry->id, false);
  storage_release(self, key, entry->size);
  return error;
}

/// Room for the bytes, beside what they replace.
static ubiq_error *reserve(storage *self, service_call *call, text key, uint64_t size) {
  storage_entry old = {0};
  bool is_found = false;
  ubiq_error *error = storage_entry_find(self, key, &call->arena, &is_found, &old);
  return error != NULL ? error : storage_reserve(self, &call->caller, key, size, is_found ? old.size : 0);
}

static ubiq_error *put_bytes(storage *self, service_call *call, storage_entry *entry, ubiq_bytes bytes) {
  text key;
  ubiq_error *error = storage_metadata(call, &call->params[STORAGE_PUT_UBIQ_METADATA], &entry->metadata);
  if (error == NULL) error = storage_key(call, call->params[STORAGE_PUT_PATH].text, &key);
  if (error == NULL) error = reserve(self, call, key, bytes.size);
  if (error != NULL) return error;
  storage_new_id(entry->id);
  entry->size = bytes.size;
  entry->modified_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  error = write_object(self, call, key, entry, bytes);
  return error != NULL ? error : storage_answer_written(call, entry);
}

static ubiq_error *put(storage_job *job) {
  const service_body *body = &job->call->body;
  if (body->kind == SERVICE_BODY_PARTS) return storage_intake_begin(job);
  storage_entry entry = {.is_json = body->kind == SERVICE_BODY_JSON, .media_type = TEXT("application/json")};
  if (body->kind == SERVICE_BODY_BYTES) {
    ubiq_error *error = storage_media_type(body->media_type, &entry.media_type);
    return error != NULL ? error : put_bytes(job->storage, job->call, &entry, body->bytes);
  }
  size_t size = 0;
  char *json = yyjson_val_write(body->value, YYJSON_WRITE_NOFLAG, &size);
  if (json == NULL) return ubiq_error_no_memory();
  ubiq_error *error = put_bytes(job->storage, job->call, &entry, (ubiq_bytes){(const uint8_t *)json, size});
  free(json);
  return error;
}

void service_storage_put(service_call *call) {
  if (call->body.kind == SERVICE_BODY_NONE)
    service_call_fail(call, ubiq_error_new(UBIQ_INVALID_INPUT, "there is no body; expected the object"));
  else
    storage_start(call, put);
}

// ----------------------------------------------------------------------------------------------------------------- get

static ubiq_error *missed(service_call *call, const storage_entry *entry) {
  char said[NUMBER_SIZE];
  snprintf(said, sizeof said, "bytes */%" PRIu64, entry->size);
  call->status = 416;
  return service_call_header(call, "content-range", text_of(said)) ? NULL : ubiq_error_no_memory();
}

/// A longer range than fits an answer is cut; a file has no such limit.
static ubiq_error *choose(service_call *call, const storage_entry *entry, storage_range *out) {
  const service_param *header = &call->params[STORAGE_GET_RANGE];
  const uint64_t most = call->takes_files ? UINT64_MAX : STORAGE_ANSWER_MAX;
  *out = (storage_range){.is_whole = true, .size = entry->size};
  if (!header->is_given && entry->size > most)
    return ubiq_error_new(UBIQ_TOO_LARGE, "the object has %" PRIu64 " bytes; expected a header range for at most %d",
                          entry->size, STORAGE_ANSWER_MAX);
  if (!header->is_given) return NULL;
  ubiq_error *error = storage_range_read(header->text, entry->size, out);
  if (out->size > most) out->size = most;
  ubiq_error *further = out->is_missed ? missed(call, entry) : NULL;
  if (further == NULL) return error;
  ubiq_error_delete(error);
  return further;
}

static bool say_part(service_call *call, const storage_entry *entry, const storage_range *part) {
  char said[NUMBER_SIZE];
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

static ubiq_error *take_bytes(storage_job *job, const storage_entry *entry, const storage_range *part) {
  service_call *call = job->call;
  ubiq_error *error = storage_file_read(job->storage, entry->id, part->from, (size_t)part->size, &call->bytes);
  call->answer = (service_body){.kind = SERVICE_BODY_BYTES, .bytes = buffer_bytes(&call->bytes)};
  return error;
}

static ubiq_error *take_file(storage_job *job, const storage_entry *entry, const storage_range *part) {
  service_body *answer = &job->call->answer;
  *answer = (service_body){.kind = SERVICE_BODY_FILE, .file = {-1, part->from, part->size}};
  return storage_file_open(job->storage, entry->id, &answer->file.descriptor);
}

/// `*again`: the object was replaced between its entry and its file.
static ubiq_error *try_get(storage_job *job, text key, bool *again) {
  service_call *call = job->call;
  storage_entry entry;
  storage_range part;
  bool is_found = false;
  *again = false;
  ubiq_error *error = storage_entry_find(job->storage, key, &call->arena, &is_found, &entry);
  if (error == NULL && !is_found) error = no_object();
  if (error == NULL) error = choose(call, &entry, &part);
  if (error != NULL) return error;
  error = call->takes_files ? take_file(job, &entry, &part) : take_bytes(job, &entry, &part);
  *again = ubiq_error_code(error) == UBIQ_NOT_FOUND;
  if (error != NULL) return error;
  set_type(&call->answer, &entry, &part);
  if (add_headers(call, &entry) && say_part(call, &entry, &part)) return NULL;
  if (call->answer.kind == SERVICE_BODY_FILE) close(call->answer.file.descriptor);
  return ubiq_error_no_memory();
}

static ubiq_error *get(storage_job *job) {
  enum { ATTEMPTS = 100 };
  text key;
  bool again = true;
  ubiq_error *error = storage_key(job->call, job->call->params[STORAGE_GET_PATH].text, &key);
  if (error != NULL) return error;
  for (int i = 0; again && i < ATTEMPTS; i++) {
    ubiq_error_delete(error);
    error = try_get(job, key, &again);
  }
  if (!again) return error;
  ubiq_error_delete(error);
  return ubiq_error_new(UBIQ_INTERNAL, "storage: an object's file is not there");
}

void service_storage_get(service_call *call) {
  storage_start(call, get);
}

// ----------------------------------------------------------------------------------------------------- head and delete

static ubiq_error *head(storage_job *job) {
  service_call *call = job->call;
  storage_entry entry;
  text key;
  char size[NUMBER_SIZE];
  bool is_found = false;
  ubiq_error *error = storage_key(call, call->params[STORAGE_HEAD_PATH].text, &key);
  if (error == NULL) error = storage_entry_find(job->storage, key, &call->arena, &is_found, &entry);
  if (error == NULL && !is_found) error = no_object();
  if (error != NULL) return error;
  snprintf(size, sizeof size, "%" PRIu64, entry.size);
  call->status = 200;
  return add_headers(call, &entry) && service_call_header(call, "ubiq-size", text_of(size)) ? NULL
                                                                                            : ubiq_error_no_memory();
}

void service_storage_head(service_call *call) {
  storage_start(call, head);
}

static ubiq_error *delete_object(storage_job *job) {
  text key;
  ubiq_error *error = storage_key(job->call, job->call->params[STORAGE_DELETE_PATH].text, &key);
  return error != NULL ? error : storage_entry_delete(job->storage, key, &job->call->arena);
}

void service_storage_delete(service_call *call) {
  storage_start(call, delete_object);
}
