// The process that starts those that compile, before the server's sandbox is on: whoever of them ends, it can start them anew.
//
// A server asks it with one byte, and is sent the channel of a helper (compiler_helper.h) that it has forked. That is all it
// hears and does. It has one thread, none of the server's files, memory and environment, and no network. What a server that
// was taken over gets from it is what every server has: one helper, whose predecessor is ended first, and not too often
// (compiler_pace.h). Helpers and their jobs end before it does, and it ends with the server. When it is killed, the helpers
// go on and replace each other (compiler_standby.h).
#ifndef SERVER_COMPILER_COMPILER_STARTER_H
#define SERVER_COMPILER_COMPILER_STARTER_H

#include "server/compiler/compiler_helper.h"

enum {
  COMPILER_STARTS_FREELY = 4,            ///< without waiting: the first of all among them
  COMPILER_START_LONGEST_MS = 60 * 1000, ///< between one start and the next
};

/// Gives up what neither it nor a helper needs: new privileges, the network, other programs. Errors: `unavailable` with
/// COMPILER_SANDBOX_ON, where the kernel lacks it.
ubiq_error *compiler_starter_enclose(compiler_sandbox sandbox);

/// Answers on standard input until the other side is closed. In a process with one thread, which it keeps. `longest_ms` as
/// COMPILER_START_LONGEST_MS. Answers the exit code; in a helper, compiler_helper_run's ends the process.
int compiler_starter_run(compiler_job job, void *user, uint64_t longest_ms);

#endif
