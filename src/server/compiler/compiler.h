// Compiling what strangers deployed, in processes that may take so much time and memory and no more.
//
// A server in its sandbox starts no process. So it starts one before, which starts others when it is asked to, and does nothing else
// (compiler_starter.h). Those wait on a socket and start, for each module, a process of its own that compiles it and is killed when
// its time is over, when they end or when the server does (compiler_helper.h). One of them works, and is replaced by one of two others
// when it is killed (compiler_standby.h); when all are, the next module has others started. What comes back is native code that the
// server runs: see engine/compiler.h.
//
// THREADS: any; one module is compiled at a time.
#ifndef SERVER_COMPILER_COMPILER_H
#define SERVER_COMPILER_COMPILER_H

#include "engine/compiler.h"

typedef struct compiler compiler;

typedef struct compiler_settings {
  const char *const *arguments; ///< that make the program what starts the others, ended by NULL; the first is its name
  uint64_t time_ms;             ///< for all modules of a bundle together
  uint64_t memory_bytes;        ///< for one at a time
} compiler_settings;

/// Starts what starts the others: this program, anew. Before the sandbox. `*out` is the caller's. Errors: `internal`.
ubiq_error *compiler_start(const compiler_settings *settings, compiler **out);

/// Ends all of them and what they are doing. NULL is allowed.
void compiler_delete(compiler *self);

typedef enum compiler_health {
  COMPILER_WELL,
  COMPILER_LAST, ///< what starts them has ended: they are the last, once they are all killed at once
  COMPILER_GONE, ///< and so have they: nothing is compiled until the server is started again
} compiler_health;

/// How they are. What is not well is logged when it is first seen. Does not wait. Any thread.
compiler_health compiler_look(compiler *self);

/// How often they were started, the first time among them. Any thread.
uint64_t compiler_starts(const compiler *self);

/// The compilation of one bundle, whose modules share the time.
typedef struct compiler_work {
  compiler *compiler;
  uint64_t given_ms, left_ns;
  engine_compiler base; ///< for release_grant.compiler; refers to this struct
} compiler_work;

/// Begins one, with `times` as much time as the settings say: what was compiled once already may take longer on a bad day.
void compiler_begin(compiler *self, unsigned times, compiler_work *out);

#endif
