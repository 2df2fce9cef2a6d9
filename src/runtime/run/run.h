// A run: one invocation of a function on one worker, from its start to its answer.
//
// It begins when it has a place, of which a worker has so many, and then takes turns with the others: until its guest
// yields at a tick, or waits in a host function (run_state.h has the states).
//
// The owner embeds a run, fills the first fields, and calls run_start: a run that finishes at its first poll is done
// when run_start returns; otherwise `done` is called later from the worker's loop. Either way the owner then takes
// `error` or `output`, and ends the run. All of it on the worker's thread.
#ifndef RUNTIME_RUN_RUN_H
#define RUNTIME_RUN_RUN_H

#include "api/guest.h"
#include "runtime/limits/busy.h"
#include "runtime/limits/deadlines.h"
#include "runtime/project/function.h"
#include "runtime/run/run_state.h"
#include "runtime/telemetry/run_calls.h"
#include "runtime/telemetry/trace.h"
#include "runtime/telemetry/trace_state.h"
#include "services/http/http.h"

struct lane;
struct lease;
struct worker;

typedef struct run {
  // The owner's, set before run_start.
  const function *function;       ///< of the lease's release
  struct lease *lease;            ///< must be held until run_end
  ubiq_bytes input;               ///< must stay until run_end
  void (*begun)(struct run *run); ///< its first turn has come; not to start or end anything. NULL: nobody wants to know
  void (*done)(struct run *run);  ///< for runs that do not finish at once; may end the run
  /// The traceparent that it came with, if any; NULL: none. Called until run_end.
  text (*parent)(const struct run *run);
  /// And its tracestate, as trace_state_read answers it; NULL: none.
  size_t (*parent_state)(const struct run *run, char out[TRACE_STATE_SIZE]);

  // The owner's, set before run_start where a function calls another (function_calls.h); else zeroes.
  struct run *caller; ///< waits for this run, which may use its place; NULL: nobody does
  /// Of who had it begun and does not wait, until run_end; NULL: its function's own alone.
  const permissions *inherited;
  bool begins_in_turn;   ///< not within run_start: that is called from a guest
  uint32_t depth;        ///< calls of functions above this one
  uint32_t hops;         ///< events and schedules that led to this one
  uint64_t deadline_max; ///< it ends no later than this (monotonic clock, ns); 0: its own limits hold

  text identity; ///< who makes the request that led to it, as JSON; empty: nobody says. Must stay until run_end

  // The result, valid when run_state_is_over(state).
  ubiq_error *error; ///< NULL: `output` is the answer. The owner may take it; what is left is deleted by run_end
  ubiq_bytes output; ///< borrowed until run_end
  /// UBIQ_OK or the error's class; the owner may change it when the output turns out to be no answer.
  ubiq_code outcome;
  busy_reason busy; ///< of the outcome `busy`

  // For this module and the worker.
  run_state state;     ///< changed by run_state_move alone
  bool is_ready;       ///< in its lane's line: begins or goes on when it is its turn
  bool has_place;      ///< counts among the runs that are let in (places.h)
  bool shares_place;   ///< that is its caller's of the process's places
  bool shares_lane;    ///< and of the function's: a caller's
  bool is_start;       ///< starts an instance ahead: it has no input and no answer (pool_keeper.h)
  bool woken;          ///< what it waits for came while it was in the guest
  bool has_trace;      ///< `trace` was made
  uint64_t id;         ///< unique in the process
  uint64_t came_ns;    ///< QUEUED, and where the worker is watched: when it was started (monotonic clock)
  uint64_t began_ns;   ///< when it began its first turn as it was started, until its lane is charged for that; else 0
  uint64_t started_ns; ///< where the worker is watched: when it became STARTING; 0: it has not
  uint64_t called_ns;  ///< and when its guest was entered; before `started_ns`: it was not
  uint64_t wake_ns;    ///< when its host function wants to be resumed; UINT64_MAX: only when woken
  deadline deadline;   ///< the earliest of what ends or wakes it while it is suspended
  plugin *plugin;      ///< NULL before it begins
  struct instance *instance; ///< what the plugin is in its pool; NULL: it is for this run alone
  bool is_in_pool;           ///< counts as busy in its pool
  plugin_host host;          ///< what the plugin is given; made by run_init
  api_guest guest;           ///< what it is to the platform's API; made by run_init
  permissions permissions;   ///< its function's, its callers' and what is inherited; made when the API is asked
  trace trace;               ///< made when it is first asked for (run_trace)
  char traceparent[TRACE_PARENT_SIZE];
  char call_traceparent[TRACE_PARENT_SIZE]; ///< of what run_call_traceparent was asked for last
  uint64_t said_bytes;                      ///< in the log; above its project's quota it says nothing more
  http_count requests;                      ///< by the API, those of its callees among them
  run_calls calls;                          ///< what it asked for; none where no collector is told of the run
  char *tracestate;                         ///< owned; NULL: none, or not asked for
  bool has_tracestate;                      ///< it was asked for
  struct worker *worker;
  struct lane *lane;           ///< of its function
  struct run *previous, *next; ///< in one of the lane's lists
} run;

/// Makes a run ready for use, once; it can then be started and ended any number of times.
void run_init(run *self, struct worker *worker);

/// Starts a run. True: it is done already and `done` will not be called; end it soon, its function is charged for the time
/// until then. A run begins at once where it would be the next to have a turn anyway, and what began so since the loop's
/// last poll has not taken too long together; else it waits for its turn. One that finds no place and no room to wait is
/// done with `busy`, whose detail says in how many seconds it may be worth another try.
bool run_start(run *self);

/// Ends a run in whatever state it is: one that is not done is cancelled. Frees its instance and its place.
void run_end(run *self);

/// Counts a line of the log, of `size` bytes of words, that its guest says. False: the run has said as much as its project lets one say
/// (quotas.log_bytes), and the line is not to be written; the log is told so at the first.
bool run_may_say(run *self, size_t size);

// For the worker.

/// Gives a run its turn. True: it is done now.
bool run_turn(run *self);

/// Tells a run that its deadline has passed. True: it is done now.
bool run_deadline_passed(run *self, uint64_t now_ns);

#endif
