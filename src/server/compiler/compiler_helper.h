// The process that a server starts to have modules compiled: for each it starts another one, and watches that.
//
// There are three of them, two of which wait for the end of the one that works (compiler_standby.h).
// The helper has no files and no secrets of the server's, and reads nothing of a module. The process of a module
// computes, and may do nothing else: no file, no socket, no process (system_calls_keep_computing). It has memory and
// processor time up to its limits, at a low priority, and is the first to go when the machine runs out of memory.
#ifndef SERVER_COMPILER_COMPILER_HELPER_H
#define SERVER_COMPILER_COMPILER_HELPER_H

#include "server/compiler/compiler_protocol.h"

/// What is done for a request, in a process of its own: reads `input`, writes to `output`. Answers its exit code: 0, or the
/// ubiq_code of the failure whose message it has written instead.
typedef int (*compiler_job)(const compiler_request *request, int input, int output, void *user);

typedef enum compiler_sandbox { COMPILER_SANDBOX_OFF, COMPILER_SANDBOX_AUTO, COMPILER_SANDBOX_ON } compiler_sandbox;

/// The real one. `user` is a compiler_sandbox.
int compiler_job_run(const compiler_request *request, int input, int output, void *user);

/// Answers requests on standard input until the other side is closed. In a process with one thread, which it keeps. Answers the
/// exit code.
int compiler_helper_run(compiler_job job, void *user);

#endif
