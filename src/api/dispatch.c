// Each check has its words for who got it wrong; the first that fails ends the call.
#include "api/dispatch.h"

#include "api/params.h"
#include "services/permissions/permissions.h"
#include "services/services.h"

static ubiq_error *permit(const service_call *call) {
  const service_operation *operation = call->operation;
  if (operation->permission == NULL || call->caller.permissions == NULL) return NULL;
  permission_ask ask = {.action = text_of(operation->permission), .is_prefix = operation->is_prefix};
  text_split(&ask.action, ':', &ask.service);
  if (operation->subject >= 0) ask.subject = call->params[operation->subject].text;
  return permissions_check(call->caller.permissions, &ask);
}

static ubiq_error *check_json(service_call *call, const api_operation *operation) {
  if (call->body.kind == SERVICE_BODY_BYTES)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the body of %s is bytes; expected JSON", operation->service.name);
  return operation->check_body == NULL ? NULL : operation->check_body(call->body.value);
}

static ubiq_error *check_body(service_call *call, const api_operation *operation) {
  if (call->body.kind == SERVICE_BODY_NONE)
    return !operation->is_body_required
               ? NULL
               : ubiq_error_new(UBIQ_INVALID_INPUT, "the request has no body; %s needs one", operation->service.name);
  if (operation->body == API_BODY_NONE)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the request has a body; %s has none", operation->service.name);
  return operation->body == API_BODY_JSON ? check_json(call, operation) : NULL;
}

static bool is_played(service_call *call, const api_request *request) {
  const service_stubs *stubs = call->services->stubs;
  return stubs != NULL && stubs->answer(stubs->user, call, request->method, request->path);
}

static void answer(service_call *call, const api_operation *operation) {
  service_handler handler = api_handler(operation);
  if (handler != NULL) {
    handler(call);
    return;
  }
  service_call_fail(call, ubiq_error_new(UBIQ_UNAVAILABLE, "%s is not there: this host has no such service",
                                         operation->service.name));
}

bool api_takes_parts(text method, text path) {
  const api_request request = {.method = method, .path = path};
  const api_operation *operation = NULL;
  service_call call = {0};
  arena_init(&call.arena);
  ubiq_error *error = params_route(&call, &request, &operation);
  bool takes_parts = error == NULL && operation->takes_parts;
  ubiq_error_delete(error);
  arena_free(&call.arena);
  return takes_parts;
}

void api_dispatch(service_call *call, const api_request *request) {
  const api_operation *operation = NULL;
  ubiq_error *error = params_route(call, request, &operation);
  if (error == NULL) {
    call->operation = &operation->service;
    call->body = request->body;
    call->headers_asked = request->headers;
    call->headers_asked_count = request->headers_count;
    error = params_read(call, request, operation);
  }
  if (error == NULL) error = permit(call);
  if (error == NULL) error = check_body(call, operation);
  if (error != NULL)
    service_call_fail(call, error);
  else if (!is_played(call, request))
    answer(call, operation);
}
