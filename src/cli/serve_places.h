// The files that a server needs once it has started: the system's that libraries read, its own, and those of what it serves.
#ifndef CLI_SERVE_PLACES_H
#define CLI_SERVE_PLACES_H

#include "cli/serve_guard.h"
#include "server/sandbox/landlock.h"

/// Puts them on the list. What is not there is left out. Errors: those of landlock_allow; out of memory.
ubiq_error *serve_places_allow(landlock *rules, const serve_needs *needs);

#endif
