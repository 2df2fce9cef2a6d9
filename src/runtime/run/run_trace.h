// The trace of a run, and what of it its guest's requests carry; and what the run asked for, as a collector is told of
// it. The worker's thread only.
#ifndef RUNTIME_RUN_RUN_TRACE_H
#define RUNTIME_RUN_RUN_TRACE_H

#include "runtime/run/run.h"

/// The run's span, made at the first call: not all runs are asked for it. After the owner has set its fields, run_start or not.
const trace *run_trace(run *self);

/// What makes the run's span the parent of what follows; lives until run_end.
const char *run_traceparent(run *self);

/// The same of what the run asks for now, or is about to: where a collector is told of that, it has a span of its own.
/// Good until the run asks for something else.
const char *run_call_traceparent(run *self);

/// The platform is asked, and has answered: told to a collector, if there is one.
void run_ask(run *self);
void run_answered(run *self, const run_call *answer);

/// The tracestate that goes with it; NULL: none. Lives until run_end.
const char *run_tracestate(run *self);

/// Has a plugin's requests carry the run's trace, and be noted among what it asked for. `host->user` is the run.
void run_trace_host(plugin_host *host);

/// The run ends, or begins anew: it has no trace and asked for nothing.
void run_trace_forget(run *self);

#endif
