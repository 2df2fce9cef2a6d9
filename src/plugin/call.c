// Instances of plugins, and their calls.
//
// A call goes through stages: the steps that start the guest (once an instance), then the function. Between them the
// kernel is reset and given the input. On the caller's stack each stage runs to its end; on a loop each may suspend, and
// whoever owns the loop resumes it. Ticks, limits and the outcome are the same for both.
#include "plugin/internal.h"

#include "base/clock.h"
#include "engine/ticker.h"
#include "kernel/kernel.h"
#include "plugin/blocks.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_ELEMENTS_MAX = 100000 };

// -- Limits and ticks --

static uint64_t smaller_ms(uint64_t a, uint64_t b) {
  return a && (!b || a < b) ? a : b;
}

// `start_ns` plus a number of milliseconds; UINT64_MAX for none and for what lies beyond time.
static uint64_t after_ms(uint64_t start_ns, uint64_t ms) {
  return ms && ms < (UINT64_MAX - start_ns) / CLOCK_NS_PER_MS ? start_ns + ms * CLOCK_NS_PER_MS : UINT64_MAX;
}

static void arm_limits(plugin *plugin) {
  const manifest *manifest = plugin->compiled->manifest;
  plugin->timeout_ms = smaller_ms(plugin->limits.wall_ms, manifest->has_timeout ? manifest->timeout_ms : 0);
  plugin->deadline_ns = plugin->timeout_ms ? after_ms(clock_monotonic_ns(), plugin->timeout_ms) : UINT64_MAX;
  plugin->cpu_limit_ns = after_ms(0, plugin->limits.cpu_ms);
  plugin->cpu_ns = 0;
  atomic_store_explicit(&plugin->cancelled, false, memory_order_relaxed);
}

