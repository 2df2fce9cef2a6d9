/// What the tests of the runtime share: projects in temporary folders.
#ifndef UBIQ_TEST_RUNTIME_TESTING_H
#define UBIQ_TEST_RUNTIME_TESTING_H

#include "unit/base/testing.h"

#include "base/file.h"
#include "runtime/release/release.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/// A temporary folder, which is also where caches go; removed by folder_remove.
static inline char *folder_make(void) {
  char *path = strdup("/tmp/ubiq-unit-XXXXXX");
  assert_non_null(mkdtemp(path));
  assert_int_equal(setenv("XDG_CACHE_HOME", path, 1), 0);
  return path;
}

static inline void folder_remove(char *path) {
  char command[256];
  snprintf(command, sizeof command, "rm -rf '%s'", path);
  assert_int_equal(system(command), 0);
  free(path);
}

/// The path of a file in a folder; in a buffer that the next calls use again.
static inline const char *folder_path(const char *folder, const char *name) {
  static char paths[4][512];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static inline void folder_write(const char *folder, const char *name, const char *content) {
  assert_success(file_write_atomic(folder_path(folder, name), 0644, content, strlen(content)));
}

/// Sets when a file was changed, in seconds from now.
static inline void folder_touch(const char *folder, const char *name, int seconds) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const struct timespec times[] = {{now.tv_sec + seconds, now.tv_nsec}, {now.tv_sec + seconds, now.tv_nsec}};
  assert_int_equal(utimensat(AT_FDCWD, folder_path(folder, name), times, 0), 0);
}

#endif
