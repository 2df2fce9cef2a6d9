// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
// How a worker shares requests out among releases: on its loop, which the tests turn themselves.
#include "runtime/release/traffic.h"

#include "runtime/run/worker.h"
#include "unit/base/alloc_failure.h"
#include "unit/runtime/runtime_testing.h"

typedef struct fixture {
  release *current, *canary;
  worker *worker;
} fixture;

static void make(fixture *self) {
  *self = (fixture){0};
  const worker_options options = {.runs_max = 1};
  assert_success(release_empty(&self->current));
  assert_success(release_empty(&self->canary));
  assert_success(worker_new(&options, self->current, &self->worker));
}

static void end(fixture *self) {
  worker_delete(self->worker);
  assert_int_equal(atomic_load(&self->current->owners), 1);
  assert_int_equal(atomic_load(&self->canary->owners), 1);
  release_delete(self->current);
  release_delete(self->canary);
}

static void share(fixture *self, release *canary, uint32_t percent) {
  assert_true(worker_use(self->worker, self->current, canary, percent));
  uv_run(&self->worker->loop, UV_RUN_NOWAIT);
}

/// How many of so many requests the canary gets.
static size_t count_canary(fixture *self, size_t requests) {
  size_t count = 0;
  for (size_t i = 0; i < requests; i++) {
    lease *lease = worker_hold(self->worker);
    count += lease->release == self->canary;
    lease_let_go(lease);
  }
  return count;
}

static void a_canary_gets_its_share_of_each_hundred_requests(void **state) {
  (void)state;
  fixture self;
  make(&self);
  assert_int_equal(count_canary(&self, 100), 0);
  for (uint32_t percent = 1; percent < 100; percent++) {
    share(&self, self.canary, percent);
    assert_int_equal(count_canary(&self, 100), percent);
    assert_int_equal(count_canary(&self, 100), percent);
  }
  share(&self, NULL, 0);
  assert_int_equal(count_canary(&self, 100), 0);
  end(&self);
}

static void a_canarys_share_is_spread_evenly(void **state) {
  (void)state;
  fixture self;
  make(&self);
  share(&self, self.canary, 10);
  for (int i = 0; i < 10; i++) assert_int_equal(count_canary(&self, 10), 1);
  end(&self);
}

static void what_no_worker_has_taken_yet_is_replaced_by_what_comes_next(void **state) {
  (void)state;
  fixture self;
  make(&self);
  assert_true(worker_use(self.worker, self.current, self.canary, 50));
  share(&self, NULL, 0);
  assert_int_equal(count_canary(&self, 100), 0);
  assert_true(worker_use(self.worker, self.current, self.canary, 50));
  end(&self);
}

static void a_request_keeps_its_canary_when_that_is_taken_back(void **state) {
  (void)state;
  fixture self;
  make(&self);
  share(&self, self.canary, 99);
  lease *first = worker_hold(self.worker), *second = worker_hold(self.worker);
  lease *held = first->release == self.canary ? first : second;
  share(&self, NULL, 0);
  assert_ptr_equal(held->release, self.canary);
  assert_int_equal(atomic_load(&self.canary->owners), 2);
  lease_let_go(first);
  lease_let_go(second);
  end(&self);
}

static bool attempt(void *user) {
  fixture *self = user;
  traffic *made = traffic_new(self->current, self->canary, 10);
  bool good = made != NULL;
  traffic_delete(made);
  return good;
}

static void a_worker_keeps_what_it_has_when_memory_is_out(void **state) {
  (void)state;
  fixture self;
  make(&self);
  assert_int_equal(alloc_failure_sweep(attempt, &self), 1);
  alloc_failure.armed = true;
  alloc_failure.passes = 0;
  assert_false(worker_use(self.worker, self.current, self.canary, 50));
  assert_int_equal(count_canary(&self, 10), 0);
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_canary_gets_its_share_of_each_hundred_requests),
      cmocka_unit_test(a_canarys_share_is_spread_evenly),
      cmocka_unit_test(what_no_worker_has_taken_yet_is_replaced_by_what_comes_next),
      cmocka_unit_test(a_worker_keeps_what_it_has_when_memory_is_out),
      cmocka_unit_test(a_request_keeps_its_canary_when_that_is_taken_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
