// Setting when a file was last read and changed.
#include "wasi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct timespec time_of(uint64_t nanoseconds, uint32_t flags, uint32_t set, uint32_t now) {
  enum { SECOND = 1000000000 };
  if ((flags & now) != 0) return (struct timespec){.tv_nsec = UTIME_NOW};
  if ((flags & set) == 0) return (struct timespec){.tv_nsec = UTIME_OMIT};
  return (struct timespec){.tv_sec = (time_t)(nanoseconds / SECOND), .tv_nsec = (long)(nanoseconds % SECOND)};
}

// `arguments` are the time of access, that of modification and the flags, as both functions have them in a row.
static wasi_errno read_times(const engine_value *arguments, struct timespec times[2]) {
  uint32_t flags = wasi_u32(&arguments[2]);
  bool twice = ((flags & WASI_TIMES_ATIM) != 0 && (flags & WASI_TIMES_ATIM_NOW) != 0) ||
               ((flags & WASI_TIMES_MTIM) != 0 && (flags & WASI_TIMES_MTIM_NOW) != 0);
  if ((flags & ~(uint32_t)WASI_TIMES_KNOWN) != 0 || twice) return WASI_EINVAL;
  times[0] = time_of((uint64_t)arguments[0].i64, flags, WASI_TIMES_ATIM, WASI_TIMES_ATIM_NOW);
  times[1] = time_of((uint64_t)arguments[1].i64, flags, WASI_TIMES_MTIM, WASI_TIMES_MTIM_NOW);
  return WASI_SUCCESS;
}

// AT_EMPTY_PATH (Linux 5.8) sets the times of just what was opened: a symbolic link's own, too.
static wasi_errno set_times(int thing, const struct timespec times[2]) {
  return utimensat(thing, "", times, AT_EMPTY_PATH) == 0 ? WASI_SUCCESS : wasi_errno_of_host(errno);
}

static wasi_errno fd_filestat_set_times(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *descriptor;
  struct timespec times[2];
  wasi_errno error = wasi_descriptor_get(self, &arguments[0], 0, &descriptor);
  if (error != WASI_SUCCESS) return error;
  if (descriptor->kind->is_stream) return WASI_ENOTSUP;
  if ((descriptor->rights & WASI_RIGHT_FD_FILESTAT_SET_TIMES) == 0) return WASI_ENOTCAPABLE;
  if (descriptor->read_only) return WASI_EPERM;
  error = read_times(&arguments[1], times);
  return error == WASI_SUCCESS ? set_times(descriptor->host, times) : error;
}
WASI_CALLBACK(fd_filestat_set_times)

static wasi_errno path_filestat_set_times(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *directory;
  wasi_path path;
  struct timespec times[2];
  int thing = -1;
  bool follow = (wasi_u32(&arguments[1]) & WASI_LOOKUP_SYMLINK_FOLLOW) != 0;
  wasi_errno error = wasi_directory_get_to_change(self, &arguments[0], WASI_RIGHT_PATH_FILESTAT_SET_TIMES, &directory);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[2], &arguments[3], &path);
  if (error == WASI_SUCCESS) error = read_times(&arguments[4], times);
  if (error == WASI_SUCCESS) error = wasi_open_thing(directory->host, &path, follow, &thing);
  if (error != WASI_SUCCESS) return error;
  error = set_times(thing, times);
  close(thing);
  return error;
}
WASI_CALLBACK(path_filestat_set_times)
