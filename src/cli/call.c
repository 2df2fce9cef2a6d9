// `ubiq call`: calls one function of a plugin, once or several times on one instance.
//
// The plugin is compiled first, so that what is wrong with it is said before any input is waited for. A WASI command
// (`_start`) runs as a program does: with the arguments behind `--`, our standard input and our standard output.
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/call_interrupt.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "cli/plugin_source.h"
#include "plugin/plugin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OPTIONS = 19, LOOP_MAX = 1000000000 };

#define INPUT_BYTES_MAX   ((size_t)1 << 30)   ///< of what is handed to a function
#define PRINTED_BYTES_MAX ((size_t)256 << 20) ///< of a command's output that --json keeps
#define DAY_MS            (UINT64_C(24) * 3600 * 1000)

typedef struct call {
  // From the command line.
  plugin_source source;
  const char *function;
  const char *input, *input_file; ///< at most one; NULL when not given
  bool from_standard_input;       ///< --stdin, which Extism's own command has
  bool json;
  uint64_t loop;
  const char *log_level;
  option_list environment; ///< NAME=VALUE
  char **arguments;        ///< behind `--`
  size_t arguments_count;

  buffer given; ///< input that was read
  ubiq_compiled *compiled;
  ubiq_plugin *plugin;
  const char **wasi_arguments; ///< the plugin's name, then those behind `--`
  int input_fd;                ///< what a command reads: our standard input, or a copy of the input that was given
  buffer printed;              ///< with --json, what a command wrote to its standard output
  ubiq_error *write_error;     ///< why what a command writes is lost; it is cancelled then
} call;

static bool is_program(const call *self) {
  return strcmp(self->function, "_start") == 0;
}

// -- The plugin --

/// Says at once when there is no such function.
static ubiq_error *check_function(const call *self) {
  compiled_function found;
  return ubiq_error_wrap(compiled_function_find(self->compiled, self->function, &found), "%s", self->source.name);
}

// -- The input --

/// Whether the function gets what is on standard input without being asked. A program reads that itself.
static bool takes_standard_input(const call *self) {
  if (self->from_standard_input) return true;
  bool is_free = self->input == NULL && self->input_file == NULL && !plugin_source_is_standard_input(self->source.name);
  return is_free && !is_program(self) && isatty(STDIN_FILENO) == 0;
}

static ubiq_error *read_input(call *self) {
  if (self->input_file != NULL) return plugin_source_read_file(self->input_file, INPUT_BYTES_MAX, &self->given);
  return takes_standard_input(self) ? plugin_source_read_file("-", INPUT_BYTES_MAX, &self->given) : NULL;
}

static ubiq_bytes input_bytes(const call *self) {
  if (self->input != NULL) return (ubiq_bytes){(const uint8_t *)self->input, strlen(self->input)};
  return buffer_bytes(&self->given);
}

// -- Programs --

static void print_output(call *self, const uint8_t *data, size_t size) {
  if (self->write_error != NULL) return;
  if (!self->json)
    self->write_error = call_report_write((ubiq_bytes){data, size});
  else if (self->printed.size + size > PRINTED_BYTES_MAX)
    self->write_error = ubiq_error_new(UBIQ_TOO_LARGE, "standard output: the guest wrote more than %zu MiB to it",
                                       PRINTED_BYTES_MAX >> 20);
  else if (!buffer_append(&self->printed, data, size))
    self->write_error = ubiq_error_no_memory();
  if (self->write_error != NULL) ubiq_plugin_cancel(self->plugin);
}

static void print(void *user, int stream, const uint8_t *data, size_t size) {
  if (stream == STDERR_FILENO)
    fwrite(data, 1, size, stderr);
  else
    print_output(user, data, size);
}

