// Runs that nobody waits for: errands whose results are kept (services/work/run_results.h).
#ifndef RUNTIME_RUN_UNWAITED_H
#define RUNTIME_RUN_UNWAITED_H

#include "runtime/release/release.h"
#include "services/service.h"
#include "services/work/errand.h"

/// Has `taker` run a function in the name of the call's caller, with what that may do, and answers the call: 202 and
/// the run's id. `release` has what the caller's permissions point to, and gets one more owner; NULL: the caller is no
/// function. Name and input are copied.
void unwaited_start(service_call *call, text function, ubiq_bytes input, release *release, const errand_taker *taker);

#endif
