// What leads a run from one state to the next.
#include "runtime/run/run.h"

#include "base/log.h"
#include "runtime/run/listeners.h"
#include "runtime/run/places.h"
#include "runtime/run/run_trace.h"

#include <assert.h>

static void move(run *self, run_state to) {
  run_state_move(&self->state, to, self->function->name, self->id);
}

// ------------------------------------------------------------------------------------- what a plugin calls back

static void go_on(run *self) {
  move(self, RUN_RUNNING);
  worker_ready(self->worker, self);
}

static void wake(void *user) {
  run *self = user;
  if (self->state == RUN_WAITING) {
    deadlines_cancel(&self->worker->deadlines, &self->deadline);
    go_on(self);
  } else {
    self->woken = true;
  }
}

static void set_deadline(run *self) {
  uint64_t ends_ns = plugin_deadline_ns(self->plugin);
  worker_deadline(self->worker, self, ends_ns < self->wake_ns ? ends_ns : self->wake_ns);
}

static void wake_at(void *user, uint64_t deadline_ns) {
  run *self = user;
  self->wake_ns = deadline_ns;
  if (self->state == RUN_WAITING) set_deadline(self);
}

bool run_may_say(run *self, size_t size) {
  enum { LINE_BYTES = 64 }; // about what stands around the words
  static const char last[] =
      "log: the run has said as much as [project.quotas] log lets a run say; no more of it is written";
  const uint64_t most = self->lease->release->project->quotas.log_bytes;
  if (self->said_bytes > most) return false;
  self->said_bytes += size + LINE_BYTES;
  if (self->said_bytes <= most) return true;
  log_write(UBIQ_LOG_WARN, self->function->name, last, sizeof last - 1);
  return false;
}

/// What its guest says. Who keeps what ran may want to know which run said it.
static void say(void *user, ubiq_log_level level, const char *message, size_t size) {
  run *self = user;
  if (!log_enabled(level) || !run_may_say(self, size)) return;
  const char *parent = self->worker->keeps_runs && !self->is_start ? run_traceparent(self) : NULL;
  log_write_traced(level, self->function->name, parent, message, size);
}

void run_init(run *self, struct worker *worker) {
  *self = (run){.worker = worker, .wake_ns = UINT64_MAX, .guest = {.host = &worker->api, .run = self}};
  self->host = (plugin_host){.fetches = worker->fetches,
                             .wake = wake,
                             .wake_at = wake_at,
                             .log = say,
                             .stubs = worker->options.stubs,
                             .own = worker->options.own,
                             .own_count = worker->options.own_count,
                             .platform = &self->guest,
                             .keeps_compiled = true, // by the run's lease
                             .part = worker->options.index,
                             .user = self};
  run_trace_host(&self->host);
}

// ------------------------------------------------------------------------------------------------------- the run

/// The error of an answer that may not be sent; NULL when it may.
static ubiq_error *check_output(const run *self) {
  uint64_t bytes_max = self->function->limits.response_bytes_max;
  if (self->output.size <= bytes_max) return NULL;
  return ubiq_error_new(UBIQ_INVALID_OUTPUT, "%s: answered %zu bytes; expected at most %llu", self->function->name,
                        self->output.size, (unsigned long long)bytes_max);
}

static bool fail(run *self, ubiq_error *error) {
  self->outcome = ubiq_error_code(error);
  move(self, self->outcome == UBIQ_CANCELLED ? RUN_CANCELLED : RUN_FAILED);
  self->error = error;
  return true;
}

static bool answer(run *self) {
  self->output = plugin_output(self->plugin);
  ubiq_error *error = check_output(self);
  if (error != NULL) return fail(self, error);
  self->outcome = UBIQ_OK;
  move(self, RUN_DONE);
  return true;
}

/// Where the run goes from what its last poll left. True: it is done.
static bool settle(run *self, ubiq_error *error, plugin_state state) {
  if (error != NULL) return fail(self, error);
  if (state == PLUGIN_DONE) return answer(self);
  if (state == PLUGIN_YIELDED || self->woken) {
    worker_ready(self->worker, self);
    return false;
  }
  move(self, RUN_WAITING);
  set_deadline(self);
  return false;
}

/// Makes an instance for the run. One that others may get afterwards has a place in the pool.
static ubiq_error *make_instance(run *self, const plugin_limits *limits) {
  const function *function = self->function;
  pool_keeper_make_room(&self->worker->keeper);
  ubiq_error *error = plugin_new(function->compiled, &self->host, limits, &self->plugin);
  if (error != NULL || self->is_start || function->pool.lifetime.kind == LIFETIME_REQUEST) return error;
  self->instance = instance_new(self->plugin, uv_now(&self->worker->loop));
  if (self->instance != NULL) return NULL;
  self->plugin = NULL;
  return ubiq_error_no_memory();
}

