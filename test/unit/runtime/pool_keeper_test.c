// Pools on a worker's loop, which the tests turn themselves: what is started ahead, kept, and given up.
#include "runtime/places.h"

#include "support/traps.h"
#include "unit/runtime/runtime_testing.h"

// Each function answers a number by failing with it: `count` how often its instance was called, `started` how often its
// start function ran.
static const char module[] = "(module"
                             " (global $calls (mut i32) (i32.const 0)) (global $starts (mut i32) (i32.const 0))"
                             " (func $start (global.set $starts (i32.add (global.get $starts) (i32.const 7))))"
                             " (start $start)"
                             " (func (export \"count\") (result i32)"
                             "  (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (global.get $calls))"
                             " (func (export \"started\") (result i32) (global.get $starts))"
                             " (func (export \"traps\") (result i32) unreachable)"
                             " (func (export \"spins\") (result i32) (loop $l (br $l)) (i32.const 0)))";

static const char failing[] = "(module (func $start unreachable) (start $start)"
                              " (func (export \"f\") (result i32) (i32.const 0)))";

// Its start waits for a moment.
static const char waiting[] =
    "(module"
    " (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
    " (memory (export \"memory\") 1)"
    " (func (export \"_initialize\")"
    "  (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 5000000))"
    "  (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200))))"
    " (func (export \"f\") (result i32) (i32.const 9)))";

typedef struct fixture {
  char *folder;
  release *release;
  worker *worker;
} fixture;

static void make(fixture *self, const char *toml, uint32_t runs_max) {
  *self = (fixture){.folder = folder_make()};
  folder_write(self->folder, "m.wat", module);
  folder_write(self->folder, "failing.wat", failing);
  folder_write(self->folder, "waiting.wat", waiting);
  folder_write(self->folder, "ubiq.toml", toml);
  assert_success(release_read(self->folder, NULL, &self->release));
  const worker_options options = {.runs_max = runs_max, .queue_max = 4};
  assert_success(worker_new(&options, self->release, &self->worker));
  assert_success(fetch_loop_new(&self->worker->loop, &self->worker->fetches));
}

static void end(fixture *self) {
  worker_delete(self->worker);
  release_delete(self->release);
  folder_remove(self->folder);
}

static pool *pool_at(fixture *self, size_t index) {
  return &self->worker->lease->pools[index];
}

static pool_stats stats(const fixture *self, size_t index) {
  pool_stats found;
  pool_board_sum(self->release->functions[index].board, &found);
  return found;
}

/// Turns the loop until nothing is to be started.
static void fill(fixture *self) {
  pool_keeper *keeper = &self->worker->keeper;
  while (keeper->first_short != NULL || keeper->starting > 0) uv_run(&self->worker->loop, UV_RUN_ONCE);
}

typedef struct counted {
  run run;
  int done;
} counted;

static void count(run *run) {
  ((counted *)(void *)run)->done++;
}

static void begin_run(fixture *self, counted *run, size_t function) {
  *run = (counted){0};
  run_init(&run->run, self->worker);
  run->run.done = count;
  run->run.lease = self->worker->lease;
  run->run.function = &self->release->functions[function];
  if (run_start(&run->run)) run->done++;
}

static ubiq_code finish_run(fixture *self, counted *run, int *detail) {
  while (run->done == 0) uv_run(&self->worker->loop, UV_RUN_ONCE);
  ubiq_code code = ubiq_error_code(run->run.error);
  if (detail != NULL) *detail = (int)ubiq_error_detail(run->run.error);
  run_end(&run->run);
  return code;
}

static ubiq_code call(fixture *self, size_t function, int *detail) {
  counted run;
  traps_restore();
  begin_run(self, &run, function);
  return finish_run(self, &run, detail);
}

// --------------------------------------------------------------------------------------------------- starting ahead

static void min_instances_are_ready_before_any_run_and_then_the_loop_rests(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.count]\nwasm = 'm.wat'\npool = { min = 3 }\n", 100);
  fill(&self);
  pool_stats found = stats(&self, 0);
  assert_int_equal(found.ready, 3);
  assert_int_equal(found.made_ahead, 3);
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_false(uv_is_active((uv_handle_t *)&self.worker->keeper.filling));
  assert_false(uv_is_active((uv_handle_t *)&self.worker->keeper.looks));
  assert_int_equal(self.worker->runs.used, 0);
  end(&self);
}

