// Which files a process may still open, by Linux's Landlock: a list of places, then a call after which there is nothing else.
//
// By raw system calls, because glibc has none and Debian 12's kernel headers lack the newer levels.
#ifndef SERVER_SANDBOX_LANDLOCK_H
#define SERVER_SANDBOX_LANDLOCK_H

#include "ubiq/error.h"

#include <stdbool.h>

/// What of a place is left.
typedef enum landlock_access {
  LANDLOCK_READ,  ///< reading files and listing folders
  LANDLOCK_ADD,   ///< writing files, and making new ones: no reading, no removing
  LANDLOCK_WRITE, ///< reading, and changing, making and removing files and folders
} landlock_access;

typedef struct landlock {
  int rules; ///< -1: not open
  int level; ///< of the kernel's Landlock
} landlock;

/// The first level on which a file can be moved to another folder, which a deploy does (Linux 5.19).
enum { LANDLOCK_LEVEL_MIN = 2 };

/// The kernel's level; 0: it has no Landlock, or it is turned off.
int landlock_level(void);

/// Begins an empty list. Errors: `unavailable` on a kernel below LANDLOCK_LEVEL_MIN.
ubiq_error *landlock_open(landlock *out);

/// Adds a file, or a folder with everything in it. What is not there is left out: a place is what it is now, not its name.
/// Errors: `internal`.
ubiq_error *landlock_allow(landlock *self, const char *path, landlock_access access);

/// From now on this thread, and those that it starts, open what is on the list and nothing else, execute nothing, and, as far as
/// the kernel's level goes, bind no further TCP port and send no signal to other processes. Who listens without a port is given one:
/// that is for system_calls.h. No new privileges must have been accepted. Errors: `internal`.
ubiq_error *landlock_enforce(const landlock *self);

void landlock_close(landlock *self);

#endif
