// storage.list: a page of objects.
#include "base/clock.h"
#include "base/json_write.h"
#include "services/operations.h"
#include "services/page.h"
#include "services/services.h"
#include "services/storage/storage_parts.h"

#include <inttypes.h>

typedef struct listing {
  backend_kv_list operation;
  service_call *call;
  arena arena;  ///< of one entry
  bool is_good; ///< memory sufficed
  size_t count;
  buffer last; ///< path
} listing;

static bool write_object(listing *self, text path, const storage_entry *entry) {
  buffer *out = &self->call->bytes;
  char moment[CLOCK_TEXT_SIZE];
  clock_format_ms(entry->modified_ms, moment);
  return (self->count++ == 0 || buffer_append_byte(out, ',')) && buffer_append_string(out, "{\"path\":") &&
         json_write_text(out, path) && buffer_printf(out, ",\"size\":%" PRIu64 ",\"media_type\":", entry->size) &&
         json_write_text(out, entry->media_type) &&
         buffer_printf(out, ",\"etag\":\"\\\"%s\\\"\",\"modified_at\":\"%s\"}", entry->id, moment);
}

static void write_item(backend_kv_list *operation, const backend_kv_entry *entry, size_t value_size) {
  listing *self = operation->user;
  const text path = storage_path_of(entry->key);
  storage_entry object;
  (void)value_size;
  buffer_clear(&self->last);
  self->is_good = self->is_good && storage_entry_read(entry->value, &self->arena, &object) &&
                  write_object(self, path, &object) && buffer_append(&self->last, path.data, path.size);
  arena_reset(&self->arena);
}

static void answer_list(backend_kv_list *operation) {
  listing *self = operation->user;
  service_call *call = self->call;
  ubiq_error *error = operation->error;
  if (error == NULL && (!self->is_good || !page_end(&call->bytes, operation->is_more,
                                                    (text){(const char *)self->last.data, self->last.size})))
    error = ubiq_error_no_memory();
  buffer_free(&self->last);
  arena_free(&self->arena);
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_answer_json(call, (text){"", 0});
}

static ubiq_error *set_cursor(listing *self) {
  const service_param *cursor = &self->call->params[STORAGE_LIST_CURSOR];
  text path;
  if (!cursor->is_given) return NULL;
  ubiq_error *error = page_read_cursor(self->call, cursor, STORAGE_PATH_MAX, &path);
  self->operation.is_after = true;
  return error != NULL ? error : storage_prefix(self->call, path, &self->operation.after);
}

void service_storage_list(service_call *call) {
  enum { LIMIT_DEFAULT = 100 };
  const service_param *limit = &call->params[STORAGE_LIST_LIMIT];
  listing *self = arena_array(&call->arena, 1, sizeof *self);
  ubiq_error *error =
      self == NULL || !buffer_append_string(&call->bytes, "{\"items\":[") ? ubiq_error_no_memory() : NULL;
  if (error == NULL && call->services->storage == NULL)
    error = ubiq_error_new(UBIQ_UNAVAILABLE, "storage: this server keeps nothing");
  if (error == NULL) {
    self->operation = (backend_kv_list){.place = storage_place,
                                        .limit = limit->number == 0 ? LIMIT_DEFAULT : limit->number,
                                        .wants_values = true,
                                        .each = write_item,
                                        .done = answer_list,
                                        .user = self};
    self->call = call;
    self->is_good = true;
    arena_init(&self->arena);
    error = storage_prefix(call, call->params[STORAGE_LIST_PREFIX].text, &self->operation.prefix);
  }
  if (error == NULL) error = set_cursor(self);
  if (error != NULL)
    service_call_fail(call, error);
  else
    backend_kv_list_start(call->services->storage->settings.backend, &self->operation);
}
