// kv.list: a page of keys.
#include "base/clock.h"
#include "base/json_write.h"
#include "services/kv/kv.h"
#include "services/operations.h"
#include "services/page.h"
#include "services/services.h"
#include "services/stored_value.h"

#include <inttypes.h>

typedef struct listing {
  backend_kv_list operation;
  service_call *call;
  bool is_good; ///< memory sufficed
  size_t count;
  char last[STORED_KEY_MAX];
  size_t last_size;
} listing;

static bool write_expiry(buffer *out, uint64_t expires_ms) {
  char moment[CLOCK_TEXT_SIZE];
  if (expires_ms == 0) return true;
  clock_format_ms(expires_ms, moment);
  return buffer_printf(out, ",\"expires_at\":\"%s\"", moment);
}

static void write_item(backend_kv_list *operation, const backend_kv_entry *entry, size_t value_size) {
  listing *self = operation->user;
  buffer *out = &self->call->bytes;
  const text media_type = entry->media_type.size == 0 ? TEXT("application/json") : entry->media_type;
  self->is_good =
      self->is_good && (self->count++ == 0 || buffer_append_byte(out, ',')) && buffer_append_string(out, "{\"key\":") &&
      json_write_text(out, entry->key) &&
      buffer_printf(out, ",\"version\":%" PRIu64 ",\"size\":%zu,\"media_type\":", entry->version, value_size) &&
      json_write_text(out, media_type) && write_expiry(out, entry->expires_ms) && buffer_append_byte(out, '}');
  self->last_size = entry->key.size < sizeof self->last ? entry->key.size : sizeof self->last;
  memcpy(self->last, entry->key.data, self->last_size);
}

static void answer_list(backend_kv_list *operation) {
  listing *self = operation->user;
  service_call *call = self->call;
  if (operation->error != NULL)
    service_call_fail(call, operation->error);
  else if (!self->is_good || !page_end(&call->bytes, operation->is_more, (text){self->last, self->last_size}))
    service_call_fail(call, ubiq_error_no_memory());
  else
    service_call_answer_json(call, (text){"", 0});
}

static ubiq_error *set_cursor(listing *self) {
  const service_param *cursor = &self->call->params[KV_LIST_CURSOR];
  self->operation.is_after = cursor->is_given;
  return cursor->is_given ? page_read_cursor(self->call, cursor, STORED_KEY_MAX, &self->operation.after) : NULL;
}

void service_kv_list(service_call *call) {
  enum { LIMIT_DEFAULT = 100 };
  const service_param *limit = &call->params[KV_LIST_LIMIT];
  listing *self = arena_array(&call->arena, 1, sizeof *self);
  ubiq_error *error = NULL;
  if (self == NULL || !buffer_append_string(&call->bytes, "{\"items\":[")) error = ubiq_error_no_memory();
  if (error == NULL && call->services->backend == NULL)
    error = ubiq_error_new(UBIQ_UNAVAILABLE, "kv: this server keeps nothing");
  if (error == NULL) {
    *self = (listing){.operation = {.place = kv_place(&call->caller),
                                    .prefix = call->params[KV_LIST_PREFIX].text,
                                    .limit = limit->number == 0 ? LIMIT_DEFAULT : limit->number,
                                    .each = write_item,
                                    .done = answer_list,
                                    .user = self},
                      .call = call,
                      .is_good = true};
    error = set_cursor(self);
  }
  if (error != NULL)
    service_call_fail(call, error);
  else
    backend_kv_list_start(call->services->backend, &self->operation);
}
