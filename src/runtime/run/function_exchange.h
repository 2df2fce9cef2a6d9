// What a function gets of another that calls it, and what that gets of its output.
#ifndef RUNTIME_RUN_FUNCTION_EXCHANGE_H
#define RUNTIME_RUN_FUNCTION_EXCHANGE_H

#include "runtime/run/run.h"
#include "services/service.h"

/// Where the callee takes whole requests, puts the value of one into `value`, which becomes the run's input: a POST of what it
/// is called with. Errors: those of http_request_write.
ubiq_error *function_exchange_input(const service_call *call, run *callee, buffer *value);

/// Sets the call's answer to what the function put out: JSON as it is, anything else as bytes. Of a function that takes
/// whole requests it is the body of its answer. Errors: those of http_answer_read; `guest_error` for an answer of 400
/// or more; out of memory.
ubiq_error *function_exchange_answer(service_call *call, const function *function, ubiq_bytes output);

/// The media type of an output; empty: it is JSON. `function` NULL: it says none.
text function_exchange_type(const function *function, ubiq_bytes output);

#endif
