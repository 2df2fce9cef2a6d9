// A worker: a thread with a loop of its own that runs functions, one turn at a time.
//
// DESIGN: everything that a request needs is here, so that it never changes threads: a libuv loop, the requests that
// functions send (fetch_loop), the runs, and their deadlines on a single timer. Runs that are ready take turns between
// the loop's polls, functions in fair shares (turns.h) and the runs of one in order. Turns, and runs that begin as they
// come, end after so much time together, so that the network is never kept waiting by more than one long turn. What brings
// the runs (server/front/front.h) attaches itself to the loop.
//
// LOCKS: none. Other threads hand over a release or the wish to stop in atomics and wake the loop.
#ifndef RUNTIME_RUN_WORKER_H
#define RUNTIME_RUN_WORKER_H

#include "base/clock.h"
#include "base/fetch_loop.h"
#include "runtime/release/traffic.h"
#include "runtime/run/errands.h"
#include "runtime/run/lease.h"
#include "runtime/run/pool_keeper.h"
#include "runtime/telemetry/metrics.h"
#include "runtime/telemetry/run_log.h"
#include "runtime/telemetry/run_ring.h"
#include "services/services.h"

#include <pthread.h>
#include <uv.h>

/// How long the run queue gives turns between two polls of the loop; the last may go on until its tick (engine/ticker.h).
/// Much shorter than a tick, so that no second long turn begins after one that a tick has cut.
#define WORKER_TURNS_NS (CLOCK_NS_PER_MS / 2)

/// How long runs together may have taken that began as they came, between two polls of the loop, before others wait for
/// their turns: requests that came after theirs have not even been read.
#define WORKER_BEGIN_NS (2 * CLOCK_NS_PER_MS)

/// Runs of functions whose turns are usually shorter than this begin all the same: letting them wait costs about as much.
#define WORKER_BRIEF_NS (30 * UINT64_C(1000))

typedef enum worker_stop {
  WORKER_STOP_NONE,
  WORKER_STOP_GRACEFUL, ///< take nothing new, finish what is under way
  WORKER_STOP_NOW,      ///< drop everything
} worker_stop;

/// What is called on the worker's thread.
typedef struct worker_events {
  void (*after_runs)(void *user);                   ///< some runs may be done: let their answers go out
  void (*stop)(void *user, worker_stop how);        ///< stop; call worker_finish when nothing is left
  void (*ended)(void *user, struct worker *worker); ///< the loop has ended; the thread is about to
  void (*prepared)(void *user);                     ///< what worker_prepare was told is prepared. May be NULL
  void *user;
} worker_events;

typedef struct worker_options {
  unsigned index;       ///< from 0, different in each worker
  unsigned workers;     ///< how many there are, which share the pools' instances; 0: this one alone
  admission *admission; ///< of all workers, borrowed; NULL: this is the only one, and what follows are its limits
  uint32_t runs_max;    ///< runs that have a place, at once
  uint32_t queue_max;   ///< runs that wait for one
  worker_events events;
  const struct sockaddr_storage *own; ///< listeners that functions shall not reach; borrowed, may be NULL
  size_t own_count;
  run_log *run_log;                 ///< gets a line for each run; borrowed; NULL: none
  const struct plugin_stubs *stubs; ///< for functions that are tested (plugin/parts/stubs.h); borrowed; NULL: none
  metrics *metrics;                 ///< where runs are counted; borrowed; NULL: nowhere
  services *services;               ///< what functions may ask for; borrowed; NULL: of those that keep nothing
  run_ring *ring;                   ///< gets a copy of what is told of each run; borrowed; NULL: none does
} worker_options;

