// See budget.h.
//
// A tick of the engine (engine/ticker.h) asks whether a call in the guest is over its budget; whoever waits for it asks
// plugin_overdue.
#include "plugin/parts/budget.h"

static uint64_t smaller(uint64_t a, uint64_t b) {
  return a && (!b || a < b) ? a : b;
}

// `start_ns` plus a number of milliseconds; UINT64_MAX for none and for what lies beyond time.
static uint64_t after_ms(uint64_t start_ns, uint64_t ms) {
  return ms && ms < (UINT64_MAX - start_ns) / CLOCK_NS_PER_MS ? start_ns + ms * CLOCK_NS_PER_MS : UINT64_MAX;
}

ubiq_error *budget_begin(plugin *plugin, const ubiq_call_options *options) {
  static const ubiq_call_options nothing = {0};
  const manifest *manifest = plugin->compiled->manifest;
  if (!options) options = &nothing;
  plugin->fuel = plugin->compiled->options.fuel;
  if (options->fuel && !plugin->fuel)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s was compiled without fuel; expected a call without it",
                          plugin->compiled->name);
  plugin->fuel = smaller(options->fuel, plugin->fuel);
  plugin->timeout_ms = smaller(plugin->limits.wall_ms, manifest->has_timeout ? manifest->timeout_ms : 0);
  plugin->timeout_ms = smaller(options->timeout_ms, plugin->timeout_ms);
  plugin->deadline_ns = plugin->timeout_ms ? after_ms(clock_monotonic_ns(), plugin->timeout_ms) : UINT64_MAX;
  if (manifest->has_timeout && !manifest->timeout_ms) plugin->deadline_ns = 0; // no time at all, as with Extism
  plugin->cpu_limit_ns = after_ms(0, smaller(options->cpu_ms, plugin->limits.cpu_ms));
  plugin->cpu_ns = 0;
  return NULL;
}

uint64_t budget_fuel_used(const plugin *plugin) {
  return plugin->fuel ? plugin->fuel - engine_fuel_get(plugin->store) : 0;
}

ubiq_error *budget_cancelled(plugin *plugin) {
  bool is_cancelled = atomic_load_explicit(&plugin->cancelled, memory_order_relaxed);
  return is_cancelled ? ubiq_error_new(UBIQ_CANCELLED, "the call was cancelled") : NULL;
}

static ubiq_error *overdue_at(plugin *plugin, uint64_t now, uint64_t cpu_ns) {
  ubiq_error *cancelled = budget_cancelled(plugin);
  if (cancelled) return cancelled;
  if (now >= plugin->deadline_ns)
    return ubiq_error_new(UBIQ_TIMEOUT, "timeout: the call took longer than %llu ms",
                          (unsigned long long)plugin->timeout_ms);
  if (cpu_ns > plugin->cpu_limit_ns)
    return ubiq_error_new(UBIQ_CPU_LIMIT, "the call used more than %llu ms of CPU time",
                          (unsigned long long)(plugin->cpu_limit_ns / CLOCK_NS_PER_MS));
  return NULL;
}

ubiq_error *plugin_overdue(plugin *plugin) {
  return overdue_at(plugin, clock_monotonic_ns(), plugin->cpu_ns);
}

// On a loop a call's CPU time is what its polls took. On the caller's stack host functions block, so there the thread's
// own clock is asked.
ubiq_error *budget_tick(void *user, engine_tick_action *action) {
  plugin *plugin = user;
  uint64_t now = clock_monotonic_ns();
  uint64_t clock = plugin->compiled->options.suspends ? now : budget_thread_clock_ns(plugin);
  *action = ENGINE_TICK_YIELD;
  return overdue_at(plugin, now, plugin->cpu_ns + clock - plugin->poll_started_ns);
}

uint64_t plugin_deadline_ns(const plugin *plugin) {
  return plugin->deadline_ns;
}

void ubiq_plugin_cancel(ubiq_plugin *plugin) {
  atomic_store(&plugin->cancelled, true);
  alarm_ring(&plugin->alarm);
}
