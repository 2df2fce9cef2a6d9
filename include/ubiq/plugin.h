/// Plugins: compile a manifest or a module once, make instances of it, call their functions.
///
/// A plugin is one or more WebAssembly modules linked with the Extism kernel. Behaviour follows Extism
/// (extism.org, manifest schema 1.x); where it differs, the comment says so.
#ifndef UBIQ_PLUGIN_H
#define UBIQ_PLUGIN_H

#include "ubiq/error.h"

UBIQ_BEGIN

/// A compiled plugin. Immutable but for its reference count; any thread. Its instances keep it alive.
typedef struct ubiq_compiled ubiq_compiled;

/// An instance of a compiled plugin. One thread at a time; ubiq_plugin_cancel from any thread.
typedef struct ubiq_plugin ubiq_plugin;

/// A host function that embedders give to plugins; see ubiq/function.h.
typedef struct ubiq_function ubiq_function;

/// Files that stand for those of this machine, an archive's for example.
typedef struct ubiq_files {
  /// Gives the bytes of a file by its name, as a manifest's `path` says it; borrowed until ubiq_compiled_new returns.
  ubiq_error *(*read)(void *user, const char *path, ubiq_bytes *out);
  void *user; ///< handed to `read`
} ubiq_files;

typedef struct ubiq_compile_options {
  const char *name;      ///< for log lines and messages; NULL: "plugin"
  const char *engine;    ///< NULL: what UBIQ_ENGINE in the environment says, else the first that `ubiq engines` lists
  const char *directory; ///< where a manifest's relative paths start; NULL: the working directory
  bool wasi;             ///< provide WASI preview 1
  bool suspends;         ///< calls run on fibers and may be suspended (ubiq/call.h); ubiq_plugin_call blocks meanwhile
  bool core; ///< a module for the wire `core`, which has no kernel (docs/project.md); with `suspends` alone. Of
             ///< `functions` it has those of the module "ubiq:wire/host" alone
  bool
      component; ///< a component for the wire `component` (docs/project.md); with `suspends` alone, on the default engine. Of
                 ///< `functions` it has the one called "InvokeHost" alone, as hostcall
  bool untrusted; ///< refuse what only the owner of this machine may say in a manifest: paths that lead to its own
                  ///< files, urls, allowed_hosts, allowed_paths; and more than 15 modules
  bool pointers;  ///< take a manifest's `data = {ptr, len}`, addresses in this process: only for a manifest that the
                  ///< program itself wrote
  uint64_t fuel;  ///< fuel for each call; 0: not counted
  uint64_t memory_bytes_max;             ///< kernel and modules together; 0: the manifest's max_pages, else 4 GiB
  const ubiq_function *const *functions; ///< host functions; each is referenced, the array is borrowed for the call
  size_t functions_count;
  const ubiq_files *files; ///< where a manifest's paths lead, borrowed for the call; NULL: to files of this machine
} ubiq_compile_options;

/// Compiles a plugin. `source` is a manifest (JSON or TOML), a module, or a module in text form (WAT); borrowed for the
/// call. `options` may be NULL. On success `*out` is owned by the caller. Any thread.
/// Compiling happens on the caller's thread (and the engine's own, where it has some) and has no limit of time or memory: a
/// program that compiles modules of strangers does so in a process that it can end. What a module has is bounded, at most
/// 200,000 functions for example (`too_large`).
/// Errors: `invalid_input` (malformed source, missing imports: all of them are listed), `not_found` (files, the engine),
/// `denied`, `too_large`, `memory_limit` (needs more to start than is allowed), `unavailable` (a URL), `internal`.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_compiled_new(const uint8_t *source, size_t size,
                                                      const ubiq_compile_options *options, ubiq_compiled **out);

/// Gives up the caller's share; the last share, plugins' included, ends it. NULL is allowed.
UBIQ_API void ubiq_compiled_delete(ubiq_compiled *compiled);

/// Makes an instance. Guest code (start functions, `_initialize`) runs at the first call, not here. With WASI the folders
/// of the manifest's allowed_paths are opened. Errors: `not_found` or `denied` for one of them that cannot be opened,
/// `busy` when no more files can be open, `unavailable` where the kernel (before Linux 5.6) or a sandbox refuses openat2.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_plugin_new(ubiq_compiled *compiled, ubiq_plugin **out);

/// Ends an instance, also while a call of it is suspended. NULL is allowed.
UBIQ_API void ubiq_plugin_delete(ubiq_plugin *plugin);

/// Calls an exported function with `input` (bytes, borrowed for the call) on the caller's stack. `*output` is borrowed
/// until the plugin is called again, reset or deleted. While a host function with `start` (ubiq/function.h) has not
/// answered the thread is blocked; limits and ubiq_plugin_cancel end that at once.
/// Errors: `not_found`, `invalid_input` (an export with parameters or several results), `guest_error` (the detail is the
/// function's return code or exit code; -1 for a result that is no i32, as with Extism), `trap` (also what the guest did wrong in a call of the host), `timeout`, `cancelled`,
/// `cpu_limit`, `memory_limit`, `denied`, `unavailable` (a server that the guest called), `quota` (its variables), `busy`
/// (the plugin is being called already, or there is no place for another instance), `internal`, and whatever a host
/// function of the embedder answered.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_plugin_call(ubiq_plugin *plugin, const char *function, ubiq_bytes input,
                                                     ubiq_bytes *output);

/// What one call may use. Limits of the manifest stand beside these: of two for the same thing the smaller holds. A zeroed
/// struct limits nothing more.
typedef struct ubiq_call_options {
  uint64_t timeout_ms; ///< wall time; 0: none. A `callback` of the embedder's is ended only when it returns
  uint64_t cpu_ms;     ///< CPU time of the calling thread; of a plugin that suspends, time in the guest; 0: none
  uint64_t fuel;       ///< fuel, where the plugin was compiled with it; 0: as much as it was compiled with
} ubiq_call_options;

/// ubiq_plugin_call with a budget of the call's own. `options` may be NULL. A limit that passes ends the call within some
/// milliseconds with `timeout` or `cpu_limit`; the plugin can be called again. Errors: as ubiq_plugin_call; also
/// `invalid_input` for fuel in a plugin that was compiled without.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_plugin_call_with(ubiq_plugin *plugin, const char *function, ubiq_bytes input,
                                                          const ubiq_call_options *options, ubiq_bytes *output);

/// Invalidates all Extism memory of the plugin, its last output included. Variables and the guest's own memory stay.
/// Errors: those of ubiq_plugin_call.
UBIQ_API UBIQ_NODISCARD ubiq_error *ubiq_plugin_reset(ubiq_plugin *plugin);

/// Ends the call under way with `cancelled`; nothing happens when none is. Any thread, at any time while the plugin
/// exists; in a signal handler too, unless a call in turns with a `wake` (ubiq/call.h) is under way.
UBIQ_API void ubiq_plugin_cancel(ubiq_plugin *plugin);

/// True when the main module exports a function that can be called to an end: () -> () or () -> i32.
UBIQ_API bool ubiq_compiled_has(const ubiq_compiled *compiled, const char *function);

/// Fuel used by the last call; 0 when it is not counted.
UBIQ_API uint64_t ubiq_plugin_fuel_used(const ubiq_plugin *plugin);

/// Bytes of linear memory in use, kernel and modules together.
UBIQ_API uint64_t ubiq_plugin_memory(ubiq_plugin *plugin);

UBIQ_END

#endif
