// A second helper that does nothing but wait until the first is killed, and then takes its place.
//
// A server in its sandbox starts no process, so that it could not start a helper again. Its helpers can: the one that works keeps
// another, which has the same socket; whichever of the two is killed, the one that is left starts the next. After the first time it
// waits before it does, longer each time. Both end when the server does.
#ifndef SERVER_COMPILER_COMPILER_STANDBY_H
#define SERVER_COMPILER_COMPILER_STANDBY_H

#include "ubiq/base.h"

#include <sys/types.h>

/// What the two of them share.
typedef struct standby_notes standby_notes;

typedef struct standby {
  standby_notes *notes; ///< NULL: there is no memory for them, and so no second helper
  pid_t other;          ///< that waits; 0: none does
  int watch;            ///< tells when that ends; -1: none
  unsigned deaths;      ///< of late
  uint64_t died_ns;     ///< the last of them (monotonic clock)
  uint64_t start_ns;    ///< when the next is started
} standby;

void standby_open(standby *self);

/// Waits until something comes over the channel or its other side is closed, and keeps a second helper there meanwhile. Returns in
/// that one when it has taken over.
void standby_wait(standby *self, int channel);

// What is under way, so that who takes over can tell the server that it is lost.
void standby_taken(standby *self, uint64_t request);
void standby_answered(standby *self);

/// In the process of a job: it gets none of this.
void standby_leave(standby *self);

#endif
