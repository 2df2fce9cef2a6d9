// Calls in turns (ubiq/call.h), and ubiq_plugin_call of a plugin that suspends: the same turns, taken by a thread that
// blocks between them.
#include "ubiq/call.h"

#include "base/clock.h"
#include "plugin/call/call.h"
#include "plugin/host/completion.h"

#include <stdlib.h>

// LOCKS: `mutex` guards `plugin` against who cancels; it is held while the plugin's alarm rings.
struct ubiq_call {
  pthread_mutex_t mutex;
  plugin *plugin; ///< NULL: it was deleted, or the call is done. Changed by the owner alone
  compiled_function function;
  ubiq_bytes input;
  ubiq_call_options options;
  bool has_begun;
  ubiq_call_state state;
  ubiq_error *error;
  ubiq_bytes output;
};

// When a plugin that waits is to be resumed though nobody woke it.
static uint64_t resume_at_ns(const plugin *plugin) {
  uint64_t wake_ns = plugin->wake_at_ns ? plugin->wake_at_ns : UINT64_MAX;
  return wake_ns < plugin->deadline_ns ? wake_ns : plugin->deadline_ns;
}

ubiq_error *call_blocking(plugin *plugin, const compiled_function *function, ubiq_bytes input,
                          const ubiq_call_options *options) {
  plugin_state state = PLUGIN_DONE;
  unsigned seen = alarm_rings(&plugin->alarm);
  ubiq_error *error = call_begin(plugin, function, input, options, &state);
  while (!error && state != PLUGIN_DONE) {
    if (state == PLUGIN_WAITING) alarm_wait(&plugin->alarm, seen, resume_at_ns(plugin));
    seen = alarm_rings(&plugin->alarm);
    error = plugin_call_resume(plugin, &state);
  }
  return error;
}

ubiq_error *ubiq_call_start(ubiq_plugin *plugin, const char *function, ubiq_bytes input,
                            const ubiq_call_options *options, void (*wake)(void *user), void *user, ubiq_call **out) {
  if (!plugin->compiled->options.suspends)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s was compiled without `suspends`; it cannot be called in turns",
                          plugin->compiled->name);
  if (plugin->stage != STAGE_IDLE) return ubiq_error_new(UBIQ_BUSY, "the plugin is being called already");
  ubiq_call *self = calloc(1, sizeof *self);
  ubiq_error *error =
      self ? compiled_function_find(plugin->compiled, function, &self->function) : ubiq_error_no_memory();
  if (error) {
    free(self);
    return error;
  }
  pthread_mutex_init(&self->mutex, NULL);
  self->plugin = plugin;
  self->input = input;
  if (options) self->options = *options;
  self->state = UBIQ_CALL_READY;
  plugin->stage = STAGE_TAKEN;
  plugin->output = (ubiq_bytes){0};
  plugin->call = self;
  budget_forget_cancellation(plugin);
  alarm_set(&plugin->alarm, wake, user);
  *out = self;
  return NULL;
}

// The plugin belongs to no call any more.
static void let_go(ubiq_call *self) {
  alarm_set(&self->plugin->alarm, NULL, NULL);
  self->plugin->call = NULL;
  pthread_mutex_lock(&self->mutex);
  self->plugin = NULL;
  pthread_mutex_unlock(&self->mutex);
}

// A guest that was cancelled gets no other turn: within one it could end before a tick asks.
static ubiq_error *take_turn(ubiq_call *self, plugin_state *state) {
  ubiq_error *error = budget_cancelled(self->plugin);
  if (error) {
    instance_drop_call(self->plugin);
    return error;
  }
  if (self->has_begun) return plugin_call_resume(self->plugin, state);
  self->has_begun = true;
  self->plugin->stage = STAGE_IDLE;
  return call_begin(self->plugin, &self->function, self->input, &self->options, state);
}

ubiq_call_state ubiq_call_resume(ubiq_call *self) {
  if (!self->plugin) return self->state;
  plugin_state state = PLUGIN_DONE;
  self->error = take_turn(self, &state);
  if (self->error || state == PLUGIN_DONE) {
    self->state = UBIQ_CALL_DONE;
    self->output = self->plugin->output;
    let_go(self);
  } else {
    self->state = state == PLUGIN_YIELDED ? UBIQ_CALL_READY : UBIQ_CALL_WAITING;
  }
  return self->state;
}

uint64_t ubiq_call_wait_ms(const ubiq_call *self) {
  if (self->state != UBIQ_CALL_WAITING) return 0;
  uint64_t at_ns = resume_at_ns(self->plugin), now_ns = clock_monotonic_ns();
  if (at_ns == UINT64_MAX) return UINT64_MAX;
  return at_ns > now_ns ? (at_ns - now_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS : 0;
}

const ubiq_error *ubiq_call_error(const ubiq_call *self) {
  return self->error;
}

ubiq_bytes ubiq_call_output(const ubiq_call *self) {
  return self->output;
}

void ubiq_call_cancel(ubiq_call *self) {
  pthread_mutex_lock(&self->mutex);
  if (self->plugin) ubiq_plugin_cancel(self->plugin);
  pthread_mutex_unlock(&self->mutex);
}

void ubiq_call_delete(ubiq_call *self) {
  if (!self) return;
  if (self->plugin) {
    plugin *plugin = self->plugin;
    let_go(self);
    instance_drop_call(plugin);
  }
  ubiq_error_delete(self->error);
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

void call_forget_plugin(ubiq_call *self) {
  let_go(self);
  self->state = UBIQ_CALL_DONE;
  self->error = ubiq_error_new(UBIQ_CANCELLED, "the plugin was deleted while it was called");
}
