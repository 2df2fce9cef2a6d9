// What a start does, and what comes of it. Where nothing of the guest runs before its function it is over at once; else
// it is a run.
#include "runtime/run/pool_starts.h"

#include "base/log.h"
#include "runtime/run/worker.h"

#include <stdlib.h>

enum {
  RETRY_MS_MIN = 100,
  RETRY_MS_MAX = 60 * 1000,
  RETRY_MS_MOOT = 1000, // where there was no place
  RETRY_DOUBLINGS_MAX = 16,
};

/// A start under way: a run without an answer.
typedef struct starter {
  run run;
  pool *pool;
  struct starter *previous, *next;
} starter;

// ---------------------------------------------------------------------------------------------- what comes of them

static uint64_t back_off_ms(uint32_t failures) {
  uint32_t doublings = failures < RETRY_DOUBLINGS_MAX ? failures : RETRY_DOUBLINGS_MAX;
  uint64_t wait_ms = (uint64_t)RETRY_MS_MIN << doublings;
  return wait_ms < RETRY_MS_MAX ? wait_ms : RETRY_MS_MAX;
}

/// When a start is tried again; the pin of a pinned function says it itself, if the start came so far.
static void set_retry(pool *pool, uint64_t now_ms, uint64_t wait_ms) {
  bool has_claimed = pool->has_claimed;
  pool_lose_claimed(pool, now_ms);
  if (!has_claimed) pool->retry_ms = now_ms + wait_ms;
}

static void failed(pool_keeper *self, pool *pool, const char *why) {
  uint64_t now_ms = uv_now(&self->worker->loop);
  set_retry(pool, now_ms, back_off_ms(pool->failures));
  pool->failures++;
  counter_add(&pool->gauges->start_failed, 1);
  pool_board_say(pool->shared->board, why);
  log_from(UBIQ_LOG_WARN, pool->function->name, "an instance could not be started: %s; trying again in %llu ms", why,
           (unsigned long long)(pool->retry_ms > now_ms ? pool->retry_ms - now_ms : 0));
}

static void succeeded(pool *pool, plugin *plugin, uint64_t now_ms) {
  instance *instance = instance_new(plugin, now_ms);
  if (instance == NULL) {
    pool_lose_claimed(pool, now_ms);
    return;
  }
  pool_add_started(pool, instance);
  if (pool->failures > 0) pool_board_say(pool->shared->board, NULL);
  pool->failures = 0;
}

static starter *unlink_starter(pool_keeper *self, starter *starter) {
  *(starter->previous == NULL ? &self->starters : &starter->previous->next) = starter->next;
  if (starter->next != NULL) starter->next->previous = starter->previous;
  self->starting--;
  return starter;
}

/// Whether a start did not come to it: no place was free, or the pinned instance was started by somebody else meanwhile.
static bool is_moot(const pool *pool, const ubiq_error *error) {
  ubiq_code code = ubiq_error_code(error);
  return !pool->has_claimed && (code == UBIQ_CANCELLED || code == UBIQ_BUSY);
}

/// What a start came to: the instance is ready, or there is none. Takes `plugin` over.
static void conclude(pool_keeper *self, pool *pool, plugin *plugin, const ubiq_error *error) {
  uint64_t now_ms = uv_now(&self->worker->loop);
  pool->scale.starting--;
  if (error == NULL && plugin_is_fit(plugin)) {
    plugin_use(plugin, &self->host, &pool->function->plugin_limits);
    succeeded(pool, plugin, now_ms);
  } else {
    if (is_moot(pool, error))
      set_retry(pool, now_ms, RETRY_MS_MOOT);
    else
      failed(self, pool, error != NULL ? ubiq_error_message(error) : "its guest ended itself");
    ubiq_plugin_delete(plugin);
  }
  pool_publish(pool);
  pool_keeper_touch(self, pool);
}

// ----------------------------------------------------------------------------------------------------------- starts

/// Where nothing of the guest runs before its function, a start is no more than making the instance.
static void start_at_once(pool_keeper *self, pool *pool) {
  const function *function = pool->function;
  plugin *plugin = NULL;
  plugin_state state;
  pool->scale.starting++;
  ubiq_error *error = plugin_new(function->compiled, &self->host, &function->plugin_limits, &plugin);
  if (error == NULL) error = plugin_start(plugin, &function->entry, &state);
  conclude(self, pool, plugin, error);
  ubiq_error_delete(error);
}

static void conclude_run(pool_keeper *self, starter *starter) {
  plugin *plugin = starter->run.plugin;
  ubiq_error *error = starter->run.error;
  pool *pool = starter->pool;
  starter->run.plugin = NULL;
  starter->run.error = NULL;
  run_end(&starter->run);
  free(unlink_starter(self, starter));
  conclude(self, pool, plugin, error);
  ubiq_error_delete(error);
}

static void start_done(run *run) {
  conclude_run(&run->worker->keeper, (starter *)(void *)run);
}

static void start_as_run(pool_keeper *self, pool *pool) {
  starter *starter = calloc(1, sizeof *starter);
  if (starter == NULL) return;
  starter->pool = pool;
  starter->next = self->starters;
  if (starter->next != NULL) starter->next->previous = starter;
  self->starters = starter;
  self->starting++;
  pool->scale.starting++;
  run_init(&starter->run, self->worker);
  starter->run.function = pool->function;
  starter->run.lease = pool->lease;
  starter->run.is_start = true;
  starter->run.done = start_done;
  pool_publish(pool);
  if (run_start(&starter->run)) conclude_run(self, starter);
}

void pool_starts_begin(pool_keeper *self, pool *pool) {
  if (compiled_has_start(pool->function->compiled) || pool->shared->pin != NULL)
    start_as_run(self, pool);
  else
    start_at_once(self, pool);
}

bool pool_starts_has(const pool_keeper *self, const lease *lease) {
  const starter *at = self->starters;
  while (at != NULL && at->pool->lease != lease) at = at->next;
  return at != NULL;
}

void pool_starts_cancel(pool_keeper *self, const lease *lease) {
  for (starter *starter = self->starters, *next; starter != NULL; starter = next) {
    next = starter->next;
    if (starter->pool->lease != lease) continue;
    starter->pool->scale.starting--;
    pool_lose_claimed(starter->pool, uv_now(&self->worker->loop));
    run_end(&starter->run);
    free(unlink_starter(self, starter));
  }
}
