// What the files of src/wasi share: the context, the guest's side of a call, descriptors.
//
// A function of preview 1 is written as `static wasi_errno name(wasi_guest *, const engine_value *arguments)` and made
// a host function by WASI_CALLBACK(name). All guest memory is reached through wasi_guest_span and what is built on it.
#ifndef WASI_INTERNAL_H
#define WASI_INTERNAL_H

#include "wasi/abi.h"
#include "wasi/wasi.h"

/// The bounds of what a guest may ask for in one call; past them the answer is EINVAL.
enum {
  WASI_IOVECS_MAX = 1024,
  WASI_SUBSCRIPTIONS_MAX = 4096,
  WASI_RANDOM_BYTES_MAX = 16 << 20,
  WASI_STRINGS_BYTES_MAX = 1 << 20, ///< of all arguments, and of all of the environment
  WASI_STREAMS = 3,
  WASI_DESCRIPTORS_MAX = 1024, ///< open at once; past it EMFILE
  WASI_PATH_BYTES_MAX = 4095,  ///< of a path; past it ENAMETOOLONG
  WASI_PREOPENS_MAX = 256,     ///< directories that are open from the start
  WASI_POLLABLES_MAX = 64,     ///< of a component, at the same time (p2.c)
};

/// Strings as a guest gets them: one behind the other, each ended by NUL.
typedef struct wasi_strings {
  char *bytes; ///< owned
  uint32_t size;
  uint32_t count;
} wasi_strings;

typedef struct wasi_descriptor_kind wasi_descriptor_kind;

/// A directory that every run finds open.
typedef struct wasi_preopen {
  int host;    ///< owned by the wasi_preopens
  char *guest; ///< where the guest finds it; owned
  bool read_only;
} wasi_preopen;

struct wasi_preopens {
  bool has_file_limit; ///< the process has a limit for the size of files (file_limit.h)
  size_t count;
  wasi_preopen list[];
};

/// What a descriptor number of the guest stands for.
typedef struct wasi_descriptor {
  const wasi_descriptor_kind *kind; ///< NULL: closed
  uint16_t flags;                   ///< fdflags that the guest has set
  bool read_only;                   ///< of files and directories: comes from a directory that is read-only
  int stream;                       ///< of standard streams: 0, 1 or 2
  int host;                         ///< of files and directories: the host's descriptor; owned unless `preopen`
  uint64_t rights;                  ///< WASI_RIGHT_*: what may be done with it
  uint64_t rights_inheriting;       ///< what may be done with what is opened through it; of directories
  const wasi_preopen *preopen;      ///< NULL: the guest opened it
} wasi_descriptor;

/// What a component waits for: times, of the monotonic clock.
typedef struct wasi_pollables {
  uint64_t ready[WASI_POLLABLES_MAX];  ///< when each is, at least 1; 0: it is free
  uint64_t polled[WASI_POLLABLES_MAX]; ///< the same of those that it polls
  uint32_t polled_count;
} wasi_pollables;

struct wasi_context {
  wasi_options options; ///< its arguments and environment are not used after the context was made
  wasi_strings arguments;
  wasi_strings environment;
  wasi_descriptor *descriptors; ///< by number
  uint32_t descriptors_count;   ///< room; grows up to WASI_DESCRIPTORS_MAX, never below streams and preopens
  size_t input_at;              ///< bytes of options.input that were read
  bool exited;
  uint32_t exit_code;
  uint64_t poll_deadline_ns; ///< poll_oneoff: the answer is given from then on (monotonic clock); 0: at once
  wasi_errno poll_result;    ///< and this is the answer
  wasi_pollables *pollables; ///< of a component; NULL: it has had none
};

/// One call as a function of preview 1 sees it.
typedef struct wasi_guest {
  wasi_context *context;
  bool is_old; ///< the function was imported from WASI_OLD_MODULE
  engine_memory memory;
  ubiq_error *error; ///< set by a function that ends the guest's call
} wasi_guest;

typedef wasi_errno (*wasi_body)(wasi_guest *self, const engine_value *arguments);

