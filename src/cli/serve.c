// `ubiq serve`: serves a project until it is told to stop.
#include "cli/serving.h"

static int serve(const command *self, int count, char **arguments) {
  serving serving;
  option list[SERVING_OPTIONS];
  const char *positionals[1];
  serving_options(&serving, list);
  options given = {.list = list, .count = SERVING_OPTIONS, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(self, &given, count, arguments, &code) == COMMAND_STOP) return code;
  ubiq_error *error = serving_prepare(&serving, &given);
  if (error != NULL) return command_fail_usage(self, error);
  release *release;
  error = release_read(serving.directory, &release);
  if (error != NULL) return command_fail(error);
  error = serving_open(&serving);
  if (error == NULL) {
    error = serving_start(&serving, release);
    if (error == NULL) code = serving_run(&serving);
    serving_end(&serving);
  }
  release_delete(release);
  return error == NULL ? code : command_fail(error);
}

const command command_serve = {
    .name = "serve",
    .usage = "[DIR] [OPTIONS]",
    .summary = "serve the functions of a project over HTTP",
    .details =
        "DIR is a folder with a ubiq.toml; the default is the working directory. When it is ready to take\n"
        "requests, the line `listening on http://HOST:PORT` is printed. SIGTERM and SIGINT stop it: nothing new\n"
        "is taken, what is under way is finished; a second signal ends it at once.\n",
    .run = serve,
};
