/// What the tests of the API share: a request in JSON, asked and answered.
#ifndef UBIQ_TEST_API_TESTING_H
#define UBIQ_TEST_API_TESTING_H

#include "unit/base/testing.h"

#include "api/answer.h"
#include "api/dispatch.h"
#include "api/envelope.h"
#include "services/services.h"

typedef struct asked {
  service_call call;
  services services;
  api_request request;
  yyjson_doc *document;
  int answers;
  buffer answer; ///< once it is answered
} asked;

static inline void note_answer(service_call *call) {
  ((asked *)(void *)call)->answers++;
}

static inline void asked_begin(asked *self) {
  *self = (asked){.call = {.caller = {.deadline_ns = UINT64_MAX}, .done = note_answer}};
  self->call.services = &self->services;
  arena_init(&self->call.arena);
}

static inline ubiq_error *asked_read(asked *self, const char *json) {
  const ubiq_bytes bytes = {(const uint8_t *)json, strlen(json)};
  return envelope_read(ENVELOPE_JSON, bytes, &self->call.arena, &self->document, &self->request);
}

/// Asks, and answers the whole answer as text; the call must have been answered at once.
static inline const char *asked_answer(asked *self, const char *json) {
  asked_begin(self);
  ubiq_error *error = asked_read(self, json);
  if (error != NULL)
    service_call_fail(&self->call, error);
  else
    api_dispatch(&self->call, &self->request);
  assert_int_equal(self->answers, 1);
  api_conclude(&self->call);
  assert_true(envelope_write(ENVELOPE_JSON, &self->call, &self->answer));
  return buffer_string(&self->answer);
}

static inline void asked_end(asked *self) {
  yyjson_doc_free(self->document);
  buffer_free(&self->call.bytes);
  buffer_free(&self->answer);
  arena_free(&self->call.arena);
}

static inline void assert_problem(const char *request, unsigned status, const char *words) {
  asked self;
  const char *answer = asked_answer(&self, request);
  if (self.call.status != status) fail_msg("%s: expected %u, is %s", request, status, answer);
  if (strstr(answer, words) == NULL) fail_msg("%s: expected \"%s\" in %s", request, words, answer);
  assert_non_null(strstr(answer, "\"content-type\":\"application/problem+json\""));
  asked_end(&self);
}

#endif
