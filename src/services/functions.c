// What is asked for in the API's words, handed on to who runs functions.
#include "services/functions.h"

#include "services/operations.h"
#include "services/services.h"

#include <stdlib.h>

static const function_host *host_of(service_call *call) {
  const function_host *host = call->services == NULL ? NULL : call->services->functions;
  if (host == NULL)
    service_call_fail(call, ubiq_error_new(UBIQ_UNAVAILABLE, "functions are called only where a server runs them"));
  return host;
}

/// The body as the function's input: bytes as they are, and JSON as its text.
static bool input_of(service_call *call, ubiq_bytes *out) {
  *out = call->body.bytes;
  if (call->body.kind != SERVICE_BODY_JSON) return true;
  size_t size = 0;
  char *json = yyjson_val_write(call->body.value, YYJSON_WRITE_NOFLAG, &size);
  const uint8_t *copy = json == NULL ? NULL : arena_copy(&call->arena, json, size);
  free(json);
  *out = (ubiq_bytes){copy, size};
  return copy != NULL;
}

void service_functions_list(service_call *call) {
  const function_host *host = host_of(call);
  if (host != NULL) host->list(call);
}

void service_functions_run(service_call *call) {
  const function_host *host = host_of(call);
  ubiq_bytes input;
  if (host == NULL) return;
  if (input_of(call, &input))
    host->run(call, call->params[FUNCTIONS_RUN_NAME].text, input, call->params[FUNCTIONS_RUN_WAIT].number == 1);
  else
    service_call_fail(call, ubiq_error_no_memory());
}

void service_runs_get(service_call *call) {
  const function_host *host = host_of(call);
  if (host != NULL) host->result(call, call->params[RUNS_GET_ID].text);
}
