// InvokeHost, the one host function by which guests reach the platform's API: `InvokeHost(i32 format, i64 request) -> i64` of
// `extism:host/user`. The request and the answer are blocks (api/envelope.h says what is in them), which the guest frees. What
// is wrong with a request is told in its answer, and never traps.
#ifndef API_INVOKE_HOST_H
#define API_INVOKE_HOST_H

#include "ubiq/function.h"

#define INVOKE_HOST_NAME "InvokeHost"

/// Makes the function, for compiling plugins that may import it. Which guest asks is what plugin_platform says. Owned by the
/// caller (ubiq_function_delete). Errors: out of memory.
ubiq_error *invoke_host_new(ubiq_function **out);

#endif
