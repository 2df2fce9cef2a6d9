// Which system calls a server that has started still has: all but those that it never needs, by a filter (seccomp).
//
// A list of what is refused, not of what is allowed: the libraries below (an engine with a compiler, GnuTLS, curl, SQLite, the
// resolver) change with the system, and a list of theirs that is one short ends a server some night. What is refused are doors:
// into other processes, new programs, kernel interfaces with a history, mounts, other users. They answer EPERM.
#ifndef SERVER_SANDBOX_SYSTEM_CALLS_H
#define SERVER_SANDBOX_SYSTEM_CALLS_H

#include "ubiq/error.h"

/// For this thread, those that are running and those to come. No new privileges must have been accepted. Errors: `unavailable`
/// where the kernel has no filters.
ubiq_error *system_calls_restrict(void);

/// For a process that starts others, which compute: as system_calls_restrict, but that it may, and that of sockets there are
/// none but those that are open and pairs. Errors: as system_calls_restrict.
ubiq_error *system_calls_keep_starting(void);

/// For a process that computes and does nothing else: memory, threads, and the files that are open are left; all other
/// calls answer EPERM. A list of what is allowed, because one who computes for strangers is attacked from within, and
/// one that is short ends no server. For this thread, those that are running and those to come. Errors: as
/// system_calls_restrict.
ubiq_error *system_calls_keep_computing(void);

#endif
