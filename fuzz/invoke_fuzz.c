/// Whatever a guest may pass to InvokeHost: its first byte is the format, the rest the request. It goes all the way to the
/// services; whatever it is, there is one answer, which is a well-formed value with a status and as the API says.
#include "api/answer.h"
#include "api/dispatch.h"
#include "api/envelope.h"
#include "services/services.h"

#include "ubiq/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct asked {
  service_call call;
  int answers;
} asked;

static void done(service_call *call) {
  asked *self = (asked *)(void *)call;
  if (self->answers++ > 0) abort();
  if (call->operation != NULL) {
    ubiq_error *error = api_answer_check(call);
    if (error != NULL) abort();
  }
}

static void check_answer(asked *self) {
  buffer out = {0};
  api_conclude(&self->call);
  if (self->answers != 1 || !envelope_write(ENVELOPE_JSON, &self->call, &out)) abort();
  yyjson_doc *document = yyjson_read((const char *)out.data, out.size, 0);
  yyjson_val *status = yyjson_obj_get(yyjson_doc_get_root(document), "status");
  if (!yyjson_is_uint(status) || yyjson_get_uint(status) != self->call.status) abort();
  if (self->call.status < 200 || self->call.status > 599) abort();
  yyjson_doc_free(document);
  buffer_clear(&out);
  if (!envelope_write(ENVELOPE_MESSAGEPACK, &self->call, &out)) abort();
  buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const service_caller caller = {.deadline_ns = UINT64_MAX};
  if (size == 0) return 0;
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  services services = {0};
  asked self = {.call = {.caller = caller, .services = &services, .done = done}};
  api_request request;
  yyjson_doc *document = NULL;
  arena_init(&self.call.arena);
  const ubiq_bytes bytes = {data + 1, size - 1};
  ubiq_error *error = envelope_read(data[0] - '0', bytes, &self.call.arena, &document, &request);
  if (error != NULL)
    service_call_fail(&self.call, error);
  else
    api_dispatch(&self.call, &request);
  check_answer(&self);
  buffer_free(&self.call.bytes);
  arena_free(&self.call.arena);
  yyjson_doc_free(document);
  return 0;
}
