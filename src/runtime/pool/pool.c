// Instances come ready at the newest end and are used from there, so that the warm ones are used and the cold ones dropped.
#include "runtime/pool/pool.h"

#include <assert.h>
#include <stdlib.h>

pool_settings pool_share(const pool_settings *settings, unsigned workers) {
  pool_settings part = *settings;
  part.min = pool_share_of(settings->min, workers);
  part.max = pool_share_of(settings->max, workers);
  return part;
}

bool pool_open(pool *self, const function_pool *shared, unsigned worker, unsigned workers, uint32_t *all_ready) {
  self->shared = shared;
  self->all_ready = all_ready;
  self->settings = pool_share(&shared->settings, workers);
  self->gauges = pool_board_join(shared->board, worker);
  if (self->gauges == NULL) return false;
  pool_scale_init(&self->scale, &self->settings);
  pool_publish(self);
  return true;
}

void pool_inherit(pool *self, const pool *from, uint64_t now_ms) {
  uint32_t seen = from->scale.demand > from->scale.busy_peak ? from->scale.demand : from->scale.busy_peak;
  if (seen > self->scale.busy_peak) self->scale.busy_peak = seen;
  (void)pool_scale_look(&self->scale, now_ms);
  pool_publish(self);
}

void pool_publish(pool *self) {
  const pool_scale *scale = &self->scale;
  pool_gauge_set(&self->gauges->busy, scale->busy);
  pool_gauge_set(&self->gauges->ready, scale->ready);
  pool_gauge_set(&self->gauges->starting, scale->starting);
  pool_gauge_set(&self->gauges->demand, scale->demand);
  pool_gauge_set(&self->gauges->target, self->is_closed ? 0 : scale->target);
}

// ------------------------------------------------------------------------------------------------------- instances

static void end(pool *self, instance *instance, plugin *plugin, pool_end why) {
  counter_add(&self->gauges->ended[why], 1);
  ubiq_plugin_delete(plugin);
  free(instance);
}

static void push(pool *self, instance *instance) {
  instance->older = self->newest;
  instance->newer = NULL;
  *(self->newest == NULL ? &self->oldest : &self->newest->newer) = instance;
  self->newest = instance;
  ++*self->all_ready;
}

static instance *pop_newest(pool *self) {
  instance *newest = self->newest;
  self->newest = newest->older;
  if (self->newest != NULL)
    self->newest->newer = NULL;
  else
    self->oldest = NULL;
  --*self->all_ready;
  return newest;
}

static instance *pop_oldest(pool *self) {
  instance *oldest = self->oldest;
  self->oldest = oldest->newer;
  if (self->oldest != NULL)
    self->oldest->older = NULL;
  else
    self->newest = NULL;
  --*self->all_ready;
  return oldest;
}

bool pool_is_short(const pool *self, uint64_t now_ms) {
  if (self->is_closed || self->retry_ms != 0) return false;
  pin *pin = self->shared->pin;
  if (pin == NULL) return pool_scale_missing(&self->scale) > 0;
  return self->scale.starting == 0 && pin_is_wanted(pin, self->gauges->worker, now_ms);
}

static bool is_too_old(const pool *self, const instance *instance, uint64_t now_ms) {
  uint64_t age_ms_max = self->shared->lifetime.age_ms_max;
  return age_ms_max != 0 && now_ms - instance->made_ms >= age_ms_max;
}

void pool_drop(pool *self, uint32_t count, pool_end why) {
  for (; count > 0 && self->oldest != NULL; count--) {
    instance *instance = pop_oldest(self);
    self->scale.ready--;
    end(self, instance, instance->plugin, why);
  }
}

void pool_close(pool *self) {
  self->is_closed = true;
  pool_drop(self, UINT32_MAX, POOL_END_CLOSED);
  pool_publish(self);
}

void pool_add_started(pool *self, instance *instance) {
  counter_add(&self->gauges->made, 1);
  counter_add(&self->gauges->made_ahead, 1);
  self->has_claimed = false;
  if (self->shared->pin == NULL) {
    self->scale.ready++;
    push(self, instance);
  } else if (!pin_put(self->shared->pin, instance, false)) {
    end(self, instance, instance->plugin, POOL_END_ROOM);
  }
}

