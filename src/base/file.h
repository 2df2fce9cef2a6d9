/// Files and folders, whole ones at a time, with errors that name the path.
///
/// Not for streams, and blocking: for start-up, deployment and caches, not for a worker that serves requests.
#ifndef UBIQ_BASE_FILE_H
#define UBIQ_BASE_FILE_H

#include "base/buffer.h"
#include "ubiq/error.h"

#include <sys/types.h>

/// The error for an `errno` value of an operation on a path: `greet.wasm: no such file or directory`. ENOENT
/// and ENOTDIR are `not_found`, EACCES and EPERM `denied`, ENOSPC and EDQUOT `quota`, ENOMEM out of memory,
/// the others `internal`.
ubiq_error *file_error(int number, const char *path);

/// Appends a file's bytes to `out`, which is as it was on failure. Errors: `not_found`; `denied`;
/// `invalid_input` when it is a folder; `too_large` when it has more than `bytes_max` bytes; `internal`.
/// Pipes and devices are read to their end.
ubiq_error *file_read_all(const char *path, size_t bytes_max, buffer *out);

/// Reads an open file to its end as `file_read_all` does; `name` is for the messages.
ubiq_error *file_read_descriptor(int descriptor, const char *name, size_t bytes_max, buffer *out);

/// Writes a file so that its name always leads to the old bytes or the new ones, never to a part (a temporary
/// file beside it, synced, then renamed). `mode` is the file's permission bits, whatever the umask.
ubiq_error *file_write_atomic(const char *path, mode_t mode, const void *data, size_t size);

/// Makes a folder and those above it, with permissions 0700, where they are missing. A folder that was there
/// already must be a real folder of this user that nobody else may write to or enter; else the error is
/// `denied` and says what to change.
ubiq_error *file_make_private_directory(const char *path);

/// Removes a folder and all that is in it; links are removed and not followed. One that is not there is removed already.
ubiq_error *file_remove_directory(const char *path);

/// Whether something is there at `path` (symbolic links are followed).
bool file_exists(const char *path);
/// Whether `path` is a folder (symbolic links are followed).
bool file_is_directory(const char *path);

/// `directory/path`, or `path` alone when it is absolute or `directory` is NULL or empty. The caller's, for
/// `free`; NULL when memory is out.
UBIQ_NODISCARD char *file_path_join(const char *directory, const char *path);

/// The part of `path` before its last '/' ("." when there is none, "/" for the root). The caller's, for
/// `free`; NULL when memory is out.
UBIQ_NODISCARD char *file_path_directory(const char *path);

/// The real path of the running program; when its file was replaced or removed meanwhile, the one that it had. `*out` is the caller's, for `free`.
ubiq_error *file_executable_path(char **out);

/// The folder for our cached things: `$XDG_CACHE_HOME/ubiq`, else `$HOME/.cache/ubiq`. Makes nothing. `*out`
/// is the caller's, for `free`. The error is `unavailable` when neither variable holds an absolute path.
ubiq_error *file_cache_path(char **out);

/// The folder for what a server of ours keeps: `$XDG_STATE_HOME/ubiq`, else `$HOME/.local/state/ubiq`. Otherwise as
/// `file_cache_path`.
ubiq_error *file_state_path(char **out);

/// Waits until the names in a folder, as they are now, are on the disk.
ubiq_error *file_sync_directory(const char *path);

#endif
