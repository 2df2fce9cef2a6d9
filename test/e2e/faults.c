// Preloaded into a program by tests: something goes wrong at the n-th call that changes a folder.
//
// FAULTS_UNDER is the folder, FAULTS_ORDER a file that says what shall happen, read anew at each call: "kill 3" ends the
// process before the third call, "tear 3" in the middle of it when it is a write; "full 3" makes the disk full from the third
// on, "error 3" fails it with EIO. The count begins anew with each new order; without the file nothing happens. Each call is a
// line in the file FAULTS_LOG.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef enum fault { FAULT_NONE, FAULT_KILL, FAULT_TEAR, FAULT_FULL, FAULT_ERROR } fault;

/// The tests' requests come one after the other, so that the calls of one deploy do.
static char order[64];
static int calls;

static long read_file(const char *path, char *out, size_t room) {
  long descriptor = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  long size = syscall(SYS_read, descriptor, out, room - 1);
  syscall(SYS_close, descriptor);
  if (size >= 0) out[size] = '\0';
  return size;
}

static void note(const char *name, const char *path) {
  char line[PATH_MAX + 64];
  long descriptor =
      syscall(SYS_openat, AT_FDCWD, getenv("FAULTS_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int size = snprintf(line, sizeof line, "%s %s\n", name, path);
  if (descriptor < 0) return;
  syscall(SYS_write, descriptor, line, (size_t)size);
  syscall(SYS_close, descriptor);
}

static bool is_ordered(char *found, size_t room) {
  const char *path = getenv("FAULTS_ORDER");
  if (path == NULL || read_file(path, found, room) <= 0) return false;
  if (strcmp(found, order) != 0) {
    strcpy(order, found);
    calls = 0;
  }
  return true;
}

/// What is to happen to this call.
static fault fault_of(const char *name, const char *path) {
  char found[sizeof order];
  const char *under = getenv("FAULTS_UNDER");
  if (under == NULL || strncmp(path, under, strlen(under)) != 0 || !is_ordered(found, sizeof found)) return FAULT_NONE;
  const char *number = strchr(found, ' ');
  int at = number == NULL ? 0 : atoi(number);
  calls++;
  note(name, path);
  if (strncmp(found, "full", 4) == 0) return calls >= at ? FAULT_FULL : FAULT_NONE;
  if (calls != at) return FAULT_NONE;
  return strncmp(found, "kill", 4) == 0 ? FAULT_KILL : strncmp(found, "tear", 4) == 0 ? FAULT_TEAR : FAULT_ERROR;
}

static fault fault_of_descriptor(const char *name, int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return FAULT_NONE;
  path[size] = '\0';
  return fault_of(name, path);
}

static void end(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/// Whether the call fails, with `errno` set. A full disk takes names away and syncs, but has no room.
static bool fails(fault fault, bool needs_room) {
  if (fault == FAULT_KILL) end();
  if (fault == FAULT_FULL && needs_room) errno = ENOSPC;
  if (fault == FAULT_ERROR) errno = EIO;
  return (fault == FAULT_FULL && needs_room) || fault == FAULT_ERROR;
}

EXPORT ssize_t write(int descriptor, const void *data, size_t size) {
  fault fault = fault_of_descriptor("write", descriptor);
  if (fails(fault, true)) return -1;
  if (fault != FAULT_TEAR) return syscall(SYS_write, descriptor, data, size);
  syscall(SYS_write, descriptor, data, size / 2);
  end();
  return -1;
}

EXPORT ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) {
  fault fault = fault_of_descriptor("write", descriptor);
  if (fails(fault, true)) return -1;
  if (fault != FAULT_TEAR) return syscall(SYS_pwrite64, descriptor, data, size, at);
  syscall(SYS_pwrite64, descriptor, data, size / 2, at);
  end();
  return -1;
}

EXPORT ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) {
  return pwrite64(descriptor, data, size, at);
}

EXPORT int fsync(int descriptor) {
  return fails(fault_of_descriptor("sync", descriptor), false) ? -1 : (int)syscall(SYS_fsync, descriptor);
}

EXPORT int fdatasync(int descriptor) {
  return fails(fault_of_descriptor("sync", descriptor), false) ? -1 : (int)syscall(SYS_fdatasync, descriptor);
}

EXPORT int ftruncate64(int descriptor, off64_t size) {
  return fails(fault_of_descriptor("truncate", descriptor), false) ? -1 : (int)syscall(SYS_ftruncate, descriptor, size);
}

EXPORT int ftruncate(int descriptor, off_t size) {
  return ftruncate64(descriptor, size);
}

EXPORT int rename(const char *from, const char *to) {
  if (fails(fault_of("rename", to), false)) return -1;
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int unlink(const char *path) {
  return fails(fault_of("unlink", path), false) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

EXPORT int mkdir(const char *path, mode_t mode) {
  return fails(fault_of("mkdir", path), true) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

static int open_any(const char *path, int flags, mode_t mode) {
  struct stat status;
  bool makes = (flags & O_CREAT) != 0 && stat(path, &status) != 0;
  if (makes && fails(fault_of("create", path), true)) return -1;
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

EXPORT int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_any(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_any(path, flags, mode);
}

EXPORT int mkostemp(char *template, int flags) {
  int (*real)(char *template, int flags) = NULL;
  *(void **)&real = dlsym(RTLD_NEXT, "mkostemp");
  return fails(fault_of("create", template), true) ? -1 : real(template, flags);
}

EXPORT int mkostemp64(char *template, int flags) {
  return mkostemp(template, flags);
}
