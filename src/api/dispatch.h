// The way of a request to its handler: route, parameters, permission, body.
#ifndef API_DISPATCH_H
#define API_DISPATCH_H

#include "api/operation.h"
#include "api/request.h"

/// Has the API answer a request: the call's handler is called when the request is as the API says and may be made, else the
/// call fails at once with `invalid_input`, `denied`, `not_found` (with the status 405 where the path has other methods) or
/// `unavailable` (this host has no such service). Of `call` are set: caller, services, arena, done. The request
/// must stay until the call is done.
///
/// With a body that comes in parts the call is done once before these have come: with an error, or with `intake`.
void api_dispatch(service_call *call, const api_request *request);

/// Whether the body of such a request may come in parts.
bool api_takes_parts(text method, text path);

#endif
