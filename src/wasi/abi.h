// The facts of WASI preview 1's ABI that this implementation needs: numbers and layouts as the specification's witx
// files define them. Structures are read and written byte by byte at these offsets, little-endian, at any alignment.
#ifndef WASI_ABI_H
#define WASI_ABI_H

#include <stdint.h>

typedef enum wasi_errno {
  WASI_SUCCESS = 0,
  WASI_EACCES = 2,
  WASI_EAGAIN = 6,
  WASI_EBADF = 8,
  WASI_EFAULT = 21,
  WASI_EINTR = 27,
  WASI_EINVAL = 28,
  WASI_EIO = 29,
  WASI_EMFILE = 33,
  WASI_ENOMEM = 48,
  WASI_ENOSYS = 52,
  WASI_ENOTDIR = 54,
  WASI_ENOTSOCK = 57,
  WASI_ENOTSUP = 58,
  WASI_EOVERFLOW = 61,
  WASI_EPIPE = 64,
  WASI_ESPIPE = 70,
} wasi_errno;

enum {
  WASI_CLOCK_REALTIME,
  WASI_CLOCK_MONOTONIC,
  WASI_CLOCK_PROCESS_CPU,
  WASI_CLOCK_THREAD_CPU,
  WASI_CLOCKS,
};

enum { WASI_FILETYPE_UNKNOWN = 0, WASI_FILETYPE_CHARACTER_DEVICE = 2, WASI_FILETYPE_DIRECTORY = 3 };

enum {
  WASI_RIGHT_FD_READ = 1 << 1,
  WASI_RIGHT_FD_SET_FLAGS = 1 << 3,
  WASI_RIGHT_FD_WRITE = 1 << 6,
  WASI_RIGHT_FD_FILESTAT_GET = 1 << 21,
  WASI_RIGHT_POLL = 1 << 27,
};

enum { WASI_FDFLAGS_KNOWN = 0x1f }; // append, dsync, nonblock, rsync, sync
enum { WASI_WHENCE_LAST = 2 };      // set, current, end

// iovec and ciovec
enum { WASI_IOVEC_DATA = 0, WASI_IOVEC_LENGTH = 4, WASI_IOVEC_SIZE = 8 };

// fdstat
enum {
  WASI_FDSTAT_FILETYPE = 0,
  WASI_FDSTAT_FLAGS = 2,
  WASI_FDSTAT_RIGHTS = 8,
  WASI_FDSTAT_RIGHTS_INHERITING = 16,
  WASI_FDSTAT_SIZE = 24,
};

// filestat
enum { WASI_FILESTAT_FILETYPE = 16, WASI_FILESTAT_LINKS = 24, WASI_FILESTAT_SIZE = 64 };

// subscription
enum {
  WASI_SUBSCRIPTION_USERDATA = 0,
  WASI_SUBSCRIPTION_TYPE = 8,
  WASI_SUBSCRIPTION_FD = 16,
  WASI_SUBSCRIPTION_CLOCK = 16,
  WASI_SUBSCRIPTION_TIMEOUT = 24,
  WASI_SUBSCRIPTION_CLOCK_FLAGS = 40,
  WASI_SUBSCRIPTION_SIZE = 48,
};
enum { WASI_CLOCK_FLAG_ABSOLUTE = 1 };

// event
enum {
  WASI_EVENT_USERDATA = 0,
  WASI_EVENT_ERROR = 8,
  WASI_EVENT_TYPE = 10,
  WASI_EVENT_BYTES = 16,
  WASI_EVENT_FLAGS = 24,
  WASI_EVENT_SIZE = 32,
};
enum { WASI_EVENTTYPE_CLOCK = 0, WASI_EVENTTYPE_FD_READ = 1, WASI_EVENTTYPE_FD_WRITE = 2 };
enum { WASI_EVENT_HANGUP = 1 };

// signals, by what becomes of a process that does not handle them
enum { WASI_SIGNAL_LAST = 30 };
#define WASI_SIGNALS_IGNORED  (1u << 0 | 1u << 16 | 1u << 17 | 1u << 22 | 1u << 27) // none, chld, cont, urg, winch
#define WASI_SIGNALS_STOPPING (1u << 18 | 1u << 19 | 1u << 20 | 1u << 21)           // stop, tstp, ttin, ttou

#endif
