// The functions that the host gives to guests by itself (extism:host/env), and what all of them share.
#ifndef PLUGIN_HOST_HOST_ENV_H
#define PLUGIN_HOST_HOST_ENV_H

#include "plugin/parts/instance.h"

#define EXTISM_ENV_MODULE  "extism:host/env"
#define EXTISM_USER_MODULE "extism:host/user"
#define EXTISM_OLD_MODULE  "env" ///< of plugins made before the kernel; names begin with EXTISM_OLD_PREFIX
#define EXTISM_OLD_PREFIX  "extism_"

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

#endif