/// A program finds the input that was given on its standard input; else it reads ours.
static ubiq_error *open_input(call *self) {
  bool is_given = self->input != NULL || self->input_file != NULL || self->from_standard_input;
  self->input_fd = is_given || plugin_source_is_standard_input(self->source.name) ? -1 : STDIN_FILENO;
  if (!is_given) return NULL;
  ubiq_bytes input = input_bytes(self);
  self->input_fd = memfd_create("input", MFD_CLOEXEC);
  if (self->input_fd < 0) return file_error(errno, "input");
  for (size_t written = 0; written < input.size;) {
    ssize_t part = write(self->input_fd, input.data + written, input.size - written);
    if (part < 0) return file_error(errno, "input");
    written += (size_t)part;
  }
  return NULL;
}

static ubiq_error *prepare_program(call *self) {
  self->wasi_arguments = calloc(self->arguments_count + 1, sizeof *self->wasi_arguments);
  if (self->wasi_arguments == NULL) return ubiq_error_no_memory();
  self->wasi_arguments[0] = self->source.name;
  for (size_t i = 0; i < self->arguments_count; i++) self->wasi_arguments[i + 1] = self->arguments[i];
  ubiq_error *error = is_program(self) ? open_input(self) : NULL;
  plugin_wasi_setup setup = {.arguments = self->wasi_arguments,
                             .arguments_count = self->arguments_count + 1,
                             .environment = self->environment.values,
                             .environment_count = self->environment.count,
                             .input_fd = self->input_fd,
                             .write = is_program(self) ? print : NULL,
                             .user = self};
  plugin_set_wasi(self->plugin, &setup);
  return error;
}

// -- The calls --

/// What a failure while writing is worth more than the cancellation that it led to.
static ubiq_error *explain(call *self, ubiq_error *error) {
  if (self->write_error == NULL) return error;
  ubiq_error_delete(error);
  error = self->write_error;
  self->write_error = NULL;
  return error;
}

/// An answer is written as it is. On a terminal, and between the answers of a loop, a line break follows it.
static ubiq_error *report_output(const call *self, ubiq_bytes output) {
  ubiq_error *error = call_report_write(output);
  bool is_line = output.size == 0 || output.data[output.size - 1] == '\n';
  bool breaks = self->loop > 1 || (!is_line && isatty(STDOUT_FILENO) != 0);
  return error == NULL && breaks ? call_report_write((ubiq_bytes){(const uint8_t *)"\n", 1}) : error;
}

static ubiq_error *report_json(const call_result *result) {
  buffer line = {0};
  ubiq_error *error = call_report_json(&line, result) ? call_report_write(buffer_bytes(&line)) : ubiq_error_no_memory();
  buffer_free(&line);
  return error;
}

/// Reports a call; the call's own error stands before one of reporting it.
static ubiq_error *report(const call *self, const call_result *result, ubiq_error *error) {
  ubiq_error *failed = NULL;
  if (self->json)
    failed = report_json(result);
  else if (error == NULL)
    failed = report_output(self, result->output);
  if (error == NULL) return failed;
  ubiq_error_delete(failed);
  bool is_named = text_starts_with(text_of(ubiq_error_message(error)), text_of(self->function));
  return is_named ? error : ubiq_error_wrap(error, "%s", self->function);
}

static ubiq_error *call_once(call *self) {
  ubiq_bytes output = {0};
  buffer_clear(&self->printed);
  if (self->input_fd > STDIN_FILENO) lseek(self->input_fd, 0, SEEK_SET);
  uint64_t began_ns = clock_monotonic_ns();
  ubiq_error *error = explain(self, ubiq_plugin_call(self->plugin, self->function, input_bytes(self), &output));
  call_result result = {.printed = buffer_bytes(&self->printed),
                        .output = output,
                        .error = error,
                        .was_called = true,
                        .duration_us = (clock_monotonic_ns() - began_ns) / 1000,
                        .memory_bytes = ubiq_plugin_memory(self->plugin),
                        .counts_fuel = compiled_counts_fuel(self->compiled),
                        .fuel = ubiq_plugin_fuel_used(self->plugin)};
  return report(self, &result, error);
}

