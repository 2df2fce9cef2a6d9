// The wire `core`: how a module that has no kernel is called, for languages that have nothing but core Wasm.
//
// Such a module exports its memory, ubiq_alloc(size) -> place (0: out of memory), ubiq_free(place, size) and
// ubiq_handle(format, op, op_size, in, in_size) -> place << 32 | size of its answer. One block has the name of the operation
// and, behind it, the input. Format 0 is JSON, and the answer is {"ok": value} or {"error": {"message": text}}. The host frees
// both blocks, before the instance's next call. What a guest says of places is checked each time it is used.
//
// All of that is one call of the hub (HUB_GUEST_CALL), which calls the guest's functions and, for the input, the host: guest code,
// so that it may be cut by a tick, and has its limits. Such modules are merged with their hub, or refused.
#ifndef PLUGIN_CORE_H
#define PLUGIN_CORE_H

#include "base/buffer.h"
#include "engine/engine.h"

struct ubiq_compiled;
struct ubiq_plugin;
struct compiled_function;

#define CORE_WIRE_MODULE "ubiq:wire/host"

/// The hub's function that makes a call.
#define CORE_CALL "call"

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

/// The module that takes the kernel's place when the hub is built: it has no memory, and no code that anybody calls.
ubiq_bytes core_no_kernel(void);

/// Whether the plugin is what the wire expects: one module with those exports. Errors: `invalid_input`.
ubiq_error *core_check(struct ubiq_compiled *compiled);

/// The operation `name`, which is borrowed; every module has all, and answers those that it does not know with an error.
void core_function(const struct ubiq_compiled *compiled, const char *name, struct compiled_function *out);

/// A store was just opened.
void core_open(struct ubiq_plugin *plugin);

/// Begins a call; the plugin's function is CORE_CALL. Errors: `too_large`; and those of core_place.
ubiq_error *core_start(struct ubiq_plugin *plugin, engine_state *state);

/// What CORE_CALL asks the host for: puts the operation's name and the input where ubiq_alloc said. Errors: `memory_limit` (it has
/// no room), `trap` (a place outside of the memory).
ubiq_error *core_place(void *env, engine_call *call, engine_value *values);

/// Takes the answer of a call that has ended: the plugin's output, as JSON. Errors: `guest_error` with its words;
/// `invalid_output`.
ubiq_error *core_conclude(struct ubiq_plugin *plugin);

/// Reads {"ok": value} or {"error": ...}. `*value` is JSON, a piece of the answer where that is written without blanks around it,
/// else in `room`. Errors: as core_conclude.
ubiq_error *core_answer_read(ubiq_bytes answer, buffer *room, ubiq_bytes *value);

/// A call of the plugin begins: nothing is left of the one before, however that ended.
void core_call_begin(struct ubiq_plugin *plugin);

// core_invoke.c: host functions of CORE_WIRE_MODULE that answer with a block, of which the platform's `invoke` is one,
// (format i32, request i32, size i32) -> place << 32 | size of the answer. The hub's shim (hub.h) has the guest's own
// ubiq_alloc make room for it between `ready` and `finish`; with no room (0) the answer is dropped, and the call's is 0.

/// As function_begin and function_ready. Errors: `trap` when it is ubiq_alloc that calls, while it makes room for an answer.
ubiq_error *core_begin(void *env, engine_call *call, engine_value *values);
bool core_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error);

/// Copies the answer to the place that ubiq_alloc answered. Errors: `trap` when the memory does not have it.
ubiq_error *core_finish(void *env, engine_call *call, engine_value *values);

/// The guest's memory as it is now.
engine_memory core_memory(const struct ubiq_plugin *plugin);

#endif
