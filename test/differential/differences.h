/// How our library differs from libextism on purpose, and why. docs/extism.md has this as its table "Where it differs": the
/// test checks that it does, and `differential --docs FILE --update` writes it there.
///
/// A scenario that names a row must differ; one that names none must not. Each row has a scenario.
#ifndef UBIQ_TEST_DIFFERENTIAL_DIFFERENCES_H
#define UBIQ_TEST_DIFFERENTIAL_DIFFERENCES_H

#include <stdbool.h>

/// X(name, what it is about, libextism, here); the texts are Markdown.
#define DIFFERENCES(X)                                                                                                 \
  X(OLD_NAMES,                                                                                                         \
    "kernel functions under `env` and `extism_*`, as plugins of before 1.0 import them, and WASI under "               \
    "`wasi_unstable`",                                                                                                 \
    "missing", "there")                                                                                                \
  X(MEMORY, "memory past `max_pages`", "the call fails with `oom` at the first refused growth",                        \
    "`memory.grow` and `alloc` answer that they failed, as WebAssembly has it; the call fails with `oom` if the "      \
    "guest traps after that; of plugins of several modules, if it ends in `unreachable` with more than three "         \
    "quarters of "                                                                                                     \
    "the limit in use. Initial memory counts, and the kernel begins with 1 page, not 16")                              \
  X(REENTRY, "a host function that calls its own plugin, or resets it",                                                \
    "waits for itself for ever; is reset in the middle of the call",                                                   \
    "fails with `cannot make reentrant calls into plugin`; false, and nothing is reset")                               \
  X(REDIRECTS, "redirects of `http_request`",                                                                          \
    "followed without a look at `allowed_hosts`; 307 and 308 of a request "                                            \
    "with a body fail",                                                                                                \
    "each hop is checked; 307 and 308 send the body again")                                                            \
  X(HTTP, "HTTP that is unusual: methods of one's own, early hints, folded headers, unknown fields of a request",      \
    "the call fails", "taken; an empty body has `Content-Length: 0`")                                                  \
  X(STRICT, "duplicate keys in JSON, `max_pages` of 0, export names with a NUL", "taken", "refused")                   \
  X(LENIENT, "text modules after white space, `NULL` with a length for an input", "refused, or a crash",               \
    "taken; such an input is empty")                                                                                   \
  X(CYCLES, "modules that import from each other", "a crash", "refused")                                               \
  X(LOGS_AGAIN, "`extism_log_file`, `extism_log_custom` a second time, or with a file that cannot be opened",          \
    "false; a crash", "the new one holds; false")                                                                      \
  X(LOGS_WORDS, "what logs say",                                                                                       \
    "also what the library does, at `debug` and `trace`; a message that is no UTF-8 is "                               \
    "left out",                                                                                                        \
    "what guests say, and failed calls; such a message has escapes")                                                   \
  X(STARTS, "start functions, `_initialize` and initial data that trap or spend the fuel",                             \
    "run when a plugin is made, which then fails", "run at the first call, which then fails")                          \
  X(STARTS_END, "start functions that never end", "hang", "end at the manifest's `timeout_ms`")                        \
  X(IMPORTS, "missing imports of a compiled plugin", "found when a plugin is made of it",                              \
    "found when it is compiled, all at once")                                                                          \
  X(TIMEOUTS, "a deadline or a cancellation that comes in a host function or within a body of HTTP",                   \
    "-1 and a backtrace", "134 and `timeout`, as everywhere else")                                                     \
  X(FORKS, "deadlines in a child of `fork()`", "never come", "come")                                                   \
  X(RACES, "a cancellation or a deadline at the very start of a call", "may be lost", "holds")                         \
  X(EXITS, "exit codes of WASI commands from 126 on", "-1", "the code")                                                \
  X(FILES, "files of WASI",                                                                                            \
    "opening a pipe waits for its other end, devices open; rights mean nothing; no "                                   \
    "`fd_allocate`",                                                                                                   \
    "only regular files and directories open, a pipe or device is `ENOTSUP`; rights hold and can be given up; "        \
    "`fd_allocate` works. Needs `openat2` (Linux 5.6, for times 5.8): where that is refused, a plugin with "           \
    "`allowed_paths` cannot be made, and its error says so")                                                           \
  X(ERRORS_STAY, "the error's text after `extism_plugin_reset`, `_config` and `_function_exists`", "lost or empty",    \
    "stays until the next call")                                                                                       \
  X(KERNEL, "nonsense from guests: giant allocations, input read far outside, errors that are no block",               \
    "wraps, traps, or an empty text", "0, and the text of a block that was freed since")                               \
  X(REUSE, "freed blocks", "taken again for the same size at most once it has run out", "taken again at once")         \
  X(REPLACED, "a host function under a kernel function's name", "replaces it for the library too",                     \
    "replaces it for the guest")                                                                                       \
  X(TYPES, "v128 and references in host functions", "a crash",                                                         \
    "the lower half of a v128 crosses; references cross as null")                                                      \
  X(CORE_DUMPS, "`EXTISM_COREDUMP`, `EXTISM_PROFILE`, `EXTISM_DEBUG`", "read",                                         \
    "not read: Wasmtime's C API has no core dumps, and engines are shared by all plugins")                             \
  X(CACHE, "`EXTISM_CACHE_CONFIG`", "a configuration of Wasmtime's cache; a bad one makes the plugin fail",            \
    "its `directory` is where compiled modules are kept, in a folder `ubiq`; a bad one turns the cache off")           \
  X(WORDS, "texts of errors", "those of host functions and traps are hidden behind a backtrace",                       \
    "told; the same where programs match on them (`timeout`, `oom`, `Function not found: NAME`, `Hash mismatch, "      \
    "...`, `plugin ran out of fuel`), and in our own words for malformed modules and manifests, missing imports, "     \
    "wrong signatures")

typedef enum difference {
  SAME,
#define DIFFERENCE_NAME(name, about, official, ours) DIFFERS_##name,
  DIFFERENCES(DIFFERENCE_NAME)
#undef DIFFERENCE_NAME
      DIFFERENCES_END,
} difference;

/// A row of the table, in Markdown.
typedef struct difference_row {
  const char *name, *about, *official, *ours;
} difference_row;

/// Never SAME.
difference_row difference_at(difference which);

/// Whether the table in a file is this one; writes it there where `update` is set. Says what is wrong.
bool difference_docs_agree(const char *path, bool update);

#endif
