// WASI preview 1, one implementation for every engine.
//
// wasi_functions() is a table of host functions in the form that engine.h takes. Each store that uses them has a
// wasi_context of its own: arguments, environment, clocks, randomness, standard streams, descriptors. A context is used
// by one thread at a time, the one that runs its store.
//
// Files are those below directories that are open from the start. What leads out of them is answered EPERM: `..`,
// absolute paths, symbolic links, also while something is moved. The kernel sees to that (openat2, RESOLVE_BENEATH).
// Only regular files and directories can be opened, so that nothing waits for the other end of a pipe; reading and
// writing them blocks the thread.
#ifndef WASI_WASI_H
#define WASI_WASI_H

#include "engine/engine.h"

typedef struct wasi_context wasi_context;

/// The import module of preview 1, and that of what came before it: the same functions but for sock_accept, where four
/// have other numbers or layouts (fd_seek, fd_filestat_get, path_filestat_get, poll_oneoff).
#define WASI_MODULE     "wasi_snapshot_preview1"
#define WASI_OLD_MODULE "wasi_unstable"

/// Where standard output and error go. `stream` is 1 or 2. The bytes are borrowed.
typedef void (*wasi_write_callback)(void *user, int stream, const uint8_t *data, size_t size);

/// A wait that a guest asked for (poll_oneoff with clocks): told when it begins, so that whoever owns the run's loop
/// can wake it at `deadline_ns` (monotonic clock).
typedef void (*wasi_wait_callback)(void *user, uint64_t deadline_ns);

/// A directory of the host that guests find open.
typedef struct wasi_directory {
  const char *host;  ///< path on the host; symbolic links in it are followed
  const char *guest; ///< where the guest finds it, as it is
  bool read_only;    ///< nothing in it can be changed
} wasi_directory;

/// Directories that were opened. Any number of contexts may share them, on any threads.
typedef struct wasi_preopens wasi_preopens;

/// Opens directories. `*out` is the caller's, for wasi_preopens_close. Errors: as file_error for one that cannot be
/// opened; `busy` when no more files can be open; `too_large` for more than 256; `unavailable` where the kernel (before Linux 5.6) or a sandbox refuses
/// openat2, without which nothing would keep a guest inside.
ubiq_error *wasi_preopens_open(const wasi_directory *directories, size_t count, wasi_preopens **out);
void wasi_preopens_close(wasi_preopens *preopens);

typedef struct wasi_options {
  const char *const *arguments; ///< the first is the program's name; copied
  size_t arguments_count;
  const char *const *environment; ///< NAME=value; copied
  size_t environment_count;
  ubiq_bytes input;                              ///< what standard input answers; borrowed while the context lives
  int input_fd;                                  ///< a host descriptor read instead of `input`; -1 for none
  const wasi_preopens *preopens;                 ///< borrowed while the context lives; NULL: no directories
  wasi_write_callback write;                     ///< NULL throws the output away
  wasi_wait_callback wait;                       ///< NULL: a wait blocks the thread
  ubiq_error *(*interrupted)(void *user);        ///< asked during a wait: an error ends the call; NULL: nothing does
  uint64_t (*clock)(void *user, uint32_t clock); ///< clock id -> nanoseconds; NULL: the system's clocks
  void (*random)(void *user, uint8_t *data, size_t size); ///< NULL: the system's randomness
  void *user;                                             ///< passed to the callbacks
} wasi_options;

/// The system's time of a clock (`WASI_CLOCK_REALTIME`, ..., below WASI_CLOCKS) in nanoseconds.
uint64_t wasi_clock_of_system(uint32_t clock);

/// Makes a context; owned by the caller.
ubiq_error *wasi_context_new(const wasi_options *options, wasi_context **out);
void wasi_context_delete(wasi_context *context);

/// Forgets what the last run left: open descriptors, positions, exit code. What the options gave stays.
void wasi_context_reset(wasi_context *context);

/// True when the guest has called proc_exit; `*code` is what it said. Its call ends with a `guest_error` whose detail is
/// the code, also when the code is 0: the caller decides what that means.
bool wasi_context_exited(const wasi_context *context, uint32_t *code);

/// Finds the context of a call: given engine_call.user. The functions of the table get it as their `env`.
typedef struct wasi_binding {
  wasi_context *(*context)(void *user);
} wasi_binding;

/// One function of preview 1. `call` gets a `const wasi_binding *` as its `env`.
typedef struct wasi_function {
  const char *name;
  wasm_signature signature;
  engine_host_callback call;
  engine_ready_callback ready;                ///< poll_oneoff only
  void (*wait)(void *env, engine_call *call); ///< poll_oneoff only
} wasi_function;

/// All functions of preview 1, ordered by name. Constant. Those for sockets answer that their descriptor is no socket,
/// or not open: there are none.
const wasi_function *wasi_functions(size_t *count);

/// The function of preview 1 called `name`, or NULL.
const wasi_function *wasi_function_find(const char *name);

/// The function that an import of `name` from `module` means, or NULL.
const wasi_function *wasi_function_of(const char *module, const char *name);

#endif
