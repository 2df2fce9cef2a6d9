// The program `ubiq`: finds the command and runs it.
#include "base/text.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "cli/serve_compiler.h"
#include "ubiq/version.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

enum { COMMANDS_MAX = 64 };

typedef struct exit_line {
  int code;
  const char *name, *meaning;
} exit_line;

static int by_code(const void *left, const void *right) {
  return ((const exit_line *)left)->code - ((const exit_line *)right)->code;
}

static void print_exit_codes(FILE *out) {
#define EXIT_LINE(identifier, name, status, exit_code, meaning) {exit_code, name, meaning},
  exit_line lines[] = {
      {EXIT_OK, "ok", "all went well"}, {EXIT_USAGE, "usage", "the command line is wrong"}, UBIQ_CODES(EXIT_LINE)};
#undef EXIT_LINE
  size_t count = sizeof lines / sizeof lines[0];
  qsort(lines, count, sizeof lines[0], by_code);
  fprintf(out, "Exit codes:\n");
  for (size_t i = 0; i < count; i++) fprintf(out, "  %3d  %-15s %s\n", lines[i].code, lines[i].name, lines[i].meaning);
}

static int print_help(FILE *out) {
  fprintf(out, "Usage: ubiq COMMAND [ARGUMENTS]\n\n"
               "Runs functions, compiled to WebAssembly from any language.\n\nCommands:\n");
  size_t count = 0;
  const command *const *commands = command_list(&count);
  for (size_t i = 0; i < count; i++) fprintf(out, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
  fprintf(out, "\nOptions:\n  -h, --help     print this help; `ubiq COMMAND --help` for a command's\n"
               "      --version  print the version\n\n");
  print_exit_codes(out);
  return EXIT_OK;
}

static int unknown_command(const char *name) {
  const char *names[COMMANDS_MAX];
  size_t count = 0;
  const command *const *commands = command_list(&count);
  assert(count <= COMMANDS_MAX);
  for (size_t i = 0; i < count; i++) names[i] = commands[i]->name;
  const char *nearest = text_nearest(text_of(name), names, count);
  ubiq_error *error =
      nearest == NULL
          ? ubiq_error_new(UBIQ_INVALID_INPUT, "unknown command \"%s\"; see ubiq --help", name)
          : ubiq_error_new(UBIQ_INVALID_INPUT, "unknown command \"%s\"; did you mean \"%s\"?", name, nearest);
  command_fail(error);
  return EXIT_USAGE;
}

static int unknown_option(const char *given) {
  static const char *const names[] = {"--help", "--version"};
  const char *nearest = text_nearest(text_of(given), names, 2);
  ubiq_error *error = nearest == NULL
                          ? ubiq_error_new(UBIQ_INVALID_INPUT, "unknown option %s; see ubiq --help", given)
                          : ubiq_error_new(UBIQ_INVALID_INPUT, "unknown option %s; did you mean %s?", given, nearest);
  command_fail(error);
  return EXIT_USAGE;
}

static int print_version(void) {
  printf("ubiq " UBIQ_VERSION "\n");
  return EXIT_OK;
}

static int run_command(const char *name, int count, char **arguments) {
  size_t commands_count = 0;
  const command *const *commands = command_list(&commands_count);
  for (size_t i = 0; i < commands_count; i++)
    if (strcmp(name, commands[i]->name) == 0) return commands[i]->run(commands[i], count, arguments);
  return unknown_command(name);
}

static int help(int count, char **arguments) {
  static char option[] = "--help";
  char *asked[] = {option};
  return count == 0 ? print_help(stdout) : run_command(arguments[0], 1, asked);
}

static int dispatch(int count, char **arguments) {
  if (count < 2) {
    print_help(stderr);
    return EXIT_USAGE;
  }
  text first = text_of(arguments[1]);
  if (text_equal_string(first, "help")) return help(count - 2, arguments + 2);
  if (text_equal_string(first, "--help") || text_equal_string(first, "-h")) return print_help(stdout);
  if (text_equal_string(first, "--version") || text_equal_string(first, "version")) return print_version();
  if (first.size > 0 && first.data[0] == '-') return unknown_option(first.data);
  if (text_equal_string(first, SERVE_COMPILER_ARGUMENT)) return serve_compiler_main(count - 2, arguments + 2);
  return run_command(first.data, count - 2, arguments + 2);
}

/// What was printed has not been written before this; a command that has failed has said why already.
static int end(int code) {
  bool has_failed = ferror(stdout) != 0;
  ubiq_error *error = call_report_write((ubiq_bytes){NULL, 0});
  if (error == NULL && has_failed)
    error = ubiq_error_new(UBIQ_UNAVAILABLE, "standard output: not all that was printed could be written");
  if (error == NULL || code == EXIT_OK) return error == NULL ? code : command_fail(error);
  ubiq_error_delete(error);
  return code;
}

int main(int count, char **arguments) {
  signal(SIGPIPE, SIG_IGN);
  return end(dispatch(count, arguments));
}
