// Places: which runs are let in. A run needs a place of its function's `max` and one of the process's; while it has none it
// waits in its function's queue, in order, which has its limits too. Places that come free on a worker go round among the
// functions that wait there, so that a long queue of one keeps no other out. A run that a function waits for has its caller's
// place of the process, is the first of its function's queue, and passes that where its caller is of the same function: who
// waits keeps nobody out that it waits for. What the workers have together is shared out by
// admission.h. The worker's thread only.
#ifndef RUNTIME_RUN_PLACES_H
#define RUNTIME_RUN_PLACES_H

#include "runtime/run/worker.h"

/// Takes a place for a run that is about to wait for its turn or begin. False: it has to wait for one.
bool places_take(run *run);

/// Lets a run wait for a place. Errors: `busy` when there is no room to wait; its detail is in how many seconds it may be
/// worth another try.
ubiq_error *places_wait(run *run);

/// Takes a run that waits for a place out of its queue.
void places_leave(run *run);

/// Gives a run's place back: to one that waits for it, when there is one.
void places_give_back(run *run);

/// How many seconds a client that is refused, or has waited in vain, should stay away: as long as the queue of the run's
/// function needs as things go, from 1 to PLACES_RETRY_S_MAX.
int32_t places_retry_s(const run *run);
enum { PLACES_RETRY_S_MAX = 60 };

/// To be called once a second while anything is held: lets go what this worker does not use. False: nothing is held.
bool places_settle(struct worker *worker);

/// To be called when another worker may have left something to this one.
void places_look(struct worker *worker);

#endif