static void a_run_gets_an_instance_that_was_started_and_the_next_another(void **state) {
  (void)state;
  fixture self;
  int detail = 0;
  make(&self, "[functions.a]\nwasm = 'm.wat'\nexport = 'started'\n[functions.b]\nwasm = 'm.wat'\nexport = 'count'\n",
       100);
  fill(&self);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(call(&self, 0, &detail), UBIQ_GUEST_ERROR);
    assert_int_equal(detail, 7); // once
    assert_int_equal(call(&self, 1, &detail), UBIQ_GUEST_ERROR);
    assert_int_equal(detail, 1);
    fill(&self);
  }
  pool_stats found = stats(&self, 0);
  assert_int_equal(found.found_ready, 3);
  assert_int_equal(found.ended[POOL_END_USED], 3);
  assert_int_equal(found.ready, 2);
  end(&self);
}

static void a_run_that_finds_none_ready_makes_its_own(void **state) {
  (void)state;
  fixture self;
  int detail = 0;
  make(&self, "[functions.started]\nwasm = 'm.wat'\npool = { min = 0 }\n", 100);
  assert_int_equal(call(&self, 0, &detail), UBIQ_GUEST_ERROR);
  assert_int_equal(detail, 7);
  assert_int_equal(stats(&self, 0).made, 1);
  assert_int_equal(stats(&self, 0).found_ready, 0);
  end(&self);
}

static void a_start_that_waits_holds_nobody_up(void **state) {
  (void)state;
  fixture self;
  int detail = 0;
  make(&self, "[functions.a]\nwasm = 'waiting.wat'\nexport = 'f'\n[functions.b]\nwasm = 'm.wat'\nexport = 'count'\n",
       100);
  while (self.worker->keeper.starting == 0) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_int_equal(call(&self, 1, &detail), UBIQ_GUEST_ERROR);
  assert_int_equal(stats(&self, 0).ready, 0);
  fill(&self);
  assert_int_equal(stats(&self, 0).ready, 2);
  assert_int_equal(call(&self, 0, &detail), UBIQ_GUEST_ERROR);
  assert_int_equal(detail, 9);
  end(&self);
}

static void a_start_that_fails_is_told_and_tried_again_later(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.f]\nwasm = 'failing.wat'\n", 100);
  traps_restore();
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  fill(&self);
  pool *pool = pool_at(&self, 0);
  assert_int_equal(stats(&self, 0).start_failed, 1);
  assert_true(uv_is_active((uv_handle_t *)&self.worker->keeper.looks));
  uint64_t first_ms = pool->retry_ms;
  char *problem = pool_board_problem(self.release->functions[0].board);
  assert_non_null(strstr(problem, "unreachable"));
  free(problem);
  while (stats(&self, 0).start_failed < 2) uv_run(&self.worker->loop, UV_RUN_ONCE);
  assert_true(pool->retry_ms >= first_ms + 200); // twice as long as the first time
  assert_int_equal(call(&self, 0, NULL), UBIQ_TRAP);
  ubiq_log_set(UBIQ_LOG_ERROR, NULL, NULL);
  end(&self);
}

static void ready_instances_make_room_for_runs(void **state) {
  (void)state;
  fixture self;
  counted runs[4];
  make(&self,
       "[functions.a]\nwasm = 'm.wat'\nexport = 'count'\npool = { min = 3 }\n"
       "[functions.b]\nwasm = 'm.wat'\nexport = 'spins'\npool = { min = 0 }\n",
       4);
  fill(&self);
  assert_int_equal(stats(&self, 0).ready, 3);
  for (int i = 0; i < 4; i++) begin_run(&self, &runs[i], 1);
  while (self.worker->runs.used < 4 || runs[3].run.plugin == NULL) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_int_equal(self.worker->keeper.ready, 0);
  assert_int_equal(stats(&self, 0).ended[POOL_END_ROOM], 3);
  for (int i = 0; i < 4; i++) run_end(&runs[i].run);
  end(&self);
}

static void memory_for_runs_is_left_when_instances_are_started_ahead(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.count]\nwasm = 'm.wat'\npool = { min = 10 }\n", 4);
  while (self.worker->keeper.ready < 3) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  for (int i = 0; i < 10; i++) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_int_equal(stats(&self, 0).ready, 3);
  assert_false(uv_is_active((uv_handle_t *)&self.worker->keeper.filling)); // does not spin
  end(&self);
}

// --------------------------------------------------------------------------------------------------- up and down

