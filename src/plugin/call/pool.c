// Pools of instances (ubiq/pool.h).
//
// DESIGN. `ready + busy + making` never passes `max`: whoever makes an instance has taken its place before. What comes
// free is handed to the first who waits, an instance or the bare place, so that nobody who comes later overtakes; while
// anybody waits, nothing is ready. There is no thread in the background: making an instance costs about what waking a
// thread for it would, and who gives one back has their answer already. Closing frees nothing, because who is just
// beginning a call is counted nowhere; deleting is for when nobody is, and so `busy` and `making` count who is left.
// LOCKS: `mutex` guards everything but what never changes. Instances are made and ended outside of it.
#include "ubiq/pool.h"

#include "base/clock.h"
#include "base/log.h"
#include "plugin/call/call.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEFAULT = 1000 };

/// Somebody who waits for a place, on their own stack.
typedef struct waiter {
  pthread_cond_t changed;
  bool is_granted; ///< a place is theirs, counted as busy
  plugin *plugin;  ///< with the place; NULL: they make one
  struct waiter *previous, *next;
} waiter;

typedef enum pool_stage {
  POOL_OPEN,
  POOL_CLOSED,  ///< nobody gets an instance any more
  POOL_DELETED, ///< and nobody begins a call but to give one back: the pool's memory goes with the last
} pool_stage;

struct ubiq_pool {
  compiled *compiled;        ///< a share; never changes
  ubiq_pool_options options; ///< never changes
  pthread_mutex_t mutex;
  plugin *newest, *oldest; ///< those ready, by when they became so; the newest is used first
  uint32_t ready, busy;
  uint32_t making; ///< to be kept ready
  uint32_t waiting;
  waiter *first, *last;
  uint64_t made;
  pool_stage stage;
};

// -- Instances --

static ubiq_error *make(ubiq_pool *self, plugin **out) {
  ubiq_error *error = plugin_new(self->compiled, NULL, NULL, out);
  if (error) return error;
  error = instance_prepare(*out);
  if (!error) return NULL;
  ubiq_plugin_delete(*out);
  *out = NULL;
  return error;
}

// Makes what was used fit for its next use, or ends it and answers NULL.
static plugin *renew(const ubiq_pool *self, plugin *plugin) {
  bool is_fit = self->options.reuse && plugin_is_fit(plugin);
  ubiq_error *error = is_fit ? ubiq_plugin_reset(plugin) : NULL;
  if (is_fit && !error) return plugin;
  ubiq_error_delete(error);
  ubiq_plugin_delete(plugin);
  return NULL;
}

// -- The ready ones; all of this with the lock held --

static void push_ready(ubiq_pool *self, plugin *plugin) {
  plugin->pool_older = self->newest;
  plugin->pool_newer = NULL;
  *(self->newest ? &self->newest->pool_newer : &self->oldest) = plugin;
  self->newest = plugin;
  self->ready++;
  if (self->options.idle_ms) plugin->pool_since_ns = clock_monotonic_ns();
}

static plugin *take_ready(ubiq_pool *self, plugin *plugin) {
  if (!plugin) return NULL;
  *(plugin->pool_newer ? &plugin->pool_newer->pool_older : &self->newest) = plugin->pool_older;
  *(plugin->pool_older ? &plugin->pool_older->pool_newer : &self->oldest) = plugin->pool_newer;
  self->ready--;
  return plugin;
}

// Takes out an instance that was idle for too long; NULL when there is none.
static plugin *take_idle(ubiq_pool *self) {
  uint64_t idle_ms = self->options.idle_ms;
  if (!idle_ms || !self->options.reuse || self->ready <= self->options.min) return NULL;
  uint64_t idle_ns = clock_monotonic_ns() - self->oldest->pool_since_ns;
  return idle_ns / CLOCK_NS_PER_MS >= idle_ms ? take_ready(self, self->oldest) : NULL;
}

// -- Waiting; all of this with the lock held --

static void append(ubiq_pool *self, waiter *waiter) {
  waiter->previous = self->last;
  *(self->last ? &self->last->next : &self->first) = waiter;
  self->last = waiter;
  self->waiting++;
}

static void unlink_waiter(ubiq_pool *self, waiter *waiter) {
  *(waiter->previous ? &waiter->previous->next : &self->first) = waiter->next;
  *(waiter->next ? &waiter->next->previous : &self->last) = waiter->previous;
  self->waiting--;
}

// Hands a place, with an instance or NULL, to the first who waits; false when nobody does.
static bool grant(ubiq_pool *self, plugin *plugin) {
  waiter *waiter = self->first;
  if (!waiter) return false;
  unlink_waiter(self, waiter);
  waiter->plugin = plugin;
  waiter->is_granted = true;
  self->busy++;
  pthread_cond_signal(&waiter->changed);
  return true;
}

