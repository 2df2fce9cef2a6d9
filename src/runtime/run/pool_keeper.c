// Looks on a timer, and finds the time for starts in idle rounds of the loop.
#include "runtime/run/pool_keeper.h"

#include "runtime/run/pool_starts.h"
#include "runtime/run/worker.h"

#include <poll.h>
#include <stdlib.h>

enum {
  STARTS_AT_ONCE = 4, // under way, for what waits in its start
  STARTS_A_ROUND = 8, // of the loop
  READY_SMALL = 64,
};

// ----------------------------------------------------------------------------------------------------------- looks

static void look_at_all(uv_timer_t *timer);

static void set_timer(pool_keeper *self, uint64_t at_ms) {
  if (at_ms >= self->timer_ms) return;
  uint64_t now_ms = uv_now(&self->worker->loop);
  uv_timer_start(&self->looks, look_at_all, at_ms > now_ms ? at_ms - now_ms : 0, 0);
  self->timer_ms = at_ms;
}

/// Sets when a pool is looked at next. False: not at all.
static bool set_next_look(pool *pool, uint64_t now_ms) {
  bool is_at_rest = pool_scale_is_at_rest(&pool->scale);
  if (pool->is_closed || (is_at_rest && pool->retry_ms == 0)) return false;
  pool->look_ms = is_at_rest ? pool->retry_ms : now_ms + pool->settings.interval_ms;
  if (pool->retry_ms != 0 && pool->retry_ms < pool->look_ms) pool->look_ms = pool->retry_ms;
  return true;
}

static void add_short(pool_keeper *self, pool *pool);

static void look(pool_keeper *self, pool *pool, uint64_t now_ms) {
  pool_drop(pool, pool_scale_look(&pool->scale, now_ms), POOL_END_IDLE);
  if (now_ms >= pool->retry_ms) pool->retry_ms = 0;
  pool_publish(pool);
  add_short(self, pool);
}

static void look_at_all(uv_timer_t *timer) {
  pool_keeper *self = timer->data;
  uint64_t now_ms = uv_now(&self->worker->loop), next_ms = UINT64_MAX;
  self->timer_ms = UINT64_MAX;
  for (pool **place = &self->watched; *place != NULL;) {
    pool *pool = *place;
    bool is_due = pool->look_ms <= now_ms;
    if (is_due) look(self, pool, now_ms);
    pool->is_watched = !is_due || set_next_look(pool, now_ms);
    if (!pool->is_watched) {
      *place = pool->next_watched;
      continue;
    }
    if (pool->look_ms < next_ms) next_ms = pool->look_ms;
    place = &pool->next_watched;
  }
  if (next_ms != UINT64_MAX) set_timer(self, next_ms);
}

static void watch(pool_keeper *self, pool *pool) {
  if (pool->is_watched || !set_next_look(pool, uv_now(&self->worker->loop))) return;
  pool->is_watched = true;
  pool->next_watched = self->watched;
  self->watched = pool;
  set_timer(self, pool->look_ms);
}

// ---------------------------------------------------------------------------------------------------------- starts

static void nothing(uv_idle_t *idle) {
  (void)idle;
}

static bool is_short(const pool_keeper *self, const pool *pool) {
  return pool_is_short(pool, uv_now(&self->worker->loop));
}

/// How many instances may be ready on a worker: a quarter of the places that its part of all runs at once leaves, or all of
/// them where they are few. Each takes mappings of memory that runs of other workers may need (engines.c).
static uint32_t ready_max(const worker *worker) {
  uint32_t part = pool_share_of(quota_total(worker->runs.quota), worker->options.workers);
  uint32_t left = part > worker->runs.used ? part - worker->runs.used : 0;
  if (left <= READY_SMALL) return left;
  return left / 4 > READY_SMALL ? left / 4 : READY_SMALL;
}

/// Starts leave room for a run.
static bool can_start(const pool_keeper *self) {
  return self->starting < STARTS_AT_ONCE && self->ready + 1 < ready_max(self->worker) &&
         self->worker->stop_seen == WORKER_STOP_NONE;
}

static void add_short(pool_keeper *self, pool *pool) {
  if (!is_short(self, pool)) return;
  if (!pool->is_short) {
    pool->is_short = true;
    pool->next_short = NULL;
    *(self->last_short == NULL ? &self->first_short : &self->last_short->next_short) = pool;
    self->last_short = pool;
  }
  if (can_start(self)) uv_idle_start(&self->filling, nothing);
}

static pool *pop_short(pool_keeper *self) {
  pool *pool = self->first_short;
  if (pool == NULL) return NULL;
  self->first_short = pool->next_short;
  if (self->first_short == NULL) self->last_short = NULL;
  pool->is_short = false;
  return pool;
}

/// A pool that is watched is looked at when a start is to be tried again.
static void look_sooner(pool_keeper *self, pool *pool) {
  if (!pool->is_watched || pool->retry_ms == 0 || pool->retry_ms >= pool->look_ms) return;
  pool->look_ms = pool->retry_ms;
  set_timer(self, pool->look_ms);
}

void pool_keeper_touch(pool_keeper *self, pool *pool) {
  watch(self, pool);
  look_sooner(self, pool);
  add_short(self, pool);
}

