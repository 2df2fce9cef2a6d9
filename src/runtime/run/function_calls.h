// Functions that call functions: of the same release, on the same worker, each call a run of its own.
//
// The callee's run carries the caller's trace, as a child of its span, its depth and one more, and the smaller of both
// deadlines; a caller that ends takes its callee with it.
#ifndef RUNTIME_RUN_FUNCTION_CALLS_H
#define RUNTIME_RUN_FUNCTION_CALLS_H

#include "runtime/project/function.h"
#include "services/functions.h"

struct worker;

enum { FUNCTION_CALLS_DEPTH_MAX = 16 }; ///< functions that wait for each other in a row, below the first

/// For services.functions of a worker; the callers' runs are `struct run`.
extern const function_host function_calls_host;

/// function_host.list and .result for callers that have no run: of a project, and of any.
void function_calls_list(service_call *call, const project *project);
void function_calls_result(service_call *call, text id);

/// Sets what is the worker's own of the API: who asks, and how calls find back to its thread. False when memory is out.
UBIQ_NODISCARD bool function_calls_open(struct worker *worker);

/// Nothing finds back any more. The worker's thread.
void function_calls_close(struct worker *worker);

#endif
