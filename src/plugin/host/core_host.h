// How a module for the wire `core` (call/core.h), which has no kernel, asks the host for something.
//
// Host functions of CORE_WIRE_MODULE that answer with a block, of which the platform's `invoke` is one,
// (format i32, request i32, size i32) -> place << 32 | size of the answer. The hub's shim (hub.h) has the guest's own
// ubiq_alloc make room for it between `ready` and `finish`; with no room (0) the answer is dropped, and the call's is 0.
#ifndef PLUGIN_HOST_CORE_HOST_H
#define PLUGIN_HOST_CORE_HOST_H

#include "plugin/parts/instance.h"

#define CORE_WIRE_MODULE "ubiq:wire/host"

/// As function_begin and function_ready. Errors: `trap` when it is ubiq_alloc that calls, while it makes room for an answer.
ubiq_error *core_begin(void *env, engine_call *call, engine_value *values);
bool core_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error);

/// Copies the answer to the place that ubiq_alloc answered. Errors: `trap` when the memory does not have it.
ubiq_error *core_finish(void *env, engine_call *call, engine_value *values);

/// What CORE_CALL asks the host for: puts the operation's name and the input where ubiq_alloc said. Errors: `memory_limit` (it has
/// no room), `trap` (a place outside of the memory).
ubiq_error *core_place(void *env, engine_call *call, engine_value *values);

#endif
