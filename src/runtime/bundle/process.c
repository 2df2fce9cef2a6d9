// posix_spawn with a pipe for the output, read until every writer has gone.
#include "runtime/bundle/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int describe_files(posix_spawn_file_actions_t *actions, const char *directory, int output) {
  int number = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (number == 0) number = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
  if (number == 0) number = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
  if (number == 0 && directory != NULL) number = posix_spawn_file_actions_addchdir_np(actions, directory);
  return number;
}

/// The child gets no blocked signals and the default handlers, whatever the thread that starts it has; what can be stopped
/// leads a process group of its own.
static int describe_child(posix_spawnattr_t *attributes, bool leads_group) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int number = posix_spawnattr_setsigmask(attributes, &none);
  if (number == 0) number = posix_spawnattr_setsigdefault(attributes, &all);
  if (number == 0) number = posix_spawnattr_setpgroup(attributes, 0);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (leads_group ? POSIX_SPAWN_SETPGROUP : 0);
  if (number == 0) number = posix_spawnattr_setflags(attributes, (short)flags);
  return number;
}

static int spawn(const char *const *arguments, const char *directory, bool leads_group, int output, pid_t *child) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int number = posix_spawn_file_actions_init(&actions);
  if (number != 0) return number;
  number = posix_spawnattr_init(&attributes);
  if (number != 0) goto fail_attributes;
  number = describe_files(&actions, directory, output);
  if (number == 0) number = describe_child(&attributes, leads_group);
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

/// Waits without reaping first: as long as the child is not reaped, nobody else gets its number.
static int wait_for(pid_t child, build_stop *stop) {
  siginfo_t ended;
  while (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  if (stop != NULL) build_stop_ended(stop);
  int status, reaped;
  while ((reaped = waitpid(child, &status, 0)) < 0 && errno == EINTR) {
  }
  if (stop != NULL) build_stop_finish(stop);
  if (reaped < 0) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static ubiq_error *spawn_error(int number, const char *program) {
  if (number == ENOENT) return ubiq_error_new(UBIQ_NOT_FOUND, "%s: no such program", program);
  return ubiq_error_new(UBIQ_INTERNAL, "%s: cannot be started: %s", program, strerror(number));
}

static ubiq_error *start(const char *const *arguments, const char *directory, build_stop *stop, int output,
                         pid_t *child) {
  if (stop != NULL && !build_stop_hold(stop)) return build_stop_error();
  int number = spawn(arguments, directory, stop != NULL, output, child);
  if (stop != NULL) build_stop_watch(stop, number == 0 ? *child : 0);
  return number == 0 ? NULL : spawn_error(number, arguments[0]);
}

ubiq_error *process_run(const char *const *arguments, const char *directory, build_stop *stop, buffer *output,
                        int *status) {
  int ends[2] = {-1, STDERR_FILENO};
  if (output != NULL && pipe2(ends, O_CLOEXEC) != 0)
    return ubiq_error_new(UBIQ_INTERNAL, "%s: cannot be started: %s", arguments[0], strerror(errno));
  pid_t child = -1;
  ubiq_error *error = start(arguments, directory, stop, ends[1], &child);
  if (output != NULL) close(ends[1]);
  if (error == NULL) {
    if (output != NULL) collect(ends[0], output);
    *status = wait_for(child, stop);
    if (build_stop_is_asked(stop)) error = build_stop_error();
  }
  if (output != NULL) close(ends[0]);
  return error;
}
