/// What the tests of giving up rights share: what is given up is gone for good, so each tries it in a process of its own.
#ifndef UBIQ_TEST_SANDBOX_TESTING_H
#define UBIQ_TEST_SANDBOX_TESTING_H

#include "unit/base/testing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/// Within a child: ends it with what was wrong.
#define child_assert(condition)                                                                                        \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, strerror(errno));                             \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

/// Runs `body` in a child and expects it to come to its end.
static inline void in_child(void (*body)(void)) {
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/// The value of a line of /proc/self/status, as a number.
static inline long status_value(const char *name) {
  char line[256];
  long value = -1;
  FILE *file = fopen("/proc/self/status", "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
      value = strtol(line + strlen(name) + 1, NULL, 16);
  if (file != NULL) fclose(file);
  return value;
}

#endif
