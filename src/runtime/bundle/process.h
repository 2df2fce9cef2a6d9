// Running another program and waiting for it: compilers and build commands. Blocks; not for a worker's thread.
#ifndef RUNTIME_BUNDLE_PROCESS_H
#define RUNTIME_BUNDLE_PROCESS_H

#include "base/buffer.h"
#include "runtime/bundle/build_stop.h"

enum { PROCESS_OUTPUT_BYTES_MAX = 256 * 1024 }; ///< what is kept of a program's output

/// Runs `arguments` (ended by NULL; the first is the program, looked for in PATH) in `directory` (NULL: the working
/// directory) with no standard input. Standard output and error are appended to `output`, what passes
/// PROCESS_OUTPUT_BYTES_MAX is dropped; with `output` NULL both go to our standard error. `*status` is the exit code,
/// or 128 and the number of the signal that ended it. `stop` may end it, with all that it started; NULL: nobody does. Errors:
/// `not_found` when there is no such program; `cancelled` when it was stopped; `internal`.
ubiq_error *process_run(const char *const *arguments, const char *directory, build_stop *stop, buffer *output,
                        int *status);

#endif
