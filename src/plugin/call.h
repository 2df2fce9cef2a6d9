// What the files of a call share: its budget (budget.c), its store (instance.c), its outcome (outcome.c).
#ifndef PLUGIN_CALL_H
#define PLUGIN_CALL_H

#include "base/clock.h"
#include "plugin/internal.h"
#include "ubiq/call.h"

/// Arms the limits of a call that begins now: of the instance's, the manifest's and the call's own (NULL: none) the
/// smaller holds. Errors: `invalid_input` (fuel in a plugin that does not count it).
ubiq_error *budget_begin(plugin *plugin, const ubiq_call_options *options);

/// Gives the store the fuel of the call, where it is counted.
static inline ubiq_error *budget_refuel(const plugin *plugin) {
  return plugin->fuel ? engine_fuel_set(plugin->store, plugin->fuel) : NULL;
}

/// What the store has used of the fuel of the call; 0 where it is not counted.
uint64_t budget_fuel_used(const plugin *plugin);

/// The clock of a call on the caller's stack: the thread's CPU time, or 0 where nothing depends on it, because asking
/// costs a system call.
static inline uint64_t budget_thread_clock_ns(const plugin *plugin) {
  return plugin->cpu_limit_ns == UINT64_MAX ? 0 : clock_thread_cpu_ns();
}

/// The engine's tick within a call: ends it when a limit has passed, else makes a call on a fiber give way.
ubiq_error *budget_tick(void *user, engine_tick_action *action);

/// A cancellation from before a call does not end it.
static inline void budget_forget_cancellation(plugin *plugin) {
  atomic_store_explicit(&plugin->cancelled, false, memory_order_relaxed);
}

/// `cancelled` when the plugin's call was cancelled; NULL otherwise.
ubiq_error *budget_cancelled(plugin *plugin);

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
