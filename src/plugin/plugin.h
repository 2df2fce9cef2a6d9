// The Extism host inside: compiled plugins, their instances, and calls that may suspend.
//
// `compiled` is a manifest with its modules compiled and linked, shared by any number of threads. `plugin` is one
// instance of it, used by one thread at a time: in an image that suspends, calls are begun and resumed by the loop that
// owns the plugin; otherwise they run on the caller's stack.
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H

#include "engine/compiler.h"
#include "ubiq/log.h"
#include "ubiq/plugin.h"

#include <sys/socket.h>

typedef struct ubiq_compiled compiled;
typedef struct ubiq_plugin plugin;

struct api_guest;
struct fetch_loop;
struct compiled_function;

/// What a plugin needs of the loop that runs it. All callbacks come on the plugin's own thread.
typedef struct plugin_host {
  struct fetch_loop *fetches;                        ///< for http_request in an image that suspends
  void (*wake)(void *user);                          ///< what the call waited for is there: resume it soon
  void (*wake_at)(void *user, uint64_t deadline_ns); ///< resume it at this time (monotonic clock) or when woken
  void (*log)(void *user, ubiq_log_level level, const char *message, size_t size); ///< NULL: the process's log
  const char *(*traceparent)(
      void *user);                       ///< for requests of the guest that say none, read at once; NULL: they say none
  const char *(*tracestate)(void *user); ///< what goes with it, read at once; NULL, or the answer is: nothing does
  void (*request_begun)(void *user, const char *method,
                        const char *url);        ///< the guest asks for it; NULL: nobody is told
  void (*request_ended)(void *user, int status); ///< of the answer; 0: it failed
  const struct sockaddr_storage *own; ///< addresses that the process listens on: http_request never reaches them
  size_t own_count;
  const struct plugin_stubs *stubs; ///< what is tested has these in the place of the world (stubs.h); NULL: the world
  struct api_guest *platform;       ///< for whom host functions ask the platform (plugin_platform); NULL: for nobody
  bool keeps_compiled; ///< what instances are made of outlives them, so that threads need not count together
  uint32_t part;       ///< of the engine that instances are made in (engine_options.parts): another for each thread
  void *user;
} plugin_host;

/// What WASI gives a plugin beyond the defaults: no arguments but the plugin's name, no environment, empty standard input,
/// standard output and error as log lines. Borrowed while the plugin lives.
typedef struct plugin_wasi_setup {
  const char *const *arguments; ///< the first is the program's name
  size_t arguments_count;
  const char *const *environment; ///< NAME=value
  size_t environment_count;
  int input_fd;                                                            ///< read as standard input; -1: it is empty
  void (*write)(void *user, int stream, const uint8_t *data, size_t size); ///< NULL: log lines
  void *user;
} plugin_wasi_setup;

/// Sets what WASI gives. Before the first call.
void plugin_set_wasi(plugin *plugin, const plugin_wasi_setup *setup);

/// What the plugin's host gave it, or plugin_set_platform where it has none; NULL: nothing.
struct api_guest *plugin_platform(const plugin *plugin);
void plugin_set_platform(plugin *plugin, struct api_guest *platform);

/// Limits of one call; 0 means none. The manifest's own stand beside them: the smaller one holds.
typedef struct plugin_limits {
  uint64_t wall_ms;
  uint64_t cpu_ms;
  uint64_t
      output_bytes_max; ///< where the answer has to be read to know the output: more is `invalid_output`, and not read
} plugin_limits;

typedef enum plugin_state {
  PLUGIN_DONE,    ///< the call is finished; take its result
  PLUGIN_YIELDED, ///< it used up its tick: resume it after the others had theirs
  PLUGIN_WAITING, ///< a host function waits: resume it after `wake` or at `wake_at`
} plugin_state;

/// The detail of an error of class `trap` or `memory_limit` that the host made of what it could not do for the guest; the
/// engine's own traps have others (ENGINE_TRAP_UNREACHABLE) or none. Its message is for who runs the plugin, as it may name where the guest wanted to go.
enum { HOST_FAULT = -1 };

