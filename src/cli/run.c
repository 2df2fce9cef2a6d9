// `ubiq run`: one run of a project's function, with what it has when it is served but for the HTTP around it.
#include "api/guest.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/call_interrupt.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "cli/plugin_source.h"
#include "runtime/bundle/build.h"
#include "runtime/project/function.h"
#include "services/services.h"

#include <stdlib.h>
#include <unistd.h>

enum { RUN_OPTIONS = 4 };

typedef struct running {
  // From the command line.
  const char *name, *directory;
  const char *input, *input_file; ///< at most one; NULL when not given
  const char *log_level;
  bool json;

  project *project;
  const project_function *settings; ///< in the project
  function function;                ///< zeroed until it is open
  plugin *plugin;
  services services; ///< those that need no server
  api_host api;
  api_guest guest;
  permissions permissions; ///< its own
  buffer given;            ///< input that was read
} running;

// -------------------------------------------------------------------------------------- the function

static ubiq_error *no_function(const running *self) {
  const project *project = self->project;
  const char *nearest = NULL;
  const char **names = calloc(project->functions_count + 1, sizeof *names);
  for (size_t i = 0; names != NULL && i < project->functions_count; i++) names[i] = project->functions[i].name;
  if (names != NULL) nearest = text_nearest(text_of(self->name), names, project->functions_count);
  ubiq_error *error =
      nearest == NULL ? ubiq_error_new(UBIQ_NOT_FOUND, "%s: has no function \"%s\"; `ubiq config` lists what it has",
                                       self->directory, self->name)
                      : ubiq_error_new(UBIQ_NOT_FOUND, "%s: has no function \"%s\"; did you mean \"%s\"?",
                                       self->directory, self->name, nearest);
  free(names);
  return error;
}

static ubiq_error *find(running *self) {
  ubiq_error *error = project_read(self->directory, &self->project);
  if (error != NULL) return error;
  for (size_t i = 0; i < self->project->functions_count; i++)
    if (strcmp(self->project->functions[i].name, self->name) == 0) self->settings = &self->project->functions[i];
  return self->settings == NULL ? no_function(self) : NULL;
}

/// Who asks the platform's API: the function, without a run of a server.
static void describe(void *user, service_caller *out) {
  running *self = user;
  self->permissions = (permissions){.sets = {self->function.permissions}, .count = 1};
  *out = (service_caller){.project = text_of(self->project->name),
                          .function = text_of(self->settings->name),
                          .permissions = &self->permissions,
                          .deadline_ns = plugin_deadline_ns(self->plugin)};
}

static void give_platform(running *self) {
  self->api = (api_host){.services = &self->services, .caller = describe};
  self->guest = (api_guest){.host = &self->api, .run = self};
  plugin_set_platform(self->plugin, &self->guest);
}

static ubiq_error *open_function(running *self) {
  char *file = NULL;
  ubiq_error *error = build_function(self->project, self->settings, NULL, &file);
  if (error == NULL) error = function_open(&self->function, self->settings, file, NULL, NULL);
  free(file);
  if (error == NULL) error = plugin_new(self->function.compiled, NULL, &self->function.plugin_limits, &self->plugin);
  if (error == NULL) give_platform(self);
  return error;
}

// ----------------------------------------------------------------------------------------- the input

static ubiq_bytes input_bytes(const running *self) {
  if (self->input != NULL) return (ubiq_bytes){(const uint8_t *)self->input, strlen(self->input)};
  return buffer_bytes(&self->given);
}

/// A request of more than `body_max` would not reach the function either. What is read is bounded by it.
static ubiq_error *read_input(running *self) {
  uint64_t bytes_max = self->settings->limits.body_bytes_max;
  const char *file = self->input_file;
  if (file == NULL && self->input == NULL && isatty(STDIN_FILENO) == 0) file = "-";
  if (file != NULL) return plugin_source_read_file(file, (size_t)bytes_max, &self->given);
  if (input_bytes(self).size <= bytes_max) return NULL;
  return ubiq_error_new(UBIQ_TOO_LARGE, "--input has %zu bytes; expected at most %llu, the body_max of %s",
                        input_bytes(self).size, (unsigned long long)bytes_max, self->name);
}

// ------------------------------------------------------------------------------------------- the run

static ubiq_error *check_output(const running *self, ubiq_bytes output) {
  uint64_t bytes_max = self->settings->limits.response_bytes_max;
  if (output.size <= bytes_max) return NULL;
  return ubiq_error_new(UBIQ_INVALID_OUTPUT, "%s: answered %zu bytes; expected at most %llu, its response_max",
                        self->name, output.size, (unsigned long long)bytes_max);
}

