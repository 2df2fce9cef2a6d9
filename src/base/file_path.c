// Paths: joining and taking apart, the program's own, the cache's.
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *file_path_join(const char *directory, const char *path) {
  if (directory == NULL || directory[0] == 0 || path[0] == '/') return strdup(path);
  size_t size = strlen(directory);
  bool ends = directory[size - 1] == '/';
  size_t total = size + strlen(path) + 2;
  char *joined = malloc(total);
  if (joined != NULL) snprintf(joined, total, "%s%s%s", directory, ends ? "" : "/", path);
  return joined;
}

char *file_path_directory(const char *path) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return strdup(".");
  if (slash == path) return strdup("/");
  return strndup(path, (size_t)(slash - path));
}

/// Of a program whose file has another's in its place, or none, the system tells the name with this behind it.
static char *without_mark(const char *path, size_t size) {
  static const char mark[] = " (deleted)";
  const size_t mark_size = sizeof mark - 1;
  bool has_mark = size > mark_size && strcmp(path + size - mark_size, mark) == 0 && access(path, F_OK) != 0;
  return strndup(path, has_mark ? size - mark_size : size);
}

ubiq_error *file_executable_path(char **out) {
  char path[PATH_MAX + sizeof " (deleted)"];
  ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  if (size < 0) return file_error(errno, "/proc/self/exe");
  path[size] = '\0';
  *out = without_mark(path, (size_t)size);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *join_into(char **out, const char *directory, const char *path) {
  *out = file_path_join(directory, path);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

/// `what` is for the message.
static ubiq_error *own_place(const char *variable, const char *below_home, const char *what, char **out) {
  const char *place = getenv(variable);
  if (place != NULL && place[0] == '/') return join_into(out, place, "ubiq");
  const char *home = getenv("HOME");
  if (home != NULL && home[0] == '/') return join_into(out, home, below_home);
  return ubiq_error_new(UBIQ_UNAVAILABLE, "there is no place for %s; expected %s or HOME to be an absolute path", what,
                        variable);
}

ubiq_error *file_cache_path(char **out) {
  return own_place("XDG_CACHE_HOME", ".cache/ubiq", "cached files", out);
}

ubiq_error *file_state_path(char **out) {
  return own_place("XDG_STATE_HOME", ".local/state/ubiq", "what a server keeps", out);
}
