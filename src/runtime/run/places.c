// The queues of functions that wait, and whose turn it is among them.
#include "runtime/run/places.h"

static uint32_t wanted_by_lane(const lane *lane) {
  return lane->runs.used + (uint32_t)lane->queued.count;
}

static uint32_t wanted_by_worker(const worker *worker) {
  return worker->runs.used + worker->queue.used;
}

// ------------------------------------------------------------------------------------- functions that want places

/// Puts a function that has runs waiting behind the others that have; nothing happens when it is there.
static void line_up(worker *worker, lane *lane) {
  if (lane->is_lined_up || lane->queued.first == NULL) return;
  lane->is_lined_up = true;
  lane->before = worker->last_in_line;
  lane->behind = NULL;
  *(lane->before == NULL ? &worker->first_in_line : &lane->before->behind) = lane;
  worker->last_in_line = lane;
}

static void step_out(worker *worker, lane *lane) {
  if (!lane->is_lined_up) return;
  *(lane->before == NULL ? &worker->first_in_line : &lane->before->behind) = lane->behind;
  *(lane->behind == NULL ? &worker->last_in_line : &lane->behind->before) = lane->before;
  lane->is_lined_up = false;
}

void places_leave(run *run) {
  worker *worker = run->worker;
  lane *lane = run->lane;
  run_list_remove(&lane->queued, run);
  if (run->caller != NULL) worker->callees_queued--;
  if (lane->queued.first == NULL) step_out(worker, lane);
  quota_give_back(&lane->queue, (uint32_t)lane->queued.count);
  quota_give_back(&worker->queue, worker->queue.used - 1);
}

static void let_in(run *run) {
  places_leave(run);
  run->shares_place = run->caller != NULL;
  run->has_place = true;
  worker_ready(run->worker, run);
}

/// A run that has a place of the process, or that of its caller.
static void let_first_in(worker *worker, lane *lane) {
  bool is_callee = lane->queued.first->caller != NULL;
  step_out(worker, lane);
  if (quota_take(&lane->runs)) {
    let_in(lane->queued.first);
    line_up(worker, lane);
  } else if (!is_callee) {
    quota_give_back(&worker->runs, wanted_by_worker(worker));
  }
}

/// Gives what places there are to the runs that wait. A function that has its `max` leaves the line until one of its own comes
/// free, or another worker leaves it one. Where the process has none left, callees still come in.
static void fill(worker *worker) {
  lane *lane = worker->first_in_line;
  while (lane != NULL) {
    struct lane *behind = lane->behind;
    bool can_enter = lane->queued.first->caller != NULL || quota_take(&worker->runs);
    if (!can_enter && worker->callees_queued == 0) return;
    if (can_enter) let_first_in(worker, lane);
    lane = behind != NULL || !can_enter ? behind : worker->first_in_line;
  }
}

// ------------------------------------------------------------------------------------------------------- for runs

/// Whether a run that waits for this one, or for one that does, is of the same function: it would wait for itself.
static bool waits_for_itself(const run *run) {
  const struct run *at = run->caller;
  while (at != NULL && at->lane != run->lane) at = at->caller;
  return at != NULL;
}

/// Of the process a run has its caller's place, which waits and needs none; of its function one of its own, where it is not
/// called by that.
static bool take_as_callee(run *run) {
  lane *lane = run->lane;
  run->shares_lane = waits_for_itself(run);
  run->shares_place = run->shares_lane || (lane->queued.first == NULL && quota_take(&lane->runs));
  run->has_place = run->shares_place;
  return run->has_place;
}

bool places_take(run *run) {
  worker *worker = run->worker;
  lane *lane = run->lane;
  if (worker->runs.held == 0) worker_settle_soon(worker);
  if (run->caller != NULL) return take_as_callee(run);
  if (lane->queued.first != NULL || !quota_take(&lane->runs)) return false;
  if (quota_take(&worker->runs)) {
    run->has_place = true;
    return true;
  }
  quota_give_back(&lane->runs, wanted_by_lane(lane));
  return false;
}

