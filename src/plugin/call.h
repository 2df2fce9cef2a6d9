// What the files of a call share: its budget (budget.c), its store (instance.c), its outcome (outcome.c).
#ifndef PLUGIN_CALL_H
#define PLUGIN_CALL_H

#include "plugin/internal.h"

/// Arms the limits of a call that begins now: of the instance's, the manifest's and the call's own (NULL: none) the
/// smaller holds. Errors: `invalid_input` (fuel in a plugin that does not count it).
ubiq_error *budget_begin(plugin *plugin, const ubiq_call_options *options);

/// Gives the store the fuel of the call, where it is counted.
ubiq_error *budget_refuel(plugin *plugin);

/// What the store has used of the fuel of the call; 0 where it is not counted.
uint64_t budget_fuel_used(const plugin *plugin);

/// The clock of a call on the caller's stack: the thread's CPU time, or 0 where nothing depends on it, because asking
/// costs a system call.
uint64_t budget_thread_clock_ns(const plugin *plugin);

/// The engine's tick within a call: ends it when a limit has passed, else makes a call on a fiber give way.
ubiq_error *budget_tick(void *user, engine_tick_action *action);

/// Opens the store that the next call needs, where the last one left none.
ubiq_error *instance_prepare(plugin *plugin);

/// What the call came to, from how it ended and what the guest left in the kernel. Takes ownership of `error`.
ubiq_error *outcome_conclude(plugin *plugin, ubiq_error *error);

#endif
