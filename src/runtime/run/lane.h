// A lane: what one worker keeps of one function, whichever of its releases a run is of, so that neither a new release nor
// two that are served together double what the function gets, or make forget what it had. The worker's thread only.
#ifndef RUNTIME_RUN_LANE_H
#define RUNTIME_RUN_LANE_H

#include "base/map.h"
#include "runtime/limits/turns.h"
#include "runtime/run/admission.h"
#include "runtime/run/run.h"
#include "runtime/run/run_list.h"

/// A worker's lanes by the names of their functions. Begin with {.admission = ..., .worker = ...}.
typedef struct lanes {
  admission *admission;
  unsigned worker;
  map by_name;
} lanes;

typedef struct lane {
  lanes *lanes;   ///< that it is one of
  size_t holders; ///< leases, and who needs it to stay for a moment

  // Turns (worker.h).
  turns_share share; ///< of the worker's time
  run_list ready;    ///< its runs that want a turn, in order; while there are any, `share` is in line
  bool has_turn;     ///< one of its runs has a turn: `share` is in line

  // Places (places.h).
  const admission_quotas *quotas;
  quota_share runs;             ///< of the function's `max`
  quota_share queue;            ///< of the room in its queue
  run_list queued;              ///< its runs that wait for a place, in order
  bool is_lined_up;             ///< among the worker's lanes that want places
  struct lane *before, *behind; ///< there
  uint32_t ended;               ///< runs that gave their place back since it was settled
  uint64_t ended_a_minute;      ///< the same as a rate, of the last seconds

  struct metrics_block *metrics; ///< where its runs are counted; NULL: none was counted yet

  char name[]; ///< the function's
} lane;

/// The lane for a function, made when there is none by its name, with one more holder. Its settings become the function's:
/// what was released last holds. NULL when memory is out.
lane *lane_hold(lanes *lanes, const function *function);

/// One holder less; the last ends it: none of its runs is left.
void lane_let_go(lane *self);

static inline size_t lanes_count(const lanes *self) {
  return self->by_name.count;
}
lane *lanes_at(const lanes *self, size_t index);

#endif
