// InvokeHost, the one host function by which guests reach the platform's API: `InvokeHost(i32 format, i64 request) -> i64` of
// `extism:host/user`. The request and the answer are blocks (api/envelope.h says what is in them), which the guest frees. What
// is wrong with a request is told in its answer, and never traps.
//
// Guests without the kernel have the same as `invoke(i32 format, i32 place, i32 size) -> i64` of `ubiq:wire/host`: both are in
// their own memory, and the answer, place << 32 | size, is made room for by their ubiq_alloc (plugin/call/core.h).
#ifndef API_INVOKE_HOST_H
#define API_INVOKE_HOST_H

#include "ubiq/function.h"

#define INVOKE_HOST_NAME        "InvokeHost"
#define INVOKE_HOST_CORE_MODULE "ubiq:wire/host"
#define INVOKE_HOST_CORE_NAME   "invoke"

/// Makes the function, for compiling plugins that may import it; `is_core`: those without the kernel. Which guest asks is what
/// plugin_platform says. Owned by the caller (ubiq_function_delete). Errors: out of memory.
ubiq_error *invoke_host_new(bool is_core, ubiq_function **out);

#endif
