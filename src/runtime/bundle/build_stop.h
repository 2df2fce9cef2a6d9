// Ends a build from another thread: whatever program it runs, with all that this has started.
//
// Whoever may want to end a build makes one and hands it down; programs that run under it have a process group of their
// own. A build that nobody ends has none: it keeps the group of whoever started us, and with it what the terminal sends.
#ifndef RUNTIME_BUNDLE_BUILD_STOP_H
#define RUNTIME_BUNDLE_BUILD_STOP_H

#include "ubiq/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct build_stop {
  pthread_mutex_t mutex; ///< guards what follows
  bool is_asked, is_forced;
  pid_t group; ///< of the program under way; 0: none
} build_stop;

void build_stop_init(build_stop *self);
void build_stop_free(build_stop *self);

/// Ends the program under way by SIGTERM, so that it can clean up. From now on no other begins. Any thread.
void build_stop_ask(build_stop *self);

/// The same for what does not listen: kills. Any thread.
void build_stop_force(build_stop *self);

/// Whether it was asked for. NULL: it was not. Any thread.
bool build_stop_is_asked(build_stop *self);

/// What an ended build fails with: `cancelled`.
ubiq_error *build_stop_error(void);

// For process_run only.

/// Nothing ends between here and build_stop_watch, so that no program is missed. False, and nothing is held, when it was
/// asked for already.
bool build_stop_hold(build_stop *self);
/// Lets go again. `group` is what a stop ends from now on; 0: nothing was started.
void build_stop_watch(build_stop *self, pid_t group);
/// The group's leader has ended and is not reaped yet: from then on its number may be another's.
void build_stop_ended(build_stop *self);
/// The group's leader is reaped. When a stop was asked for, what it left gets a second to clean up, and is killed then.
void build_stop_finish(build_stop *self);

#endif
