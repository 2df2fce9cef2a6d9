// Host functions that are completed later (ubiq/function.h).
//
// A completion has two owners: the function's side until it completes, and the plugin's while it waits. Whichever is last
// frees it, so the plugin may end or go on before the function does. Functions of plugins that a host runs complete on the
// host's thread, or when nobody waits any more.
// LOCKS: a completion's mutex, held while the plugin's alarm rings: a plugin that abandons a completion waits for that,
// and is not touched afterwards.
#include "plugin/host/completion.h"

#include "engine/ticker.h"
#include "plugin/parts/function.h"
#include "plugin/parts/instance.h"

#include <stdlib.h>
#include <string.h>

// What a function answered; owns the error and the bytes.
typedef struct outcome {
  ubiq_error *error;
  uint8_t *data; ///< of a block
  size_t size;
  ubiq_value values[FUNCTION_LATE_VALUES_MAX];
} outcome;

struct ubiq_completion {
  atomic_uint shares;
  const ubiq_function *function; ///< a share, so that its `user` stays
  pthread_mutex_t mutex;         ///< guards what follows
  plugin *plugin;                ///< NULL: nobody waits any more
  bool is_starting;              ///< `start` has not returned: who called it looks then, and needs no ring
  bool is_done;
  outcome outcome; ///< until taken
};

static ubiq_error *completion_new(const ubiq_function *function, plugin *plugin, ubiq_completion **out) {
  ubiq_completion *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  atomic_init(&self->shares, 2);
  pthread_mutex_init(&self->mutex, NULL);
  self->function = function_retain(function);
  self->plugin = plugin;
  self->is_starting = true;
  *out = self;
  return NULL;
}

static void give_up(ubiq_completion *self) {
  if (atomic_fetch_sub(&self->shares, 1) != 1) return;
  function_release(self->function);
  pthread_mutex_destroy(&self->mutex);
  ubiq_error_delete(self->outcome.error);
  free(self->outcome.data);
  free(self);
}

// -- The function's side: any thread --

static void tell(plugin *plugin) {
  if (plugin->host)
    plugin->host->wake(plugin->host->user);
  else
    alarm_ring(&plugin->alarm);
}

// Takes ownership of what `outcome` holds.
static void complete(ubiq_completion *self, const outcome *outcome) {
  pthread_mutex_lock(&self->mutex);
  self->is_done = true;
  self->outcome = *outcome;
  if (self->plugin && !self->is_starting) tell(self->plugin);
  pthread_mutex_unlock(&self->mutex);
  give_up(self);
}

void ubiq_completion_done(ubiq_completion *completion, const ubiq_value *outputs) {
  outcome outcome = {0};
  size_t count = completion->function->signature.results_count;
  if (count && !completion->function->answers_block) memcpy(outcome.values, outputs, count * sizeof *outputs);
  complete(completion, &outcome);
}

void ubiq_completion_done_block(ubiq_completion *completion, ubiq_bytes block) {
  outcome outcome = {.size = block.size};
  const ubiq_function *function = completion->function;
  if (!function->answers_block)
    outcome.error = ubiq_error_new(UBIQ_INTERNAL, "host function %s answered a block and was made to answer values",
                                   function->name);
  else if (block.size && !(outcome.data = malloc(block.size)))
    outcome.error = ubiq_error_no_memory();
  else if (block.size)
    memcpy(outcome.data, block.data, block.size);
  complete(completion, &outcome);
}

void ubiq_completion_fail(ubiq_completion *completion, ubiq_error *error) {
  outcome outcome = {.error = error};
  if (!error)
    outcome.error = ubiq_error_new(UBIQ_INTERNAL, "host function %s failed for no reason", completion->function->name);
  complete(completion, &outcome);
}

bool ubiq_completion_abandoned(ubiq_completion *completion) {
  pthread_mutex_lock(&completion->mutex);
  bool is_abandoned = completion->plugin == NULL;
  pthread_mutex_unlock(&completion->mutex);
  return is_abandoned;
}

// -- The plugin's side: its own thread --

void completion_abandon(plugin *plugin) {
  ubiq_completion *self = plugin->completion;
  if (!self) return;
  plugin->completion = NULL;
  pthread_mutex_lock(&self->mutex);
  self->plugin = NULL;
  pthread_mutex_unlock(&self->mutex);
  give_up(self);
}

void completion_answered(plugin *plugin) {
  free(plugin->late_answer);
  plugin->late_answer = NULL;
}

static bool is_done(ubiq_completion *self) {
  pthread_mutex_lock(&self->mutex);
  bool done = self->is_done;
  pthread_mutex_unlock(&self->mutex);
  return done;
}

ubiq_error *function_begin(void *env, engine_call *call, engine_value *values) {
  const ubiq_function *function = env;
  plugin *plugin = call->user;
  ubiq_completion *completion = NULL;
  ubiq_error *error = completion_new(function, plugin, &completion);
  if (error) return error;
  ubiq_value inputs[FUNCTION_LATE_VALUES_MAX];
  for (size_t i = 0; i < function->signature.params_count; i++) inputs[i].i64 = values[i].i64;
  plugin->completion = completion;
  plugin->wake_at_ns = 0;
  atomic_fetch_add(&completion->shares, 1); // it may be completed and abandoned in here
  function->start(function->user, plugin, inputs, completion);
  pthread_mutex_lock(&completion->mutex);
  completion->is_starting = false;
  pthread_mutex_unlock(&completion->mutex);
  give_up(completion);
  return NULL;
}

// What is not taken ends with the completion.
static ubiq_error *take(plugin *plugin, ubiq_completion *self, engine_value *values) {
  outcome *outcome = &self->outcome;
  ubiq_error *error = outcome->error;
  outcome->error = NULL;
  if (error) return error;
  for (size_t i = 0; i < self->function->signature.results_count; i++) values[i].i64 = outcome->values[i].i64;
  if (!self->function->answers_block) return NULL;
  completion_answered(plugin);
  plugin->late_answer = outcome->data;
  plugin->answer = (plugin_answer){outcome->data, outcome->size};
  values[0].i64 = (int64_t)outcome->size;
  outcome->data = NULL;
  return NULL;
}

bool function_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error) {
  (void)env;
  plugin *plugin = call->user;
  ubiq_completion *completion = plugin->completion;
  bool done = is_done(completion);
  *error = done ? take(plugin, completion, values) : plugin_overdue(plugin);
  if (!done && !*error) return false;
  completion_abandon(plugin);
  return true;
}

// The ticker rests meanwhile: there is no guest to interrupt.
void function_wait(void *env, engine_call *call) {
  (void)env;
  plugin *plugin = call->user;
  unsigned seen = alarm_rings(&plugin->alarm);
  if (is_done(plugin->completion) || atomic_load(&plugin->cancelled)) return;
  ticker_end(plugin);
  alarm_wait(&plugin->alarm, seen, plugin->deadline_ns);
  ticker_begin(plugin);
}
