// posix_spawn with a pipe for the output, read until every writer has gone.
#include "runtime/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int describe(posix_spawn_file_actions_t *actions, const char *directory, int output) {
  int number = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (number == 0) number = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
  if (number == 0) number = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
  if (number == 0 && directory != NULL) number = posix_spawn_file_actions_addchdir_np(actions, directory);
  return number;
}

/// The child gets no blocked signals and the default handlers, whatever the thread that starts it has.
static int default_signals(posix_spawnattr_t *attributes) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int number = posix_spawnattr_setsigmask(attributes, &none);
  if (number == 0) number = posix_spawnattr_setsigdefault(attributes, &all);
  if (number == 0) number = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  return number;
}

static int spawn(const char *const *arguments, const char *directory, int output, pid_t *child) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int number = posix_spawn_file_actions_init(&actions);
  if (number != 0) return number;
  number = posix_spawnattr_init(&attributes);
  if (number != 0) goto fail_attributes;
  number = describe(&actions, directory, output);
  if (number == 0) number = default_signals(&attributes);
  if (number == 0)
    number = posix_spawnp(child, arguments[0], &actions, &attributes, (char *const *)(void *)arguments, environ);
  posix_spawnattr_destroy(&attributes);
fail_attributes:
  posix_spawn_file_actions_destroy(&actions);
  return number;
}

static void collect(int from, buffer *output) {
  char piece[4096];
  for (;;) {
    ssize_t size = read(from, piece, sizeof piece);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    if (output->size < PROCESS_OUTPUT_BYTES_MAX && !buffer_append(output, piece, (size_t)size)) return;
  }
}

static int wait_for(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static ubiq_error *spawn_error(int number, const char *program) {
  if (number == ENOENT) return ubiq_error_new(UBIQ_NOT_FOUND, "%s: no such program", program);
  return ubiq_error_new(UBIQ_INTERNAL, "%s: cannot be started: %s", program, strerror(number));
}

ubiq_error *process_run(const char *const *arguments, const char *directory, buffer *output, int *status) {
  int ends[2] = {-1, STDERR_FILENO};
  if (output != NULL && pipe2(ends, O_CLOEXEC) != 0)
    return ubiq_error_new(UBIQ_INTERNAL, "%s: cannot be started: %s", arguments[0], strerror(errno));
  pid_t child;
  int number = spawn(arguments, directory, ends[1], &child);
  if (output != NULL) close(ends[1]);
  if (number == 0) {
    if (output != NULL) collect(ends[0], output);
    *status = wait_for(child);
  }
  if (output != NULL) close(ends[0]);
  return number == 0 ? NULL : spawn_error(number, arguments[0]);
}
