// Pools on a worker's loop, which the tests turn themselves: what is started ahead, kept, and given up.
#include "unit/runtime/run/pool_testing.h"

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
  char *problem = pool_board_problem(self.release->functions[0].pool.board);
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
  make(
      &self,
      "[functions.spins]\nwasm = 'm.wat'\n"
      "pool = { min = 1, overprovision = 50, idle = 4000, scale_interval = 20 }\n", // what it may stand still, and more
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
  while (run.done == 0 && run.run.plugin == NULL) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  const uint32_t ready = stats(&self, 0).ready;
  assert_success(release_read(self.folder, NULL, &newer));
  assert_true(worker_use(self.worker, newer, NULL, 0));
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  assert_int_equal(stats(&self, 0).ready, 0);
  assert_int_equal(finish_run(&self, &run, NULL), UBIQ_GUEST_ERROR);
  lease_let_go(held);
  pool_stats found = stats(&self, 0);
  assert_int_equal(found.busy + found.ready + found.starting, 0);
  assert_int_equal(found.ended[POOL_END_CLOSED], ready + 1);
  release *old = self.release;
  self.release = newer;
  fill(&self);
  assert_int_equal(stats(&self, 0).ready, 2);
  release_delete(old);
  end(&self);
}

static void a_new_release_has_as_much_ready_as_the_demand_of_the_old_one_asks_for(void **state) {
  (void)state;
  fixture self;
  counted runs[10];
  release *newer;
  make(&self, "[functions.a]\nwasm = 'm.wat'\nexport = 'count'\n[functions.spins]\nwasm = 'm.wat'\n", 100);
  fill(&self);
  for (int i = 0; i < 10; i++) begin_run(&self, &runs[i], 1);
  while (stats(&self, 1).busy < 10) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  lease *held = worker_hold(self.worker);
  assert_success(release_read(self.folder, NULL, &newer));
  assert_true(worker_use(self.worker, newer, NULL, 0));
  uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  for (int i = 0; i < 10; i++) run_end(&runs[i].run);
  lease_let_go(held);
  release_delete(self.release);
  self.release = newer;
  fill(&self);
  assert_int_equal(stats(&self, 0).ready, 2);
  assert_int_equal(stats(&self, 1).demand, 10);
  assert_int_equal(stats(&self, 1).ready, 11);
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

static void starts_under_way_end_with_the_worker(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.f]\nwasm = 'waiting.wat'\n", 100);
  while (self.worker->keeper.starting == 0) uv_run(&self.worker->loop, UV_RUN_NOWAIT);
  end(&self);
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
      cmocka_unit_test(a_new_release_has_as_much_ready_as_the_demand_of_the_old_one_asks_for),
      cmocka_unit_test(a_release_that_stays_keeps_its_instances),
      cmocka_unit_test(starts_under_way_end_with_the_worker),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
