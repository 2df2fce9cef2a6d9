// What all commands do alike: help and errors.
#include "cli/command.h"

#include "base/text.h"
#include "ubiq/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTIONS_MAX = 48, LINE_BYTES_MAX = 1000, MESSAGE_BYTES_MAX = 64 << 10 };

/// Cut where nobody would read on.
static text shorten(text value, size_t bytes_max) {
  if (value.size > bytes_max) value.size = bytes_max;
  return value;
}

/// A message may quote a guest, or an engine: its lines are kept, but for empty ones; what else would control a terminal
/// is not.
static void print_message(const char *message) {
  buffer shown = {0};
  text rest = shorten(text_of(message), MESSAGE_BYTES_MAX), line;
  bool good = true;
  while (good && text_split(&rest, '\n', &line)) {
    text part = shorten(line, LINE_BYTES_MAX);
    if (text_trim(line).size == 0) continue;
    good = text_escape(&shown, part) && (part.size == line.size || buffer_append_string(&shown, " ...")) &&
           buffer_append_byte(&shown, '\n');
  }
  if (good) fwrite(shown.data, 1, shown.size, stderr);
  buffer_free(&shown);
}

static void print_error(const char *message) {
  bool colours = isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
  fprintf(stderr, "%subiq:%s ", colours ? "\033[1;31m" : "", colours ? "\033[0m" : "");
  print_message(message);
}

ubiq_error *command_set_log_level(const char *name) {
  ubiq_log_level level;
  if (!ubiq_log_level_parse(name, &level))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--log-level is \"%s\"; expected trace, debug, info, warn, error or off",
                          name);
  ubiq_log_set(level, NULL, NULL);
  return NULL;
}

int command_fail(ubiq_error *error) {
  int code = ubiq_code_exit(ubiq_error_code(error));
  print_error(ubiq_error_message(error));
  ubiq_error_delete(error);
  return code;
}

int command_fail_usage(const command *self, ubiq_error *error) {
  print_error(ubiq_error_message(error));
  fprintf(stderr, "Usage: ubiq %s %s\nSee `ubiq %s --help`.\n", self->name, self->usage, self->name);
  ubiq_error_delete(error);
  return EXIT_USAGE;
}

static void print_help(const command *self, const options *options) {
  printf("Usage: ubiq %s %s\n\n%s\n", self->name, self->usage, self->summary);
  if (self->details != NULL) printf("\n%s", self->details);
  printf("\nOptions:\n");
  options_print(options, stdout);
  printf("\nExit codes: 0 when all went well, 64 for a wrong command line, else by the class of failure\n"
         "(see `ubiq --help`).\n");
}

command_start command_begin(const command *self, options *given, int count, char **arguments, int *exit_code) {
  option list[OPTIONS_MAX];
  bool help = false;
  if (given->count + 1 > OPTIONS_MAX) abort();
  if (given->count > 0) memcpy(list, given->list, given->count * sizeof *list);
  list[given->count] = (option){.name = "help", .letter = 'h', .help = "print this help", .target = &help};
  options all = *given;
  all.list = list;
  all.count++;
  if (self->visit != NULL) {
    *exit_code = EXIT_OK;
    self->visit(self, &all);
    return COMMAND_STOP;
  }
  ubiq_error *error = options_parse(&all, count, arguments);
  given->positionals_count = all.positionals_count;
  given->rest = all.rest;
  given->rest_count = all.rest_count;
  *exit_code = EXIT_OK;
  if (help) {
    ubiq_error_delete(error);
    print_help(self, &all);
    return COMMAND_STOP;
  }
  if (error == NULL) return COMMAND_GO;
  *exit_code = command_fail_usage(self, error);
  return COMMAND_STOP;
}
