// The thread, its loop, and the turns of runs on it. See the header for the design.
#include "runtime/run/worker.h"

#include "base/log.h"
#include "base/thread.h"
#include "runtime/run/function_calls.h"
#include "runtime/run/places.h"
#include "runtime/run/worker_releases.h"

#include <assert.h>
#include <stdlib.h>

enum { SETTLING_PERIOD_MS = 1000 };

// ---------------------------------------------------------------------------------------------- turns and deadlines

static void report(worker *self, bool any_done) {
  if (any_done && self->options.events.after_runs != NULL) self->options.events.after_runs(self->options.events.user);
}

static lane *next_lane(const worker *self) {
  turns_share *first = turns_first(&self->turns);
  return first == NULL ? NULL : (lane *)(void *)((char *)first - offsetof(lane, share));
}

/// Takes the lane's first run and gives it its turn. True: it is done.
static bool turn_first(lane *lane) {
  run *run = lane->ready.first;
  run_list_remove(&lane->ready, run);
  run->is_ready = false;
  bool is_done = run_turn(run);
  if (is_done) run->done(run);
  return is_done;
}

/// Gives a lane its turn, and charges it for all that came of it; the turn begins at `*now_ns`, which becomes its end. The
/// lane stays in line meanwhile: only who has nothing to do leaves it. True: a run is done.
static bool give_turn(worker *self, lane *lane, uint64_t *now_ns) {
  uint64_t began_ns = *now_ns;
  lane->holders++;
  lane->has_turn = true;
  turns_begin(&self->turns, &lane->share);
  bool is_done = turn_first(lane);
  lane->has_turn = false;
  if (lane->ready.first == NULL) turns_leave(&self->turns, &lane->share);
  *now_ns = clock_monotonic_ns();
  turns_charge(&self->turns, &lane->share, *now_ns - began_ns);
  lane_let_go(lane);
  return is_done;
}

static void give_turns(uv_check_t *check) {
  worker *self = check->data;
  self->begin_ns = WORKER_BEGIN_NS;
  lane *lane = next_lane(self);
  if (lane != NULL) {
    uint64_t now_ns = clock_monotonic_ns(), until_ns = now_ns + WORKER_TURNS_NS;
    bool any_done = false;
    for (; lane != NULL && now_ns < until_ns; lane = next_lane(self)) any_done |= give_turn(self, lane, &now_ns);
    report(self, any_done);
  }
  if (next_lane(self) == NULL) {
    uv_idle_stop(&self->busy); // what was ready may have been ended meanwhile
    pool_keeper_fill(&self->keeper);
  }
  if (self->coming != NULL) worker_fill_coming(self);
}

static void nothing(uv_idle_t *idle) {
  (void)idle;
}

void worker_ready(worker *self, run *run) {
  lane *lane = run->lane;
  if (turns_first(&self->turns) == NULL) uv_idle_start(&self->busy, nothing);
  if (lane->ready.first == NULL && !lane->has_turn) turns_enter(&self->turns, &lane->share);
  run_list_append(&lane->ready, run);
  run->is_ready = true;
}

void worker_unready(worker *self, run *run) {
  lane *lane = run->lane;
  run_list_remove(&lane->ready, run);
  if (lane->ready.first == NULL && !lane->has_turn) turns_leave(&self->turns, &lane->share);
  run->is_ready = false;
}

static bool is_brief(const lane *lane) {
  return lane->share.usual_ns > 0 && lane->share.usual_ns < WORKER_BRIEF_NS;
}

bool worker_may_begin(const worker *self, const lane *lane) {
  return (self->begin_ns > 0 || is_brief(lane)) && lane->ready.first == NULL && !lane->has_turn &&
         turns_would_be_first(&self->turns, &lane->share);
}

void worker_charge(worker *self, lane *lane, uint64_t took_ns) {
  turns_charge(&self->turns, &lane->share, took_ns);
  self->begin_ns -= took_ns < self->begin_ns ? took_ns : self->begin_ns;
}

static void pass_deadlines(uv_timer_t *timer);

