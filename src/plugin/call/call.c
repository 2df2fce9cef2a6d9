// Calls of plugins.
//
// A call goes through stages: the steps that start the guest (once an instance), then the function. Between them the
// kernel is reset and given the input. On the caller's stack each stage runs to its end; on a loop each may suspend, and
// whoever owns the loop resumes it. Ticks, limits and the outcome are the same for both.
#include "plugin/call/call.h"
#include "plugin/call/component.h"
#include "plugin/call/core.h"
#include "plugin/compile/core_module.h"
#include "plugin/host/wasi_glue.h"

#include "engine/ticker.h"
#include "kernel/kernel.h"

#include <string.h>

// -- The parts of a call --

static ubiq_error *resolve(plugin *plugin, const compiled_function *function) {
  if (plugin->target.name == function->name) return NULL;
  if (plugin->compiled->options.component) {
    plugin->target = *function;
    return NULL;
  }
  bool is_core = plugin->compiled->options.core;
  bool has_it = is_core ? plugin_kernel_function(plugin, CORE_CALL, &plugin->function)
                        : plugin_function(plugin, plugin->compiled->main, function->name, &plugin->function);
  if (!has_it) return ubiq_error_new(UBIQ_INTERNAL, "the instance has no export %s", function->name);
  plugin->target = *function;
  plugin->is_command = strcmp(function->name, "_start") == 0;
  return NULL;
}

// Resets the kernel and hands it the input.
static ubiq_error *give_input(plugin *plugin) {
  engine_value value = {.i64 = (int64_t)plugin->input.size};
  ubiq_error *error = engine_call_now(plugin->store, &plugin->begin, &value, 1);
  if (error || plugin->input.size == 0) return error;
  uint64_t offset = (uint64_t)value.i64;
  engine_memory memory = plugin_kernel_memory(plugin);
  uint8_t *place = offset == KERNEL_CALL_BEGIN_FAILED ? NULL : engine_memory_span(&memory, offset, plugin->input.size);
  if (!place)
    return ubiq_error_new(UBIQ_MEMORY_LIMIT, "out of memory: no room for an input of %zu bytes", plugin->input.size);
  memcpy(place, plugin->input.data, plugin->input.size);
  return NULL;
}

// -- On the caller's stack --

static ubiq_error *run_steps(plugin *plugin) {
  const compiled *compiled = plugin->compiled;
  ubiq_error *error = budget_refuel(plugin);
  for (; plugin->steps_done < compiled->steps_count && !error; plugin->steps_done++) {
    const compiled_step *step = &compiled->steps[plugin->steps_done];
    engine_function function;
    engine_value values[2] = {{0}};
    error = plugin_function(plugin, step->module, step->name, &function)
                ? engine_call_now(plugin->store, &function, values, 2)
                : ubiq_error_new(UBIQ_INTERNAL, "the instance has no export %s", step->name);
  }
  if (error) plugin->store_spent = true; // half started: the next call begins anew
  return error;
}

// The fuel is the guest's: what the kernel takes to get ready differs from the first call to later ones.
static ubiq_error *get_ready(plugin *plugin) {
  ubiq_error *error = budget_refuel(plugin);
  if (!error) error = give_input(plugin);
  return error ? error : budget_refuel(plugin);
}

static ubiq_error *call_here(plugin *plugin) {
  bool is_new = plugin->steps_done < plugin->compiled->steps_count;
  ubiq_error *error = is_new ? run_steps(plugin) : NULL;
  if (!error) error = get_ready(plugin);
  if (!error) error = engine_call_now(plugin->store, &plugin->function, plugin->values, 2);
  return outcome_conclude(plugin, error);
}

static ubiq_error *find_target(plugin *plugin, const char *name, compiled_function *out) {
  if (plugin->target.name && strcmp(plugin->target.name, name) == 0) {
    *out = plugin->target;
    return NULL;
  }
  return compiled_function_find(plugin->compiled, name, out);
}

