// link: -Wl,--wrap=clock_monotonic_ns,--wrap=ticker_add
// Runs on a worker's loop, which the tests turn themselves: no thread, no network.
#include "runtime/run/worker.h"

#include "engine/ticker.h"
#include "unit/runtime/begin_testing.h"
#include "unit/runtime/run/runs_testing.h"

uint64_t __real_clock_monotonic_ns(void);
uint64_t __wrap_clock_monotonic_ns(void);
ubiq_error *__real_ticker_add(engine *engine);
ubiq_error *__wrap_ticker_add(engine *engine);

static uint64_t look_ns;  ///< how far a look moves the clock, so that no other load is counted; 0: the real one does
static uint64_t shift_ns; ///< what the real one is moved by, so that ours never goes back
static uint64_t now_ns;   ///< at the last look
static engine *ticked;    ///< the only one that is opened

uint64_t __wrap_clock_monotonic_ns(void) {
  return now_ns = look_ns == 0 ? __real_clock_monotonic_ns() + shift_ns : now_ns + look_ns;
}

ubiq_error *__wrap_ticker_add(engine *engine) {
  assert_null(ticked);
  ticked = engine;
  return __real_ticker_add(engine);
}

static void use_clock(uint64_t step_ns) {
  clock_monotonic_ns();
  look_ns = step_ns;
  if (step_ns == 0) shift_ns = now_ns - __real_clock_monotonic_ns();
}

/// What runs from here on is brief, however slow the machine is: time stands, but for looks at it, and no tick cuts a run.
static void hold_time(void) {
  ticker_remove(ticked);
  use_clock(1000);
}

static void let_time_pass(void) {
  use_clock(0);
  assert_success(__real_ticker_add(ticked));
}

static const char module[] =
    "(module"
    " (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
    " (memory (export \"memory\") 1)"
    " (func (export \"fine\") (result i32) (i32.const 0))"
    " (func (export \"fails\") (result i32) (i32.const 3))"
    " (func (export \"traps\") (result i32) unreachable)"
    " (func (export \"spins\") (result i32) (loop $l (br $l)) (i32.const 0))"
    // Waits 20 ms: a subscription to the monotonic clock.
    " (func (export \"waits\") (result i32)"
    "  (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 20000000))"
    "  (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200))))";

typedef struct fixture {
  char *folder;
  release *release;
  worker *worker;
  int after_runs;
} fixture;

static void count_after_runs(void *user) {
  ((fixture *)user)->after_runs++;
}

static void make(fixture *self, uint32_t runs_max, uint32_t queue_max) {
  *self = (fixture){.folder = folder_make()};
  folder_write(self->folder, "m.wat", module);
  folder_write(self->folder, "ubiq.toml",
               "[functions.fine]\nwasm = 'm.wat'\nroute = '/fine'\n"
               "[functions.fails]\nwasm = 'm.wat'\n[functions.traps]\nwasm = 'm.wat'\n"
               "[functions.spins]\nwasm = 'm.wat'\ncpu = 200\n"
               "[functions.endless]\nwasm = 'm.wat'\nexport = 'spins'\n"
               "[functions.threefold]\nwasm = 'm.wat'\nexport = 'spins'\nweight = 300\n"
               "[functions.slow]\nwasm = 'm.wat'\nexport = 'waits'\ntimeout = 5\n"
               "[functions.waits]\nwasm = 'm.wat'\n");
  assert_success(release_read(self->folder, NULL, &self->release));
  const worker_options options = {
      .runs_max = runs_max, .queue_max = queue_max, .events = {.after_runs = count_after_runs, .user = self}};
  assert_success(worker_new(&options, self->release, &self->worker));
}

static void end(fixture *self) {
  assert_int_equal(self->worker->runs.used, 0);
  worker_delete(self->worker);
  release_delete(self->release);
  folder_remove(self->folder);
}

static bool start(fixture *self, counted *run, const char *name) {
  return counted_start(run, self->worker, function_named(self->release, name));
}

/// The same, of a run that is brief.
static bool start_brief(fixture *self, counted *run, const char *name) {
  hold_time();
  bool is_done = start(self, run, name);
  let_time_pass();
  return is_done;
}

/// A run that comes after one that took long on a slow machine waits for its turn.
static void run_to_end(fixture *self, counted *run, const char *name) {
  if (!start(self, run, name)) turn_until_done(self->worker, run);
}

