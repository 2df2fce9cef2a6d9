// The program `ubiq`: finds the command and runs it.
#include "base/text.h"
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

static int dispatch(int count, char **arguments) {
  if (count < 2) {
    print_help(stderr);
    return EXIT_USAGE;
  }
  text first = text_of(arguments[1]);
  if (text_equal_string(first, "--help") || text_equal_string(first, "-h") || text_equal_string(first, "help"))
    return print_help(stdout);
  if (text_equal_string(first, "--version") || text_equal_string(first, "version")) return print_version();
  if (first.size > 0 && first.data[0] == '-') return unknown_option(first.data);
  if (text_equal_string(first, SERVE_COMPILER_ARGUMENT)) return serve_compiler_main(count - 2, arguments + 2);
  size_t commands_count = 0;
  const command *const *commands = command_list(&commands_count);
  for (size_t i = 0; i < commands_count; i++)
    if (text_equal_string(first, commands[i]->name)) return commands[i]->run(commands[i], count - 2, arguments + 2);
  return unknown_command(first.data);
}

int main(int count, char **arguments) {
  signal(SIGPIPE, SIG_IGN);
  int code = dispatch(count, arguments);
  if (fflush(stdout) != 0 && code == EXIT_OK) code = EXIT_FAILURE;
  return code;
}