/// A start of a pinned function has its only place: nobody else starts it meanwhile, but somebody may have before.
static ubiq_error *start_instance(run *self, const plugin_limits *limits) {
  pool *pool = lease_pool(self->lease, self->function);
  bool is_ours = self->function->pool.pin == NULL || pool_claim_pinned(pool, uv_now(&self->worker->loop));
  if (is_ours) return make_instance(self, limits);
  return ubiq_error_new(UBIQ_CANCELLED, "%s: its instance was started already", self->function->name);
}

static ubiq_error *get_instance(run *self, const plugin_limits *limits) {
  if (self->is_start) return start_instance(self, limits);
  worker *worker = self->worker;
  pool *pool = lease_pool(self->lease, self->function);
  ubiq_error *error = pool_admit(pool, uv_now(&worker->loop));
  if (error != NULL) return error;
  self->instance = pool_take(pool, uv_now(&worker->loop));
  self->is_in_pool = true;
  pool_keeper_touch(&worker->keeper, pool);
  if (self->instance == NULL) return make_instance(self, limits);
  self->plugin = self->instance->plugin;
  plugin_use(self->plugin, &self->host, limits);
  return NULL;
}

static void give_instance_back(run *self) {
  if (self->is_in_pool) {
    pool *pool = lease_pool(self->lease, self->function);
    pool_give_back(pool, self->instance, self->plugin, uv_now(&self->worker->loop));
    pool_keeper_touch(&self->worker->keeper, pool);
  } else {
    ubiq_plugin_delete(self->plugin);
  }
  self->plugin = NULL;
  self->instance = NULL;
  self->is_in_pool = false;
}

static bool begin(run *self, const plugin_limits *limits) {
  plugin_state state = PLUGIN_DONE;
  move(self, RUN_STARTING);
  if (self->begun != NULL) self->begun(self);
  self->woken = false;
  self->wake_ns = UINT64_MAX;
  if (self->worker->is_watched) self->started_ns = self->began_ns != 0 ? self->began_ns : clock_monotonic_ns();
  ubiq_error *error = get_instance(self, limits);
  if (error != NULL) return fail(self, error);
  move(self, RUN_RUNNING);
  error = self->is_start ? plugin_start(self->plugin, &self->function->entry, &state)
                         : plugin_call_start(self->plugin, &self->function->entry, self->input, &state);
  if (self->worker->is_watched) self->called_ns = plugin_entered_ns(self->plugin);
  return settle(self, error, state);
}

/// Charges the function for a first turn that was not the run queue's to give.
static void charge(run *self) {
  if (self->began_ns == 0) return;
  worker_charge(self->worker, self->lane, clock_monotonic_ns() - self->began_ns);
  self->began_ns = 0;
}

/// What is left at `now_ns` of the time that the run has, when it came `waited_ms` ago.
static plugin_limits limits_left(const run *self, uint64_t now_ns, uint64_t waited_ms) {
  plugin_limits limits = self->function->plugin_limits;
  if (limits.wall_ms > 0) limits.wall_ms = limits.wall_ms > waited_ms ? limits.wall_ms - waited_ms : 1;
  if (self->deadline_max == 0) return limits;
  uint64_t left_ms = self->deadline_max > now_ns ? (self->deadline_max - now_ns) / CLOCK_NS_PER_MS : 0;
  if (limits.wall_ms == 0 || left_ms < limits.wall_ms) limits.wall_ms = left_ms > 0 ? left_ms : 1;
  return limits;
}

static bool begin_now(run *self) {
  self->began_ns = self->worker->is_watched ? self->came_ns : clock_monotonic_ns();
  turns_begin(&self->worker->turns, &self->lane->share);
  bool is_done = begin(self, &self->function->plugin_limits);
  if (!is_done) charge(self);
  return is_done;
}

/// A run that has waited: what it waited is part of its time.
static bool begin_late(run *self) {
  uint64_t now_ns = clock_monotonic_ns();
  plugin_limits limits = limits_left(self, now_ns, (now_ns - self->came_ns) / CLOCK_NS_PER_MS);
  deadlines_cancel(&self->worker->deadlines, &self->deadline);
  return begin(self, &limits);
}

/// How long a run may wait before it begins; 0: any time.
static uint64_t wait_ms_max(const run *self) {
  uint64_t wall_ms = self->function->limits.wall_ms, queue_ms = self->function->limits.queue_ms;
  return queue_ms > 0 && (wall_ms == 0 || queue_ms < wall_ms) ? queue_ms : wall_ms;
}

