// The table of operations, which is made at build time, and answers held against it.
#include "api/operation.h"
#include "api/shape.h"
#include "base/json.h"

#include "api/operations.inc"

const size_t api_operations_count = sizeof api_operations / sizeof api_operations[0];

_Static_assert(offsetof(api_operation, service) == 0, "what a service knows of an operation begins it");

static const api_operation *operation_of(const service_operation *service) {
  return (const api_operation *)(const void *)service;
}

size_t api_operation_index(const service_operation *operation) {
  return (size_t)(operation_of(operation) - api_operations);
}

static const api_answer *answer_of(const api_operation *operation, unsigned status) {
  for (size_t i = 0; i < operation->answers_count; i++)
    if (operation->answers[i].status == status) return &operation->answers[i];
  return NULL;
}

static unsigned status_of(const service_call *call) {
  if (call->status != 0) return call->status;
  if (call->error != NULL) return (unsigned)ubiq_code_http_status(ubiq_error_code(call->error));
  return call->answer.kind == SERVICE_BODY_NONE ? 204 : 200;
}

static uint8_t sends_of(const service_call *call) {
  if (call->error != NULL) return API_SENDS_PROBLEM;
  static const uint8_t kinds[] = {[SERVICE_BODY_NONE] = 0,
                                  [SERVICE_BODY_JSON] = API_SENDS_JSON,
                                  [SERVICE_BODY_BYTES] = API_SENDS_BYTES,
                                  [SERVICE_BODY_FILE] = API_SENDS_BYTES};
  return kinds[call->answer.kind];
}

static ubiq_error *check_json(const api_answer *answer, ubiq_bytes bytes) {
  yyjson_doc *document;
  ubiq_error *error = json_parse("the answer", bytes.data, bytes.size, &document);
  if (error != NULL) return error;
  error = shape_check(shapes, answer->shape, "the answer", yyjson_doc_get_root(document));
  yyjson_doc_free(document);
  return error;
}

static ubiq_error *as_internal(const char *name, ubiq_error *cause) {
  if (cause == NULL) return NULL;
  ubiq_error *error = ubiq_error_new(UBIQ_INTERNAL, "%s: %s", name, ubiq_error_message(cause));
  ubiq_error_delete(cause);
  return error;
}

ubiq_error *api_answer_check(const service_call *call) {
  const api_operation *operation = operation_of(call->operation);
  unsigned status = status_of(call);
  uint8_t sends = sends_of(call);
  const api_answer *answer = answer_of(operation, status);
  if (answer == NULL)
    return ubiq_error_new(UBIQ_INTERNAL, "%s: the answer's status is %u, which the API does not tell of",
                          operation->service.name, status);
  // HTTP has no bodies for it, and the document knows no other transport.
  if (sends == API_SENDS_PROBLEM && strcmp(operation->method, "HEAD") == 0) return NULL;
  if (sends == 0 ? answer->sends != 0 : (answer->sends & sends) == 0)
    return ubiq_error_new(UBIQ_INTERNAL, "%s: the answer of status %u has a body of another kind than the API says",
                          operation->service.name, status);
  if (sends != API_SENDS_JSON) return NULL;
  return as_internal(operation->service.name, check_json(answer, call->answer.bytes));
}
