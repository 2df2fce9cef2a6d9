// Entries: the object's description as JSON, by project, function and path with a NUL between them. All are in one place, so that a
// start finds every file that is one's.
#include "base/json_write.h"
#include "base/waiter.h"
#include "services/storage/storage_parts.h"

#include <inttypes.h>
#include <stdlib.h>

const backend_place storage_place = {.project = {"\1objects", 8}};

// --------------------------------------------------------------------------------------------------------------- keys

static bool is_good_part(text part) {
  return part.size > 0 && !text_equal(part, TEXT(".")) && !text_equal(part, TEXT(".."));
}

static ubiq_error *check_path(text path) {
  text rest = path, part;
  bool good = path.size > 0 && path.size <= STORAGE_PATH_MAX && text_utf8_valid(path.data, path.size);
  for (size_t i = 0; good && i < path.size; i++) good = (unsigned char)path.data[i] >= ' ' && path.data[i] != 0x7f;
  while (good && text_split(&rest, '/', &part)) good = is_good_part(part);
  if (good && path.data[path.size - 1] != '/') return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "the path is none; expected names with slashes between them, none of them empty, \".\" or "
                        "\"..\": up to %d bytes of UTF-8 without control characters",
                        STORAGE_PATH_MAX);
}

ubiq_error *storage_prefix(service_call *call, text prefix, text *out) {
  const service_caller *caller = &call->caller;
  const text function = caller->is_private ? caller->function : (text){NULL, 0};
  size_t size = caller->project.size + function.size + prefix.size + 2;
  char *key = arena_array(&call->arena, size + 1, 1);
  if (key == NULL) return ubiq_error_no_memory();
  memcpy(key, caller->project.data, caller->project.size);
  if (function.size > 0) memcpy(key + caller->project.size + 1, function.data, function.size);
  if (prefix.size > 0) memcpy(key + size - prefix.size, prefix.data, prefix.size);
  *out = (text){key, size};
  return NULL;
}

ubiq_error *storage_key(service_call *call, text path, text *out) {
  ubiq_error *error = check_path(path);
  return error != NULL ? error : storage_prefix(call, path, out);
}

text storage_path_of(text key) {
  text part;
  for (int i = 0; i < 2; i++) (void)text_split(&key, '\0', &part);
  return key;
}

// -------------------------------------------------------------------------------------------------------------- values

static text copy_text(arena *arena, yyjson_val *object, const char *name) {
  yyjson_val *value = yyjson_obj_get(object, name);
  const char *copy = value == NULL ? "" : arena_string(arena, yyjson_get_str(value), yyjson_get_len(value));
  return text_of(copy);
}

bool storage_entry_read(ubiq_bytes value, arena *arena, storage_entry *out) {
  yyjson_doc *document = yyjson_read((const char *)value.data, value.size, 0);
  yyjson_val *root = yyjson_doc_get_root(document), *id = yyjson_obj_get(root, "id");
  bool good = yyjson_get_len(id) == STORAGE_ID_SIZE - 1;
  if (good) {
    *out = (storage_entry){.size = yyjson_get_uint(yyjson_obj_get(root, "size")),
                           .modified_ms = yyjson_get_uint(yyjson_obj_get(root, "modified_ms")),
                           .is_json = yyjson_get_bool(yyjson_obj_get(root, "is_json")),
                           .is_in_row = yyjson_get_bool(yyjson_obj_get(root, "is_in_row")),
                           .media_type = copy_text(arena, root, "media_type"),
                           .metadata = copy_text(arena, root, "metadata")};
    memcpy(out->id, yyjson_get_str(id), STORAGE_ID_SIZE);
    good = out->media_type.data != NULL && out->metadata.data != NULL;
  }
  yyjson_doc_free(document);
  return good;
}

