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

ubiq_error *service_call_permit(const service_call *self, const char *service, const char *action, text subject) {
  if (self->caller.permissions == NULL) return NULL;
  const permission_ask ask = {text_of(service), text_of(action), subject, false};
  return permissions_check(self->caller.permissions, &ask);
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