typedef struct worker {
  worker_options options;
  pthread_t thread;
  bool started;
  uv_sem_t began;          ///< while it starts: the thread has made what is its own
  ubiq_error *start_error; ///< while it starts: why it could not

  uv_loop_t loop;
  uv_async_t wakeup;   ///< another thread has something for us
  uv_check_t polled;   ///< after each poll
  uv_prepare_t pause;  ///< before each poll, where somebody reads `numbers`
  uv_idle_t busy;      ///< active while runs are ready, so that the poll does not wait
  uv_timer_t timer;    ///< for the first of `deadlines`
  uint64_t timer_ns;   ///< what it is set to; UINT64_MAX: not set
  deadlines deadlines; ///< of runs that are suspended
  fetch_loop *fetches;
  lease *lease;  ///< what new requests use
  lease *canary; ///< what some of them use instead; NULL: none
  uint32_t canary_percent;
  uint32_t canary_turn; ///< grows by that with each request; the canary's is the one that brings it to 100
  lease *coming;        ///< of a release that is to have requests soon, while its pools are filled; NULL: none
  uint64_t used_number, coming_number; ///< of what was said when `lease` and `coming` were given
  pool_keeper keeper;                  ///< of the pools of all leases
  lanes lanes;                         ///< of the functions of all leases
  turns turns;                         ///< the run queue: the lanes in which runs are ready
  uint64_t begin_ns;                   ///< what is left of WORKER_BEGIN_NS
  uint64_t runs_begun;                 ///< makes their ids
  size_t runs_open;    ///< started and not ended, those that wait for others among them: each may have a deadline
  trace_ids trace_ids; ///< makes those that others see
  errand_list errands; ///< that it has begun
  bool finishing;
  bool is_watched;         ///< somebody wants to know of each run that has ended (run_record.h)
  bool keeps_runs;         ///< and somebody of them wants to know its trace
  run_log_writer *run_log; ///< NULL: none
  metrics_worker *numbers; ///< what it has now, for others to read; NULL: nobody does

  // What its functions ask of the platform (api/guest.h).
  services services; ///< where its options have none
  api_host api;

  // Places (places.h).
  admission *admission;
  quota_share runs;                   ///< of the process's places
  quota_share queue;                  ///< of the room for runs that wait
  uint32_t callees_queued;            ///< runs that wait for a place, and their callers for them
  lane *first_in_line, *last_in_line; ///< lanes whose runs wait for a place, and may have one when one comes free
  uv_timer_t settling;                ///< once a second while any share is held

  atomic_uint_least64_t said;        ///< by other threads, ever
  _Atomic(traffic *) next_traffic;   ///< set by other threads, taken by ours
  _Atomic(traffic *) next_coming;    ///< the same, of what is only prepared; all of it is `current`
  _Atomic(const release *) prepared; ///< whose pools are as full as they get; set by ours, not followed
  _Atomic worker_stop stop;          ///< set by other threads
  worker_stop stop_seen;
} worker;

/// Makes a worker whose thread is not yet started, so that what it serves can be attached to its loop. `release` gets
/// one more owner. `*out` is the caller's. Errors: `internal`.
ubiq_error *worker_new(const worker_options *options, release *release, worker **out);

/// Starts the thread.
ubiq_error *worker_start(worker *self);

/// Begins to fill the pools of a release that is to have requests soon: as many instances as are always ready, and as the release
/// before needs now. It gets more owners. What is prepared is forgotten with the next worker_use, when that does not name it.
/// False when memory is out. Any thread.
UBIQ_NODISCARD bool worker_prepare(worker *self, release *release);

/// Whether that is done, as far as there is room and starts succeed. Any thread.
bool worker_has_prepared(const worker *self, const release *release);

/// Lets new requests have `current` from soon on, and `canary_percent` of a hundred `canary`, unless that is NULL. Both get
/// more owners. False when memory is out: all stays as it is. Any thread.
UBIQ_NODISCARD bool worker_use(worker *self, release *current, release *canary, uint32_t canary_percent);

/// Whether it serves what worker_use said last, and is not about to stop. Any thread, once it was started.
bool worker_is_ready(const worker *self);

/// Asks it to stop. A second, harder wish overrides the first. Any thread.
void worker_ask_to_stop(worker *self, worker_stop how);

/// Closes what the worker has on its loop; the thread ends when the loop is empty. The worker's thread, once all runs
/// have ended.
void worker_finish(worker *self);

/// Waits for the thread's end, when it was started, and ends the worker. NULL is allowed.
void worker_delete(worker *self);

/// Holds the release that a new request gets; give it back with lease_let_go. The worker's thread.
lease *worker_hold(worker *self);

/// The same, of what was given before this call, though the loop has not come to it yet: who was told that a release is served is
/// served by it. Not from within a run's turn.
lease *worker_hold_latest(worker *self);

// For runs.

/// Sees to it that shares are settled once a second from now on.
void worker_settle_soon(worker *self);

/// Puts a run at the end of its lane's line.
void worker_ready(worker *self, run *run);

/// Takes a run out of its lane's line.
void worker_unready(worker *self, run *run);

/// Whether a new run of a lane may begin without waiting for a turn: it would be the next to have one.
bool worker_may_begin(const worker *self, const lane *lane);

/// Charges a lane for the time of a run that began without a turn.
void worker_charge(worker *self, lane *lane, uint64_t took_ns);

/// Sets when a suspended run is looked at in any case.
void worker_deadline(worker *self, run *run, uint64_t at_ns);

#endif
