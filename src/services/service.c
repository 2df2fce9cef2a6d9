// How calls of services end.
#include "services/service.h"

#include "services/permissions/permissions.h"

void service_call_done(service_call *self) {
  self->done(self);
}

void service_call_fail(service_call *self, ubiq_error *error) {
  self->error = error;
  service_call_done(self);
}

void service_call_answer_json(service_call *self, text json) {
  if (!buffer_append(&self->bytes, json.data, json.size)) {
    service_call_fail(self, ubiq_error_no_memory());
    return;
  }
  self->answer = (service_body){.kind = SERVICE_BODY_JSON, .bytes = buffer_bytes(&self->bytes)};
  service_call_done(self);
}

void service_call_answer_bytes(service_call *self, text media_type) {
  self->answer =
      (service_body){.kind = SERVICE_BODY_BYTES, .bytes = buffer_bytes(&self->bytes), .media_type = media_type};
  service_call_done(self);
}

static ubiq_error *permit(const service_call *self, const permission_ask *ask) {
  return self->caller.permissions == NULL ? NULL : permissions_check(self->caller.permissions, ask);
}

ubiq_error *service_call_permit(const service_call *self, const char *service, const char *action, text subject) {
  return permit(self, &(permission_ask){text_of(service), text_of(action), subject, false});
}

ubiq_error *service_call_permit_all(const service_call *self, const char *service, const char *action, text prefix) {
  return permit(self, &(permission_ask){text_of(service), text_of(action), prefix, true});
}

ubiq_error *service_wrong_value(text name, text value, const char *expected) {
  enum { SHOWN_BYTES_MAX = 80 };
  buffer message = {0};
  bool good = buffer_append(&message, name.data, name.size) && buffer_append_string(&message, " is \"") &&
              text_escape(&message, text_cut(value, SHOWN_BYTES_MAX)) &&
              buffer_append_string(&message, value.size > SHOWN_BYTES_MAX ? "...\"; expected " : "\"; expected ") &&
              buffer_append_string(&message, expected);
  const char *words = good ? buffer_string(&message) : NULL;
  ubiq_error *error = words == NULL ? ubiq_error_no_memory() : ubiq_error_new(UBIQ_INVALID_INPUT, "%s", words);
  buffer_free(&message);
  return error;
}

bool service_call_header(service_call *self, const char *name, text value) {
  if (self->headers_count == SERVICE_HEADERS_MAX) return false;
  char *copy = arena_alloc(&self->arena, value.size + 1);
  if (copy == NULL) return false;
  if (value.size > 0) memcpy(copy, value.data, value.size);
  copy[value.size] = '\0';
  self->headers[self->headers_count++] = (service_header){name, {copy, value.size}};
  return true;
}
