// What the files of the plugin layer share: the insides of compiled plugins and their instances. Other layers use
// plugin.h and ubiq/plugin.h.
#ifndef PLUGIN_INTERNAL_H
#define PLUGIN_INTERNAL_H

#include "base/arena.h"
#include "base/fetch.h"
#include "base/map.h"
#include "engine/cache/cache_set.h"
#include "engine/compiler.h"
#include "plugin/alarm.h"
#include "plugin/component.h"
#include "plugin/core.h"
#include "plugin/engines.h"
#include "plugin/function.h"
#include "plugin/manifest.h"
#include "plugin/plugin.h"
#include "wasi/wasi.h"

#include <stdatomic.h>

#define EXTISM_ENV_MODULE  "extism:host/env"
#define EXTISM_USER_MODULE "extism:host/user"
#define EXTISM_OLD_MODULE  "env" ///< of plugins made before the kernel; names begin with EXTISM_OLD_PREFIX
#define EXTISM_OLD_PREFIX  "extism_"

/// The hub's place in every image; the manifest's modules follow in the order in which they are instantiated.
enum { HUB_MODULE = 0 };

/// One of the modules of a compiled plugin, by its place in the image, unless that is merged.
typedef struct compiled_module {
  const char *name; ///< under which others import it; the hub's is NULL
  wasm_module *wasm;
  buffer bytes;             ///< the binary, until the image is made
  engine_module *code;      ///< NULL for the hub of a merged image; the main module's is that of both
  engine_binding *bindings; ///< in the compiled plugin's arena
} compiled_module;

/// A function to be called once, in order, before the first call of an instance.
typedef struct compiled_step {
  uint32_t module;
  const char *name;
  const wasm_signature *signature;
} compiled_step;

struct ubiq_compiled {
  atomic_size_t references;
  arena arena; ///< owns strings, bindings, tables below
  const char *name;
  const char *directory; ///< where relative allowed_paths start; NULL: the working directory
  const manifest *manifest;
  ubiq_compile_options options; ///< with functions and strings that are not the caller's any more: NULL
  uint64_t memory_bytes_max;    ///< kernel and modules together; 0: none
  compiled_module *modules;     ///< [0] is the hub
  size_t modules_count;
  uint32_t main;            ///< place of the main module
  uint32_t core_memory;     ///< of the wire `core`: the place of the guest's memory among `memories`
  bool is_merged;           ///< the hub and the main module are one module of the image, 0
  engine_binding *memories; ///< [KERNEL_MEMORY] and then those that the modules define; in the arena
  size_t memories_count;
  compiled_step *steps;
  size_t steps_count;
  const ubiq_function **functions; ///< shares of the embedder's host functions
  size_t functions_count;
  engine_image *image;
  bool has_no_fuel;                ///< the C ABI's fuel limit of 0: no plugin can be made of it
  const engine_compiler *compiler; ///< while it is compiled: who does that; NULL: the thread
  bool is_pooled;                  ///< its engine has a pool, which can be full
  buffer *sources;                ///< what modules by path and URL held, by their place in the manifest; NULL: not kept
  bool has_no_unpooled;           ///< making `unpooled` failed: it is not tried again
  struct ubiq_compiled *unpooled; ///< the same for an engine without a pool, once it was needed; see overflow.c
};

/// What a host function has ready for the guest: copied to a block by the hub's shim.
typedef struct plugin_answer {
  const uint8_t *data;
  size_t size;
} plugin_answer;

/// http_request: the request under way and what the last one left.
typedef struct plugin_http {
  fetch_response response;
  bool keep_headers;        ///< http_headers answers them (the C ABI turns this on)
  bool done;                ///< what was waited for is there
  ubiq_error *error;        ///< how it ended, until taken
  struct fetch *fetch;      ///< under way on the loop; NULL when none is
  struct http_aside *aside; ///< under way on a thread of its own; NULL when none is
  fetch_client *client;     ///< for requests on the caller's stack; made at the first
  fetch_policy policy;      ///< of the request under way on the loop
  net_gate gate;            ///< of its hop
  char *headers_json;       ///< what http_headers answered last
} plugin_http;

typedef enum plugin_stage {
  STAGE_IDLE,
  STAGE_TAKEN, ///< a call in turns was started and has not run yet
  STAGE_STEPS,
  STAGE_FUNCTION,
} plugin_stage;

