// What a worker prepares before a release gets requests. Its loop is turned by the tests.
#include "runtime/run/worker_releases.h"

#include "unit/runtime/run/pool_testing.h"

#define COUNT "[functions.count]\nwasm = 'm.wat'\n"
#define SPINS "[functions.spins]\nwasm = 'm.wat'\ncpu = '1m'\n"

static release *another(fixture *self, const char *toml) {
  release *made = NULL;
  folder_write(self->folder, "ubiq.toml", toml);
  assert_success(release_read(self->folder, NULL, &made));
  return made;
}

static void turn(fixture *self) {
  uv_run(&self->worker->loop, UV_RUN_NOWAIT);
}

static void prepare(fixture *self, release *release) {
  assert_true(worker_prepare(self->worker, release));
  while (!worker_has_prepared(self->worker, release)) uv_run(&self->worker->loop, UV_RUN_ONCE); // which may sleep
}

static uint32_t ready_of(const release *release, size_t index) {
  pool_stats found;
  pool_board_sum(release->functions[index].pool.board, &found);
  return found.ready;
}

/// The worker's release is another one now.
static void become(fixture *self, release *newer) {
  release_delete(self->release);
  self->release = newer;
}

static void what_comes_has_its_instances_before_it_gets_requests(void **state) {
  (void)state;
  fixture self;
  make(&self, COUNT, 100);
  release *newer = another(&self, COUNT "pool = { min = 5 }\n");
  prepare(&self, newer);
  assert_int_equal(ready_of(newer, 0), 5);
  assert_ptr_equal(self.worker->lease->release, self.release);
  lease *coming = self.worker->coming;
  assert_true(worker_use(self.worker, newer, NULL, 0));
  turn(&self);
  assert_ptr_equal(self.worker->lease, coming);
  assert_null(self.worker->coming);
  assert_int_equal(ready_of(newer, 0), 5);
  assert_int_equal(ready_of(self.release, 0), 0);
  become(&self, newer);
  call(&self, 0, NULL);
  assert_int_equal(stats(&self, 0).found_ready, 1);
  end(&self);
}

static void a_request_that_comes_after_a_release_was_given_has_it_before_the_loop_turns(void **state) {
  (void)state;
  fixture self;
  make(&self, COUNT, 100);
  release *newer = another(&self, COUNT);
  prepare(&self, newer);
  assert_true(worker_use(self.worker, newer, NULL, 0));
  lease *held = worker_hold_latest(self.worker);
  assert_ptr_equal(held->release, newer);
  assert_null(self.worker->coming);
  lease_let_go(held);
  become(&self, newer);
  call(&self, 0, NULL);
  assert_int_equal(stats(&self, 0).found_ready, 1);
  end(&self);
}

static void what_comes_begins_with_the_demand_of_what_is_replaced(void **state) {
  (void)state;
  fixture self;
  counted runs[10];
  make(&self, COUNT SPINS, 100);
  for (int i = 0; i < 10; i++) begin_run(&self, &runs[i], 1);
  while (stats(&self, 1).busy < 10) turn(&self);
  release *newer = another(&self, COUNT SPINS);
  prepare(&self, newer); // while the worker is never idle
  assert_int_equal(stats(&self, 1).busy, 10);
  assert_int_equal(ready_of(newer, 1), 11);
  for (int i = 0; i < 10; i++) run_end(&runs[i].run);
  assert_true(worker_use(self.worker, newer, NULL, 0));
  turn(&self);
  become(&self, newer);
  end(&self);
}

static void a_start_that_waits_is_waited_for(void **state) {
  (void)state;
  fixture self;
  make(&self, COUNT, 100);
  release *newer = another(&self, "[functions.f]\nwasm = 'waiting.wat'\npool = { min = 6 }\n");
  prepare(&self, newer);
  assert_int_equal(ready_of(newer, 0), 6);
  release_delete(newer);
  end(&self);
}

static void a_start_that_fails_holds_nothing_up(void **state) {
  (void)state;
  fixture self;
  make(&self, COUNT, 100);
  release *newer = another(&self, "[functions.f]\nwasm = 'failing.wat'\n" COUNT);
  traps_restore();
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  prepare(&self, newer);
  ubiq_log_set(UBIQ_LOG_ERROR, NULL, NULL);
  assert_int_equal(ready_of(newer, 0), 2); // they are in the order of their names
  assert_int_equal(ready_of(newer, 1), 0);
  release_delete(newer);
  end(&self);
}

static void no_more_is_prepared_than_there_is_room_for(void **state) {
  (void)state;
  fixture self;
  make(&self, COUNT, 10);
  fill(&self);
  release *newer = another(&self, COUNT "pool = { min = 1000 }\n");
  prepare(&self, newer);
  assert_in_range(ready_of(newer, 0), 1, 10);
  release_delete(newer);
  end(&self);
}

