// What a run asked others for, as a collector is told of it: the requests that its guest made, in their order. The worker's thread.
#ifndef RUNTIME_RUN_CALLS_H
#define RUNTIME_RUN_CALLS_H

#include "ubiq/base.h"

enum {
  RUN_CALLS_MAX = 32,  ///< of a run; others are counted alone
  RUN_CALLS_CHILD = 4, ///< the first's span is this child of the run's (trace_child); those before are its stages
  RUN_CALL_METHOD_SIZE = 16,
  RUN_CALL_URL_SIZE = 160,
};

typedef struct run_call {
  struct run_call *next;
  uint64_t began_ns, ended_ns; ///< wall clock; `ended_ns` 0: it is under way
  int status;                  ///< of the answer; 0: there is none
  char method[RUN_CALL_METHOD_SIZE];
  char url[RUN_CALL_URL_SIZE]; ///< without user, password and query; cut
} run_call;

/// Begin with {0}.
typedef struct run_calls {
  run_call *first, *last;
  unsigned count;   ///< in the list
  unsigned dropped; ///< that found no room or no memory
} run_calls;

void run_calls_begin(run_calls *self, const char *method, const char *url);

/// The one that is under way, if any, is answered.
void run_calls_end(run_calls *self, int status);

/// The list becomes the caller's (run_calls_free), and this one empty; what is under way has ended without an answer.
run_call *run_calls_take(run_calls *self);

/// NULL is allowed.
void run_calls_free(run_call *first);

#endif
