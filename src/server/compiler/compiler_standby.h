// Helpers that do nothing but wait until the one that works is killed; one of them takes its place then.
//
// A server in its sandbox starts no process, so that it could not start a helper again. Its helpers can: the one that works keeps
// two others, which have the same socket; whichever are killed, be it two at the same moment, the one that is left
// works and starts the others anew. After a few times it waits before it starts the second of them, longer each time,
// and never begins work while nobody else is there. All end when the server does. If all three are killed at the same
// moment, nothing is left that could start one, and the server has to be started again.
#ifndef SERVER_COMPILER_COMPILER_STANDBY_H
#define SERVER_COMPILER_COMPILER_STANDBY_H

#include "ubiq/base.h"

#include <sys/types.h>

enum { STANDBY_PLACES = 3 }; ///< of one that works and those that wait

/// What they share.
typedef struct standby_notes standby_notes;

typedef struct standby {
  standby_notes *notes;        ///< NULL: nobody waits, because the system lacks what it needs
  int places;                  ///< a file in memory, with a lock on a byte for each that there is
  bool cannot_start;           ///< the system had no room for another, when that was tried last
  int watches[STANDBY_PLACES]; ///< of the one that works: each tells when the owner of the place ends; -1: it has none
} standby;

void standby_open(standby *self);

/// Waits until something comes over the channel or its other side is closed, and keeps the others there meanwhile.
/// Returns in one of those when it has taken over.
void standby_wait(standby *self, int channel);

// What is under way, so that who takes over can tell the server that it is lost.
void standby_taken(standby *self, uint64_t request);
void standby_answered(standby *self);

/// In the process of a job: it gets none of this.
void standby_leave(standby *self);

#endif
