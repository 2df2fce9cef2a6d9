// Commands of the program `ubiq`: main.c has their table, each has a file of its own.
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/options.h"

enum {
  EXIT_OK = 0,
  EXIT_USAGE = 64, ///< the command line itself is wrong; the other codes are those of the classes of failure
};

typedef struct command {
  const char *name;
  const char *usage;   ///< what follows the name: `[DIR] [OPTIONS]`
  const char *summary; ///< one line
  const char *details; ///< paragraphs for its own help, each line ended; may be NULL
  const char *words;   ///< what the first argument may be, with blanks between; NULL: anything
  /// Runs it with the arguments that follow its name; answers the exit code.
  int (*run)(const struct command *self, int count, char **arguments);
  /// In a copy that is run for that alone: is told the options, and command_begin answers COMMAND_STOP. Else NULL.
  void (*visit)(const struct command *self, const options *options);
  const void *user; ///< for `visit`
} command;

extern const command command_api_key;
extern const command command_backup;
extern const command command_build;
extern const command command_call;
extern const command command_compile;
extern const command command_completion;
extern const command command_config;
extern const command command_deploy;
extern const command command_dev;
extern const command command_doctor;
extern const command command_engines;
extern const command command_functions;
extern const command command_key;
extern const command command_letters;
extern const command command_logs;
extern const command command_new;
extern const command command_permissions;
extern const command command_promote;
extern const command command_releases;
extern const command command_rollback;
extern const command command_run;
extern const command command_secret;
extern const command command_serve;
extern const command command_status;
extern const command command_test;
extern const command command_token;

/// All of them, by name.
const command *const *command_list(size_t *count);

/// What command_begin found.
typedef enum command_start {
  COMMAND_GO,   ///< run
  COMMAND_STOP, ///< help was printed, or an error: return `*exit_code`
} command_start;

/// Parses a command's arguments; adds -h, --help itself and answers it. `options->positionals` must have room.
command_start command_begin(const command *self, options *options, int count, char **arguments, int *exit_code);

/// Applies what --log-level said. Errors: `invalid_input`.
ubiq_error *command_set_log_level(const char *name);

/// Prints `ubiq: <message>` on standard error, deletes the error and answers the exit code of its class.
int command_fail(ubiq_error *error);

/// As command_fail for a wrong command line: names the command's help and answers EXIT_USAGE.
int command_fail_usage(const command *self, ubiq_error *error);

#endif
