// The host's files as src/wasi reaches them: below a directory and nowhere else.
#ifndef WASI_HOST_H
#define WASI_HOST_H

#include "wasi/internal.h"

#include <sys/stat.h>

/// The guest's number for one of the host's errno values.
wasi_errno wasi_errno_of_host(int number);

/// openat2 as the kernel has it: a descriptor, or -1 with errno. `resolve` holds RESOLVE_*.
int wasi_openat2(int directory, const char *path, uint64_t flags, mode_t mode, uint64_t resolve);

/// Opens `path` below `directory`; never what is outside, whatever is renamed meanwhile (EPERM). O_CLOEXEC is added.
wasi_errno wasi_open_beneath(int directory, const char *path, int flags, mode_t mode, int *out);

/// A path as the guest gave it.
typedef struct wasi_path {
  char bytes[WASI_PATH_BYTES_MAX + 1];
} wasi_path;

/// Copies a guest's path. EFAULT; ENAMETOOLONG; EINVAL for a NUL in it; ENOENT for an empty one; EPERM for an absolute.
wasi_errno wasi_path_get(const wasi_guest *self, const engine_value *offset, const engine_value *size, wasi_path *out);

/// Opens the thing itself at the guest's path, for asking about it only (O_PATH): never its content, of any file type.
wasi_errno wasi_open_thing(int directory, const wasi_path *path, bool follow, int *out);

/// The directory that a path's last name is in, for making, moving or removing that name. The kernel's functions for
/// that follow no symbolic link in the last place and refuse `.` and `..` there.
typedef struct wasi_place {
  int parent;
  bool opened;      ///< `parent` was opened for this place
  const char *name; ///< within the path, with the slashes that the guest wrote behind it
} wasi_place;

/// Finds the place of a path, which is cut in two and must stay. Ended by wasi_place_end, also after an error.
wasi_errno wasi_place_find(const wasi_descriptor *directory, wasi_path *path, wasi_place *out);
void wasi_place_end(const wasi_place *place);

/// The type of file that a mode of stat tells.
uint8_t wasi_filetype_of_mode(mode_t mode);

#endif
