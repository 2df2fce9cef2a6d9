// Runs on their way from the worker that ran them to one other thread: a ring of fixed size, without locks.
//
// The worker puts copies in and never waits; what finds the ring full is dropped and counted.
#ifndef RUNTIME_TELEMETRY_RUN_RING_H
#define RUNTIME_TELEMETRY_RUN_RING_H

#include "runtime/telemetry/run_calls.h"
#include "runtime/telemetry/run_record.h"

enum {
  RUN_RING_SPANS = 4096,
  RUN_SPAN_FUNCTION_BYTES = 96, ///< of a name; the rest is cut
  RUN_SPAN_RELEASE_BYTES = 32,
};

/// A copy of a record whose trace was asked for, to be ended with run_span_free. `record`'s pointers lead into the copy.
typedef struct run_span {
  run_record record;
  trace trace;
  char *tracestate; ///< owned; NULL: none
  run_call *calls;  ///< owned; NULL: none
  char function[RUN_SPAN_FUNCTION_BYTES], release[RUN_SPAN_RELEASE_BYTES];
} run_span;

typedef struct run_ring run_ring;

/// NULL when memory is out. The caller's.
run_ring *run_ring_new(void);
/// NULL is allowed.
void run_ring_delete(run_ring *self);

/// The worker only. `calls` is taken over in any case.
void run_ring_put(run_ring *self, const run_record *record, run_call *calls);

/// Takes the oldest, which is the caller's (run_span_free); false when there is none. The other thread only.
bool run_ring_take(run_ring *self, run_span *out);

void run_span_free(run_span *self);

/// Runs that found no room. Any thread.
uint64_t run_ring_dropped(const run_ring *self);

#endif