bool storage_entry_write(buffer *out, const storage_entry *entry) {
  return buffer_printf(out, "{\"id\":\"%s\",\"size\":%" PRIu64 ",\"modified_ms\":%" PRIu64 ",\"is_json\":%s", entry->id,
                       entry->size, entry->modified_ms, entry->is_json ? "true" : "false") &&
         (!entry->is_in_row || buffer_append_string(out, ",\"is_in_row\":true")) &&
         buffer_append_string(out, ",\"media_type\":") && json_write_text(out, entry->media_type) &&
         (entry->metadata.size == 0 ||
          (buffer_append_string(out, ",\"metadata\":") && json_write_text(out, entry->metadata))) &&
         buffer_append_byte(out, '}');
}

// ------------------------------------------------------------------------------------------------ waiting for the backend

/// A read that a thread waits for.
typedef struct reading {
  waiter waiter;
  bool is_read; ///< the entry is one
  arena *arena;
  storage_entry *entry;
} reading;

static void take_read(backend_kv_read *operation) {
  reading *self = operation->user;
  if (operation->is_found) {
    self->is_read = storage_entry_read(operation->entry.value, self->arena, self->entry);
    self->entry->version = operation->entry.version;
  }
  waiter_tell(&self->waiter);
}

ubiq_error *storage_entry_find(storage *self, text key, arena *arena, bool *is_found, storage_entry *out) {
  reading reading = {.arena = arena, .entry = out};
  waiter_init(&reading.waiter);
  backend_kv_read operation = {.place = storage_place, .key = key, .done = take_read, .user = &reading};
  backend_kv_read_start(self->settings.backend, &operation);
  waiter_wait(&reading.waiter);
  waiter_end(&reading.waiter);
  *is_found = operation.is_found;
  if (operation.error != NULL || !operation.is_found || reading.is_read) return operation.error;
  return ubiq_error_new(UBIQ_INTERNAL, "storage: an object's entry cannot be read");
}

static void take_write(backend_kv_write *operation) {
  waiter_tell(operation->user);
}

backend_kv_write storage_entry_change(backend_kv_change *change, void (*done)(backend_kv_write *self), void *user) {
  enum { ENTRY_MAX = 4096 };
  return (backend_kv_write){
      .place = storage_place,
      .changes = change,
      .count = 1,
      .limits = {STORAGE_OBJECTS_MAX, (uint64_t)STORAGE_OBJECTS_MAX * (ENTRY_MAX + STORAGE_ROW_MAX)},
      .done = done,
      .user = user};
}

static ubiq_error *write_change(storage *self, backend_kv_change *change, bool *is_refused) {
  waiter waiter;
  waiter_init(&waiter);
  backend_kv_write operation = storage_entry_change(change, take_write, &waiter);
  backend_kv_write_start(self->settings.backend, &operation);
  waiter_wait(&waiter);
  waiter_end(&waiter);
  *is_refused = operation.refusal == BACKEND_KV_REFUSED_CONDITION;
  return operation.error;
}

// ------------------------------------------------------------------------------------------------------------ changing

void storage_keep_recent(const storage *self, const storage_entry *entry, ubiq_bytes bytes) {
  const text id = text_of(entry->id);
  memo_keep(self->recent, id, memo_turn(self->recent, id), &bytes, 1);
}

enum { ATTEMPTS_MAX = 100 };

void storage_entry_end(storage *self, text key, const storage_entry *old) {
  if (old->is_in_row)
    memo_drop(self->recent, text_of(old->id));
  else
    storage_file_remove(self, old->id, true);
  storage_release(self, key, old->size);
}

/// Changes the entry as it was when it was looked at; `*again` when somebody was faster.
static ubiq_error *change_entry(storage *self, text key, backend_kv_change *change, const storage_entry *old,
                                bool *again) {
  change->key = key;
  change->condition = old == NULL ? BACKEND_KV_IF_ABSENT : BACKEND_KV_IF_VERSION;
  change->version = old == NULL ? 0 : old->version;
  ubiq_error *error = write_change(self, change, again);
  if (error == NULL && old != NULL) storage_entry_end(self, key, old);
  if (!*again) return error;
  ubiq_error_delete(error);
  return NULL;
}

