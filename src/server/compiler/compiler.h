// Compiling what strangers deployed, in processes that may take so much time and memory and no more.
//
// A server in its sandbox starts no process. So it starts one before: a helper, which does nothing but wait on a socket and
// start, for each module, a process of its own that compiles it and is killed when its time is over, when the helper ends or
// when the server does (compiler_helper.h). A helper that is killed is replaced by one of two others, which wait for that
// (compiler_standby.h). What comes back is native code that the server runs: see engine/compiler.h.
//
// THREADS: any; one module is compiled at a time.
#ifndef SERVER_COMPILER_COMPILER_H
#define SERVER_COMPILER_COMPILER_H

#include "engine/compiler.h"

typedef struct compiler compiler;

typedef struct compiler_settings {
  const char *const *arguments; ///< that make the program itself the helper, ended by NULL; the first is its name
  uint64_t time_ms;             ///< for all modules of a bundle together
  uint64_t memory_bytes;        ///< for one at a time
} compiler_settings;

/// Starts the helper: this program, anew. Before the sandbox. `*out` is the caller's. Errors: `internal`.
ubiq_error *compiler_start(const compiler_settings *settings, compiler **out);

/// Ends the helper and what it is doing. NULL is allowed.
void compiler_delete(compiler *self);

/// The compilation of one bundle, whose modules share the time.
typedef struct compiler_work {
  compiler *compiler;
  uint64_t given_ms, left_ns;
  engine_compiler base; ///< for release_grant.compiler; refers to this struct
} compiler_work;

/// Begins one, with `times` as much time as the settings say: what was compiled once already may take longer on a bad day.
void compiler_begin(compiler *self, unsigned times, compiler_work *out);

#endif