static void set_timer(worker *self, uint64_t at_ns) {
  uint64_t now_ns = clock_monotonic_ns();
  uint64_t wait_ns = at_ns > now_ns ? at_ns - now_ns : 0;
  uv_update_time(&self->loop);
  uv_timer_start(&self->timer, pass_deadlines, (wait_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS, 0);
  self->timer_ns = at_ns;
}

static void pass_deadlines(uv_timer_t *timer) {
  worker *self = timer->data;
  uint64_t now_ns = clock_monotonic_ns();
  bool any_done = false;
  self->timer_ns = UINT64_MAX;
  for (deadline *first; (first = deadlines_first(&self->deadlines)) != NULL && first->at_ns <= now_ns;) {
    run *run = (struct run *)(void *)((char *)first - offsetof(struct run, deadline));
    deadlines_cancel(&self->deadlines, first);
    if (!run_deadline_passed(run, now_ns)) continue;
    any_done = true;
    run->done(run);
  }
  deadline *first = deadlines_first(&self->deadlines);
  if (first != NULL && first->at_ns < self->timer_ns) set_timer(self, first->at_ns);
  report(self, any_done);
}

void worker_deadline(worker *self, run *run, uint64_t at_ns) {
  if (at_ns == UINT64_MAX) {
    deadlines_cancel(&self->deadlines, &run->deadline);
    return;
  }
  deadlines_set(&self->deadlines, &run->deadline, at_ns);
  if (at_ns < self->timer_ns) set_timer(self, at_ns);
}

// --------------------------------------------------------------------------------------------------------- shares

static void settle(uv_timer_t *timer) {
  worker *self = timer->data;
  if (!places_settle(self)) uv_timer_stop(&self->settling);
}

void worker_settle_soon(worker *self) {
  if (!uv_is_active((uv_handle_t *)&self->settling))
    uv_timer_start(&self->settling, settle, SETTLING_PERIOD_MS, SETTLING_PERIOD_MS);
}

/// The shares of what all workers have; a worker that is alone has a whole of its own.
static bool open_shares(worker *self) {
  const worker_options *options = &self->options;
  const admission_limits limits = {.runs = options->runs_max, .queue = options->queue_max};
  self->admission = options->admission != NULL ? options->admission : admission_new(options->index + 1, limits);
  if (self->admission == NULL) return false;
  const admission_quotas *quotas = admission_all(self->admission);
  self->runs = (quota_share){.quota = quotas->runs, .worker = options->index};
  self->queue = (quota_share){.quota = quotas->queue, .worker = options->index};
  self->lanes = (lanes){.admission = self->admission, .worker = options->index};
  return true;
}

static void close_shares(worker *self) {
  if (self->admission == NULL) return;
  quota_share_end(&self->runs);
  quota_share_end(&self->queue);
  if (self->admission != self->options.admission) admission_delete(self->admission);
}

// ------------------------------------------------------------------------------------------------- other threads

/// From the thread of a worker that may have left something to us.
static void wake(void *user) {
  uv_async_send(&((worker *)user)->wakeup);
}

static void wake_up(uv_async_t *wakeup) {
  worker *self = wakeup->data;
  worker_take_releases(self);
  if (self->api.inbox != NULL) inbox_take(self->api.inbox);
  places_look(self);
  worker_stop stop = atomic_load(&self->stop);
  if (stop <= self->stop_seen) return;
  self->stop_seen = stop;
  self->options.events.stop(self->options.events.user, stop);
}

void worker_ask_to_stop(worker *self, worker_stop how) {
  worker_stop before = atomic_load(&self->stop);
  while (before < how && !atomic_compare_exchange_weak(&self->stop, &before, how)) {
  }
  uv_async_send(&self->wakeup);
}

bool worker_is_ready(const worker *self) {
  return atomic_load(&self->next_traffic) == NULL && atomic_load(&self->stop) == WORKER_STOP_NONE;
}

/// What belongs to the thread that runs the loop is made on it.
static void *live(void *user) {
  worker *self = user;
  self->start_error = fetch_loop_new(&self->loop, &self->fetches);
  bool failed = self->start_error != NULL;
  uv_sem_post(&self->began);
  if (failed) return NULL;
  uv_run(&self->loop, UV_RUN_DEFAULT);
  if (self->options.events.ended != NULL) self->options.events.ended(self->options.events.user, self);
  return NULL;
}

static ubiq_error *thread_error(int number) {
  return ubiq_error_new(UBIQ_INTERNAL, "a worker's thread cannot be started: %s", strerror(number));
}

ubiq_error *worker_start(worker *self) {
  int number = -uv_sem_init(&self->began, 0);
  if (number != 0) return thread_error(number);
  number = thread_start(&self->thread, NULL, live, self);
  if (number == 0) uv_sem_wait(&self->began);
  uv_sem_destroy(&self->began);
  if (number != 0) return thread_error(number);
  if (self->start_error != NULL) {
    pthread_join(self->thread, NULL);
    return self->start_error;
  }
  char name[16];
  snprintf(name, sizeof name, "worker %u", self->options.index % 10000);
  pthread_setname_np(self->thread, name);
  self->started = true;
  return NULL;
}

// ---------------------------------------------------------------------------------------------- beginning and end

static void open_handles(worker *self) {
  uv_check_init(&self->loop, &self->polled);
  uv_prepare_init(&self->loop, &self->pause);
  uv_idle_init(&self->loop, &self->busy);
  uv_timer_init(&self->loop, &self->timer);
  uv_timer_init(&self->loop, &self->settling);
  self->settling.data = self->polled.data = self->pause.data = self->busy.data = self->timer.data = self->wakeup.data =
      self;
  uv_check_start(&self->polled, give_turns);
  uv_unref((uv_handle_t *)&self->polled);
  uv_unref((uv_handle_t *)&self->settling);
  pool_keeper_open(&self->keeper, self);
}

/// Before the thread may sleep: what it has now is told.
static void note_numbers(uv_prepare_t *pause) {
  const worker *self = pause->data;
  atomic_store_explicit(&self->numbers->runs, self->runs.used, memory_order_relaxed);
  atomic_store_explicit(&self->numbers->queued, self->queue.used, memory_order_relaxed);
}

/// Who is told of runs.
static bool open_listeners(worker *self) {
  const worker_options *options = &self->options;
  if (options->run_log != NULL && (self->run_log = run_log_writer_new(options->run_log, &self->loop)) == NULL)
    return false;
  if (options->metrics != NULL) {
    self->numbers = metrics_of_worker(options->metrics, options->index);
    uv_prepare_start(&self->pause, note_numbers);
    uv_unref((uv_handle_t *)&self->pause);
  }
  self->keeps_runs = options->run_log != NULL || options->ring != NULL;
  self->is_watched = self->keeps_runs || options->metrics != NULL;
  return true;
}

ubiq_error *worker_new(const worker_options *options, release *release, worker **out) {
  worker *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->options = *options;
  if (self->options.workers == 0) self->options.workers = 1;
  self->timer_ns = UINT64_MAX;
  self->begin_ns = WORKER_BEGIN_NS;
  trace_ids_seed(&self->trace_ids);
  int number = uv_loop_init(&self->loop);
  if (number != 0) goto fail_loop;
  number = uv_async_init(&self->loop, &self->wakeup, wake_up);
  if (number != 0) goto fail_wakeup;
  open_handles(self);
  if (open_shares(self) && open_listeners(self) && function_calls_open(self))
    self->lease = worker_open_lease(self, release);
  if (self->lease == NULL) {
    worker_delete(self);
    return ubiq_error_no_memory();
  }
  admission_join(self->admission, options->index, wake, self);
  *out = self;
  return NULL;

fail_wakeup:
  uv_loop_close(&self->loop);
fail_loop:
  free(self);
  return ubiq_error_new(UBIQ_INTERNAL, "a worker's loop cannot be made: %s", uv_strerror(number));
}

void worker_finish(worker *self) {
  if (self->finishing) return;
  self->finishing = true;
  if (self->lease != NULL) pool_keeper_retire(&self->keeper, self->lease);
  if (self->canary != NULL) pool_keeper_retire(&self->keeper, self->canary);
  worker_forget_coming(self);
  assert(next_lane(self) == NULL && self->first_in_line == NULL && self->runs_open == 0);
  if (self->admission != NULL) admission_leave(self->admission, self->options.index);
  function_calls_close(self);
  if (self->fetches != NULL) fetch_loop_close(self->fetches, NULL, NULL);
  uv_close((uv_handle_t *)&self->polled, NULL);
  uv_close((uv_handle_t *)&self->pause, NULL);
  uv_close((uv_handle_t *)&self->busy, NULL);
  uv_close((uv_handle_t *)&self->timer, NULL);
  uv_close((uv_handle_t *)&self->settling, NULL);
  pool_keeper_close(&self->keeper);
  run_log_writer_close(self->run_log);
  uv_close((uv_handle_t *)&self->wakeup, NULL);
}

void worker_delete(worker *self) {
  if (self == NULL) return;
  if (self->started) pthread_join(self->thread, NULL);
  if (!self->finishing) worker_finish(self);
  while (uv_run(&self->loop, UV_RUN_DEFAULT) != 0) {
  }
  uv_loop_close(&self->loop);
  if (self->lease != NULL) lease_let_go(self->lease);
  if (self->canary != NULL) lease_let_go(self->canary);
  traffic_delete(atomic_load(&self->next_traffic));
  traffic_delete(atomic_load(&self->next_coming));
  deadlines_free(&self->deadlines);
  turns_free(&self->turns);
  map_free(&self->lanes.by_name);
  close_shares(self);
  free(self);
}