static ubiq_error *report_json(const call_result *result) {
  buffer line = {0};
  ubiq_error *error = call_report_json(&line, result) ? call_report_write(buffer_bytes(&line)) : ubiq_error_no_memory();
  buffer_free(&line);
  return error;
}

static ubiq_error *report_output(ubiq_bytes output) {
  ubiq_error *error = call_report_write(output);
  bool is_line = output.size > 0 && output.data[output.size - 1] == '\n';
  bool breaks = !is_line && isatty(STDOUT_FILENO) != 0;
  return error == NULL && breaks ? call_report_write((ubiq_bytes){(const uint8_t *)"\n", 1}) : error;
}

/// The run's own error stands before one of reporting it.
static ubiq_error *report(const running *self, const call_result *result, ubiq_error *error) {
  ubiq_error *failed = self->json ? report_json(result) : error == NULL ? report_output(result->output) : NULL;
  if (error == NULL) return failed;
  ubiq_error_delete(failed);
  bool is_named = text_starts_with(text_of(ubiq_error_message(error)), text_of(self->name));
  return is_named ? error : ubiq_error_wrap(error, "%s", self->name);
}

static ubiq_error *call(running *self) {
  ubiq_bytes output = {0};
  call_interrupt_begin(self->plugin);
  uint64_t began_ns = clock_monotonic_ns();
  ubiq_error *error = ubiq_plugin_call(self->plugin, self->settings->export_name, input_bytes(self), &output);
  uint64_t ended_ns = clock_monotonic_ns();
  call_interrupt_end();
  if (error == NULL) error = check_output(self, output);
  const call_result result = {.output = error == NULL ? output : (ubiq_bytes){0},
                              .error = error,
                              .was_called = true,
                              .duration_us = (ended_ns - began_ns) / 1000,
                              .memory_bytes = ubiq_plugin_memory(self->plugin)};
  return report(self, &result, error);
}

static ubiq_error *prepare(running *self) {
  ubiq_error *error = find(self);
  if (error == NULL) error = open_function(self);
  if (error == NULL) error = read_input(self);
  if (error == NULL || !self->json) return error;
  ubiq_error_delete(report_json(&(call_result){.error = error}));
  return error;
}

static int run_once(running *self) {
  ubiq_error *error = prepare(self);
  if (error == NULL) error = call(self);
  ubiq_plugin_delete(self->plugin);
  if (self->function.compiled != NULL) function_close(&self->function);
  project_delete(self->project);
  buffer_free(&self->given);
  return error == NULL ? EXIT_OK : command_fail(error);
}

// --------------------------------------------------------------------------------------- the command

static ubiq_error *check(running *self, const options *given) {
  if (given->positionals_count == 0) return ubiq_error_new(UBIQ_INVALID_INPUT, "FUNCTION is missing");
  self->name = given->positionals[0];
  if (given->positionals_count > 1) self->directory = given->positionals[1];
  if (self->input != NULL && self->input_file != NULL)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--input and --input-file are given together; expected one");
  return command_set_log_level(self->log_level);
}

static int run(const command *command, int count, char **arguments) {
  running self = {.directory = ".", .log_level = "info"};
  const option list[RUN_OPTIONS] = {
      {"input", 'i', OPTION_TEXT, "TEXT", "the input", &self.input, 0, 0},
      {"input-file", 0, OPTION_TEXT, "FILE", "read the input from a file; - is standard input", &self.input_file, 0, 0},
      {"json", 0, OPTION_FLAG, NULL, "print one JSON object", &self.json, 0, 0},
      {"log-level", 0, OPTION_TEXT, "LEVEL", "trace, debug, info (default), warn, error or off", &self.log_level, 0, 0},
  };
  const char *positionals[2];
  options given = {.list = list, .count = RUN_OPTIONS, .positionals = positionals, .positionals_max = 2};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  ubiq_error *error = check(&self, &given);
  return error != NULL ? command_fail_usage(command, error) : run_once(&self);
}

const command command_run = {
    .name = "run",
    .usage = "FUNCTION [DIR] [OPTIONS]",
    .summary = "run a function of a project once",
    .details =
        "FUNCTION is one of DIR's ubiq.toml; the default is the working directory. It is built where that is due and\n"
        "has its limits, configuration and permissions. Its input is what --input or --input-file says, else\n"
        "standard input when that is not a terminal: of a function with input = \"request\", the whole request as\n"
        "JSON. Its output, and nothing else, is written to standard output.\n",
    .run = run,
};
