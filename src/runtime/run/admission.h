// What the workers of a process admit together: so many runs at once and so many that wait, in all and of each function. Who
// gets what of it is the business of quotas (quota.h); here they are kept, the functions' by name, so that all releases that
// have a function share one.
//
// LOCKS: one, taken when releases come and go, and when a worker that is short is told.
#ifndef RUNTIME_RUN_ADMISSION_H
#define RUNTIME_RUN_ADMISSION_H

#include "base/text.h"
#include "runtime/limits/quota.h"

typedef struct admission admission;

/// What is counted: in all, or of a function.
typedef struct admission_quotas {
  quota *runs;  ///< that have a place
  quota *queue; ///< that wait for one
} admission_quotas;

/// The most that there may be of either.
typedef struct admission_limits {
  uint32_t runs, queue;
} admission_limits;

/// For workers 0 to `workers` - 1. NULL when memory is out. The caller's, for admission_delete after all workers have ended.
admission *admission_new(unsigned workers, admission_limits limits);
void admission_delete(admission *self);

/// Says how a worker is woken from other threads: `wake(user)`. Until admission_leave.
void admission_join(admission *self, unsigned worker, void (*wake)(void *user), void *user);
void admission_leave(admission *self, unsigned worker);

/// The quotas of the process.
const admission_quotas *admission_all(const admission *self);

/// The quotas of a function, with one more holder; what was asked for last holds for all. NULL when memory is out. Any thread.
const admission_quotas *admission_hold(admission *self, text function, admission_limits limits);

/// One holder less. Any thread.
void admission_let_go(admission *self, const admission_quotas *quotas);

#endif
