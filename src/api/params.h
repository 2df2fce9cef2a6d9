// Which operation a request is, and its parameters: read into the call's params, checked against the table.
#ifndef API_PARAMS_H
#define API_PARAMS_H

#include "api/operation.h"
#include "api/request.h"

/// Finds the operation and sets the parameters of the path as they were sent. Errors: `not_found`, with the call's status 405
/// and the header Allow where the path has other methods.
ubiq_error *params_route(service_call *call, const api_request *request, const api_operation **out);

/// Reads and checks all parameters of the operation that params_route found. Errors: `invalid_input`.
ubiq_error *params_read(service_call *call, const api_request *request, const api_operation *operation);

#endif
