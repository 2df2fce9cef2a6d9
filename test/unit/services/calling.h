/// Calls of services as the dispatcher makes them, waited for.
#ifndef UBIQ_TEST_CALLING_H
#define UBIQ_TEST_CALLING_H

#include "services/operations.h"
#include "services/services.h"
#include "unit/services/backend/backend_testing.h"

typedef struct calling {
  service_call call;
  services services;
  yyjson_doc *document;
  signal_flag ended;
  int times;
} calling;

static inline void call_ended(service_call *call) {
  calling *self = (calling *)call;
  self->times++;
  flag_set(&self->ended);
}

static inline void calling_begin(calling *self, const services *services) {
  *self = (calling){.services = *services};
  self->call.services = &self->services;
  self->call.caller.project = TEXT("shop");
  self->call.caller.function = TEXT("greet");
  self->call.caller.deadline_ns = UINT64_MAX;
  self->call.done = call_ended;
  arena_init(&self->call.arena);
  flag_init(&self->ended);
}

static inline void calling_text(calling *self, int param, const char *value) {
  self->call.params[param] = (service_param){true, text_of(value), 0};
}

static inline void calling_number(calling *self, int param, uint64_t value) {
  self->call.params[param] = (service_param){true, TEXT(""), value};
}

static inline void calling_json(calling *self, const char *json) {
  self->document = yyjson_read(json, strlen(json), 0);
  assert_non_null(self->document);
  self->call.body = (service_body){.kind = SERVICE_BODY_JSON, .value = yyjson_doc_get_root(self->document)};
}

static inline void calling_bytes(calling *self, const void *data, size_t size, const char *media_type) {
  self->call.body = (service_body){
      .kind = SERVICE_BODY_BYTES, .bytes = {(const uint8_t *)data, size}, .media_type = text_of(media_type)};
}

static inline void calling_wait(calling *self) {
  flag_wait(&self->ended);
  assert_int_equal(self->times, 1);
}

static inline void calling_run(calling *self, service_handler handler) {
  handler(&self->call);
  calling_wait(self);
}

/// The status that the caller sees.
static inline unsigned calling_status(const calling *self) {
  if (self->call.status != 0) return self->call.status;
  if (self->call.error != NULL) return (unsigned)ubiq_code_http_status(ubiq_error_code(self->call.error));
  return self->call.answer.kind == SERVICE_BODY_NONE ? 204 : 200;
}

static inline void assert_answer(const calling *self, unsigned status, const char *body) {
  if (self->call.error != NULL) fail_msg("%s", ubiq_error_message(self->call.error));
  assert_int_equal(calling_status(self), status);
  assert_int_equal(self->call.answer.bytes.size, strlen(body));
  if (body[0] != '\0') assert_memory_equal(self->call.answer.bytes.data, body, strlen(body));
}

static inline void assert_refused(const calling *self, unsigned status, const char *message) {
  assert_non_null(self->call.error);
  assert_string_equal(ubiq_error_message(self->call.error), message);
  assert_int_equal(calling_status(self), status);
}

static inline void calling_end(calling *self) {
  ubiq_error_delete(self->call.error);
  buffer_free(&self->call.bytes);
  arena_free(&self->call.arena);
  yyjson_doc_free(self->document);
}

#endif