// ------------------------------------------------------------------------------------------------------------ runs

ubiq_error *pool_admit(pool *self, uint64_t now_ms) {
  const function_pool *shared = self->shared;
  uint64_t wait_ms;
  if (shared->pin == NULL || pin_take(shared->pin, now_ms, &self->pinned, &wait_ms)) return NULL;
  ubiq_error *error = ubiq_error_new(UBIQ_UNAVAILABLE, "%s: its instance has failed and is started again in %llu ms",
                                     shared->name, (unsigned long long)wait_ms);
  return ubiq_error_with_detail(error, (int32_t)(wait_ms / 1000) + 1);
}

/// The pinned instance is not among the ready ones, as another worker may take it.
static instance *take_pinned(pool *self) {
  instance *instance = self->pinned;
  self->pinned = NULL;
  (void)pool_scale_take(&self->scale);
  counter_add(instance != NULL ? &self->gauges->found_ready : &self->gauges->made, 1);
  pool_publish(self);
  return instance;
}

instance *pool_take(pool *self, uint64_t now_ms) {
  if (self->shared->pin != NULL) return take_pinned(self);
  while (self->newest != NULL && is_too_old(self, self->newest, now_ms)) {
    instance *old = pop_newest(self);
    self->scale.ready--;
    end(self, old, old->plugin, POOL_END_AGE);
  }
  bool is_ready = pool_scale_take(&self->scale);
  assert(is_ready == (self->newest != NULL));
  counter_add(is_ready ? &self->gauges->found_ready : &self->gauges->made, 1);
  pool_publish(self);
  return is_ready ? pop_newest(self) : NULL;
}

/// Why an instance whose run is over is not kept; POOL_ENDS: it is.
static pool_end judge(const pool *self, const instance *instance, const plugin *plugin, uint64_t now_ms) {
  const lifetime *lifetime = &self->shared->lifetime;
  if (plugin == NULL || !plugin_is_fit(plugin)) return POOL_END_STOPPED;
  if (lifetime->kind == LIFETIME_REQUEST || instance == NULL) return POOL_END_USED;
  if (lifetime->kind == LIFETIME_PINNED) return POOL_ENDS;
  if (self->is_closed) return POOL_END_CLOSED;
  if (lifetime->runs_max != 0 && instance->runs >= lifetime->runs_max) return POOL_END_RUNS;
  return is_too_old(self, instance, now_ms) ? POOL_END_AGE : POOL_ENDS;
}

static void lose_pinned(pool *self, uint64_t now_ms) {
  uint64_t wait_ms = pin_lose(self->shared->pin, self->gauges->worker, now_ms);
  self->retry_ms = wait_ms == 0 ? 0 : now_ms + wait_ms;
}

bool pool_claim_pinned(pool *self, uint64_t now_ms) {
  self->has_claimed = pin_claim(self->shared->pin, self->gauges->worker, now_ms);
  return self->has_claimed;
}

void pool_lose_claimed(pool *self, uint64_t now_ms) {
  if (self->has_claimed) lose_pinned(self, now_ms);
  self->has_claimed = false;
}

/// The instance is for any worker again, or it is lost and has to be started anew.
static void give_back_pinned(pool *self, instance *instance, plugin *plugin, pool_end why, uint64_t now_ms) {
  pin *pin = self->shared->pin;
  (void)pool_scale_give_back(&self->scale, false);
  if (why == POOL_ENDS && pin_put(pin, instance, true)) return;
  if (why != POOL_ENDS) lose_pinned(self, now_ms);
  end(self, instance, plugin, why == POOL_ENDS ? POOL_END_ROOM : why);
}

void pool_give_back(pool *self, instance *instance, plugin *plugin, uint64_t now_ms) {
  if (instance != NULL) instance->runs++;
  pool_end why = judge(self, instance, plugin, now_ms);
  if (self->shared->pin != NULL) {
    give_back_pinned(self, instance, plugin, why, now_ms);
    pool_publish(self);
    return;
  }
  bool is_kept = pool_scale_give_back(&self->scale, why == POOL_ENDS);
  if (is_kept)
    push(self, instance);
  else
    end(self, instance, plugin, why == POOL_ENDS ? POOL_END_ROOM : why);
  pool_publish(self);
}
