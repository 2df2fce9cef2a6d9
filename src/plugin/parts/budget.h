// The budget of a call: its deadline, its CPU time, its fuel; and cancelling it.
#ifndef PLUGIN_PARTS_BUDGET_H
#define PLUGIN_PARTS_BUDGET_H

#include "base/clock.h"
#include "engine/ticker.h"
#include "plugin/parts/instance.h"
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

#endif