/// The detail of an error of class `invalid_input` or `not_found` that a guest, or its wire, answered its caller with: it is about
/// the caller's input or function, and not about what the guest asked for.
enum { GUEST_REFUSAL = -2 };

/// As ubiq_compiled_new; what has to be compiled is compiled by `compiler`, borrowed for the call. NULL: by this thread.
ubiq_error *compiled_new_by(const engine_compiler *compiler, const uint8_t *source, size_t size,
                            const ubiq_compile_options *options, compiled **out);

/// Makes an instance for a loop (image that suspends). `host` and `limits` may be NULL; `host` is borrowed.
ubiq_error *plugin_new(compiled *compiled, const plugin_host *host, const plugin_limits *limits, plugin **out);

/// Begins a call: `function` was resolved by compiled_function. `input` must stay until the call is done. An error here
/// or from plugin_call_resume ends the call (`*state` is PLUGIN_DONE): classes as ubiq_plugin_call lists them.
ubiq_error *plugin_call_start(plugin *plugin, const struct compiled_function *function, ubiq_bytes input,
                              plugin_state *state);
ubiq_error *plugin_call_resume(plugin *plugin, plugin_state *state);

/// Starts an instance ahead of its first call of `function`: its store is made, and what starts its guest runs, within the
/// limits of a call. May suspend, and is then resumed as a call is. An error ends it: the plugin is good for nothing more.
ubiq_error *plugin_start(plugin *plugin, const struct compiled_function *function, plugin_state *state);

/// Gives a plugin that is in no call to another user, with the limits of the next call. `host` is borrowed.
void plugin_use(plugin *plugin, const plugin_host *host, const plugin_limits *limits);

/// Whether a plugin may be called again: it is in no call, none of its calls was ended in the middle of the guest's code (by
/// a trap, a limit, or by dropping it), and its guest did not end itself.
bool plugin_is_fit(const plugin *plugin);

/// Whether anything starts an instance's guest before its first call. Without that an instance costs microseconds.
bool compiled_has_start(const compiled *compiled);

/// The output of a finished call, in guest memory: borrowed until the plugin is called again or deleted.
ubiq_bytes plugin_output(plugin *plugin);

/// Why a run that is not finished must end now, if it must: wall or CPU limit passed, cancelled. NULL otherwise. A plugin
/// whose call is left suspended is good for nothing more but ubiq_plugin_delete, which drops the call.
ubiq_error *plugin_overdue(plugin *plugin);

/// When the wall limit of the call under way passes (monotonic clock, nanoseconds); UINT64_MAX when never.
uint64_t plugin_deadline_ns(const plugin *plugin);

/// The bytes that a guest without the kernel (ubiq_compile_options.core) speaks of, borrowed until it runs again. False when
/// its memory does not have them, and for other guests.
bool plugin_span(const plugin *plugin, uint32_t place, uint32_t size, ubiq_bytes *out);

/// Bytes of linear memory in use, kernel and modules together.
uint64_t plugin_memory_bytes(plugin *plugin);

/// Of the call that was made last, in an image that suspends: when its guest was last entered (monotonic clock), and for how
/// long it has had the thread.
uint64_t plugin_entered_ns(const plugin *plugin);
uint64_t plugin_cpu_ns(const plugin *plugin);

/// An exported function of the main module that can be called as a plugin function.
typedef struct compiled_function {
  const char *name; ///< lives as long as the compiled plugin
  const wasm_signature *signature;
} compiled_function;

/// Resolves a function by name. Errors: `not_found`, listing the nearest names; `invalid_input` for one with parameters or
/// more than one result. One whose result is no i32 is called, as Extism does, and ends as `guest_error` with the detail -1.
ubiq_error *compiled_function_find(compiled *compiled, const char *name, compiled_function *out);

/// How many parts the engines of loops have (plugin_host.part), where they can be divided.
uint32_t plugin_parts(void);

/// Whether calls count fuel.
bool compiled_counts_fuel(const compiled *compiled);

#endif