// Makes the plugin ready for a call of `function`.
static ubiq_error *prepare(plugin *plugin, const compiled_function *function, ubiq_bytes input,
                           const ubiq_call_options *options) {
  ubiq_error *error = instance_prepare(plugin);
  if (!error) error = resolve(plugin, function);
  if (!error) error = budget_begin(plugin, options);
  plugin->input = input;
  core_call_begin(plugin);
  return error;
}

static ubiq_error *call_on_stack(plugin *plugin, const compiled_function *function, ubiq_bytes input,
                                 const ubiq_call_options *options) {
  ubiq_error *error = prepare(plugin, function, input, options);
  if (error) return error;
  plugin->stage = STAGE_FUNCTION;
  plugin->poll_started_ns = budget_thread_clock_ns(plugin);
  ticker_begin(plugin);
  error = call_here(plugin);
  ticker_end(plugin);
  plugin->cpu_ns = budget_thread_clock_ns(plugin) - plugin->poll_started_ns;
  return error;
}

ubiq_error *ubiq_plugin_call_with(ubiq_plugin *plugin, const char *function, ubiq_bytes input,
                                  const ubiq_call_options *options, ubiq_bytes *output) {
  *output = (ubiq_bytes){0};
  if (plugin->stage != STAGE_IDLE)
    return ubiq_error_new(UBIQ_BUSY, "the plugin is being called already; host functions may not call back into it");
  compiled_function target;
  ubiq_error *error = find_target(plugin, function, &target);
  if (error) return error;
  plugin->output = (ubiq_bytes){0};
  budget_forget_cancellation(plugin);
  error = plugin->compiled->options.suspends ? call_blocking(plugin, &target, input, options)
                                             : call_on_stack(plugin, &target, input, options);
  *output = plugin->output;
  return error;
}

ubiq_error *ubiq_plugin_call(ubiq_plugin *plugin, const char *function, ubiq_bytes input, ubiq_bytes *output) {
  return ubiq_plugin_call_with(plugin, function, input, NULL, output);
}

ubiq_error *ubiq_plugin_reset(ubiq_plugin *plugin) {
  if (plugin->stage != STAGE_IDLE) return ubiq_error_new(UBIQ_BUSY, "the plugin is being called");
  plugin->output = (ubiq_bytes){0};
  plugin->said = (text){0};
  engine_function reset;
  bool has_kernel = compiled_has_kernel(plugin->compiled);
  if (!has_kernel) plugin->store_spent = plugin->store != NULL;
  if (!plugin->store || !has_kernel) return NULL;
  if (!plugin_kernel_function(plugin, "reset", &reset)) return ubiq_error_new(UBIQ_INTERNAL, "the kernel has no reset");
  budget_forget_cancellation(plugin); // what ended a former call is over
  ubiq_error *error = budget_begin(plugin, NULL);
  if (!error) error = budget_refuel(plugin);
  return error ? error : engine_call_now(plugin->store, &reset, NULL, 0);
}

// -- On a loop --

static void poll_begin(plugin *plugin) {
  plugin->poll_started_ns = clock_monotonic_ns();
  ticker_begin(plugin);
}

static void poll_end(plugin *plugin) {
  ticker_end(plugin);
  plugin->cpu_ns += clock_monotonic_ns() - plugin->poll_started_ns;
}

static ubiq_error *start_step(plugin *plugin, engine_state *state) {
  if (plugin->compiled->options.component) return component_step(plugin, plugin->steps_done, state);
  const compiled_step *step = &plugin->compiled->steps[plugin->steps_done];
  engine_function function;
  memset(plugin->values, 0, sizeof plugin->values);
  if (!plugin_function(plugin, step->module, step->name, &function))
    return ubiq_error_new(UBIQ_INTERNAL, "the instance has no export %s", step->name);
  return engine_call_start(plugin->store, &function, step->signature, plugin->values, state);
}

static ubiq_error *start_function(plugin *plugin, engine_state *state) {
  if (plugin->compiled->options.core) return core_start(plugin, state);
  if (plugin->compiled->options.component) return component_handle(plugin, state);
  plugin->stage = STAGE_FUNCTION;
  ubiq_error *error = get_ready(plugin);
  if (error) return error;
  return engine_call_start(plugin->store, &plugin->function, plugin->target.signature, plugin->values, state);
}