static void what_does_not_come_after_all_keeps_nothing(void **state) {
  (void)state;
  fixture self;
  make(&self, COUNT, 100);
  fill(&self);
  release *first = another(&self, COUNT), *second = another(&self, COUNT);
  prepare(&self, first);
  prepare(&self, second);
  assert_int_equal(ready_of(first, 0), 0);
  assert_int_equal(atomic_load(&first->owners), 1);
  assert_int_equal(ready_of(second, 0), 2);
  assert_true(worker_use(self.worker, self.release, NULL, 0));
  turn(&self);
  assert_int_equal(atomic_load(&second->owners), 1);
  assert_int_equal(ready_of(self.release, 0), 2);
  release_delete(first);
  release_delete(second);
  end(&self);
}

static void a_canary_that_is_to_have_all_requests_is_filled_for_them(void **state) {
  (void)state;
  fixture self;
  counted runs[10];
  make(&self, SPINS, 100);
  release *canary = another(&self, SPINS);
  prepare(&self, canary);
  assert_true(worker_use(self.worker, self.release, canary, 10));
  turn(&self);
  assert_int_equal(ready_of(canary, 0), 2);
  for (int i = 0; i < 10; i++) begin_run(&self, &runs[i], 0);
  while (stats(&self, 0).busy < 10) turn(&self);
  prepare(&self, canary);
  assert_int_equal(ready_of(canary, 0), 11);
  for (int i = 0; i < 10; i++) run_end(&runs[i].run);
  assert_true(worker_use(self.worker, canary, NULL, 0));
  turn(&self);
  become(&self, canary);
  end(&self);
}

static void what_is_said_to_come_before_the_last_change_was_taken_comes(void **state) {
  (void)state;
  fixture self;
  make(&self, COUNT, 100);
  release *canary = another(&self, COUNT "pool = { min = 5 }\n"), *other = another(&self, COUNT);
  assert_true(worker_prepare(self.worker, other));
  assert_true(worker_use(self.worker, self.release, canary, 10));
  prepare(&self, canary); // the worker has not seen any of it
  assert_ptr_equal(self.worker->canary->release, canary);
  assert_ptr_equal(self.worker->coming->release, canary);
  assert_int_equal(ready_of(canary, 0), 5);
  assert_int_equal(ready_of(other, 0), 0);
  assert_true(worker_use(self.worker, canary, NULL, 0));
  turn(&self);
  assert_null(self.worker->coming);
  become(&self, canary);
  assert_int_equal(atomic_load(&other->owners), 1);
  release_delete(other);
  end(&self);
}

static void what_was_said_to_come_before_the_last_change_does_not(void **state) {
  (void)state;
  fixture self;
  make(&self, COUNT, 100);
  release *canary = another(&self, COUNT), *other = another(&self, COUNT);
  assert_true(worker_prepare(self.worker, other));
  assert_true(worker_use(self.worker, self.release, canary, 10));
  turn(&self);
  assert_ptr_equal(self.worker->canary->release, canary);
  assert_null(self.worker->coming);
  assert_int_equal(atomic_load(&other->owners), 1);
  release_delete(other);
  release_delete(canary);
  end(&self);
}

static void a_worker_may_end_with_something_to_come(void **state) {
  (void)state;
  fixture self;
  make(&self, COUNT, 100);
  release *first = another(&self, "[functions.f]\nwasm = 'waiting.wat'\n"), *second = another(&self, COUNT);
  assert_true(worker_prepare(self.worker, first));
  while (self.worker->keeper.starting == 0) turn(&self);
  assert_true(worker_prepare(self.worker, second)); // is not taken any more
  release_delete(first);
  release_delete(second);
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_comes_has_its_instances_before_it_gets_requests),
      cmocka_unit_test(a_request_that_comes_after_a_release_was_given_has_it_before_the_loop_turns),
      cmocka_unit_test(what_comes_begins_with_the_demand_of_what_is_replaced),
      cmocka_unit_test(a_start_that_waits_is_waited_for),
      cmocka_unit_test(a_start_that_fails_holds_nothing_up),
      cmocka_unit_test(no_more_is_prepared_than_there_is_room_for),
      cmocka_unit_test(what_does_not_come_after_all_keeps_nothing),
      cmocka_unit_test(a_canary_that_is_to_have_all_requests_is_filled_for_them),
      cmocka_unit_test(what_is_said_to_come_before_the_last_change_was_taken_comes),
      cmocka_unit_test(what_was_said_to_come_before_the_last_change_does_not),
      cmocka_unit_test(a_worker_may_end_with_something_to_come),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