struct ubiq_plugin {
  compiled *compiled;
  bool owns_compiled; ///< is one of its owners
  engine_store *store;
  const plugin_host *host;    ///< NULL: on the caller's stack
  struct api_guest *platform; ///< where there is no host
  plugin_limits limits;

  // Functions of the store, looked up once.
  engine_function begin; ///< the kernel's call_begin
  engine_function function;
  compiled_function target; ///< what `function` is; name NULL: nothing yet
  bool is_command;          ///< `target` is `_start`, which leaves the guest spent

  // The call under way.
  plugin_stage stage;
  size_t steps_done;
  bool starts_only; ///< the call under way is plugin_start: no function follows the steps
  bool was_stopped; ///< a call was ended in the middle of the guest's code: it may be in any state
  bool store_spent; ///< the guest ended itself (`_start`): the next call gets a fresh store
  ubiq_bytes input;
  engine_value values[6];
  atomic_bool cancelled;
  uint64_t deadline_ns;     ///< UINT64_MAX: none
  uint64_t cpu_limit_ns;    ///< UINT64_MAX: none
  uint64_t cpu_ns;          ///< spent in finished polls; on the caller's stack only where there is a CPU limit
  uint64_t poll_started_ns; ///< of the poll under way; on the caller's stack by the thread's CPU clock
  uint64_t timeout_ms;      ///< what the deadline was made from, for the message
  uint64_t fuel;            ///< that the call may use; 0: it is not counted
  uint64_t wake_at_ns;      ///< when the host function that waits wants to be resumed; 0: it will be woken
  bool grow_refused;        ///< in this call, by the limit: the kernel's memory or that of a merged module
  ubiq_bytes output;        ///< in guest memory
  text said;                ///< the error that the guest set, in guest memory; empty for none
  uint64_t fuel_used;

  // What it waits for, and who is told (completion.c, call_turns.c).
  plugin_alarm alarm;
  struct ubiq_completion *completion; ///< of the host function that it waits for; NULL: none
  uint8_t *late_answer;               ///< owned: the block that such a function answered last
  struct ubiq_call *call;             ///< the call in turns that has it; NULL: none

  // Among the ready ones of a pool (pool.c).
  struct ubiq_plugin *pool_older, *pool_newer;
  uint64_t pool_since_ns; ///< when it became ready; monotonic clock

  // What outlives a call.
  map vars;
  map config;
  bool config_own; ///< `config` holds the plugin's own; otherwise the manifest's is meant
  plugin_http http;
  plugin_answer answer;
  uint64_t spent[2]; ///< the guest's blocks to be freed once the answer has one (host_free_later); 0: none
  plugin_wasi_setup wasi_setup;
  wasi_preopens *preopens;   ///< the manifest's allowed_paths; NULL: none
  wasi_context *wasi;        ///< made at the first call of a WASI function
  core_state core;           ///< of a module for the wire `core`
  component_state component; ///< of a component
  buffer lines[2];           ///< of standard output and error, not yet ended
  void *host_context;        ///< of the call under way; the C ABI's
};

/// Whether the plugin has Extism's kernel: modules for the wire `core` and components have none.
static inline bool compiled_has_kernel(const compiled *compiled) {
  return !compiled->options.core && !compiled->options.component;
}

/// The kernel's place among the memories.
enum { KERNEL_MEMORY = 0 };

/// Finds an exported function of one of the plugin's modules, or of the kernel, in the plugin's store.
bool plugin_function(const plugin *plugin, uint32_t module, const char *name, engine_function *out);
bool plugin_kernel_function(const plugin *plugin, const char *name, engine_function *out);

/// The kernel's memory as it is now.
engine_memory plugin_kernel_memory(const plugin *plugin);

/// The config that holds for the plugin.
const map *plugin_config(const plugin *plugin);

/// The import that lets the kernel grow; decides with the sum of all memories.
ubiq_error *plugin_kernel_grow(void *env, engine_call *call, engine_value *values);

/// Sets what each memory may grow to so that the sum holds, as things are now.
void plugin_update_memory_limit(plugin *plugin);

