// Which releases a worker's requests get, and what is prepared before they do; for worker.c. The worker's thread only,
// but for what worker.h has of it.
//
// DESIGN. A release that is to have requests is first *coming*: the worker has a lease of it, whose pools begin with
// the demand of the release before and are filled, one instance in each round of the loop even where there is no time
// for more. When they are as full as they get, whoever asked is told, and hands it to the requests of all workers at
// once. Nobody has to ask: a release that comes without fills its pools while it serves.
#ifndef RUNTIME_RUN_WORKER_RELEASES_H
#define RUNTIME_RUN_WORKER_RELEASES_H

#include "runtime/run/worker.h"

/// The worker's first lease. NULL when memory is out.
lease *worker_open_lease(worker *self, release *release);

/// Takes what other threads have said by worker_prepare and worker_use.
void worker_take_releases(worker *self);

/// A round of the loop: goes on with what is coming.
void worker_fill_coming(worker *self);

/// What is coming, if anything is, does not come.
void worker_forget_coming(worker *self);

#endif
