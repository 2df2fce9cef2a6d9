// What `serve` and `dev` share: their options, and a main thread that waits for signals while workers serve.
#ifndef CLI_SERVING_H
#define CLI_SERVING_H

#include "cli/command.h"
#include "cli/serving_tls.h"
#include "server/front/address.h"
#include "server/front/server.h"
#include "services/services.h"

#include <uv.h>

typedef struct serving {
  // From the command line.
  server_settings settings;
  const char *directory;
  const char *log_level;
  uint64_t workers, runs_max, queue_max, connections_max;
  serving_tls tls;
  const char *run_log_path; ///< NULL: no line for each run
  const char *environment;  ///< whose settings functions see; NULL: none
  uint64_t cache_bytes;     ///< for what functions put into the cache; 0: the usual
  bool json;                ///< log lines and what is told at the start are JSON
  const char *otlp_url;     ///< NULL: nothing is sent to a collector
  char *keep;               ///< folder of what functions store; owned. NULL: nothing is stored
  listeners listeners;      ///< of serving_acquire

  uv_loop_t loop; ///< the main thread's
  uv_signal_t terminate, interrupt;
  uv_signal_t hangup;     ///< opens the run log anew; handled only where there is one
  uv_async_t all_stopped; ///< sent by the last worker
  server *server;         ///< NULL until serving_start
  services services;      ///< opened by serving_start
  bool is_stopping;       ///< a signal came, or there is nothing to wait for any more
  bool is_over;           ///< there is nothing to wait for any more but what makes it busy
  bool is_busy;           ///< something besides the server is under way: set and unset by whoever does it
  bool was_forced;        ///< a second signal ended what was under way
  /// A signal came: what makes it busy has to end, with `at_once` not even cleanly. May be NULL.
  void (*stop)(void *user, bool at_once);
  /// There is nothing to wait for any more but what makes it busy. Called once. May be NULL.
  void (*over)(void *user);
  /// Closes what else is on the loop, so that it can end. May be NULL.
  void (*close)(void *user);
  void *user;
} serving;

enum { SERVING_OPTIONS = 15 };

/// Fills in defaults and the options that lead to them.
void serving_options(serving *self, option list[SERVING_OPTIONS]);

/// Applies what the options said. Call before the first release is read.
ubiq_error *serving_prepare(serving *self, const options *given);

/// Takes what perhaps only root may: reads the certificate and its key, when there are any, and listens. Optional before
/// serving_open, which reads the certificate otherwise; serving_start listens otherwise. End it with serving_release.
ubiq_error *serving_acquire(serving *self);

/// Gives back what nothing took over. Twice is allowed.
void serving_release(serving *self);

/// Reads the certificate, when there is one, makes the loop and listens to signals on it. Before serving_start, a
/// signal ends serving_run as soon as it is not busy.
ubiq_error *serving_open(serving *self);

/// Keeps what functions store in a folder, which is made when it is not there. Before the sandbox closes. Errors: those of
/// file_make_private_directory.
ubiq_error *serving_keep_in(serving *self, const char *folder);

/// Makes the folder `.ubiq` of a project, which is the machine's alone and that version control passes over: keys lie in it. Errors:
/// those of file_make_private_directory.
ubiq_error *serving_make_project_folder(const char *folder);

/// The same in the folder `.ubiq` of a project. A folder that cannot be made or written is told of, and nothing is
/// stored then. Before the sandbox closes.
ubiq_error *serving_keep_in_project(serving *self, const char *directory);

/// Starts serving and prints `listening on http://HOST:PORT`.
ubiq_error *serving_start(serving *self, release *release);

/// Runs until a signal has stopped all; answers the exit code.
int serving_run(serving *self);

/// Closes what is on the loop, so that serving_run returns. For when nothing is served (any more). While it is busy this is
/// only noted: signals are still heard, and whoever makes it busy has to call this again.
void serving_quit(serving *self);

/// Ends the server and the loop. Call it whenever serving_open succeeded.
void serving_end(serving *self);

#endif
