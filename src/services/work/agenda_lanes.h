// So that one queue does not keep all others waiting, only so many of its items are under way at once. Those that are passed over because of
// that are looked for by their queue alone, once half of its places are free: whoever walks by time does not come back for them.
//
// The agenda's lock guards all of it.
#ifndef SERVICES_WORK_AGENDA_LANES_H
#define SERVICES_WORK_AGENDA_LANES_H

#include "services/backend/work.h"

enum { AGENDA_LANE_BUCKETS = 256 };

/// A queue that has items under way, or passed over.
typedef struct agenda_lane {
  text project, queue;
  size_t count;     ///< under way
  bool has_more;    ///< some were passed over
  uint64_t look_ms; ///< when its queue is to be looked at; UINT64_MAX: when there are places
  uint64_t rest_ms; ///< not to be looked at before: somebody could not take what it had
  struct agenda_lane *next;
  char names[];
} agenda_lane;

/// Zeroed but for the bound.
typedef struct agenda_lanes {
  size_t places; ///< of each
  agenda_lane *buckets[AGENDA_LANE_BUCKETS];
} agenda_lanes;

/// NULL: nothing of its queue is under way or passed over.
agenda_lane *agenda_lanes_find(const agenda_lanes *self, text project, text queue);

/// Counts one more of a queue. NULL when memory is out: then it is not counted.
agenda_lane *agenda_lanes_enter(agenda_lanes *self, text project, text queue);

/// One fewer is under way; NULL is allowed. With `again_ms` it is to be looked for at that time (UINT64_MAX: it was settled). Returns when
/// its queue is to be looked at; UINT64_MAX: not yet. The lane may be gone.
uint64_t agenda_lanes_leave(agenda_lanes *self, agenda_lane *lane, uint64_t again_ms);

/// The lane that is to be looked at first; NULL: none is. `*look_ms` is when, UINT64_MAX without one.
agenda_lane *agenda_lanes_first(const agenda_lanes *self, uint64_t *look_ms);

/// Those that rest until a time are to be looked at now: the clock by which they do was set back.
void agenda_lanes_hurry(agenda_lanes *self);

void agenda_lanes_end(agenda_lanes *self);

#endif