static void a_pool_grows_with_demand_and_shrinks_after_idle_until_it_rests(void **state) {
  (void)state;
  fixture self;
  counted runs[10];
  make(&self,
       "[functions.spins]\nwasm = 'm.wat'\n"
       "pool = { min = 1, overprovision = 50, idle = 600, scale_interval = 20 }\n",
       100);
  fill(&self);
  for (int i = 0; i < 10; i++) begin_run(&self, &runs[i], 0);
  while (stats(&self, 0).target < 15) uv_run(&self.worker->loop, UV_RUN_ONCE);
  assert_int_equal(stats(&self, 0).demand, 10);
  // Ready ones are started once no run wants a turn.
  for (int i = 0; i < 10; i++) run_end(&runs[i].run);
  while (stats(&self, 0).ready < 15) uv_run(&self.worker->loop, UV_RUN_ONCE);
  while (uv_is_active((uv_handle_t *)&self.worker->keeper.looks)) uv_run(&self.worker->loop, UV_RUN_ONCE);
  pool_stats found = stats(&self, 0);
  assert_int_equal(found.demand, 0);
  assert_int_equal(found.target, 1);
  assert_int_equal(found.ready, 1);
  assert_int_equal(found.ended[POOL_END_IDLE], 14);
  end(&self);
}

// ------------------------------------------------------------------------------------------------------- lifetimes

static void a_reused_instance_keeps_its_state_until_it_traps(void **state) {
  (void)state;
  fixture self;
  int detail = 0;
  make(&self, "[functions.count]\nwasm = 'm.wat'\ninstance = 'reuse'\npool = { min = 0 }\n", 100);
  // Another function of the same module, on the same instance, is not to be had; a trap is: by a limit.
  for (int i = 1; i <= 3; i++) {
    assert_int_equal(call(&self, 0, &detail), UBIQ_GUEST_ERROR);
    assert_int_equal(detail, i);
  }
  assert_int_equal(stats(&self, 0).made, 1);
  end(&self);
}

static void a_reused_instance_that_trapped_is_made_anew(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.traps]\nwasm = 'm.wat'\ninstance = 'reuse'\npool = { min = 0 }\n", 100);
  for (int i = 0; i < 2; i++) assert_int_equal(call(&self, 0, NULL), UBIQ_TRAP);
  assert_int_equal(stats(&self, 0).made, 2);
  assert_int_equal(stats(&self, 0).ended[POOL_END_STOPPED], 2);
  end(&self);
}

static void a_reused_instance_whose_run_was_cancelled_is_made_anew(void **state) {
  (void)state;
  fixture self;
  counted run;
  make(&self, "[functions.spins]\nwasm = 'm.wat'\ninstance = 'reuse'\npool = { min = 0 }\n", 100);
  begin_run(&self, &run, 0);
  assert_int_equal(run.done, 0);
  while (run.run.plugin == NULL) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  run_end(&run.run);
  assert_int_equal(stats(&self, 0).ended[POOL_END_STOPPED], 1);
  assert_int_equal(stats(&self, 0).ready, 0);
  end(&self);
}

static void a_reused_instance_serves_max_runs(void **state) {
  (void)state;
  fixture self;
  int detail = 0;
  make(&self, "[functions.count]\nwasm = 'm.wat'\ninstance = 'reuse'\nmax_runs = 2\npool = { min = 0 }\n", 100);
  static const int expected[] = {1, 2, 1, 2, 1};
  for (int i = 0; i < 5; i++) {
    call(&self, 0, &detail);
    assert_int_equal(detail, expected[i]);
  }
  assert_int_equal(stats(&self, 0).ended[POOL_END_RUNS], 2);
  end(&self);
}

static void two_runs_at_once_have_two_instances(void **state) {
  (void)state;
  fixture self;
  counted first, second;
  make(&self, "[functions.spins]\nwasm = 'm.wat'\ninstance = 'reuse'\npool = { min = 0 }\n", 100);
  begin_run(&self, &first, 0);
  begin_run(&self, &second, 0);
  while (first.run.plugin == NULL || second.run.plugin == NULL) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_ptr_not_equal(first.run.plugin, second.run.plugin);
  assert_int_equal(stats(&self, 0).busy, 2);
  run_end(&first.run);
  run_end(&second.run);
  end(&self);
}

// -------------------------------------------------------------------------------------------------------- releases