static void a_short_run_is_done_at_once(void **state) {
  (void)state;
  fixture self;
  counted run;
  make(&self, 4, 4);
  assert_true(start_brief(&self, &run, "fine"));
  assert_success(run.run.error);
  assert_int_equal(run.run.state, RUN_DONE);
  assert_int_equal(self.worker->runs.used, 1);
  run_end(&run.run);
  assert_int_equal(run.done, 0);
  end(&self);
}

static void failures_have_their_classes(void **state) {
  (void)state;
  fixture self;
  counted run;
  make(&self, 4, 4);
  run_to_end(&self, &run, "fails");
  assert_int_equal(ubiq_error_code(run.run.error), UBIQ_GUEST_ERROR);
  run_end(&run.run);
  traps_restore();
  run_to_end(&self, &run, "traps");
  assert_int_equal(ubiq_error_code(run.run.error), UBIQ_TRAP);
  assert_int_equal(run.run.state, RUN_FAILED);
  run_end(&run.run);
  end(&self);
}

static void a_long_run_takes_turns_until_its_limit(void **state) {
  (void)state;
  fixture self;
  counted spinning, fine;
  make(&self, 4, 4);
  assert_false(start(&self, &spinning, "spins"));
  assert_int_equal(spinning.run.state, RUN_RUNNING);
  assert_true(spinning.run.is_ready);
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_true(start_brief(&self, &fine, "fine"));
  run_end(&fine.run);
  turn_until_done(self.worker, &spinning);
  assert_int_equal(ubiq_error_code(spinning.run.error), UBIQ_CPU_LIMIT);
  assert_true(self.after_runs > 0);
  run_end(&spinning.run);
  end(&self);
}

/// Gives the loop one round, in which the run queue gives turns.
static void go_round(fixture *self) {
  uv_run(&self->worker->loop, UV_RUN_NOWAIT);
}

static void runs_of_a_function_that_is_ahead_of_others_wait_for_their_turns(void **state) {
  (void)state;
  fixture self;
  counted spinning, other, again;
  make(&self, 8, 8);
  assert_false(start(&self, &spinning, "endless"));
  go_round(&self);
  assert_true(start_brief(&self, &other, "fine"));
  turns_charge(&self.worker->turns, &other.run.lane->share, 60 * CLOCK_NS_PER_SECOND);
  run_end(&other.run);
  assert_false(start(&self, &again, "fine"));
  assert_int_equal(again.run.state, RUN_QUEUED);
  assert_true(again.run.is_ready);
  go_round(&self);
  assert_int_equal(again.done, 0);
  run_end(&spinning.run);
  turn_until_done(self.worker, &again);
  assert_success(again.run.error);
  run_end(&again.run);
  end(&self);
}

static void runs_that_come_while_others_of_their_function_are_ready_go_behind_them(void **state) {
  (void)state;
  fixture self;
  counted first, second;
  make(&self, 8, 8);
  assert_false(start(&self, &first, "endless"));
  go_round(&self);
  assert_false(start(&self, &second, "endless"));
  assert_ptr_equal(first.run.lane->ready.first, &first.run);
  assert_ptr_equal(first.run.lane->ready.last, &second.run);
  run_end(&first.run);
  run_end(&second.run);
  end(&self);
}

static void runs_that_begin_as_they_come_give_way_when_that_took_too_long(void **state) {
  (void)state;
  fixture self;
  counted before, after;
  make(&self, 4, 4);
  hold_time();
  assert_true(start(&self, &before, "fine"));
  worker_charge(self.worker, before.run.lane, WORKER_BEGIN_NS);
  run_end(&before.run);
  assert_false(start(&self, &after, "fine"));
  turn_until_done(self.worker, &after);
  run_end(&after.run);
  assert_true(start(&self, &before, "fine"));
  run_end(&before.run);
  let_time_pass();
  end(&self);
}

static void brief_runs_begin_as_they_come_all_the_same(void **state) {
  (void)state;
  fixture self;
  counted before, after;
  make(&self, 4, 4);
  hold_time();
  assert_true(start(&self, &before, "fine"));
  run_end(&before.run);
  self.worker->begin_ns = 0;
  before.run.lane->share.usual_ns = WORKER_BRIEF_NS - 1;
  assert_true(start(&self, &after, "fine"));
  run_end(&after.run);
  before.run.lane->share.usual_ns = WORKER_BRIEF_NS;
  assert_false(start(&self, &after, "fine"));
  run_end(&after.run);
  let_time_pass();
  end(&self);
}

