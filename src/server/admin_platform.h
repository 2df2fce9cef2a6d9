// The platform's API on the admin port: the operations that functions reach by InvokeHost, over HTTP, for who has a token.
//
// It is a router of its own, asked when the admin API has no such path, and the same dispatcher as the functions'. Who asks is
// nobody's function: a token may what admin_tokens.h says.
#ifndef SERVER_ADMIN_PLATFORM_H
#define SERVER_ADMIN_PLATFORM_H

#include "server/admin_request.h"

/// For requests whose path the admin API does not have: whether the platform's has it perhaps.
bool admin_platform_may_have(const char *path);

/// What answers them; NULL: none has such a method.
const admin_endpoint *admin_platform_endpoint(const char *method);

/// Whether an endpoint is one of these.
bool admin_platform_is(const admin_endpoint *endpoint);

#endif
