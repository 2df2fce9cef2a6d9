// What an instance of a compiled plugin is made of, and where to find its functions and memories.
#ifndef PLUGIN_PARTS_INSTANCE_H
#define PLUGIN_PARTS_INSTANCE_H

#include "base/buffer.h"
#include "base/fetch.h"
#include "base/map.h"
#include "plugin/parts/alarm.h"
#include "plugin/parts/compiled.h"
#include "wasi/wasi.h"

#include <stdatomic.h>

/// A place in the guest's memory that is ours to free; place 0: none.
typedef struct core_block {
  uint32_t place, size;
} core_block;

/// What an instance keeps for the wire.
typedef struct core_state {
  core_block input, answer;
  bool is_answering; ///< between `ready` and `finish`: only ubiq_alloc runs
  buffer output;     ///< the value that the last call answered, where that is no piece of the answer
} core_state;

/// What an instance keeps for the wire.
typedef struct component_state {
  buffer request;      ///< of the hostcall under way
  bool is_asking;      ///< InvokeHost has the request, and answers it
  const char *refusal; ///< why the hostcall under way is answered with an error; NULL: it is not
  bool is_greeted;     ///< init has answered, and well
} component_state;

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

/// Finds an exported function of one of the plugin's modules, or of the kernel, in the plugin's store.
bool plugin_function(const plugin *plugin, uint32_t module, const char *name, engine_function *out);
bool plugin_kernel_function(const plugin *plugin, const char *name, engine_function *out);

/// The kernel's memory as it is now.
engine_memory plugin_kernel_memory(const plugin *plugin);

/// Of the wire `core`: the guest's memory as it is now.
engine_memory plugin_core_memory(const plugin *plugin);

/// The config that holds for the plugin.
const map *plugin_config(const plugin *plugin);

#endif
