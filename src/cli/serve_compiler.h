// How `ubiq serve` has bundles' modules compiled: what that may take, and the program itself as what compiles.
#ifndef CLI_SERVE_COMPILER_H
#define CLI_SERVE_COMPILER_H

#include "cli/options.h"
#include "server/compiler/compiler.h"

enum { SERVE_COMPILER_OPTIONS = 2 };

/// The first argument by which the program knows that it is to compile for a server. No command of anybody's.
#define SERVE_COMPILER_ARGUMENT "compile-for-server"

typedef struct serve_compiler {
  uint64_t time_ms, memory_bytes; ///< from the command line
  compiler *compiler;             ///< NULL until it is started
} serve_compiler;

void serve_compiler_options(serve_compiler *self, option list[SERVE_COMPILER_OPTIONS]);

/// Starts it, with the `sandbox` of the server (auto, on, off), as the user that this process is. Before the sandbox. Errors:
/// those of compiler_start.
ubiq_error *serve_compiler_start(serve_compiler *self, const char *sandbox);

/// Ends it. Twice is allowed.
void serve_compiler_end(serve_compiler *self);

/// The program as it is started by that: `arguments` follow SERVE_COMPILER_ARGUMENT. Answers the exit code.
int serve_compiler_main(int count, char **arguments);

#endif