/// Finds context and memory, runs the function and writes its errno to `values[0]`.
ubiq_error *wasi_enter(void *env, engine_call *call, engine_value *values, wasi_body body);
/// The same for a guest of WASI_OLD_MODULE.
ubiq_error *wasi_enter_old(void *env, engine_call *call, engine_value *values, wasi_body body);

// NOLINTBEGIN(bugprone-macro-parentheses): the head of a function is no expression.
#define WASI_CALLBACK(name)                                                                                            \
  ubiq_error *wasi_##name(void *env, engine_call *call, engine_value *values) {                                        \
    return wasi_enter(env, call, values, name);                                                                        \
  }
// Beside WASI_CALLBACK for the functions that WASI_OLD_MODULE has in another form.
#define WASI_OLD_CALLBACK(name)                                                                                        \
  ubiq_error *wasi_old_##name(void *env, engine_call *call, engine_value *values) {                                    \
    return wasi_enter_old(env, call, values, name);                                                                    \
  }
// NOLINTEND(bugprone-macro-parentheses)

/// An argument of type i32 that is an offset, a length, a descriptor or a small number.
static inline uint32_t wasi_u32(const engine_value *argument) {
  return (uint32_t)argument->i32;
}

// Guest memory.

/// The bytes `offset .. offset + size` of the guest, or NULL.
static inline uint8_t *wasi_guest_span(const wasi_guest *self, uint64_t offset, uint64_t size) {
  return engine_memory_span(&self->memory, offset, size);
}
/// The same for an array; the product cannot overflow.
static inline uint8_t *wasi_guest_array(const wasi_guest *self, uint32_t offset, uint32_t count, uint32_t size) {
  return wasi_guest_span(self, offset, (uint64_t)count * size);
}
uint16_t wasi_load_u16(const uint8_t *from);
uint32_t wasi_load_u32(const uint8_t *from);
uint64_t wasi_load_u64(const uint8_t *from);
void wasi_store_u16(uint8_t *to, uint16_t value);
void wasi_store_u32(uint8_t *to, uint32_t value);
void wasi_store_u64(uint8_t *to, uint64_t value);

/// A guest's list of buffers.
typedef struct wasi_iovecs {
  uint32_t offset;
  uint32_t count;
} wasi_iovecs;

/// Checks the list and every buffer in it: EFAULT, or EINVAL for too many or more than 4 GiB in all.
wasi_errno wasi_iovecs_check(const wasi_guest *self, wasi_iovecs iovecs);
/// One buffer, checked again, because reading may have written over the list. NULL when it is no longer good.
uint8_t *wasi_iovecs_at(const wasi_guest *self, wasi_iovecs iovecs, uint32_t index, uint32_t *size);

// Descriptors.

/// What can be done with a kind of descriptor. A NULL function: such a descriptor cannot do it.
struct wasi_descriptor_kind {
  uint8_t filetype;
  bool is_stream;     ///< it has no position
  uint64_t rights;    ///< all that can apply to it
  wasi_errno refusal; ///< what reading or writing one that cannot answers
  wasi_errno (*read)(wasi_guest *, wasi_descriptor *, wasi_iovecs, uint32_t *done);
  wasi_errno (*write)(wasi_guest *, wasi_descriptor *, wasi_iovecs, uint32_t *done);
  /// How many bytes are there to be read now; false at the end of the input.
  bool (*available)(wasi_guest *, wasi_descriptor *, uint64_t *bytes);
};

extern const wasi_descriptor_kind wasi_standard_input;
extern const wasi_descriptor_kind wasi_standard_output;
extern const wasi_descriptor_kind wasi_file;
extern const wasi_descriptor_kind wasi_directory_kind;

/// The open descriptor of that number, or NULL.
wasi_descriptor *wasi_descriptor_at(wasi_context *context, uint32_t number);
/// The open descriptor that the guest's argument names; EBADF, or ENOTCAPABLE when it lacks one of `rights`.
wasi_errno wasi_descriptor_get(wasi_guest *self, const engine_value *number, uint64_t rights, wasi_descriptor **out);
/// The same for a file; `stream` is the answer for a stream, EISDIR that for a directory.
wasi_errno wasi_file_get(wasi_guest *self, const engine_value *number, uint64_t rights, wasi_errno stream,
                         wasi_descriptor **out);