// Begins stages one after the other until one suspends, fails, or the last is done.
static ubiq_error *go_on(plugin *plugin, engine_state *state) {
  while (*state == ENGINE_DONE) {
    if (plugin->stage == STAGE_FUNCTION) return NULL;
    bool more = plugin->steps_done < plugin->compiled->steps_count;
    if (!more && plugin->starts_only) return NULL;
    ubiq_error *error = more ? start_step(plugin, state) : start_function(plugin, state);
    if (error) return error;
    if (more && *state == ENGINE_DONE) plugin->steps_done++;
  }
  return NULL;
}

// A call that was resumed before what it waits for was there still waits: its time is said again.
static plugin_state suspended(plugin *plugin, engine_state engine) {
  if (engine == ENGINE_YIELDED) return PLUGIN_YIELDED;
  if (plugin->wake_at_ns && plugin->host && plugin->host->wake_at)
    plugin->host->wake_at(plugin->host->user, plugin->wake_at_ns);
  return PLUGIN_WAITING;
}

// What a guest answers while it starts is no function's answer.
static ubiq_error *conclude_start(plugin *plugin) {
  plugin->stage = STAGE_IDLE;
  wasi_flush(plugin);
  return NULL;
}

static ubiq_error *settle(plugin *plugin, ubiq_error *error, engine_state engine, plugin_state *state) {
  poll_end(plugin);
  if (!error && engine != ENGINE_DONE) {
    *state = suspended(plugin, engine);
    return NULL;
  }
  *state = PLUGIN_DONE;
  bool is_started = plugin->starts_only && !error;
  plugin->starts_only = false;
  if (is_started) return conclude_start(plugin);
  if (plugin->stage == STAGE_STEPS) plugin->store_spent = true; // half started: the next call begins anew
  return outcome_conclude(plugin, error);
}

ubiq_error *call_begin(plugin *plugin, const compiled_function *function, ubiq_bytes input,
                       const ubiq_call_options *options, plugin_state *state) {
  *state = PLUGIN_DONE;
  ubiq_error *error = prepare(plugin, function, input, options);
  if (!error) error = budget_refuel(plugin);
  if (error) return error;
  plugin->stage = STAGE_STEPS;
  poll_begin(plugin);
  engine_state engine = ENGINE_DONE;
  error = go_on(plugin, &engine);
  return settle(plugin, error, engine, state);
}

ubiq_error *plugin_call_start(plugin *plugin, const compiled_function *function, ubiq_bytes input,
                              plugin_state *state) {
  *state = PLUGIN_DONE;
  if (plugin->stage != STAGE_IDLE) return ubiq_error_new(UBIQ_BUSY, "a call of the plugin is under way already");
  budget_forget_cancellation(plugin);
  return call_begin(plugin, function, input, NULL, state);
}

ubiq_error *plugin_start(plugin *plugin, const compiled_function *function, plugin_state *state) {
  budget_forget_cancellation(plugin);
  plugin->starts_only = true;
  return call_begin(plugin, function, (ubiq_bytes){0}, NULL, state);
}

ubiq_error *plugin_call_resume(plugin *plugin, plugin_state *state) {
  poll_begin(plugin);
  engine_state engine = ENGINE_YIELDED;
  ubiq_error *error = engine_call_resume(plugin->store, &engine);
  if (!error && engine == ENGINE_DONE && plugin->stage == STAGE_STEPS) {
    if (plugin->steps_done < plugin->compiled->steps_count) plugin->steps_done++;
    error = go_on(plugin, &engine);
  }
  return settle(plugin, error, engine, state);
}

uint64_t plugin_entered_ns(const plugin *plugin) {
  return plugin->poll_started_ns;
}

uint64_t plugin_cpu_ns(const plugin *plugin) {
  return plugin->cpu_ns;
}

ubiq_bytes plugin_output(plugin *plugin) {
  return plugin->output;
}

uint64_t ubiq_plugin_fuel_used(const ubiq_plugin *plugin) {
  return plugin->fuel_used;
}
