// Who listens to a worker: metrics, a run log, the ring of a collector. What they are told of is in runtime/telemetry.
//
// Nothing is told where nobody listens: a worker's `is_watched` is all that a run looks at then. Where somebody does, a run
// costs three looks at a clock and what the listeners do, on the worker's thread.
#ifndef RUNTIME_RUN_LISTENERS_H
#define RUNTIME_RUN_LISTENERS_H

#include "runtime/run/worker.h"

/// Tells of a run that is over and still has its instance. Only where its worker is watched; its thread only.
void listeners_tell_run(run *run);

/// Tells of a request that was refused without a run, and fills the record's `worker` and `came_at_ns`. The worker's thread only.
void listeners_tell_refusal(worker *worker, refusal_record record);

#endif
