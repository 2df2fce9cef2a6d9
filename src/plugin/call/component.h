// The wire `component`: how a component of Metatype's world metatype:wit-wire is called (wit/wit-wire.wit).
//
// Its init is told once, with the instance, which operation is expected; its handle gets the operation's name and the input,
// as JSON, and answers JSON. What the guest asks by hostcall("InvokeHost", request) is what InvokeHost is asked in JSON
// (docs/invoke-host.md); every other name is answered with an error. All of it, making the instance included, is guest code,
// so that each is a stage of the plugin's call: it may be cut by a tick, and has its limits.
#ifndef PLUGIN_CALL_COMPONENT_H
#define PLUGIN_CALL_COMPONENT_H

#include "base/buffer.h"
#include "engine/component.h"

struct ubiq_plugin;

/// A new store was opened.
void component_open(struct ubiq_plugin *plugin);

/// Begins step `index` of the instance's start.
ubiq_error *component_step(struct ubiq_plugin *plugin, size_t index, engine_state *state);

/// Begins handle. Errors: `guest_error` for what init answered; `invalid_input` for an input that is not UTF-8.
ubiq_error *component_handle(struct ubiq_plugin *plugin, engine_state *state);

/// Takes the answer of a call that has ended: the plugin's output. Errors: `not_found` (no-handler), `invalid_input`
/// (in-json-err), `guest_error` (handler-err), `invalid_output` for what is no JSON.
ubiq_error *component_conclude(struct ubiq_plugin *plugin);

#endif
