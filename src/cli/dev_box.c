// Lines longer than the terminal are left to it: a box that is open at the right breaks nothing that one wants to copy.
#include "cli/dev_box.h"

#include "base/text.h"
#include "cli/command.h"

#include <stdlib.h>
#include <unistd.h>

void dev_box_print(const char *message) {
  if (!isatty(STDERR_FILENO)) {
    command_fail(ubiq_error_new(UBIQ_INVALID_INPUT, "%s", message));
    return;
  }
  bool colours = getenv("NO_COLOR") == NULL;
  const char *red = colours ? "\033[1;31m" : "", *plain = colours ? "\033[0m" : "";
  text rest = text_of(message), line;
  fprintf(stderr, "%s┌── it does not build ──────────────────────────────────────────────────%s\n", red, plain);
  while (text_split(&rest, '\n', &line))
    if (line.size > 0 || rest.data != NULL) fprintf(stderr, "%s│%s %.*s\n", red, plain, (int)line.size, line.data);
  fprintf(stderr, "%s└───────────────────────────────────────────────────────────────────────%s\n", red, plain);
}