static void what_is_ready_ends_when_a_release_is_replaced(void **state) {
  (void)state;
  fixture self;
  release *newer;
  make(&self, "[functions.count]\nwasm = 'm.wat'\ninstance = 'reuse'\n", 100);
  fill(&self);
  counted run;
  lease *held = worker_hold(self.worker);
  begin_run(&self, &run, 0);
  assert_success(release_read(self.folder, NULL, &newer));
  assert_true(worker_use(self.worker, newer, NULL, 0));
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_int_equal(stats(&self, 0).ready, 0);
  assert_int_equal(finish_run(&self, &run, NULL), UBIQ_GUEST_ERROR);
  lease_let_go(held);
  pool_stats found = stats(&self, 0);
  assert_int_equal(found.busy + found.ready + found.starting, 0);
  assert_int_equal(found.ended[POOL_END_CLOSED], 2);
  release *old = self.release;
  self.release = newer;
  fill(&self);
  assert_int_equal(stats(&self, 0).ready, 2);
  release_delete(old);
  end(&self);
}

static void a_release_that_stays_keeps_its_instances(void **state) {
  (void)state;
  fixture self;
  release *canary;
  int detail = 0;
  make(&self, "[functions.count]\nwasm = 'm.wat'\ninstance = 'reuse'\npool = { min = 0 }\n", 100);
  call(&self, 0, &detail);
  assert_success(release_read(self.folder, NULL, &canary));
  assert_true(worker_use(self.worker, self.release, canary, 10));
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_non_null(self.worker->canary);
  call(&self, 0, &detail);
  assert_int_equal(detail, 2);
  assert_true(worker_use(self.worker, self.release, NULL, 0));
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_null(self.worker->canary);
  call(&self, 0, &detail);
  assert_int_equal(detail, 3);
  release_delete(canary);
  end(&self);
}

// --------------------------------------------------------------------------------------------------------- pinned

static pin_status pin_now(fixture *self, size_t function) {
  pin_status found;
  pin_look(self->release->functions[function].pin, uv_now(&self->worker->loop), &found);
  return found;
}

static void a_pinned_instance_is_started_with_the_release_and_kept(void **state) {
  (void)state;
  fixture self;
  int detail = 0;
  make(&self, "[functions.count]\nwasm = 'm.wat'\ninstance = 'pinned'\n", 100);
  assert_int_equal(pin_now(&self, 0).state, PIN_ABSENT);
  fill(&self);
  assert_int_equal(pin_now(&self, 0).state, PIN_READY);
  for (int i = 1; i <= 3; i++) {
    call(&self, 0, &detail);
    assert_int_equal(detail, i);
  }
  assert_int_equal(stats(&self, 0).made, 1);
  assert_false(uv_is_active((uv_handle_t *)&self.worker->keeper.filling));
  end(&self);
}

static void a_run_that_comes_before_the_start_makes_the_pinned_instance(void **state) {
  (void)state;
  fixture self;
  int detail = 0;
  make(&self, "[functions.count]\nwasm = 'm.wat'\ninstance = 'pinned'\n", 100);
  call(&self, 0, &detail);
  fill(&self);
  call(&self, 0, &detail);
  assert_int_equal(detail, 2);
  assert_int_equal(stats(&self, 0).made, 1);
  end(&self);
}

static void all_workers_have_the_same_pinned_instance(void **state) {
  (void)state;
  fixture self;
  int detail = 0;
  make(&self, "[functions.count]\nwasm = 'm.wat'\ninstance = 'pinned'\n", 100);
  worker *first = self.worker, *second;
  admission *admission = admission_new(2, (admission_limits){.runs = 100, .queue = 4});
  worker_delete(first);
  assert_success(worker_new(&(worker_options){.index = 0, .workers = 2, .admission = admission}, self.release, &first));
  assert_success(
      worker_new(&(worker_options){.index = 1, .workers = 2, .admission = admission}, self.release, &second));
  self.worker = first;
  fill(&self);
  for (int i = 1; i <= 6; i++) {
    self.worker = i % 2 == 0 ? first : second;
    for (int round = 0; round < 3; round++) (void)places_settle(i % 2 == 0 ? second : first);
    call(&self, 0, &detail);
    assert_int_equal(detail, i);
  }
  assert_int_equal(stats(&self, 0).made, 1);
  assert_int_equal(stats(&self, 0).found_ready, 6);
  worker_delete(second);
  self.worker = first;
  worker_delete(first);
  release_delete(self.release);
  admission_delete(admission);
  folder_remove(self.folder);
}

