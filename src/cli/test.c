// `ubiq test`: the test cases beside a project's functions, once or whenever its files change.
#include "cli/command.h"
#include "cli/test_round.h"
#include "cli/watch.h"
#include "runtime/bundle/source_tree.h"

#include <signal.h>

enum { TEST_OPTIONS = 6 };

typedef struct testing {
  test_round round;
  const char *log_level;
  bool tap, json, watches;

  uv_loop_t loop; ///< with --watch
  uv_signal_t interrupt, terminate;
  watch *watch;
  uint64_t seen; ///< what the files were when the last round began
} testing;

/// Runs a round and answers the exit code.
static int run_once(testing *self) {
  ubiq_error *error = test_round_run(&self->round);
  if (error != NULL) return command_fail(error);
  return self->round.results.failed == 0 ? EXIT_OK : ubiq_code_exit(UBIQ_GUEST_ERROR);
}

// ------------------------------------------------------------------------------------------ watching

static void run_and_watch(testing *self) {
  const char *directory = self->round.directory;
  source_tree tree;
  ubiq_error_delete(source_tree_scan(directory, NULL, NULL, &tree));
  self->seen = tree.fingerprint;
  run_once(self);
  fputs("waiting for a change\n", stderr);
  watch_project(self->watch, directory, self->round.release == NULL ? NULL : self->round.release->project);
  test_round_end(&self->round);
}

static void on_change(void *user) {
  testing *self = user;
  source_tree tree;
  ubiq_error_delete(source_tree_scan(self->round.directory, NULL, NULL, &tree));
  if (tree.fingerprint != self->seen) run_and_watch(self);
}

static void on_signal(uv_signal_t *handle, int number) {
  testing *self = handle->data;
  (void)number;
  uv_close((uv_handle_t *)&self->interrupt, NULL);
  uv_close((uv_handle_t *)&self->terminate, NULL);
  watch_close(self->watch);
}

static void listen_to(testing *self, uv_signal_t *handle, int number) {
  uv_signal_init(&self->loop, handle);
  handle->data = self;
  uv_signal_start(handle, on_signal, number);
}

static int watch_until_told(testing *self) {
  if (uv_loop_init(&self->loop) != 0)
    return command_fail(ubiq_error_new(UBIQ_INTERNAL, "the main loop cannot be made"));
  ubiq_error *error = watch_new(&self->loop, on_change, self, &self->watch);
  if (error == NULL) {
    listen_to(self, &self->interrupt, SIGINT);
    listen_to(self, &self->terminate, SIGTERM);
    run_and_watch(self);
    uv_run(&self->loop, UV_RUN_DEFAULT);
  }
  uv_loop_close(&self->loop);
  return error == NULL ? EXIT_OK : command_fail(error);
}

// --------------------------------------------------------------------------------------- the command

static ubiq_error *check(testing *self, const options *given) {
  if (self->tap && self->json)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--tap and --json are given together; expected one");
  if (given->positionals_count > 0) self->round.directory = given->positionals[0];
  self->round.report = self->tap ? &test_report_tap : self->json ? &test_report_json : &test_report_lines;
  return command_set_log_level(self->log_level);
}

static int test(const command *command, int count, char **arguments) {
  testing self = {.round.directory = ".", .log_level = "warn"};
  const option list[TEST_OPTIONS] = {
      {"filter", 'f', OPTION_TEXT, "TEXT", "only cases whose name, function or file has this in it", &self.round.filter,
       0, 0},
      {"watch", 0, OPTION_FLAG, NULL, "test again whenever a file changes, until SIGINT", &self.watches, 0, 0},
      {"junit", 0, OPTION_TEXT, "FILE", "also write a JUnit report", &self.round.junit, 0, 0},
      {"tap", 0, OPTION_FLAG, NULL, "print TAP, version 14", &self.tap, 0, 0},
      {"json", 0, OPTION_FLAG, NULL, "print one JSON object at the end", &self.json, 0, 0},
      {"log-level", 0, OPTION_TEXT, "LEVEL", "trace, debug, info, warn (default), error or off", &self.log_level, 0, 0},
  };
  const char *positionals[1];
  options given = {.list = list, .count = TEST_OPTIONS, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  ubiq_error *error = check(&self, &given);
  if (error != NULL) return command_fail_usage(command, error);
  if (self.watches) return watch_until_told(&self);
  code = run_once(&self);
  test_round_end(&self.round);
  return code;
}

const command command_test = {
    .name = "test",
    .usage = "[DIR] [OPTIONS]",
    .summary = "run the test cases beside a project's functions",
    .details =
        "DIR is a folder with a ubiq.toml; the default is the working directory. The cases are in the files\n"
        "FUNCTION.test.toml in it and below: a request, and the status, headers and body that it is to be\n"
        "answered with. The project is built and served on a free port of this machine as `ubiq serve` does, so\n"
        "that functions have their limits, configuration and permissions. The exit code is 1 when a case fails.\n"
        "\n"
        "A case may say which requests of its own the function is to make, and what they are answered with\n"
        "([[case.http]]), what the platform's services answer ([[case.service]]), and which time it is for it\n"
        "(time). Without that, requests go out, services that begin empty answer, and time passes.\n",
    .run = test,
};