static ubiq_error *call_all(call *self) {
  ubiq_error *error = NULL;
  call_interrupt_begin(self->plugin);
  for (uint64_t i = 0; i < self->loop && error == NULL; i++)
    error = call_interrupted() ? ubiq_error_new(UBIQ_CANCELLED, "cancelled before call %llu", (unsigned long long)i + 1)
                               : call_once(self);
  call_interrupt_end();
  return error;
}

static ubiq_error *prepare(call *self) {
  ubiq_error *error = plugin_source_compile(&self->source, &self->compiled);
  if (error == NULL) error = check_function(self);
  if (error == NULL) error = read_input(self);
  if (error == NULL) error = ubiq_plugin_new(self->compiled, &self->plugin);
  if (error == NULL) error = prepare_program(self);
  if (error == NULL || !self->json) return error;
  const call_result result = {.error = error};
  ubiq_error_delete(report_json(&result));
  return error;
}

static void end(call *self) {
  ubiq_plugin_delete(self->plugin);
  ubiq_compiled_delete(self->compiled);
  if (self->input_fd > STDIN_FILENO) close(self->input_fd);
  free(self->wasi_arguments);
  buffer_free(&self->given);
  buffer_free(&self->printed);
  ubiq_error_delete(self->write_error);
  call_overlay_free(&self->source.overlay);
  free(self->environment.values);
}

// -- The command --

static void describe(call *self, option list[OPTIONS]) {
  call_overlay *overlay = &self->source.overlay;
  const option options[OPTIONS] = {
      {"input", 'i', OPTION_TEXT, "TEXT", "the input", &self->input, 0, 0},
      {"input-file", 0, OPTION_TEXT, "FILE", "read the input from a file; - is standard input", &self->input_file, 0,
       0},
      {"stdin", 0, OPTION_FLAG, NULL, "the same as --input-file -", &self->from_standard_input, 0, 0},
      {"config", 'c', OPTION_LIST, "KEY=VALUE", "set a config value; may be repeated", &overlay->config, 0, 0},
      {"set-config", 0, OPTION_TEXT, "JSON", "set config values from a JSON object of strings", &overlay->set_config, 0,
       0},
      {"allow-host", 0, OPTION_LIST, "GLOB", "let the plugin make requests to hosts; may be repeated",
       &overlay->allowed_hosts, 0, 0},
      {"allow-path", 0, OPTION_LIST, "HOST:GUEST", "let it see a folder, ro: before it to read only; may be repeated",
       &overlay->allowed_paths, 0, 0},
      {"env", 0, OPTION_LIST, "NAME=VALUE", "set a variable of its environment; may be repeated", &self->environment, 0,
       0},
      {"timeout", 0, OPTION_DURATION, "TIME", "end a call that takes longer: 5s, 500ms, or milliseconds",
       &overlay->timeout_ms, 1, DAY_MS},
      {"memory-max", 0, OPTION_TEXT, "PAGES", "memory it may have: 64MiB, or pages of 64 KiB", &overlay->memory_max, 0,
       0},
      {"http-response-max", 0, OPTION_SIZE, "SIZE", "largest response body of its requests (default 50MiB)",
       &overlay->http_response_bytes, 0, 0},
      {"var-max", 0, OPTION_SIZE, "SIZE", "what its variables may hold (default 1MiB)", &overlay->var_bytes, 0, 0},
      {"fuel", 0, OPTION_NUMBER, "N", "end a call that executes more than about N instructions", &self->source.fuel, 1,
       0},
      {"wasi", 0, OPTION_FLAG, NULL, "provide WASI preview 1; --allow-path and --env imply it", &self->source.wasi, 0,
       0},
      {"manifest", 'm', OPTION_FLAG, NULL, "PLUGIN is a manifest (otherwise its first bytes tell)",
       &self->source.is_manifest, 0, 0},
      {"loop", 0, OPTION_NUMBER, "N", "call N times on one instance, a line break behind each output", &self->loop, 1,
       LOOP_MAX},
      {"json", 0, OPTION_FLAG, NULL, "print one JSON object a call", &self->json, 0, 0},
      {"log-level", 0, OPTION_TEXT, "LEVEL", "trace, debug, info (default), warn, error or off", &self->log_level, 0,
       0},
      {"engine", 0, OPTION_TEXT, "NAME", "which WebAssembly engine, of those that `ubiq engines` lists",
       &self->source.engine, 0, 0},
  };
  memcpy(list, options, sizeof options);
}

