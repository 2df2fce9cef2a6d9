// What the files of a call share: its store (plugin.c), its outcome (outcome.c).
#ifndef PLUGIN_CALL_CALL_H
#define PLUGIN_CALL_CALL_H

#include "base/clock.h"
#include "plugin/parts/budget.h"
#include "ubiq/call.h"

/// Begins a call of a plugin that suspends; as plugin_call_start, with a budget (may be NULL), and heeding a cancellation
/// from before.
ubiq_error *call_begin(plugin *plugin, const compiled_function *function, ubiq_bytes input,
                       const ubiq_call_options *options, plugin_state *state);

/// A call of a plugin that suspends from its beginning to its end, blocking the thread while it waits.
ubiq_error *call_blocking(plugin *plugin, const compiled_function *function, ubiq_bytes input,
                          const ubiq_call_options *options);

/// The plugin of a call that is not done is being deleted.
void call_forget_plugin(ubiq_call *call);

/// Drops a call that is under way; the next finds a fresh store.
void instance_drop_call(plugin *plugin);

/// Opens the store that the next call needs, where the last one left none.
ubiq_error *instance_prepare(plugin *plugin);

/// What the call came to, from how it ended and what the guest left in the kernel. Takes ownership of `error`.
ubiq_error *outcome_conclude(plugin *plugin, ubiq_error *error);

/// Whether an answer of so many bytes, its envelope included, may be read (plugin_limits). Errors: `invalid_output`.
ubiq_error *outcome_check_size(const plugin *plugin, size_t size);

#endif