static ubiq_error *too_many(void) {
  return ubiq_error_new(UBIQ_BUSY, "storage: too many change this object at once; try again");
}

ubiq_error *storage_entry_check(const condition *condition, const storage_entry *entry) {
  return condition_check(condition, entry == NULL ? (text){NULL, 0} : text_of(entry->id), "the object");
}

ubiq_error *storage_entry_put(storage *self, text key, arena *arena, const storage_entry *entry,
                              const condition *condition, bool *is_refused) {
  buffer value = {0};
  bool again = true;
  *is_refused = false;
  ubiq_error *error = storage_entry_write(&value, entry) ? NULL : ubiq_error_no_memory();
  for (int i = 0; error == NULL && again && i < ATTEMPTS_MAX; i++) {
    storage_entry old;
    bool is_found = false;
    error = storage_entry_find(self, key, arena, &is_found, &old);
    if (error == NULL) {
      error = storage_entry_check(condition, is_found ? &old : NULL);
      *is_refused = error != NULL;
    }
    backend_kv_change change = {.action = BACKEND_KV_PUT, .value = buffer_bytes(&value), .attachment = entry->bytes};
    if (error == NULL) error = change_entry(self, key, &change, is_found ? &old : NULL, &again);
  }
  buffer_free(&value);
  return error == NULL && again ? too_many() : error;
}

ubiq_error *storage_entry_delete(storage *self, text key, arena *arena, const condition *condition, bool *is_refused) {
  *is_refused = false;
  for (int i = 0; i < ATTEMPTS_MAX; i++) {
    storage_entry old;
    bool is_found = false, again = false;
    ubiq_error *error = storage_entry_find(self, key, arena, &is_found, &old);
    if (error != NULL) return error;
    error = storage_entry_check(condition, is_found ? &old : NULL);
    *is_refused = error != NULL;
    if (error != NULL || !is_found) return error;
    backend_kv_change change = {.action = BACKEND_KV_DELETE};
    error = change_entry(self, key, &change, &old, &again);
    if (error != NULL || !again) return error;
  }
  return too_many();
}

// -------------------------------------------------------------------------------------------------------------- all

typedef struct page {
  waiter waiter;
  void (*each)(void *user, const backend_kv_entry *entry);
  void *user;
  buffer last; ///< key
  bool is_good;
} page;

static void take_item(backend_kv_list *operation, const backend_kv_entry *entry, size_t value_size) {
  page *self = operation->user;
  (void)value_size;
  buffer_clear(&self->last);
  self->is_good = self->is_good && buffer_append(&self->last, entry->key.data, entry->key.size);
  self->each(self->user, entry);
}

static void take_page(backend_kv_list *operation) {
  waiter_tell(&((page *)operation->user)->waiter);
}

ubiq_error *storage_entry_each(storage *self, void (*each)(void *user, const backend_kv_entry *entry), void *user) {
  enum { PAGE = 1000 };
  page page = {.each = each, .user = user, .is_good = true};
  buffer after = {0};
  bool is_more = true;
  ubiq_error *error = NULL;
  waiter_init(&page.waiter);
  for (bool is_first = true; error == NULL && is_more; is_first = false) {
    backend_kv_list operation = {.place = storage_place,
                                 .is_after = !is_first,
                                 .after = {(const char *)after.data, after.size},
                                 .limit = PAGE,
                                 .wants_values = true,
                                 .each = take_item,
                                 .done = take_page,
                                 .user = &page};
    backend_kv_list_start(self->settings.backend, &operation);
    waiter_wait(&page.waiter);
    error = operation.error;
    is_more = operation.is_more;
    buffer_clear(&after);
    if (error == NULL && (!page.is_good || !buffer_append(&after, page.last.data, page.last.size)))
      error = ubiq_error_no_memory();
  }
  waiter_end(&page.waiter);
  buffer_free(&after);
  buffer_free(&page.last);
  return error;
}