static void a_pinned_instance_that_traps_is_started_again_later_and_later(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.traps]\nwasm = 'm.wat'\ninstance = 'pinned'\n", 100);
  fill(&self);
  assert_int_equal(call(&self, 0, NULL), UBIQ_TRAP);
  fill(&self); // at once, the first time
  assert_int_equal(pin_now(&self, 0).state, PIN_READY);
  assert_int_equal(call(&self, 0, NULL), UBIQ_TRAP);
  assert_int_equal(pin_now(&self, 0).state, PIN_RESTARTING);
  counted refused;
  begin_run(&self, &refused, 0);
  assert_int_equal(ubiq_error_code(refused.run.error), UBIQ_UNAVAILABLE);
  assert_non_null(strstr(ubiq_error_message(refused.run.error), "is started again in"));
  run_end(&refused.run);
  while (pin_now(&self, 0).state != PIN_READY) uv_run(&self.worker->loop, UV_RUN_ONCE);
  assert_int_equal(pin_now(&self, 0).restarts, 2);
  assert_int_equal(stats(&self, 0).ended[POOL_END_STOPPED], 2);
  end(&self);
}

static void a_pinned_instance_whose_start_fails_is_tried_again(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.f]\nwasm = 'failing.wat'\ninstance = 'pinned'\n", 100);
  traps_restore();
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  while (stats(&self, 0).start_failed < 3) uv_run(&self.worker->loop, UV_RUN_ONCE);
  assert_int_equal(pin_now(&self, 0).state, PIN_RESTARTING);
  ubiq_log_set(UBIQ_LOG_ERROR, NULL, NULL);
  end(&self);
}

static void runs_of_a_pinned_function_wait_for_one_another(void **state) {
  (void)state;
  fixture self;
  counted first, second;
  make(&self, "[functions.spins]\nwasm = 'm.wat'\ninstance = 'pinned'\n", 100);
  fill(&self);
  begin_run(&self, &first, 0);
  begin_run(&self, &second, 0);
  assert_false(second.run.has_place);
  run_end(&first.run);
  assert_true(second.run.has_place);
  run_end(&second.run);
  end(&self);
}

static void starts_under_way_end_with_the_worker(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.f]\nwasm = 'waiting.wat'\n", 100);
  while (self.worker->keeper.starting == 0) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  end(&self);
}

/// Has the engine install its signal handlers before cmocka does.
static void begin(void) {
  const ubiq_compile_options options = {.suspends = true, .memory_bytes_max = limits_default.memory_bytes};
  ubiq_compiled *compiled = NULL;
  ubiq_error_delete(ubiq_compiled_new((const uint8_t *)"(module)", 8, &options, &compiled));
  ubiq_compiled_delete(compiled);
  traps_save();
  ubiq_log_set(UBIQ_LOG_ERROR, NULL, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(min_instances_are_ready_before_any_run_and_then_the_loop_rests),
      cmocka_unit_test(a_run_gets_an_instance_that_was_started_and_the_next_another),
      cmocka_unit_test(a_run_that_finds_none_ready_makes_its_own),
      cmocka_unit_test(a_start_that_waits_holds_nobody_up),
      cmocka_unit_test(a_start_that_fails_is_told_and_tried_again_later),
      cmocka_unit_test(ready_instances_make_room_for_runs),
      cmocka_unit_test(memory_for_runs_is_left_when_instances_are_started_ahead),
      cmocka_unit_test(a_pool_grows_with_demand_and_shrinks_after_idle_until_it_rests),
      cmocka_unit_test(a_reused_instance_keeps_its_state_until_it_traps),
      cmocka_unit_test(a_reused_instance_that_trapped_is_made_anew),
      cmocka_unit_test(a_reused_instance_whose_run_was_cancelled_is_made_anew),
      cmocka_unit_test(a_reused_instance_serves_max_runs),
      cmocka_unit_test(two_runs_at_once_have_two_instances),
      cmocka_unit_test(what_is_ready_ends_when_a_release_is_replaced),
      cmocka_unit_test(a_release_that_stays_keeps_its_instances),
      cmocka_unit_test(a_pinned_instance_is_started_with_the_release_and_kept),
      cmocka_unit_test(a_run_that_comes_before_the_start_makes_the_pinned_instance),
      cmocka_unit_test(all_workers_have_the_same_pinned_instance),
      cmocka_unit_test(a_pinned_instance_that_traps_is_started_again_later_and_later),
      cmocka_unit_test(a_pinned_instance_whose_start_fails_is_tried_again),
      cmocka_unit_test(runs_of_a_pinned_function_wait_for_one_another),
      cmocka_unit_test(starts_under_way_end_with_the_worker),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
