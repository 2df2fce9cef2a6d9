// Runs that no request waits for: of events and schedules, and calls that their caller lets go on alone. Workers take them in turn.
//
// An errand is handed over on any thread and ends on a worker's, with its function's answer or an error. What ends with `unavailable`
// or `busy` was not begun; what ends with `cancelled` was dropped because the server stops: it may be begun again elsewhere or later.
#ifndef RUNTIME_ERRANDS_H
#define RUNTIME_ERRANDS_H

#include "base/inbox.h"
#include "runtime/run.h"

struct worker;

typedef struct errands errands;

/// What is to be run. All of it is borrowed until `done`.
typedef struct errand {
  text project; ///< empty: whichever is served
  text function;
  ubiq_bytes input;
  text traceparent; ///< of what led to it; empty: nothing did
  uint32_t depth;   ///< calls of functions above it
  uint32_t hops;    ///< events and schedules that led to it
  /// Once, on a worker's thread, or within errands_start where none takes it. Takes the error; `output` is borrowed for the call.
  void (*done)(struct errand *self, ubiq_error *error, ubiq_bytes output);
  void *user;
  // For this module.
  inbox_item item;
  struct worker *worker;
} errand;

/// A run of an errand that a worker has begun.
typedef struct errand_run errand_run;

typedef struct errand_list {
  errand_run *first;
  size_t count;
} errand_list;

/// NULL when memory is out.
UBIQ_NODISCARD errands *errands_new(unsigned workers_max);

/// Lets a worker take errands from now on, until it closes its inbox. Before errands_start is called.
void errands_join(errands *self, struct worker *worker);

/// After all workers have ended. NULL is allowed.
void errands_delete(errands *self);

/// Hands an errand to a worker. Any thread.
void errands_start(errands *self, errand *errand);

/// Drops what a worker has begun, each with `cancelled`. The worker's thread.
void errands_cancel(struct worker *worker);

#endif
