// The wire `core`: how a module that has no kernel is called, for languages that have nothing but core Wasm.
//
// Such a module exports its memory, ubiq_alloc(size) -> place (0: out of memory), ubiq_free(place, size) and
// ubiq_handle(format, op, op_size, in, in_size) -> place << 32 | size of its answer. One block has the name of the operation
// and, behind it, the input. Format 0 is JSON, and the answer is {"ok": value} or {"error": {"message": text}}. The host frees
// both blocks, before the instance's next call. What a guest says of places is checked each time it is used.
//
// All of that is one call of the hub (HUB_GUEST_CALL), which calls the guest's functions and, for the input, the host: guest code,
// so that it may be cut by a tick, and has its limits. Such modules are merged with their hub, or refused.
#ifndef PLUGIN_CALL_CORE_H
#define PLUGIN_CALL_CORE_H

#include "base/buffer.h"
#include "engine/engine.h"

struct ubiq_compiled;
struct ubiq_plugin;
struct compiled_function;

/// A store was just opened.
void core_open(struct ubiq_plugin *plugin);

/// Begins a call; the plugin's function is CORE_CALL. Errors: `too_large`; and those of core_place.
ubiq_error *core_start(struct ubiq_plugin *plugin, engine_state *state);

/// Takes the answer of a call that has ended: the plugin's output, as JSON. Errors: `guest_error` with its words;
/// `invalid_output`.
ubiq_error *core_conclude(struct ubiq_plugin *plugin);

/// Reads {"ok": value} or {"error": ...}. `*value` is JSON, a piece of the answer where that is written without blanks around it,
/// else in `room`. Errors: as core_conclude.
ubiq_error *core_answer_read(ubiq_bytes answer, buffer *room, ubiq_bytes *value);

/// A call of the plugin begins: nothing is left of the one before, however that ended.
void core_call_begin(struct ubiq_plugin *plugin);

#endif
