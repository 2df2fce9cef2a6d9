// The platform's API on the admin port: the operations that functions reach by InvokeHost, over HTTP, for who has a token.
//
// It is a router of its own, asked when the admin API has no such path, and the same dispatcher as the functions'. Who asks is
// nobody's function: a token may what admin_tokens.h says.
#ifndef SERVER_ADMIN_ADMIN_PLATFORM_H
#define SERVER_ADMIN_ADMIN_PLATFORM_H

#include "server/admin/admin_request.h"

/// For requests whose path the admin API does not have: whether the platform's has it perhaps.
bool admin_platform_may_have(const char *path);

/// What answers them, also those with a method that none has.
const admin_endpoint *admin_platform_endpoint(const char *method);

/// Whether an endpoint is one of these.
bool admin_platform_is(const admin_endpoint *endpoint);

/// A call that is asked before its body has come.
typedef struct admin_platform_call admin_platform_call;

/// Headers have come: where the body is one that goes to its place in parts, asks the service (`self->call`). False
/// when that refuses it: admin_platform_finish tells why.
bool admin_platform_begin(admin_request *self, const char *method);
/// Takes a part. False when the body is refused.
bool admin_platform_add(admin_platform_call *self, ubiq_bytes part);
/// Everything has come, or nothing more is to come: the answer. Ends the call.
answer admin_platform_finish(admin_request *self);
/// Ends a call whose body is not coming any more. NULL is allowed.
void admin_platform_drop(admin_platform_call *self);

#endif
