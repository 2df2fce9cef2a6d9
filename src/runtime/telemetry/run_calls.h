// What a run asked for, as a collector is told of it, in its order: what it asked of the platform, and the requests that it
// made by http_request. One at a time: a guest waits for each. A request that a service sends for it is told with what
// was asked of that service. The worker's thread.
#ifndef RUNTIME_TELEMETRY_RUN_CALLS_H
#define RUNTIME_TELEMETRY_RUN_CALLS_H

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
  bool is_asked;               ///< of the platform
  const char *operation; ///< of the platform's API, a constant; NULL: none was found, or it is not of the platform
  int answered;          ///< the platform's status; 0: there is none
  uint64_t bytes_in, bytes_out;      ///< of the platform's request and answer
  int status;                        ///< of another server's answer; 0: there is none
  char method[RUN_CALL_METHOD_SIZE]; ///< of the request to another server; empty: there was none
  char url[RUN_CALL_URL_SIZE];       ///< without user, password and query; cut
} run_call;

/// Begin with {0}.
typedef struct run_calls {
  run_call *first, *last;
  unsigned count;   ///< in the list
  unsigned dropped; ///< that found no room or no memory
  bool is_asking;   ///< the platform has not answered yet
} run_calls;

/// The platform is asked.
void run_calls_ask(run_calls *self);

/// It has answered, or nobody waits for that any more.
void run_calls_answer(run_calls *self, const run_call *answer);

/// A request to another server begins; it is what the platform was asked for, if that is under way.
void run_calls_begin(run_calls *self, const char *method, const char *url);

/// The one that is under way, if any, is answered.
void run_calls_end(run_calls *self, int status);

/// Which child of the run's span (trace_child) is what the platform is asked now, or else a request that is about to begin; 0:
/// there is no room for it, and it has none.
uint64_t run_calls_child(const run_calls *self);

/// The list becomes the caller's (run_calls_free), and this one empty; what is under way has ended without an answer.
run_call *run_calls_take(run_calls *self);

/// NULL is allowed.
void run_calls_free(run_call *first);

#endif
