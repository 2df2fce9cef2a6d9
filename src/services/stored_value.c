// Values between requests and stores.
#include "services/stored_value.h"

#include "base/clock.h"
#include "base/units.h"

#include <stdlib.h>

ubiq_error *stored_value_check(const stored_value *self, uint64_t bytes_max) {
  if (self->bytes.size <= bytes_max) return NULL;
  return ubiq_error_new(UBIQ_TOO_LARGE, "the value has %zu bytes; expected at most %llu", self->bytes.size,
                        (unsigned long long)bytes_max);
}

ubiq_error *stored_media_type(text said, text *out) {
  enum { MEDIA_TYPE_MAX = 127 };
  *out = said.size > 0 ? said : TEXT("application/octet-stream");
  bool good = said.size <= MEDIA_TYPE_MAX && memchr(out->data, '/', out->size) != NULL;
  for (size_t i = 0; good && i < out->size; i++) good = out->data[i] >= ' ' && out->data[i] < 0x7f;
  if (good) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "the media type is none; expected one such as \"image/png\", of at most %d bytes",
                        MEDIA_TYPE_MAX);
}

ubiq_error *stored_value_of_json(yyjson_val *value, stored_value *out) {
  size_t size = 0;
  char *json = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &size);
  if (json == NULL) return ubiq_error_no_memory();
  *out = (stored_value){.bytes = {(const uint8_t *)json, size}, .owned = json};
  return NULL;
}

ubiq_error *stored_value_read(const service_body *body, uint64_t bytes_max, stored_value *out) {
  ubiq_error *error = NULL;
  *out = (stored_value){0};
  switch (body->kind) {
  case SERVICE_BODY_JSON: error = stored_value_of_json(body->value, out); break;
  case SERVICE_BODY_BYTES:
    out->bytes = body->bytes;
    error = stored_media_type(body->media_type, &out->media_type);
    break;
  default: return ubiq_error_new(UBIQ_INVALID_INPUT, "there is no body; expected the value");
  }
  return error != NULL ? error : stored_value_check(out, bytes_max);
}

void stored_value_free(stored_value *self) {
  free(self->owned);
  *self = (stored_value){0};
}

void stored_value_answer(service_call *call, ubiq_bytes bytes, text media_type) {
  if (media_type.size == 0) {
    service_call_answer_json(call, (text){(const char *)bytes.data, bytes.size});
    return;
  }
  const char *copy = arena_string(&call->arena, media_type.data, media_type.size);
  if (copy == NULL || !buffer_append(&call->bytes, bytes.data, bytes.size))
    service_call_fail(call, ubiq_error_no_memory());
  else
    service_call_answer_bytes(call, text_of(copy));
}

ubiq_error *stored_key_check(text key) {
  if (key.size == 0 || key.size > STORED_KEY_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the key has %zu bytes; expected 1 to %d", key.size, STORED_KEY_MAX);
  if (!text_utf8_valid(key.data, key.size))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the key is no UTF-8; expected 1 to %d bytes of it", STORED_KEY_MAX);
  return NULL;
}

ubiq_error *stored_expiry(const service_param *ttl, uint64_t *expires_ms) {
  *expires_ms = 0;
  if (!ttl->is_given) return NULL;
  if (ttl->number == 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "ttl is 0; expected %s, above 0", UNITS_DURATION_FORM);
  *expires_ms = clock_realtime_ns() / CLOCK_NS_PER_MS + ttl->number;
  return NULL;
}

ubiq_error *stored_expiry_of_json(yyjson_val *object, uint64_t *expires_ms) {
  yyjson_val *value = yyjson_obj_get(object, "ttl");
  service_param ttl = {.is_given = value != NULL, .text = {yyjson_get_str(value), yyjson_get_len(value)}};
  if (ttl.is_given && !units_duration_parse(ttl.text, &ttl.number))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "ttl is no duration; expected %s", UNITS_DURATION_FORM);
  return stored_expiry(&ttl, expires_ms);
}
