// A lane: what one worker keeps of one function, whichever of its releases a run is of, so that neither a new release nor
// two that are served together double what the function gets, or make forget what it had. The worker's thread only.
#ifndef RUNTIME_LANE_H
#define RUNTIME_LANE_H

#include "base/map.h"
#include "runtime/run.h"
#include "runtime/turns.h"

typedef struct lane {
  turns_share share; ///< of the worker's time
  run_list ready;    ///< its runs that want a turn, in order; while there are any, `share` is in line
  bool has_turn;     ///< one of its runs has a turn: `share` is in line
  size_t holders;    ///< leases, and who needs it to stay for a moment
  map *lanes;        ///< that it is in
  char name[];       ///< the function's
} lane;

/// The lane for a function, made when `lanes` (names to lanes; a zeroed map has none) has none by its name, with one more
/// holder. Its settings become the function's: what was released last holds. NULL when memory is out.
lane *lane_hold(map *lanes, const function *function);

/// One holder less; the last ends it.
void lane_let_go(lane *self);

#endif
