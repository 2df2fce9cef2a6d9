/// What the tests of giving up rights share: what is given up is gone for good, so each tries it in a process of its own.
#ifndef UBIQ_TEST_SANDBOX_TESTING_H
#define UBIQ_TEST_SANDBOX_TESTING_H

#include "unit/base/testing.h"

#include <errno.h>
#include <fcntl.h>
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

static char sandbox_folder[] = "/tmp/ubiq-sandbox-XXXXXX"; // of in_sandbox

/// The path of a name in the folder; in a buffer that the next calls use again.
static inline const char *at(const char *name) {
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", sandbox_folder, name);
  return path;
}

/// Runs what `in_child` runs, in turn, where there is a folder of their own.
static inline void in_sandbox(void (*const *bodies)(void), size_t count) {
  strcpy(sandbox_folder + strlen(sandbox_folder) - 6, "XXXXXX");
  assert_non_null(mkdtemp(sandbox_folder));
  for (size_t i = 0; i < count; i++) in_child(bodies[i]);
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", sandbox_folder);
  assert_int_equal(system(command), 0);
}

/// Within a child: writes a file that is a program if its mode allows.
static inline void write_file(const char *name, mode_t mode) {
  int descriptor = open(at(name), O_WRONLY | O_CREAT | O_EXCL, mode);
  child_assert(descriptor >= 0 && write(descriptor, "#!/bin/sh\n", 10) == 10);
  close(descriptor);
}

static inline bool is_denied(const char *path, int flags) {
  return open(path, flags, 0600) < 0 && errno == EACCES;
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
