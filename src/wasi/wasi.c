// The table of preview 1's functions. See wasi.h.
#include "wasi/internal.h"

#include <stdlib.h>
#include <string.h>

#define I WASM_TYPE_I32
#define L WASM_TYPE_I64

static const wasm_type errno_result[] = {WASM_TYPE_I32};

#define PARAMETERS(...)                                                                                                \
  .params = (const wasm_type[]){__VA_ARGS__},                                                                          \
  .params_count = sizeof((const wasm_type[]){__VA_ARGS__}) / sizeof(wasm_type)
#define ERRNO .results = errno_result, .results_count = 1
#define ROW(function, ...)                                                                                             \
  { .name = #function, .signature = {PARAMETERS(__VA_ARGS__), ERRNO}, .call = wasi_##function }

static const wasi_function functions[] = {
    ROW(args_get, I, I),
    ROW(args_sizes_get, I, I),
    ROW(clock_res_get, I, I),
    ROW(clock_time_get, I, L, I),
    ROW(environ_get, I, I),
    ROW(environ_sizes_get, I, I),
    ROW(fd_advise, I, L, L, I),
    ROW(fd_allocate, I, L, L),
    ROW(fd_close, I),
    ROW(fd_datasync, I),
    ROW(fd_fdstat_get, I, I),
    ROW(fd_fdstat_set_flags, I, I),
    ROW(fd_fdstat_set_rights, I, L, L),
    ROW(fd_filestat_get, I, I),
    ROW(fd_filestat_set_size, I, L),
    ROW(fd_filestat_set_times, I, L, L, I),
    ROW(fd_pread, I, I, I, L, I),
    ROW(fd_prestat_dir_name, I, I, I),
    ROW(fd_prestat_get, I, I),
    ROW(fd_pwrite, I, I, I, L, I),
    ROW(fd_read, I, I, I, I),
    ROW(fd_readdir, I, I, I, L, I),
    ROW(fd_renumber, I, I),
    ROW(fd_seek, I, L, I, I),
    ROW(fd_sync, I),
    ROW(fd_tell, I, I),
    ROW(fd_write, I, I, I, I),
    ROW(path_create_directory, I, I, I),
    ROW(path_filestat_get, I, I, I, I, I),
    ROW(path_filestat_set_times, I, I, I, I, L, L, I),
    ROW(path_link, I, I, I, I, I, I, I),
    ROW(path_open, I, I, I, I, I, L, L, I, I),
    ROW(path_readlink, I, I, I, I, I, I),
    ROW(path_remove_directory, I, I, I),
    ROW(path_rename, I, I, I, I, I, I),
    ROW(path_symlink, I, I, I, I, I),
    ROW(path_unlink_file, I, I, I),
    {.name = "poll_oneoff",
     .signature = {PARAMETERS(I, I, I, I), ERRNO},
     .call = wasi_poll_oneoff,
     .ready = wasi_poll_ready,
     .wait = wasi_poll_wait},
    {.name = "proc_exit", .signature = {PARAMETERS(I)}, .call = wasi_proc_exit},
    ROW(proc_raise, I),
    ROW(random_get, I, I),
    {.name = "sched_yield", .signature = {ERRNO}, .call = wasi_sched_yield},
    ROW(sock_accept, I, I, I),
    ROW(sock_recv, I, I, I, I, I, I),
    ROW(sock_send, I, I, I, I, I),
    ROW(sock_shutdown, I, I),
};

enum { FUNCTIONS = sizeof functions / sizeof *functions };

// What WASI_OLD_MODULE has in another form.
static const wasi_function old_functions[] = {
    {.name = "fd_filestat_get", .signature = {PARAMETERS(I, I), ERRNO}, .call = wasi_old_fd_filestat_get},
    {.name = "fd_seek", .signature = {PARAMETERS(I, L, I, I), ERRNO}, .call = wasi_old_fd_seek},
    {.name = "path_filestat_get", .signature = {PARAMETERS(I, I, I, I, I), ERRNO}, .call = wasi_old_path_filestat_get},
    {.name = "poll_oneoff",
     .signature = {PARAMETERS(I, I, I, I), ERRNO},
     .call = wasi_old_poll_oneoff,
     .ready = wasi_poll_ready,
     .wait = wasi_poll_wait},
};

enum { OLD_FUNCTIONS = sizeof old_functions / sizeof *old_functions };

const wasi_function *wasi_functions(size_t *count) {
  *count = FUNCTIONS;
  return functions;
}

static int compare(const void *name, const void *function) {
  return strcmp(name, ((const wasi_function *)function)->name);
}

const wasi_function *wasi_function_find(const char *name) {
  return bsearch(name, functions, FUNCTIONS, sizeof *functions, compare);
}

static const wasi_function *find_old(const char *name) {
  for (size_t i = 0; i < OLD_FUNCTIONS; i++)
    if (strcmp(old_functions[i].name, name) == 0) return &old_functions[i];
  return strcmp(name, "sock_accept") == 0 ? NULL : wasi_function_find(name);
}

const wasi_function *wasi_function_of(const char *module, const char *name) {
  if (strcmp(module, WASI_MODULE) == 0) return wasi_function_find(name);
  return strcmp(module, WASI_OLD_MODULE) == 0 ? find_old(name) : NULL;
}