static ubiq_error *check_variable(const char *variable) {
  const char *equals = strchr(variable, '=');
  if (equals != NULL && equals != variable) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "--env is \"%s\"; expected NAME=VALUE", variable);
}

static ubiq_error *check(call *self, const options *given) {
  if (given->positionals_count < 2)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s is missing", given->positionals_count == 0 ? "PLUGIN" : "FUNCTION");
  self->source.name = given->positionals[0];
  self->function = given->positionals[1];
  self->arguments = given->rest;
  self->arguments_count = given->rest_count;
  if ((self->input != NULL) + (self->input_file != NULL) + self->from_standard_input > 1)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--input, --input-file and --stdin are given together; expected one");
  bool reads_input = self->from_standard_input || plugin_source_is_standard_input(self->input_file);
  if (reads_input && plugin_source_is_standard_input(self->source.name))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "both PLUGIN and the input are standard input; expected one of them");
  if (self->from_standard_input) self->input_file = "-";
  ubiq_error *error = call_overlay_check(&self->source.overlay);
  if (error == NULL) error = command_set_log_level(self->log_level);
  for (size_t i = 0; i < self->environment.count && error == NULL; i++)
    error = check_variable(self->environment.values[i]);
  if (self->source.overlay.allowed_paths.count + self->environment.count > 0) self->source.wasi = true;
  return error;
}

static int run(const command *command, int count, char **arguments) {
  call self = {.loop = 1,
               .log_level = "info",
               .input_fd = -1,
               .source.overlay = {.http_response_bytes = UINT64_MAX, .var_bytes = UINT64_MAX}};
  option list[OPTIONS];
  const char *positionals[2];
  describe(&self, list);
  options given = {.list = list, .count = OPTIONS, .positionals = positionals, .positionals_max = 2, .has_rest = true};
  int code = EXIT_OK;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_GO) {
    ubiq_error *error = check(&self, &given);
    if (error != NULL) {
      code = command_fail_usage(command, error);
    } else {
      error = prepare(&self);
      if (error == NULL) error = call_all(&self);
      if (error != NULL) code = command_fail(error);
    }
  }
  end(&self);
  return code;
}

const command command_call = {
    .name = "call",
    .usage = "PLUGIN FUNCTION [OPTIONS] [-- ARGUMENTS]",
    .summary = "call a function of a plugin",
    .details =
        "PLUGIN is a module (.wasm or .wat), an Extism manifest (JSON or TOML), an http or https URL of a module, or "
        "-\n"
        "for standard input. The input of FUNCTION is what --input or --input-file says, else standard input when\n"
        "that is not a terminal. Its output, and nothing else, is written to standard output; log lines and errors\n"
        "go to standard error.\n"
        "\n"
        "The function _start of a WASI program runs as a program: ARGUMENTS are its own, it reads our standard input\n"
        "and writes to our standard output. An error of a function, also an exit code of its own, is exit code 1;\n"
        "--json tells which. SIGINT cancels the call; a second one ends the program.\n"
        "\n"
        "Examples:\n"
        "  ubiq call greet.wasm hello --input Ada\n"
        "  echo Ada | ubiq call greet.wasm hello --timeout 500ms --memory-max 64MiB\n"
        "  ubiq call plugin.json count --config vowels=aeiou --loop 3 --json < words.txt\n"
        "  ubiq call tool.wasm _start --wasi --allow-path ro:docs:/docs -- --verbose /docs/input.txt\n",
    .run = run,
};
