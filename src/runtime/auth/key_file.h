// The key set of a file, read again when the file has changed.
//
// Whatever way it changes: written over, replaced by another of its name, or found by a link that leads elsewhere now.
// What is seen of it is its inode, size and times; as times are coarse, what was written just before it was read is
// read again. One thread at a time.
#ifndef RUNTIME_AUTH_KEY_FILE_H
#define RUNTIME_AUTH_KEY_FILE_H

#include "runtime/auth/jwks.h"

#include <sys/stat.h>
#include <time.h>

typedef struct key_file {
  const char *path; ///< borrowed
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec written, changed; ///< the file's own times
  bool is_certain;                  ///< that the above would tell another file from what was read
  uint64_t read_ns;                 ///< when that was (monotonic clock)
  char *complaint;                  ///< owned: what was wrong with it when it was read last; NULL: nothing
} key_file;

/// Reads the file, for the first time. `*out` is the caller's. Errors: those of reading a file and of jwks_parse.
ubiq_error *key_file_open(key_file *self, const char *path, jwks **out);

/// Reads it again when it is not what was read last. `*out` is the caller's; NULL where nothing is new, or the file is
/// bad, which is logged once as long as the same is wrong with it.
void key_file_look(key_file *self, jwks **out);

void key_file_close(key_file *self);

#endif
