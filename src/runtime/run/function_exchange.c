// Outputs are looked at as what they are: a caller wants values, and functions say seldom what theirs are.
#include "runtime/run/function_exchange.h"

#include "base/json.h"
#include "runtime/run/run_trace.h"
#include "services/work/run_results.h"
#include "wire/http_value.h"

// ------------------------------------------------------------------------------------------------------------ the input

static text media_type_of(const service_body *body) {
  if (body->kind == SERVICE_BODY_JSON) return TEXT("application/json");
  return body->media_type.size > 0 ? body->media_type : TEXT("application/octet-stream");
}

ubiq_error *function_exchange_input(const service_call *call, run *callee, buffer *value) {
  if (callee->function->input != PROJECT_REQUEST) return NULL;
  const http_field type = {TEXT("content-type"), media_type_of(&call->body)};
  const http_request request = {.method = TEXT("POST"),
                                .path = TEXT("/"),
                                .headers = &type,
                                .headers_count = call->body.kind == SERVICE_BODY_NONE ? 0 : 1,
                                .body = callee->input,
                                .identity = callee->identity,
                                .trace = text_of(run_traceparent(callee))};
  ubiq_error *error = http_request_write(&request, value);
  callee->input = buffer_bytes(value);
  return error;
}

// ----------------------------------------------------------------------------------------------------------- the output

text function_exchange_type(const function *function, ubiq_bytes output) {
  const text type = run_results_type(output);
  return type.size > 0 && function->content_type != NULL ? text_of(function->content_type) : type;
}

static ubiq_error *set_answer(service_call *call, text type, ubiq_bytes bytes) {
  if (!buffer_append(&call->bytes, bytes.data, bytes.size)) return ubiq_error_no_memory();
  call->answer = (service_body){.kind = type.size == 0 ? SERVICE_BODY_JSON : SERVICE_BODY_BYTES,
                                .bytes = buffer_bytes(&call->bytes),
                                .media_type = type};
  return NULL;
}

static bool is_json_type(text type) {
  return text_starts_with(type, TEXT("application/json"));
}

static text type_of(const http_answer *value) {
  for (size_t i = 0; i < value->headers_count; i++)
    if (text_equal_ignoring_case(value->headers[i].name, TEXT("content-type"))) return value->headers[i].value;
  return text_of(value->content_type);
}

/// A type that outlives the answer that it was said in.
static ubiq_error *set_own_answer(service_call *call, const http_answer *value) {
  const text type = type_of(value);
  const text found = is_json_type(type) ? (text){NULL, 0} : type.size == 0 ? TEXT("application/octet-stream") : type;
  const char *copy = arena_string(&call->arena, found.size == 0 ? "" : found.data, found.size);
  return copy == NULL ? ubiq_error_no_memory() : set_answer(call, (text){copy, found.size}, value->body);
}

static ubiq_error *answer_value(service_call *call, const function *function, ubiq_bytes output) {
  http_answer value = {0};
  ubiq_error *error = http_answer_read(output, &value);
  if (error != NULL) return error;
  error = value.status >= 400
              ? ubiq_error_new(UBIQ_GUEST_ERROR, "%s: answered with the status %u", function->name, value.status)
              : set_own_answer(call, &value);
  http_answer_free(&value);
  return error;
}

ubiq_error *function_exchange_answer(service_call *call, const function *function, ubiq_bytes output) {
  if (function->input == PROJECT_REQUEST) return answer_value(call, function, output);
  return set_answer(call, function_exchange_type(function, output), output);
}
