// What all commands do alike: help and errors.
#include "cli/command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTIONS_MAX = 48 };

static void print_error(const char *message) {
  bool colours = isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
  fprintf(stderr, "%subiq:%s %s\n", colours ? "\033[1;31m" : "", colours ? "\033[0m" : "", message);
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
  memcpy(list, given->list, given->count * sizeof *list);
  list[given->count] = (option){.name = "help", .letter = 'h', .help = "print this help", .target = &help};
  options all = *given;
  all.list = list;
  all.count++;
  ubiq_error *error = options_parse(&all, count, arguments);
  given->positionals_count = all.positionals_count;
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