/// A function that the host gives to guests by itself, as the Extism ABI names it.
typedef struct host_entry {
  const char *name;
  const char *since; ///< the version of Extism that brought it
  wasm_signature signature;
  bool is_block; ///< answers with a block: `call` prepares plugin->answer and returns its length
  engine_host_callback call;
  engine_ready_callback ready; ///< functions that may wait
} host_entry;

/// One of the functions of extism:host/env that are not the kernel's; NULL when there is none of that name. Constant.
const host_entry *host_entry_find(const char *name);

/// The second half of functions that answer with a block: copies plugin->answer to the block at values[0].
ubiq_error *host_finish(void *env, engine_call *call, engine_value *values);

/// What a guest did wrong in a call of the host ends its call as a trap does; the detail tells it from the engine's traps.
/// Takes an error of any class and returns one of class `trap` with the detail HOST_FAULT.
ubiq_error *host_fault(ubiq_error *error);

/// Frees blocks that the guest handed over (0: none) once the answer to the call has a block of its own. Guests' kits free
/// theirs too, and would free the answer if it had taken their place. host_free_spent: at once, for a call without answer.
void host_free_later(plugin *plugin, uint64_t first, uint64_t second);
void host_free_spent(plugin *plugin);

/// Takes the block at `offset` as an argument: its bytes, borrowed until `blocks_free`. 0 is empty.
ubiq_error *host_argument(const plugin *plugin, uint64_t offset, const char *what, ubiq_bytes *out);

// http.c
ubiq_error *http_request_call(void *env, engine_call *call, engine_value *values);
bool http_request_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error);
ubiq_error *http_status_code_call(void *env, engine_call *call, engine_value *values);
ubiq_error *http_headers_call(void *env, engine_call *call, engine_value *values);
void http_end(plugin *plugin);
/// `denied` unless the manifest allows the host, as an embedder's word.
ubiq_error *http_check_host(const manifest *manifest, const fetch_target *target);
/// An answer was copied to the guest: if it was a response's body, that is not kept.
void http_answered(plugin *plugin);
/// Fetches a module that a manifest names by URL (manifest_fetch).
ubiq_error *http_fetch_module(void *user, const manifest_module *module, size_t bytes_max, buffer *out);

// wasi_glue.c
extern const wasi_binding plugin_wasi_binding;
/// Opens the directories of the manifest's allowed_paths, where there is WASI. Errors: as wasi_preopens_open.
ubiq_error *wasi_open_directories(plugin *plugin);
/// Says what is left of unfinished lines.
void wasi_flush(plugin *plugin);

/// How compiling is tied to a compiled plugin in a file (artifact.c).
typedef struct compile_artifact {
  const cache_set *stored; ///< not NULL: nothing is compiled, all code is taken from here
  engine_class class;      ///< which engine the code is for; said with `stored`, otherwise told
  cache_set kept;          ///< told: what was compiled
  buffer *modules;         ///< told, owned: the manifest's modules as binaries
  size_t modules_count;
} compile_artifact;

/// As ubiq_compiled_new. `artifact` and `compiler` may be NULL; one of them is.
ubiq_error *compiled_make(const uint8_t *source, size_t size, const ubiq_compile_options *options,
                          const engine_compiler *compiler, compile_artifact *artifact, ubiq_compiled **out);

/// Compiles a plugin again, from what it was compiled from, for an engine without a pool. Where the structure of the
/// image is concerned the two are the same.
ubiq_error *compiled_make_unpooled(const compiled *original, compiled **out);

// overflow.c
/// As engine_store_new with the image of a compiled plugin; in an engine without a pool where the pool is full.
ubiq_error *overflow_store_new(compiled *compiled, const engine_store_options *options, engine_store **out);

// imports.c: resolves what the modules import and builds the hub.
typedef struct import_plan {
  compiled *compiled;
  engine *engine;
  engine_class class;              ///< which of the implementation's engines it is
  const char *settings;            ///< for the module cache
  compile_artifact *artifact;      ///< NULL: none
  engine_host_function *functions; ///< out: what the hub imports; in the compiled plugin's arena
  size_t functions_count;
} import_plan;

/// Fills the bindings of every module, the hub and the plan. One error lists everything that is missing.
ubiq_error *imports_resolve(import_plan *plan);

// image.c
/// Compiles what was resolved, as one module where that is possible, and makes the image.
ubiq_error *image_build(const import_plan *plan);

#endif
