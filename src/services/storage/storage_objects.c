// Handlers of objects: put, head, delete, and what they share with get.
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

ubiq_error *storage_no_object(void) {
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

bool storage_add_headers(service_call *call, const storage_entry *entry) {
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

ubiq_error *storage_answer_written(service_call *call, const storage_entry *entry) {
  bool good = buffer_printf(&call->bytes, "{\"size\":%" PRIu64 ",\"etag\":\"\\\"%s\\\"\"}", entry->size, entry->id);
  call->answer = (service_body){.kind = SERVICE_BODY_JSON, .bytes = buffer_bytes(&call->bytes)};
  return good ? NULL : ubiq_error_no_memory();
}

// ----------------------------------------------------------------------------------------------------------------- put

bool storage_give_back(storage *self, text key, const storage_entry *entry, const ubiq_error *error) {
  bool is_certain = ubiq_error_code(error) != UBIQ_UNAVAILABLE && ubiq_error_code(error) != UBIQ_INTERNAL;
  if (is_certain) storage_release(self, key, entry->size);
  return is_certain;
}

condition storage_put_condition(const service_call *call) {
  return (condition){call->params[STORAGE_PUT_IF_ABSENT].number != 0, call->params[STORAGE_PUT_IF_MATCH].text,
                     call->params[STORAGE_PUT_IF_NONE_MATCH].text};
}

ubiq_error *storage_commit(storage *self, service_call *call, text key, const storage_entry *entry,
                           const condition *condition) {
  bool is_refused = false;
  ubiq_error *error = storage_file_finish(self, entry->id);
  bool is_whole = error == NULL;
  if (error == NULL) error = storage_entry_put(self, key, &call->arena, entry, condition, &is_refused);
  if (is_refused) call->status = 412;
  if (error == NULL) return NULL;
  if (!is_whole)
    storage_release(self, key, entry->size);
  else if (!storage_give_back(self, key, entry, error))
    return error;
  storage_file_remove(self, entry->id, is_whole);
  return error;
}

static ubiq_error *write_object(storage *self, service_call *call, text key, const storage_entry *entry,
                                ubiq_bytes bytes) {
  const condition condition = storage_put_condition(call);
  ubiq_error *error = storage_file_write(self, entry->id, 0, bytes);
  if (error == NULL) return storage_commit(self, call, key, entry, &condition);
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
  storage_entry entry = {.is_json = false};
  ubiq_error *error = stored_media_type(body->media_type, &entry.media_type);
  return error != NULL ? error : put_bytes(job->storage, job->call, &entry, body->bytes);
}

static ubiq_error *put_json_text(service_call *call, const char *json, size_t size, bool *is_ended) {
  storage_entry entry = {.is_json = true, .media_type = TEXT("application/json")};
  *is_ended = storage_is_for_row(call->services->storage, size);
  if (!*is_ended) return put_bytes(call->services->storage, call, &entry, (ubiq_bytes){(const uint8_t *)json, size});
  entry.bytes = (ubiq_bytes){arena_copy(&call->arena, json, size), size};
  if (entry.bytes.data != NULL)
    storage_row_put(call, &entry);
  else
    service_call_fail(call, ubiq_error_no_memory());
  return NULL;
}

/// On a thread: how much JSON is, writing it tells.
static void put_json(service_call *call) {
  size_t size = 0;
  bool is_ended = false;
  char *json = yyjson_val_write(call->body.value, YYJSON_WRITE_NOFLAG, &size);
  ubiq_error *error = json == NULL ? ubiq_error_no_memory() : put_json_text(call, json, size, &is_ended);
  free(json);
  if (is_ended) return;
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_done(call);
}

static void put_small(service_call *call) {
  storage_entry entry = {.bytes = call->body.bytes};
  ubiq_error *error = stored_media_type(call->body.media_type, &entry.media_type);
  if (error == NULL)
    storage_row_put(call, &entry);
  else
    service_call_fail(call, error);
}

void service_storage_put(service_call *call) {
  const service_body *body = &call->body;
  if (body->kind == SERVICE_BODY_NONE)
    service_call_fail(call, ubiq_error_new(UBIQ_INVALID_INPUT, "there is no body; expected the object"));
  else if (body->kind == SERVICE_BODY_JSON)
    storage_start_handler(call, put_json);
  else if (body->kind == SERVICE_BODY_BYTES && storage_is_for_row(call->services->storage, body->bytes.size))
    put_small(call);
  else
    storage_start(call, put);
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
  if (error == NULL && !is_found) error = storage_no_object();
  if (error != NULL) return error;
  snprintf(size, sizeof size, "%" PRIu64, entry.size);
  call->status = 200;
  call->answer = (service_body){.kind = SERVICE_BODY_NONE, .expected = entry.size};
  call->answer.media_type = entry.is_json ? TEXT("application/json") : entry.media_type;
  return storage_add_headers(call, &entry) && service_call_header(call, "ubiq-size", text_of(size))
             ? NULL
             : ubiq_error_no_memory();
}

void service_storage_head(service_call *call) {
  storage_start(call, head);
}

static ubiq_error *delete_object(storage_job *job) {
  service_call *call = job->call;
  const condition condition = {.match = call->params[STORAGE_DELETE_IF_MATCH].text};
  text key;
  bool is_refused = false;
  ubiq_error *error = storage_key(call, call->params[STORAGE_DELETE_PATH].text, &key);
  if (error == NULL) error = storage_entry_delete(job->storage, key, &call->arena, &condition, &is_refused);
  if (is_refused) call->status = 412;
  return error;
}

void service_storage_delete(service_call *call) {
  storage_start(call, delete_object);
}
