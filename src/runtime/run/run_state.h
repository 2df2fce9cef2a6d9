// The states of a run, and which may follow which.
//
//     IDLE -> QUEUED -> STARTING -> RUNNING -> DONE -> IDLE
//                                    |   ^
//                                    v   |
//                                   WAITING
//
// From every state between IDLE and DONE a run may also come to FAILED or CANCELLED, and from those to IDLE. That a run
// is ready, in line for its next turn, is no state of its own: it is QUEUED before its first turn and RUNNING before others.
#ifndef RUNTIME_RUN_RUN_STATE_H
#define RUNTIME_RUN_RUN_STATE_H

#include "ubiq/base.h"

typedef enum run_state {
  RUN_IDLE,      ///< not started, or ended
  RUN_QUEUED,    ///< waits for a place or, with one, for its first turn
  RUN_STARTING,  ///< its instance is being made
  RUN_RUNNING,   ///< in the guest, or ready to go on there
  RUN_WAITING,   ///< in a host function that is not done
  RUN_DONE,      ///< has its answer
  RUN_FAILED,    ///< has its error
  RUN_CANCELLED, ///< nobody wants its answer any more
  RUN_STATES,
} run_state;

/// The state's word for logs and metrics (`"waiting"`). A constant.
const char *run_state_name(run_state state);

/// The states that may follow each, as bits.
extern const uint16_t run_state_moves[RUN_STATES];

static inline bool run_state_can_move(run_state from, run_state to) {
  return run_state_moves[from] >> to & 1;
}

/// Whether a run in this state has its result.
static inline bool run_state_is_over(run_state state) {
  return state >= RUN_DONE;
}

/// What run_state_move does about a move that is none.
void run_state_refuse(run_state from, run_state to, const char *function, uint64_t run);

/// Moves a run of `function` (for the message) to another state: the only way in which a state changes. A move that is none
/// is a fault of ours: it is logged as `internal`, and ends the process where asserts are on, as in all builds of ours; where
/// they are off it is made, because what the run does has happened whatever its state says.
static inline void run_state_move(run_state *state, run_state to, const char *function, uint64_t run) {
  if (!run_state_can_move(*state, to)) run_state_refuse(*state, to, function, run);
  *state = to;
}

#endif
