// Pinned functions: one instance, whichever worker a run is on.
#include "runtime/run/places.h"
#include "unit/runtime/run/pool_testing.h"

static pin_status pin_now(fixture *self, size_t function) {
  pin_status found;
  pin_look(self->release->functions[function].pool.pin, uv_now(&self->worker->loop), &found);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pinned_instance_is_started_with_the_release_and_kept),
      cmocka_unit_test(a_run_that_comes_before_the_start_makes_the_pinned_instance),
      cmocka_unit_test(all_workers_have_the_same_pinned_instance),
      cmocka_unit_test(a_pinned_instance_that_traps_is_started_again_later_and_later),
      cmocka_unit_test(a_pinned_instance_whose_start_fails_is_tried_again),
      cmocka_unit_test(runs_of_a_pinned_function_wait_for_one_another),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