static struct timespec after_ms(uint64_t ms) {
  enum { YEAR_SECONDS = 365 * 24 * 3600 };
  uint64_t now_ns = clock_monotonic_ns(), seconds = ms / 1000;
  if (seconds > YEAR_SECONDS) seconds = YEAR_SECONDS;
  uint64_t ns = now_ns % CLOCK_NS_PER_SECOND + ms % 1000 * CLOCK_NS_PER_MS;
  return (struct timespec){.tv_sec = (time_t)(now_ns / CLOCK_NS_PER_SECOND + seconds + ns / CLOCK_NS_PER_SECOND),
                           .tv_nsec = (long)(ns % CLOCK_NS_PER_SECOND)};
}

static ubiq_error *say_closed(const ubiq_pool *self) {
  return ubiq_error_new(UBIQ_UNAVAILABLE, "%s: the pool was closed", self->compiled->name);
}

static ubiq_error *wait_for_place(ubiq_pool *self, uint64_t wait_ms, plugin **out) {
  waiter own = {.changed = PTHREAD_COND_INITIALIZER};
  struct timespec until = after_ms(wait_ms);
  append(self, &own);
  int waited = wait_ms ? 0 : 1;
  while (waited == 0 && !own.is_granted && self->stage == POOL_OPEN)
    waited = pthread_cond_clockwait(&own.changed, &self->mutex, CLOCK_MONOTONIC, &until);
  pthread_cond_destroy(&own.changed);
  *out = own.plugin;
  if (own.is_granted) return NULL;
  unlink_waiter(self, &own);
  if (self->stage != POOL_OPEN) return say_closed(self);
  return ubiq_error_new(UBIQ_BUSY, "%s: all %u instances of the pool are in use, for %llu ms; try again later",
                        self->compiled->name, self->options.max, (unsigned long long)wait_ms);
}

// A place for the caller, counted as busy, with an instance or without.
static ubiq_error *take_place(ubiq_pool *self, uint64_t wait_ms, plugin **out) {
  *out = NULL;
  if (self->stage != POOL_OPEN) return say_closed(self);
  *out = take_ready(self, self->newest);
  if (!*out && self->busy + self->making >= self->options.max) return wait_for_place(self, wait_ms, out);
  self->busy++;
  return NULL;
}

// Unlocks, and ends the pool if it was deleted and nobody is left in it.
static void leave(ubiq_pool *self) {
  bool is_over = self->stage == POOL_DELETED && !self->busy && !self->making;
  pthread_mutex_unlock(&self->mutex);
  if (!is_over) return;
  pthread_mutex_destroy(&self->mutex);
  ubiq_compiled_delete(self->compiled);
  free(self);
}

// -- Keeping instances ready --

// A place that is used no more goes to who waits.
static void free_place(ubiq_pool *self) {
  self->busy--;
  if (self->stage == POOL_OPEN) grant(self, NULL);
}

// True: the caller has taken a place and makes an instance to be kept ready.
static bool begin_refill(ubiq_pool *self) {
  uint32_t kept = self->ready + self->making;
  bool is_short = self->stage == POOL_OPEN && kept < self->options.min && kept + self->busy < self->options.max;
  self->making += is_short;
  return is_short;
}

// Where making one fails the place stays free, and who comes next is told why.
static void refill(ubiq_pool *self) {
  plugin *plugin = NULL;
  ubiq_error *error = make(self, &plugin);
  if (error) log_debug("%s: an instance cannot be kept ready: %s", self->compiled->name, ubiq_error_message(error));
  ubiq_error_delete(error);
  pthread_mutex_lock(&self->mutex);
  self->making--;
  self->made += plugin != NULL;
  bool is_taken = self->stage == POOL_OPEN && grant(self, plugin);
  if (!is_taken && self->stage == POOL_OPEN && plugin) {
    push_ready(self, plugin);
    is_taken = true;
  }
  leave(self);
  if (!is_taken) ubiq_plugin_delete(plugin);
}

// -- The public side --

static ubiq_error *check_options(ubiq_pool_options *options) {
  if (options->max == 0) options->max = options->min > MAX_DEFAULT ? options->min : MAX_DEFAULT;
  if (options->max >= options->min) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "pool: max is %u and min is %u; expected a max of at least min",
                        options->max, options->min);
}

static ubiq_error *fill(ubiq_pool *self) {
  ubiq_error *error = NULL;
  while (!error && self->ready < self->options.min) {
    plugin *plugin = NULL;
    error = make(self, &plugin);
    if (error) break;
    push_ready(self, plugin);
    self->made++;
  }
  return error;
}

ubiq_error *ubiq_pool_new(ubiq_compiled *compiled, const ubiq_pool_options *options, ubiq_pool **out) {
  ubiq_pool_options checked = {0};
  if (options) checked = *options;
  ubiq_error *error = check_options(&checked);
  if (error) return error;
  ubiq_pool *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  atomic_fetch_add(&compiled->references, 1);
  self->compiled = compiled;
  self->options = checked;
  pthread_mutex_init(&self->mutex, NULL);
  error = fill(self);
  if (error) {
    ubiq_pool_delete(self);
    return error;
  }
  *out = self;
  return NULL;
}

