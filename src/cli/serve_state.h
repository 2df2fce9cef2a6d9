// `ubiq serve --state`: a server that is sent its releases, and the admin API that takes them.
#ifndef CLI_SERVE_STATE_H
#define CLI_SERVE_STATE_H

#include "cli/serve_compiler.h"
#include "cli/serve_guard.h"
#include "cli/serving.h"
#include "server/admin/admin.h"

/// What the command line says of it.
typedef struct serve_state {
  const char *directory; ///< --state; NULL: the default
  const char *admin;     ///< --admin; NULL: the default
  option_list admin_hosts, key_files;
} serve_state;

enum { SERVE_STATE_OPTIONS = 4 };

void serve_state_options(serve_state *self, option list[SERVE_STATE_OPTIONS]);

/// Whether a server is asked for that is sent its releases. Errors: `invalid_input` for options that only such a one has.
ubiq_error *serve_state_is_wanted(const serve_state *self, bool *wanted);

/// Serves until it is told to stop; `code` is the exit code.
ubiq_error *serve_state_run(const serve_state *self, serving *serving, serve_guard *guard, serve_compiler *compiler,
                            const release_grant *grant, int *code);

/// Frees the lists.
void serve_state_free(serve_state *self);

/// The state's folder where nobody says another. `*out` is the caller's (free). Errors: those of file_state_path.
ubiq_error *serve_state_directory(const char *given, char **out);

#define SERVE_STATE_TOKEN_FILE "token" ///< in the state's folder: the first token
#define SERVE_STATE_ADMIN      "127.0.0.1:8081"

#endif
