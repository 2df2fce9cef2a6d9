// What `serve` and `dev` share: their options, and a main thread that waits for signals while workers serve.
#ifndef CLI_SERVING_H
#define CLI_SERVING_H

#include "cli/command.h"
#include "server/server.h"

#include <uv.h>

typedef struct serving {
  // From the command line.
  server_settings settings;
  const char *directory;
  const char *log_level;
  uint64_t workers, runs_max, queue_max, connections_max;

  uv_loop_t loop; ///< the main thread's
  uv_signal_t terminate, interrupt;
  uv_async_t all_stopped; ///< sent by the last worker
  server *server;
  bool is_stopping; ///< a signal came
  bool was_forced;  ///< a second signal ended what was under way
  /// Closes what else is on the loop, so that it can end. May be NULL.
  void (*close)(void *user);
  void *user;
} serving;

enum { SERVING_OPTIONS = 10 };

/// Fills in defaults and the options that lead to them.
void serving_options(serving *self, option list[SERVING_OPTIONS]);

/// Applies what the options said. Call before the first release is read.
ubiq_error *serving_prepare(serving *self, const options *given);

/// Starts serving and prints `listening on http://HOST:PORT`.
ubiq_error *serving_start(serving *self, release *release);

/// Runs until a signal has stopped all; answers the exit code.
int serving_run(serving *self);

/// Ends the server and the loop.
void serving_end(serving *self);

#endif