void ubiq_pool_close(ubiq_pool *self) {
  pthread_mutex_lock(&self->mutex);
  self->stage = POOL_CLOSED;
  for (waiter *waiter = self->first; waiter; waiter = waiter->next) pthread_cond_signal(&waiter->changed);
  plugin *doomed = self->newest;
  self->newest = self->oldest = NULL;
  self->ready = 0;
  pthread_mutex_unlock(&self->mutex);
  while (doomed) {
    plugin *older = doomed->pool_older;
    ubiq_plugin_delete(doomed);
    doomed = older;
  }
}

void ubiq_pool_delete(ubiq_pool *self) {
  if (!self) return;
  ubiq_pool_close(self);
  pthread_mutex_lock(&self->mutex);
  assert(!self->waiting);
  self->stage = POOL_DELETED;
  leave(self);
}

// Makes an instance for a place that the caller has.
static ubiq_error *make_for_place(ubiq_pool *self, plugin **out) {
  ubiq_error *error = make(self, out);
  pthread_mutex_lock(&self->mutex);
  if (error)
    free_place(self);
  else
    self->made++;
  pthread_mutex_unlock(&self->mutex);
  return error;
}

static ubiq_error *acquire(ubiq_pool *self, uint64_t wait_ms, plugin **out) {
  pthread_mutex_lock(&self->mutex);
  ubiq_error *error = take_place(self, wait_ms, out);
  plugin *idle = error ? NULL : take_idle(self);
  pthread_mutex_unlock(&self->mutex);
  ubiq_plugin_delete(idle);
  if (error) return error;
  return *out ? NULL : make_for_place(self, out);
}

ubiq_error *ubiq_pool_acquire(ubiq_pool *pool, ubiq_plugin **out) {
  return acquire(pool, pool->options.wait_ms, out);
}

void ubiq_pool_release(ubiq_pool *self, ubiq_plugin *plugin) {
  if (!plugin) return;
  plugin = renew(self, plugin);
  pthread_mutex_lock(&self->mutex);
  if (!plugin || self->stage != POOL_OPEN) {
    free_place(self);
  } else {
    self->busy--;
    if (!grant(self, plugin)) push_ready(self, plugin);
    plugin = take_idle(self);
  }
  bool refills = begin_refill(self);
  leave(self);
  ubiq_plugin_delete(plugin);
  if (refills) refill(self);
}

// What is left of a call's time after waiting for a place, and at least a millisecond: the call says that it is over.
static ubiq_call_options left_of(const ubiq_call_options *options, uint64_t began_ns) {
  ubiq_call_options left = *options;
  uint64_t waited_ms = (clock_monotonic_ns() - began_ns) / CLOCK_NS_PER_MS;
  if (left.timeout_ms) left.timeout_ms = waited_ms < left.timeout_ms ? left.timeout_ms - waited_ms : 1;
  return left;
}

static ubiq_error *copy(ubiq_bytes output, ubiq_bytes *out) {
  if (output.size == 0) return NULL;
  uint8_t *data = malloc(output.size);
  if (!data) return ubiq_error_no_memory();
  memcpy(data, output.data, output.size);
  *out = (ubiq_bytes){data, output.size};
  return NULL;
}

ubiq_error *ubiq_pool_call(ubiq_pool *pool, const char *function, ubiq_bytes input, const ubiq_call_options *options,
                           ubiq_bytes *output) {
  static const ubiq_call_options nothing = {0};
  plugin *plugin = NULL;
  ubiq_bytes answer;
  *output = (ubiq_bytes){0};
  if (!options) options = &nothing;
  uint64_t began_ns = options->timeout_ms ? clock_monotonic_ns() : 0, wait_ms = pool->options.wait_ms;
  ubiq_error *error =
      acquire(pool, options->timeout_ms && options->timeout_ms < wait_ms ? options->timeout_ms : wait_ms, &plugin);
  if (error) return error;
  ubiq_call_options left = options->timeout_ms ? left_of(options, began_ns) : *options;
  error = ubiq_plugin_call_with(plugin, function, input, &left, &answer);
  if (!error) error = copy(answer, output);
  ubiq_pool_release(pool, plugin);
  return error;
}

void ubiq_pool_output_delete(ubiq_bytes output) {
  free((void *)output.data);
}

void ubiq_pool_look(ubiq_pool *pool, ubiq_pool_status *out) {
  pthread_mutex_lock(&pool->mutex);
  *out = (ubiq_pool_status){.ready = pool->ready, .busy = pool->busy, .waiting = pool->waiting, .made = pool->made};
  pthread_mutex_unlock(&pool->mutex);
}