int32_t places_retry_s(const run *run) {
  const lane *lane = run->lane;
  uint64_t waiting = lane->queued.count, wall_s = run->function->limits.wall_ms / 1000 + 1;
  // Where none has ended of late: each place comes free once in the longest time that a run may take.
  uint64_t a_minute = lane->ended_a_minute > 0 ? lane->ended_a_minute : UINT64_C(60) * lane->runs.used / wall_s;
  uint64_t seconds = a_minute == 0 ? waiting : waiting * 60 / a_minute;
  return seconds >= PLACES_RETRY_S_MAX ? PLACES_RETRY_S_MAX : (int32_t)seconds + 1;
}

static ubiq_error *no_room(run *run, const admission_quotas *quotas, busy_reason reason) {
  const char *whose = reason == BUSY_FUNCTION_FULL ? "function" : "server";
  run->busy = reason;
  ubiq_error *error = ubiq_error_new(
      UBIQ_BUSY, "%s: all %u places of the %s are taken, and %u runs wait, which is as many as may; try again later",
      run->function->name, quota_total(quotas->runs), whose, quota_total(quotas->queue));
  return ubiq_error_with_detail(error, places_retry_s(run));
}

ubiq_error *places_wait(run *run) {
  worker *worker = run->worker;
  lane *lane = run->lane;
  if (!quota_take(&lane->queue)) return no_room(run, lane->quotas, BUSY_FUNCTION_FULL);
  if (!quota_take(&worker->queue)) {
    quota_give_back(&lane->queue, (uint32_t)lane->queued.count);
    return no_room(run, admission_all(worker->admission), BUSY_SERVER_FULL);
  }
  if (run->caller != NULL) {
    run_list_prepend(&lane->queued, run);
    worker->callees_queued++;
  } else {
    run_list_append(&lane->queued, run);
  }
  line_up(worker, lane);
  return NULL;
}

void places_give_back(run *run) {
  worker *worker = run->worker;
  lane *lane = run->lane;
  run->has_place = false;
  lane->ended++;
  if (!run->shares_lane) quota_give_back(&lane->runs, wanted_by_lane(lane));
  if (!run->shares_place) quota_give_back(&worker->runs, wanted_by_worker(worker));
  run->shares_lane = run->shares_place = false;
  line_up(worker, lane);
  if (worker->first_in_line != NULL) fill(worker);
}

// --------------------------------------------------------------------------------------------- with other workers

static void settle_lane(worker *worker, lane *lane) {
  lane->ended_a_minute = (lane->ended_a_minute + UINT64_C(60) * lane->ended) / 2;
  lane->ended = 0;
  quota_share_settle(&lane->runs, wanted_by_lane(lane));
  quota_share_settle(&lane->queue, lane->queue.used);
  line_up(worker, lane);
}

bool places_settle(worker *worker) {
  for (size_t i = 0; i < lanes_count(&worker->lanes); i++) settle_lane(worker, lanes_at(&worker->lanes, i));
  quota_share_settle(&worker->runs, wanted_by_worker(worker));
  quota_share_settle(&worker->queue, worker->queue.used);
  fill(worker);
  return worker->runs.held > 0 || worker->queue.held > 0;
}

void places_look(worker *worker) {
  for (size_t i = 0; i < lanes_count(&worker->lanes); i++) {
    lane *lane = lanes_at(&worker->lanes, i);
    if (quota_share_was_told(&lane->runs, wanted_by_lane(lane))) line_up(worker, lane);
    (void)quota_share_was_told(&lane->queue, lane->queue.used);
  }
  (void)quota_share_was_told(&worker->runs, wanted_by_worker(worker));
  (void)quota_share_was_told(&worker->queue, worker->queue.used);
  fill(worker);
}