static void a_run_whose_turn_does_not_come_in_time_is_busy(void **state) {
  (void)state;
  fixture self;
  counted spinning, run;
  make(&self, 4, 4);
  assert_false(start(&self, &spinning, "endless"));
  go_round(&self);
  worker_charge(self.worker, lease_lane(self.worker->lease, function_named(self.release, "slow")),
                60 * CLOCK_NS_PER_SECOND);
  assert_false(start(&self, &run, "slow"));
  turn_until_done(self.worker, &run);
  assert_int_equal(ubiq_error_code(run.run.error), UBIQ_BUSY);
  assert_int_equal(run.run.busy, BUSY_NO_TURN);
  run_end(&run.run);
  run_end(&spinning.run);
  end(&self);
}

/// A run of the light function is a hundred times as short as a turn of the greedy one.
static void a_light_function_never_waits_beside_a_greedy_one(void **state) {
  (void)state;
  enum { GREEDY = 20 };
  fixture self;
  counted greedy[GREEDY], light;
  make(&self, GREEDY + 2, 1);
  use_clock(CLOCK_NS_PER_MS);
  for (int i = 0; i < GREEDY; i++) assert_false(start(&self, &greedy[i], "endless"));
  for (int i = 0; i < 20; i++) {
    go_round(&self);
    ticker_remove(ticked);
    use_clock(CLOCK_NS_PER_MS / 100);
    assert_true(start(&self, &light, "fine"));
    run_end(&light.run);
    use_clock(CLOCK_NS_PER_MS);
    assert_success(__real_ticker_add(ticked));
  }
  for (int i = 0; i < GREEDY; i++) run_end(&greedy[i].run);
  use_clock(0);
  end(&self);
}

static void functions_get_cpu_time_by_their_weights(void **state) {
  (void)state;
  fixture self;
  counted one, three;
  make(&self, 4, 4);
  use_clock(CLOCK_NS_PER_MS);
  assert_false(start(&self, &one, "endless"));
  assert_false(start(&self, &three, "threefold"));
  turns_share *shares[] = {&one.run.lane->share, &three.run.lane->share};
  assert_int_equal(shares[1]->weight, 300);
  do go_round(&self);
  while (shares[0]->used_ns < 40 * shares[0]->usual_ns);
  assert_true(shares[1]->used_ns > 2 * shares[0]->used_ns);
  assert_true(shares[1]->used_ns < 4 * shares[0]->used_ns);
  run_end(&one.run);
  run_end(&three.run);
  use_clock(0);
  end(&self);
}

static void a_waiting_run_goes_on_when_its_time_has_come(void **state) {
  (void)state;
  fixture self;
  counted first, second;
  make(&self, 4, 4);
  uint64_t began_ns = clock_monotonic_ns();
  assert_false(start(&self, &first, "waits"));
  assert_false(start(&self, &second, "waits"));
  while (first.run.state < RUN_WAITING) go_round(&self); // a tick came before
  assert_int_equal(first.run.state, RUN_WAITING);
  turn_until_done(self.worker, &first);
  turn_until_done(self.worker, &second);
  assert_true(clock_monotonic_ns() - began_ns >= 20 * CLOCK_NS_PER_MS);
  assert_success(first.run.error);
  assert_success(second.run.error);
  run_end(&first.run);
  run_end(&second.run);
  assert_null(deadlines_first(&self.worker->deadlines));
  end(&self);
}

static void a_waiting_run_ends_at_its_deadline(void **state) {
  (void)state;
  fixture self;
  counted run;
  make(&self, 4, 4);
  assert_false(start_brief(&self, &run, "slow"));
  assert_int_equal(run.run.state, RUN_WAITING);
  turn_until_done(self.worker, &run);
  assert_int_equal(ubiq_error_code(run.run.error), UBIQ_TIMEOUT);
  run_end(&run.run);
  end(&self);
}

static void a_run_can_be_ended_in_any_state(void **state) {
  (void)state;
  fixture self;
  counted spinning, waiting, queued;
  make(&self, 2, 4);
  assert_false(start(&self, &spinning, "endless"));
  assert_false(start(&self, &waiting, "waits"));
  assert_false(start(&self, &queued, "fine"));
  assert_int_equal(queued.run.state, RUN_QUEUED);
  run_end(&queued.run);
  run_end(&waiting.run);
  run_end(&spinning.run);
  run_end(&spinning.run);
  assert_null(turns_first(&self.worker->turns));
  assert_int_equal(self.worker->queue.used, 0);
  assert_null(deadlines_first(&self.worker->deadlines));
  end(&self);
}

static void ending_the_only_ready_run_lets_the_loop_rest(void **state) {
  (void)state;
  fixture self;
  counted spinning;
  make(&self, 4, 4);
  assert_false(start(&self, &spinning, "endless"));
  assert_true(uv_is_active((uv_handle_t *)&self.worker->busy));
  run_end(&spinning.run);
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_false(uv_is_active((uv_handle_t *)&self.worker->busy));
  end(&self);
}

