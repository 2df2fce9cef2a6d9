// Moments at which something is due, earliest first: a binary heap whose members live inside what they belong to.
//
// One thread at a time. Setting and cancelling take logarithmic time, asking for the first constant time.
#ifndef RUNTIME_LIMITS_DEADLINES_H
#define RUNTIME_LIMITS_DEADLINES_H

#include "ubiq/base.h"

/// A member, embedded in its owner. Zeroed: not set.
typedef struct deadline {
  uint64_t at_ns; ///< monotonic clock
  size_t place;   ///< in the heap, from 1; 0 when not set
} deadline;

/// A zeroed one is empty and needs no initialisation.
typedef struct deadlines {
  deadline **heap; ///< heap[1..count]; owned, the members are not
  size_t count;
  size_t capacity; ///< members that there is room for
} deadlines;

/// Makes room for `count` members in all, so that deadlines_set cannot fail. False when memory is out.
UBIQ_NODISCARD bool deadlines_reserve(deadlines *self, size_t count);

/// Sets a member, or moves one that is set. Room must have been reserved for it.
void deadlines_set(deadlines *self, deadline *member, uint64_t at_ns);

/// Takes a member out; nothing happens when it is not set.
void deadlines_cancel(deadlines *self, deadline *member);

/// The earliest member, or NULL.
static inline deadline *deadlines_first(const deadlines *self) {
  return self->count == 0 ? NULL : self->heap[1];
}

/// Gives the memory back. Members that are set are forgotten.
void deadlines_free(deadlines *self);

#endif
