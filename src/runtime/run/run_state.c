// The table of moves, the states' names, and what becomes of a move that is not in the table.
#include "runtime/run/run_state.h"

#include "base/log.h"

#include <assert.h>

#define TO(state) (uint16_t)(1u << RUN_##state)

const uint16_t run_state_moves[RUN_STATES] = {
    [RUN_IDLE] = TO(QUEUED),
    [RUN_QUEUED] = TO(STARTING) | TO(FAILED) | TO(CANCELLED),
    [RUN_STARTING] = TO(RUNNING) | TO(FAILED) | TO(CANCELLED),
    [RUN_RUNNING] = TO(WAITING) | TO(DONE) | TO(FAILED) | TO(CANCELLED),
    [RUN_WAITING] = TO(RUNNING) | TO(FAILED) | TO(CANCELLED),
    [RUN_DONE] = TO(IDLE),
    [RUN_FAILED] = TO(IDLE),
    [RUN_CANCELLED] = TO(IDLE),
};

const char *run_state_name(run_state state) {
  static const char *const names[RUN_STATES] = {
      [RUN_IDLE] = "idle",       [RUN_QUEUED] = "queued", [RUN_STARTING] = "starting", [RUN_RUNNING] = "running",
      [RUN_WAITING] = "waiting", [RUN_DONE] = "done",     [RUN_FAILED] = "failed",     [RUN_CANCELLED] = "cancelled",
  };
  return names[state];
}

void run_state_refuse(run_state from, run_state to, const char *function, uint64_t run) {
  log_error("internal: run %llx of %s goes from %s to %s, which it may not: this is a fault of ours",
            (unsigned long long)run, function, run_state_name(from), run_state_name(to));
  assert(!"a run's state may follow its last");
}