static ubiq_error *overdue_at(plugin *plugin, uint64_t now, uint64_t cpu_ns) {
  if (atomic_load_explicit(&plugin->cancelled, memory_order_relaxed))
    return ubiq_error_new(UBIQ_CANCELLED, "the call was cancelled");
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
// own clock is asked; that costs a system call, and is left out where nothing depends on it.
static uint64_t poll_clock_ns(const plugin *plugin) {
  if (plugin->compiled->options.suspends) return clock_monotonic_ns();
  return plugin->cpu_limit_ns == UINT64_MAX ? 0 : clock_thread_cpu_ns();
}

static ubiq_error *on_tick(void *user, engine_tick_action *action) {
  plugin *plugin = user;
  *action = ENGINE_TICK_YIELD;
  return overdue_at(plugin, clock_monotonic_ns(), plugin->cpu_ns + poll_clock_ns(plugin) - plugin->poll_started_ns);
}

uint64_t plugin_deadline_ns(const plugin *plugin) {
  return plugin->deadline_ns;
}
uint64_t plugin_cpu_ns(const plugin *plugin) {
  return plugin->cpu_ns;
}

// -- Making and ending --

void plugin_set_wasi(plugin *plugin, const plugin_wasi_setup *setup) {
  plugin->wasi_setup = *setup;
}

ubiq_error *plugin_new(compiled *compiled, const plugin_host *host, const plugin_limits *limits, plugin **out) {
  plugin *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->compiled = compiled;
  self->host = host;
  self->wasi_setup.input_fd = -1;
  if (limits) self->limits = *limits;
  atomic_fetch_add(&compiled->references, 1);
  *out = self;
  return NULL;
}

ubiq_error *ubiq_plugin_new(ubiq_compiled *compiled, ubiq_plugin **out) {
  if (compiled->options.suspends)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s was compiled to suspend; it is for event loops", compiled->name);
  return plugin_new(compiled, NULL, NULL, out);
}

void ubiq_plugin_delete(ubiq_plugin *plugin) {
  if (!plugin) return;
  http_end(plugin);
  fetch_client_delete(plugin->http.client);
  free(plugin->http.headers_json);
  engine_store_delete(plugin->store);
  wasi_context_delete(plugin->wasi);
  buffer_free(&plugin->lines[0]);
  buffer_free(&plugin->lines[1]);
  map_free(&plugin->vars);
  map_free(&plugin->config);
  ubiq_compiled_delete(plugin->compiled);
  free(plugin);
}

void ubiq_plugin_cancel(ubiq_plugin *plugin) {
  atomic_store(&plugin->cancelled, true);
}

static ubiq_error *open_store(plugin *plugin) {
  compiled *compiled = plugin->compiled;
  engine_store_options options = {.user = plugin,
                                  .tick = on_tick,
                                  .memory_bytes_max = compiled->memory_bytes_max,
                                  .table_elements_max = TABLE_ELEMENTS_MAX};
  ubiq_error *error = engine_store_new(compiled->image, &options, &plugin->store);
  if (error) return error;
  plugin->steps_done = 0;
  plugin->target.name = NULL;
  plugin->store_spent = false;
  if (!plugin_kernel_function(plugin, "call_begin", &plugin->begin))
    return ubiq_error_new(UBIQ_INTERNAL, "the kernel has no call_begin");
  plugin_update_memory_limit(plugin);
  return NULL;
}

// -- The parts of a call --

static ubiq_error *prepare_store(plugin *plugin) {
  if (plugin->store_spent) {
    engine_store_delete(plugin->store);
    plugin->store = NULL;
    if (plugin->wasi) wasi_context_reset(plugin->wasi);
  }
  plugin->output = (ubiq_bytes){0};
  plugin->said = (text){0};
  plugin->grow_refused = false;
  return plugin->store ? NULL : open_store(plugin);
}

static ubiq_error *resolve(plugin *plugin, const compiled_function *function) {
  if (plugin->target.name == function->name) return NULL;
  if (!plugin_function(plugin, plugin->compiled->main, function->name, &plugin->function))
    return ubiq_error_new(UBIQ_INTERNAL, "the instance has no export %s", function->name);
  plugin->target = *function;
  return NULL;
}

static ubiq_error *refuel(plugin *plugin) {
  uint64_t fuel = plugin->compiled->options.fuel;
  return fuel ? engine_fuel_set(plugin->store, fuel) : NULL;
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

// What a guest said, cut and made UTF-8 where it is not. NULL when memory is out.
static const char *clean(text said, buffer *out) {
  enum { SAID_BYTES_MAX = 64 << 10 };
  if (said.size > SAID_BYTES_MAX) said.size = SAID_BYTES_MAX;
  bool ok = text_utf8_valid(said.data, said.size) ? buffer_append(out, said.data, said.size) : text_escape(out, said);
  return ok ? buffer_string(out) : NULL;
}

static text kernel_text(const engine_memory *memory, uint64_t offset, uint64_t length) {
  const uint8_t *place = offset && length ? engine_memory_span(memory, offset, length) : NULL;
  return (text){(const char *)place, place ? length : 0};
}

// How a guest says why it failed: the error that it set stands before everything else.
static ubiq_error *guest_error(plugin *plugin, text said, int32_t code) {
  if (!said.size)
    return ubiq_error_with_detail(ubiq_error_new(UBIQ_GUEST_ERROR, "%s returned %d", plugin->target.name, code), code);
  buffer cleaned = {0};
  const char *words = clean(said, &cleaned);
  ubiq_error *error = words ? ubiq_error_new(UBIQ_GUEST_ERROR, "%s", words) : ubiq_error_no_memory();
  buffer_free(&cleaned);
  return ubiq_error_with_detail(error, code);
}

// An engine cannot say that a guest trapped because its memory could not grow: guests answer a refused memory.grow with
// a trap of their own making. A refusal by the kernel is known; for the guest's own memory a trap with most of the limit
// in use is taken for one.
static bool looks_out_of_memory(plugin *plugin) {
  uint64_t limit = plugin->compiled->memory_bytes_max;
  return plugin->grow_refused || (limit && plugin_memory_bytes(plugin) > limit / 4 * 3);
}

static ubiq_error *from_trap(plugin *plugin, ubiq_error *error, text said) {
  if (ubiq_error_code(error) != UBIQ_TRAP) return error;
  ubiq_code code = looks_out_of_memory(plugin) ? UBIQ_MEMORY_LIMIT : UBIQ_TRAP;
  if (code == UBIQ_TRAP && !said.size) return error;
  const char *why = code == UBIQ_MEMORY_LIMIT ? "out of memory: " : "";
  buffer cleaned = {0};
  const char *words = said.size ? clean(said, &cleaned) : "";
  ubiq_error *result = words
                           ? ubiq_error_new(code, "%s%s%s%s", why, ubiq_error_message(error), *words ? ": " : "", words)
                           : ubiq_error_no_memory();
  buffer_free(&cleaned);
  result = ubiq_error_with_detail(result, ubiq_error_detail(error));
  ubiq_error_delete(error);
  return result;
}

static ubiq_error *from_exit(plugin *plugin, ubiq_error *error, uint32_t code, text said) {
  ubiq_error_delete(error);
  plugin->store_spent = true;
  if (code == 0 && !said.size) return NULL;
  if (said.size) return guest_error(plugin, said, (int32_t)code);
  return ubiq_error_with_detail(ubiq_error_new(UBIQ_GUEST_ERROR, "%s exited with code %u", plugin->target.name, code),
                                (int32_t)code);
}

static int32_t return_code(const plugin *plugin) {
  const wasm_signature *signature = plugin->target.signature;
  if (signature->results_count == 0) return 0;
  return signature->results[0] == WASM_TYPE_I32 ? plugin->values[0].i32 : -1;
}

// What the call came to, from how it ended and what the guest left in the kernel.
static ubiq_error *conclude(plugin *plugin, ubiq_error *error) {
  plugin->stage = STAGE_IDLE;
  wasi_flush(plugin);
  engine_memory memory = plugin_kernel_memory(plugin);
  struct kernel_root root = blocks_root(&memory);
  text output = kernel_text(&memory, root.output_offset, root.output_length);
  text said = kernel_text(&memory, root.error_offset, root.error_length);
  plugin->output = (ubiq_bytes){(const uint8_t *)output.data, output.size};
  plugin->said = said;
  if (plugin->compiled->options.fuel)
    plugin->fuel_used = plugin->compiled->options.fuel - engine_fuel_get(plugin->store);
  uint32_t code;
  if (plugin->target.name && strcmp(plugin->target.name, "_start") == 0) plugin->store_spent = true;
  if (error && plugin->wasi && wasi_context_exited(plugin->wasi, &code)) return from_exit(plugin, error, code, said);
  if (error) return from_trap(plugin, error, said);
  if (said.size || return_code(plugin) != 0) return guest_error(plugin, said, return_code(plugin));
  return NULL;
}

// -- On the caller's stack --

static ubiq_error *run_steps(plugin *plugin) {
  const compiled *compiled = plugin->compiled;
  ubiq_error *error = NULL;
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

static ubiq_error *call_here(plugin *plugin) {
  ubiq_error *error = refuel(plugin);
  if (!error) error = run_steps(plugin);
  if (!error) error = refuel(plugin);
  if (!error) error = give_input(plugin);
  if (!error) error = engine_call_now(plugin->store, &plugin->function, plugin->values, 2);
  return conclude(plugin, error);
}

static ubiq_error *find_target(plugin *plugin, const char *name, compiled_function *out) {
  if (plugin->target.name && strcmp(plugin->target.name, name) == 0) {
    *out = plugin->target;
    return NULL;
  }
  return compiled_function_find(plugin->compiled, name, out);
}

ubiq_error *ubiq_plugin_call(ubiq_plugin *plugin, const char *function, ubiq_bytes input, ubiq_bytes *output) {
  *output = (ubiq_bytes){0};
  if (plugin->stage != STAGE_IDLE)
    return ubiq_error_new(UBIQ_BUSY, "the plugin is being called already; host functions may not call back into it");
  compiled_function target;
  ubiq_error *error = find_target(plugin, function, &target);
  if (!error) error = prepare_store(plugin);
  if (!error) error = resolve(plugin, &target);
  if (error) return error;
  plugin->input = input;
  plugin->stage = STAGE_FUNCTION;
  arm_limits(plugin);
  plugin->poll_started_ns = poll_clock_ns(plugin);
  ticker_begin();
  error = call_here(plugin);
  ticker_end();
  plugin->cpu_ns = poll_clock_ns(plugin) - plugin->poll_started_ns;
  *output = plugin->output;
  return error;
}

ubiq_error *ubiq_plugin_reset(ubiq_plugin *plugin) {
  if (plugin->stage != STAGE_IDLE) return ubiq_error_new(UBIQ_BUSY, "the plugin is being called");
  plugin->output = (ubiq_bytes){0};
  plugin->said = (text){0};
  engine_function reset;
  if (!plugin->store) return NULL;
  if (!plugin_kernel_function(plugin, "reset", &reset)) return ubiq_error_new(UBIQ_INTERNAL, "the kernel has no reset");
  return engine_call_now(plugin->store, &reset, NULL, 0);
}

// -- On a loop --

static void poll_begin(plugin *plugin) {
  plugin->poll_started_ns = clock_monotonic_ns();
  ticker_begin();
}

static void poll_end(plugin *plugin) {
  ticker_end();
  plugin->cpu_ns += clock_monotonic_ns() - plugin->poll_started_ns;
}

static ubiq_error *start_step(plugin *plugin, engine_state *state) {
  const compiled_step *step = &plugin->compiled->steps[plugin->steps_done];
  engine_function function;
  memset(plugin->values, 0, sizeof plugin->values);
  if (!plugin_function(plugin, step->module, step->name, &function))
    return ubiq_error_new(UBIQ_INTERNAL, "the instance has no export %s", step->name);
  return engine_call_start(plugin->store, &function, step->signature, plugin->values, state);
}

static ubiq_error *start_function(plugin *plugin, engine_state *state) {
  plugin->stage = STAGE_FUNCTION;
  ubiq_error *error = refuel(plugin);
  if (!error) error = give_input(plugin);
  if (error) return error;
  return engine_call_start(plugin->store, &plugin->function, plugin->target.signature, plugin->values, state);
}

// Begins stages one after the other until one suspends, fails, or the last is done.
static ubiq_error *go_on(plugin *plugin, engine_state *state) {
  while (*state == ENGINE_DONE) {
    if (plugin->stage == STAGE_FUNCTION) return NULL;
    bool more = plugin->steps_done < plugin->compiled->steps_count;
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

static ubiq_error *settle(plugin *plugin, ubiq_error *error, engine_state engine, plugin_state *state) {
  poll_end(plugin);
  if (!error && engine != ENGINE_DONE) {
    *state = suspended(plugin, engine);
    return NULL;
  }
  if (plugin->stage == STAGE_STEPS) plugin->store_spent = true; // half started: the next call begins anew
  *state = PLUGIN_DONE;
  return conclude(plugin, error);
}

ubiq_error *plugin_call_start(plugin *plugin, const compiled_function *function, ubiq_bytes input,
                              plugin_state *state) {
  *state = PLUGIN_DONE;
  if (plugin->stage != STAGE_IDLE) return ubiq_error_new(UBIQ_BUSY, "a call of the plugin is under way already");
  ubiq_error *error = prepare_store(plugin);
  if (!error) error = resolve(plugin, function);
  if (!error) error = refuel(plugin);
  if (error) return error;
  plugin->input = input;
  plugin->stage = STAGE_STEPS;
  arm_limits(plugin);
  poll_begin(plugin);
  engine_state engine = ENGINE_DONE;
  error = go_on(plugin, &engine);
  return settle(plugin, error, engine, state);
}

ubiq_error *plugin_call_resume(plugin *plugin, plugin_state *state) {
  poll_begin(plugin);
  engine_state engine = ENGINE_YIELDED;
  ubiq_error *error = engine_call_resume(plugin->store, &engine);
  if (!error && engine == ENGINE_DONE && plugin->stage == STAGE_STEPS) {
    plugin->steps_done++;
    error = go_on(plugin, &engine);
  }
  return settle(plugin, error, engine, state);
}

ubiq_bytes plugin_output(plugin *plugin) {
  return plugin->output;
}

uint64_t ubiq_plugin_fuel_used(const ubiq_plugin *plugin) {
  return plugin->fuel_used;
}