/// The same for a directory; ENOTDIR for anything else.
wasi_errno wasi_directory_get(wasi_guest *self, const engine_value *number, uint64_t rights, wasi_descriptor **out);
/// The same for a directory in which something is to be changed; EPERM for one that is read-only.
wasi_errno wasi_directory_get_to_change(wasi_guest *self, const engine_value *number, uint64_t rights,
                                        wasi_descriptor **out);

/// Finds the lowest number that is free and makes room for it. EMFILE, ENOMEM. Pointers to descriptors are good no more.
wasi_errno wasi_descriptor_reserve(wasi_context *context, uint32_t *number);
/// Makes room for streams and preopens, then wasi_descriptors_reset.
ubiq_error *wasi_descriptors_init(wasi_context *context);
/// Opens streams and preopens again and closes all else.
void wasi_descriptors_reset(wasi_context *context);
void wasi_descriptors_free(wasi_context *context);

// Clocks and waits.

/// A clock's time in nanoseconds. `clock` is one of WASI_CLOCKS.
uint64_t wasi_clock_now(const wasi_context *context, uint32_t clock);
bool wasi_poll_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error);
void wasi_poll_wait(void *env, engine_call *call);

/// Every function of preview 1, ordered by name.
#define WASI_FUNCTIONS(X)                                                                                              \
  X(args_get)                                                                                                          \
  X(args_sizes_get)                                                                                                    \
  X(clock_res_get)                                                                                                     \
  X(clock_time_get)                                                                                                    \
  X(environ_get)                                                                                                       \
  X(environ_sizes_get)                                                                                                 \
  X(fd_advise)                                                                                                         \
  X(fd_allocate)                                                                                                       \
  X(fd_close)                                                                                                          \
  X(fd_datasync)                                                                                                       \
  X(fd_fdstat_get)                                                                                                     \
  X(fd_fdstat_set_flags)                                                                                               \
  X(fd_fdstat_set_rights)                                                                                              \
  X(fd_filestat_get)                                                                                                   \
  X(fd_filestat_set_size)                                                                                              \
  X(fd_filestat_set_times)                                                                                             \
  X(fd_pread)                                                                                                          \
  X(fd_prestat_dir_name)                                                                                               \
  X(fd_prestat_get)                                                                                                    \
  X(fd_pwrite)                                                                                                         \
  X(fd_read)                                                                                                           \
  X(fd_readdir)                                                                                                        \
  X(fd_renumber)                                                                                                       \
  X(fd_seek)                                                                                                           \
  X(fd_sync)                                                                                                           \
  X(fd_tell)                                                                                                           \
  X(fd_write)                                                                                                          \
  X(path_create_directory)                                                                                             \
  X(path_filestat_get)                                                                                                 \
  X(path_filestat_set_times)                                                                                           \
  X(path_link)                                                                                                         \
  X(path_open)                                                                                                         \
  X(path_readlink)                                                                                                     \
  X(path_remove_directory)                                                                                             \
  X(path_rename)                                                                                                       \
  X(path_symlink)                                                                                                      \
  X(path_unlink_file)                                                                                                  \
  X(poll_oneoff)                                                                                                       \
  X(proc_exit)                                                                                                         \
  X(proc_raise)                                                                                                        \
  X(random_get)                                                                                                        \
  X(sched_yield)                                                                                                       \
  X(sock_accept)                                                                                                       \
  X(sock_recv)                                                                                                         \
  X(sock_send)                                                                                                         \
  X(sock_shutdown)

#define WASI_DECLARE(name) ubiq_error *wasi_##name(void *env, engine_call *call, engine_value *values);
WASI_FUNCTIONS(WASI_DECLARE)
WASI_DECLARE(old_fd_filestat_get)
WASI_DECLARE(old_fd_seek)
WASI_DECLARE(old_path_filestat_get)
WASI_DECLARE(old_poll_oneoff)
#undef WASI_DECLARE

#endif
