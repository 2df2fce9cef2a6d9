// What `ubiq serve` gives up, in two steps: root, as soon as it listens; then, before it touches what others wrote,
// files, programs and system calls that a server does not need (docs/security.md).
//
// THREADS: the main one, before there are others, because what a thread gives up by Landlock the others keep.
#ifndef CLI_SERVE_GUARD_H
#define CLI_SERVE_GUARD_H

#include "cli/serving.h"
#include "runtime/project/project.h"
#include "server/sandbox/privileges.h"

enum { SERVE_GUARD_PARTS = 2 }; ///< of the sandbox: files, system calls

typedef struct serve_guard {
  // From the command line.
  const char *user;    ///< --user; NULL: stay who it is
  const char *sandbox; ///< --sandbox

  bool changes_user;
  identity who;                           ///< when it does
  ubiq_error *missing[SERVE_GUARD_PARTS]; ///< of the sandbox: why the kernel does not have it
  size_t missing_count;
} serve_guard;

enum { SERVE_GUARD_OPTIONS = 2 };

void serve_guard_options(serve_guard *self, option list[SERVE_GUARD_OPTIONS]);

/// Checks what the options said, and closes what was left open for this process. Before anything of it is open. Errors:
/// `invalid_input`, `not_found`.
ubiq_error *serve_guard_prepare(serve_guard *self);

/// Makes the folder of a state, where it is missing, for who is to become its owner. Errors: those of making it.
ubiq_error *serve_guard_make_state(const serve_guard *self, const char *directory);

/// Becomes --user, and gives up capabilities. Errors: those of privileges_become.
ubiq_error *serve_guard_become(const serve_guard *self);

/// What is served; each may be NULL.
typedef struct serve_needs {
  const char *state;       ///< the folder that is written
  const char *bundle;      ///< a file
  const project *project;  ///< with its folder, built
  const char *certificate; ///< of TLS: its folder, and that of its key, are read again
  const char *key;
  const char *run_log; ///< a file that is made anew when it was moved away
} serve_needs;

/// What a server needs whatever it serves. Borrowed from `serving`.
serve_needs serve_guard_needs(const serving *serving);

/// Gives up all that is not needed any more. Errors: `unavailable` where --sandbox on asks for what the kernel lacks.
ubiq_error *serve_guard_enclose(serve_guard *self, const serve_needs *needs);

/// Warns of what was not given up. Once it serves.
void serve_guard_tell(const serve_guard *self);

void serve_guard_free(serve_guard *self);

#endif
