// A process that has a limit for the size of its files (RLIMIT_FSIZE) is sent SIGXFSZ by a write past it, which ends the
// process where nobody catches it. A guest's writes must not do that: the signal is held back and thrown away, and the
// write fails with EFBIG.
#ifndef WASI_FILE_LIMIT_H
#define WASI_FILE_LIMIT_H

#include "wasi/internal.h"

#include <signal.h>

typedef struct wasi_file_limit {
  bool holds;      ///< the process had a limit when the guest's directories were opened
  sigset_t before; ///< the thread's mask
} wasi_file_limit;

/// Around each call of the host that can make a file larger. `errno` is kept.
void wasi_file_limit_begin(const wasi_guest *self, wasi_file_limit *out);
void wasi_file_limit_end(const wasi_file_limit *self);

/// Whether the process has such a limit now.
bool wasi_file_limit_is_set(void);

#endif