/// Whether the loop has nothing to read. Looked at once a millisecond at most where it has.
static bool is_idle(pool_keeper *self) {
  uint64_t now_ms = uv_now(&self->worker->loop);
  if (self->busy_ms == now_ms) return false;
  struct pollfd polled = {.fd = uv_backend_fd(&self->worker->loop), .events = POLLIN};
  bool is_idle = poll(&polled, 1, 0) == 0;
  if (!is_idle) self->busy_ms = now_ms;
  return is_idle;
}

/// Starts one of what is missing; its pool comes behind the others then. A start takes no place for which runs wait: they
/// make their own instances.
static void fill_one(pool_keeper *self) {
  pool *pool = pop_short(self);
  const lane *lane = lease_lane(pool->lease, pool->function);
  if (!is_short(self, pool) || lane->queued.first != NULL) return;
  pool_starts_begin(self, pool);
  add_short(self, pool);
}

/// A pool of a lease that misses an instance, which can be started now; NULL: none.
static pool *find_startable(const pool_keeper *self, const lease *lease) {
  for (size_t i = 0; can_start(self) && i < lease->release->project->functions_count; i++)
    if (is_short(self, &lease->pools[i]) && lease->lanes[i]->queued.first == NULL) return &lease->pools[i];
  return NULL;
}

bool pool_keeper_press(pool_keeper *self, lease *lease) {
  pool *pool = find_startable(self, lease);
  if (pool != NULL) pool_starts_begin(self, pool);
  pool = find_startable(self, lease);
  if (pool != NULL) add_short(self, pool); // so that the loop goes on
  return pool != NULL || pool_starts_has(self, lease);
}

void pool_keeper_fill(pool_keeper *self) {
  if (!uv_is_active((uv_handle_t *)&self->filling)) return;
  for (int i = 0; i < STARTS_A_ROUND && self->first_short != NULL && can_start(self); i++) {
    if (!is_idle(self)) return;
    fill_one(self);
  }
  if (self->first_short == NULL || !can_start(self)) uv_idle_stop(&self->filling);
}

void pool_keeper_make_room(pool_keeper *self) {
  if (self->ready == 0 || self->ready <= ready_max(self->worker)) return;
  pool *pool = self->all;
  while (pool->scale.ready == 0) pool = pool->next;
  pool_drop(pool, 1, POOL_END_ROOM);
  pool_publish(pool);
}

// --------------------------------------------------------------------------------------------- beginning and end

void pool_keeper_open(pool_keeper *self, worker *worker) {
  *self = (pool_keeper){.worker = worker, .timer_ms = UINT64_MAX, .busy_ms = UINT64_MAX};
  self->host = (plugin_host){.own = worker->options.own,
                             .own_count = worker->options.own_count,
                             .keeps_compiled = true, // by the pool's lease, or by the function whose pin it is
                             .part = worker->options.index};
  uv_timer_init(&worker->loop, &self->looks);
  uv_idle_init(&worker->loop, &self->filling);
  self->looks.data = self->filling.data = self;
}

void pool_keeper_close(pool_keeper *self) {
  uv_close((uv_handle_t *)&self->looks, NULL);
  uv_close((uv_handle_t *)&self->filling, NULL);
}

bool pool_keeper_add(pool_keeper *self, lease *lease) {
  const worker_options *options = &self->worker->options;
  size_t count = lease->release->project->functions_count;
  lease->pools = calloc(count, sizeof *lease->pools);
  for (size_t i = 0; lease->pools != NULL && i < count; i++) {
    pool *pool = &lease->pools[i];
    const function *function = &lease->release->functions[i];
    if (!pool_open(pool, &function->pool, options->index, options->workers, &self->ready)) return false;
    pool->function = function;
    pool->lease = lease;
  }
  for (size_t i = 0; lease->pools != NULL && i < count; i++) {
    lease->pools[i].next = self->all;
    self->all = &lease->pools[i];
    pool_keeper_touch(self, &lease->pools[i]);
  }
  return lease->pools != NULL;
}

static const pool *find_pool(const lease *lease, const lane *lane) {
  for (size_t i = 0; i < lease->release->project->functions_count; i++)
    if (lease->lanes[i] == lane) return &lease->pools[i];
  return NULL;
}

void pool_keeper_inherit(pool_keeper *self, lease *lease, const struct lease *older) {
  for (size_t i = 0; i < lease->release->project->functions_count; i++) {
    const pool *from = find_pool(older, lease->lanes[i]);
    if (from == NULL || pool_scale_is_at_rest(&from->scale)) continue;
    pool_inherit(&lease->pools[i], from, uv_now(&self->worker->loop));
    pool_keeper_touch(self, &lease->pools[i]);
  }
}

static void forget_closed(pool_keeper *self) {
  for (pool **place = &self->all; *place != NULL;)
    if ((*place)->is_closed)
      *place = (*place)->next;
    else
      place = &(*place)->next;
  for (pool **place = &self->watched; *place != NULL;) {
    pool *pool = *place;
    pool->is_watched = !pool->is_closed;
    if (pool->is_watched)
      place = &pool->next_watched;
    else
      *place = pool->next_watched;
  }
  pool *first = self->first_short;
  self->first_short = self->last_short = NULL;
  for (pool *pool = first, *next; pool != NULL; pool = next) {
    next = pool->next_short;
    pool->is_short = false;
    add_short(self, pool);
  }
}

void pool_keeper_retire(pool_keeper *self, lease *lease) {
  for (size_t i = 0; i < lease->release->project->functions_count; i++) pool_close(&lease->pools[i]);
  pool_starts_cancel(self, lease);
  forget_closed(self);
}