/// From now on the run waits, for a place or its turn.
static bool wait(run *self) {
  uint64_t ms_max = wait_ms_max(self);
  self->came_ns = clock_monotonic_ns();
  uint64_t until_ns = ms_max == 0 ? UINT64_MAX : self->came_ns + ms_max * CLOCK_NS_PER_MS;
  if (self->deadline_max > 0 && self->deadline_max < until_ns) until_ns = self->deadline_max;
  worker_deadline(self->worker, self, until_ns);
  return false;
}

static bool wait_for_place(run *self) {
  ubiq_error *error = places_wait(self);
  return error != NULL ? fail(self, error) : wait(self);
}

static bool wait_for_turn(run *self) {
  worker_ready(self->worker, self);
  return wait(self);
}

static void begin_record(run *self) {
  self->came_ns = clock_monotonic_ns();
  self->started_ns = self->called_ns = 0;
}

bool run_start(run *self) {
  worker *worker = self->worker;
  self->id = (uint64_t)worker->options.index << 48 | ++worker->runs_begun;
  self->lane = lease_lane(self->lease, self->function);
  self->requests = (http_count){0};
  self->said_bytes = 0;
  self->busy = BUSY_OTHER;
  if (worker->is_watched) begin_record(self);
  move(self, RUN_QUEUED);
  if (!deadlines_reserve(&worker->deadlines, ++worker->runs_open)) return fail(self, ubiq_error_no_memory());
  if (!places_take(self)) return wait_for_place(self);
  return !self->begins_in_turn && worker_may_begin(worker, self->lane) ? begin_now(self) : wait_for_turn(self);
}

bool run_turn(run *self) {
  if (self->state == RUN_QUEUED) return begin_late(self);
  plugin_state state = PLUGIN_DONE;
  ubiq_error *error = plugin_overdue(self->plugin);
  if (error != NULL) return fail(self, error);
  self->woken = false;
  self->wake_ns = UINT64_MAX;
  error = plugin_call_resume(self->plugin, &state);
  return settle(self, error, state);
}

static ubiq_error *waited_too_long(run *self) {
  if (self->deadline_max > 0 && clock_monotonic_ns() >= self->deadline_max)
    return ubiq_error_new(UBIQ_TIMEOUT, "%s: its caller's time was over before it began", self->function->name);
  self->busy = self->has_place ? BUSY_NO_TURN : BUSY_NO_PLACE;
  ubiq_error *error = ubiq_error_new(UBIQ_BUSY, "%s: %s within %llu ms; try again later", self->function->name,
                                     self->has_place ? "its turn did not come" : "no place was free",
                                     (unsigned long long)wait_ms_max(self));
  return ubiq_error_with_detail(error, places_retry_s(self));
}

/// Takes a run that has not begun out of what it waits in.
static void stop_waiting(run *self) {
  if (self->has_place)
    worker_unready(self->worker, self);
  else
    places_leave(self);
}

bool run_deadline_passed(run *self, uint64_t now_ns) {
  if (self->state == RUN_QUEUED) {
    stop_waiting(self);
    return fail(self, waited_too_long(self));
  }
  assert(self->state == RUN_WAITING);
  ubiq_error *error = plugin_overdue(self->plugin);
  if (error != NULL) return fail(self, error);
  if (now_ns >= self->wake_ns)
    go_on(self);
  else
    set_deadline(self);
  return false;
}

static void cancel(run *self) {
  self->outcome = UBIQ_CANCELLED;
  move(self, RUN_CANCELLED);
}

void run_end(run *self) {
  worker *worker = self->worker;
  if (self->state == RUN_IDLE) {
    run_trace_forget(self); // of an input that was no good, and so no run
    return;
  }
  assert(self->state != RUN_RUNNING || self->is_ready); // not from within its turn
  if (self->state == RUN_QUEUED)
    stop_waiting(self);
  else if (self->is_ready)
    worker_unready(worker, self);
  if (!run_state_is_over(self->state)) cancel(self);
  api_guest_leave(&self->guest); // what it asked for is part of what is told
  if (worker->is_watched && !self->is_start) listeners_tell_run(self);
  deadlines_cancel(&worker->deadlines, &self->deadline);
  give_instance_back(self);
  ubiq_error_delete(self->error);
  self->error = NULL;
  self->output = (ubiq_bytes){0};
  run_trace_forget(self);
  charge(self);
  move(self, RUN_IDLE);
  worker->runs_open--;
  if (self->has_place) places_give_back(self);
}
