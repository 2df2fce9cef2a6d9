// Errors become problems here, once for all transports.
#include "api/answer.h"

#include "api/operation.h"
#include "base/log.h"
#include "wire/problem.h"

#include <unistd.h>

static const char no_memory[] = "{\"type\":\"urn:ubiq:failure:internal\",\"title\":\"a fault of ours\",\"status\":500,"
                                "\"detail\":\"memory is out\",\"class\":\"internal\"}";

static text detail_of(const service_call *call) {
  if (ubiq_error_code(call->error) != UBIQ_INTERNAL) return text_of(ubiq_error_message(call->error));
  log_error("%s: %s", call->operation == NULL ? "a call" : call->operation->name, ubiq_error_message(call->error));
  return TEXT("a fault of the host; its log says what");
}

static bool write_problem(service_call *call) {
  ubiq_code code = ubiq_error_code(call->error);
  int32_t retry_s = ubiq_error_detail(call->error);
  char seconds[12];
  buffer_clear(&call->bytes);
  snprintf(seconds, sizeof seconds, "%d", retry_s < 1 ? 1 : retry_s);
  bool says_when = code == UBIQ_BUSY || (code == UBIQ_UNAVAILABLE && retry_s > 0);
  return problem_write(&call->bytes, call->status, code, detail_of(call)) &&
         (!says_when || service_call_header(call, "retry-after", text_of(seconds)));
}

static void make_problem(service_call *call) {
  if (call->status == 0) call->status = (unsigned)ubiq_code_http_status(ubiq_error_code(call->error));
  call->answer = (service_body){.kind = SERVICE_BODY_JSON, .media_type = TEXT(PROBLEM_TYPE)};
  if (write_problem(call)) {
    call->answer.bytes = buffer_bytes(&call->bytes);
  } else {
    call->status = 500;
    call->answer.bytes = (ubiq_bytes){(const uint8_t *)no_memory, sizeof no_memory - 1};
  }
  ubiq_error_delete(call->error);
  call->error = NULL;
}

void api_conclude(service_call *call) {
  if (call->error != NULL)
    make_problem(call);
  else if (call->status == 0)
    call->status = call->answer.kind == SERVICE_BODY_NONE ? 204 : 200;
}

void api_hold_against(service_call *call) {
  ubiq_error *error = call->operation == NULL ? NULL : api_answer_check(call);
  if (error == NULL) return;
  if (call->error == NULL && call->answer.kind == SERVICE_BODY_FILE) close(call->answer.file.descriptor);
  ubiq_error_delete(call->error);
  call->error = error;
  call->status = 0;
}
