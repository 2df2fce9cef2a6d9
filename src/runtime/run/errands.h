// Workers take errands in turn, and each of them becomes a run like any other.
#ifndef RUNTIME_RUN_ERRANDS_H
#define RUNTIME_RUN_ERRANDS_H

#include "runtime/run/run.h"
#include "services/work/errand.h"

struct worker;

typedef struct errands errands;

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

/// Hands an errand to a worker. It ends on that worker's thread, or within this call where no worker takes it. Any thread.
void errands_start(errands *self, errand *errand);

/// The same on the worker's own thread, which takes it itself.
void errands_take(errand *errand, struct worker *worker);

/// Drops what a worker has begun, each with `cancelled`. The worker's thread.
void errands_cancel(struct worker *worker);

#endif