static void a_run_without_a_place_gets_the_next_that_is_free(void **state) {
  (void)state;
  fixture self;
  counted first, second, third, refused;
  make(&self, 1, 2);
  assert_false(start(&self, &first, "waits"));
  assert_false(start(&self, &second, "fine"));
  assert_false(start(&self, &third, "fine"));
  assert_true(start(&self, &refused, "fine"));
  assert_int_equal(ubiq_error_code(refused.run.error), UBIQ_BUSY);
  run_end(&refused.run);
  turn_until_done(self.worker, &first);
  assert_int_equal(second.done, 0);
  run_end(&first.run);
  turn_until_done(self.worker, &second);
  assert_int_equal(third.done, 0);
  assert_success(second.run.error);
  run_end(&second.run);
  turn_until_done(self.worker, &third);
  assert_success(third.run.error);
  run_end(&third.run);
  end(&self);
}

static void a_run_that_waits_too_long_for_a_place_is_busy(void **state) {
  (void)state;
  fixture self;
  counted first, second;
  make(&self, 1, 2);
  assert_false(start(&self, &first, "waits"));
  assert_false(start(&self, &second, "slow"));
  turn_until_done(self.worker, &second);
  assert_int_equal(ubiq_error_code(second.run.error), UBIQ_BUSY);
  assert_int_equal(second.run.busy, BUSY_NO_PLACE);
  run_end(&second.run);
  run_end(&first.run);
  end(&self);
}

static void requests_keep_the_release_that_they_began_with(void **state) {
  (void)state;
  fixture self;
  release *newer;
  make(&self, 1, 2);
  lease *held = worker_hold(self.worker);
  assert_success(release_read(self.folder, NULL, &newer));
  assert_true(worker_use(self.worker, newer, NULL, 0));
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_ptr_equal(held->release, self.release);
  assert_ptr_not_equal(held, self.worker->lease);
  assert_ptr_equal(self.worker->lease->release, newer);
  assert_int_equal(atomic_load(&self.release->owners), 2);
  lease_let_go(held);
  assert_int_equal(atomic_load(&self.release->owners), 1);
  release_delete(newer);
  end(&self);
}

static void a_function_s_lane_outlives_its_release(void **state) {
  (void)state;
  fixture self;
  counted run;
  release *newer;
  make(&self, 1, 2);
  assert_true(start_brief(&self, &run, "fine"));
  run_end(&run.run);
  lane *lane = run.run.lane;
  assert_true(lane->share.used_ns > 0);
  folder_write(self.folder, "ubiq.toml", "[functions.fine]\nwasm = 'm.wat'\nweight = 7\n");
  assert_success(release_read(self.folder, NULL, &newer));
  assert_true(worker_use(self.worker, newer, NULL, 0));
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_ptr_equal(lease_lane(self.worker->lease, &newer->functions[0]), lane);
  assert_int_equal(lane->share.weight, 7);
  assert_int_equal(lanes_count(&self.worker->lanes), 1);
  release_delete(newer);
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_short_run_is_done_at_once),
      cmocka_unit_test(failures_have_their_classes),
      cmocka_unit_test(a_long_run_takes_turns_until_its_limit),
      cmocka_unit_test(runs_of_a_function_that_is_ahead_of_others_wait_for_their_turns),
      cmocka_unit_test(runs_that_come_while_others_of_their_function_are_ready_go_behind_them),
      cmocka_unit_test(runs_that_begin_as_they_come_give_way_when_that_took_too_long),
      cmocka_unit_test(brief_runs_begin_as_they_come_all_the_same),
      cmocka_unit_test(a_run_whose_turn_does_not_come_in_time_is_busy),
      cmocka_unit_test(a_light_function_never_waits_beside_a_greedy_one),
      cmocka_unit_test(functions_get_cpu_time_by_their_weights),
      cmocka_unit_test(a_waiting_run_goes_on_when_its_time_has_come),
      cmocka_unit_test(a_waiting_run_ends_at_its_deadline),
      cmocka_unit_test(a_run_can_be_ended_in_any_state),
      cmocka_unit_test(ending_the_only_ready_run_lets_the_loop_rest),
      cmocka_unit_test(a_run_without_a_place_gets_the_next_that_is_free),
      cmocka_unit_test(a_run_that_waits_too_long_for_a_place_is_busy),
      cmocka_unit_test(requests_keep_the_release_that_they_began_with),
      cmocka_unit_test(a_function_s_lane_outlives_its_release),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
