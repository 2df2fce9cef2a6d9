// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
// What a pool keeps, and why instances end. Instances are real, runs are not: the test takes and gives back.
#include "runtime/pool/pool.h"

#include "unit/base/alloc_failure.h"
#include "unit/runtime/begin_testing.h"
#include "unit/runtime/runtime_testing.h"

typedef struct fixture {
  char *folder;
  release *release;
  pool pool;
  uint32_t all_ready;
} fixture;

static void make(fixture *self, const char *settings) {
  char toml[512];
  snprintf(toml, sizeof toml, "[functions.f]\nwasm = 'm.wat'\n%s", settings);
  *self = (fixture){.folder = folder_make()};
  folder_write(self->folder, "m.wat",
               "(module (func (export \"f\") (result i32) (i32.const 0))"
               " (func (export \"traps\") (result i32) unreachable))");
  folder_write(self->folder, "ubiq.toml", toml);
  assert_success(release_read(self->folder, NULL, &self->release));
  assert_true(pool_open(&self->pool, &self->release->functions[0].pool, 3, 1, &self->all_ready));
}

static void end(fixture *self) {
  pool_close(&self->pool);
  assert_int_equal(self->all_ready, 0);
  assert_int_equal(self->pool.scale.busy, 0);
  release_delete(self->release);
  folder_remove(self->folder);
}

static pool_stats stats(fixture *self) {
  pool_stats found;
  pool_board_sum(self->release->functions[0].pool.board, &found);
  return found;
}

static plugin *new_plugin(fixture *self) {
  plugin *plugin = NULL;
  assert_success(plugin_new(self->release->functions[0].compiled, NULL, NULL, &plugin));
  return plugin;
}

/// A run that makes its own instance where none is ready, as run.c does.
static instance *take(fixture *self, uint64_t now_ms) {
  instance *found = pool_take(&self->pool, now_ms);
  return found != NULL ? found : instance_new(new_plugin(self), now_ms);
}

static void give_back(fixture *self, instance *instance, uint64_t now_ms) {
  pool_give_back(&self->pool, instance, instance->plugin, now_ms);
}

static void add_ready(fixture *self, uint64_t now_ms) {
  pool_add_started(&self->pool, instance_new(new_plugin(self), now_ms));
}

static void call(instance *instance, const char *name) {
  ubiq_bytes output;
  ubiq_error_delete(ubiq_plugin_call(instance->plugin, name, (ubiq_bytes){0}, &output));
}

static void an_instance_of_a_request_is_used_once(void **state) {
  (void)state;
  fixture self;
  make(&self, "");
  add_ready(&self, 0);
  assert_int_equal(self.all_ready, 1);
  instance *first = pool_take(&self.pool, 5);
  assert_non_null(first);
  assert_null(pool_take(&self.pool, 5));
  give_back(&self, first, 10);
  pool_give_back(&self.pool, NULL, new_plugin(&self), 10);
  pool_stats found = stats(&self);
  assert_int_equal(found.ready, 0);
  assert_int_equal(found.made, 2);
  assert_int_equal(found.made_ahead, 1);
  assert_int_equal(found.found_ready, 1);
  assert_int_equal(found.ended[POOL_END_USED], 2);
  end(&self);
}

static void a_reused_instance_comes_back_and_the_newest_is_used_first(void **state) {
  (void)state;
  fixture self;
  make(&self, "instance = 'reuse'\n");
  instance *first = take(&self, 1), *second = take(&self, 2);
  give_back(&self, first, 3);
  give_back(&self, second, 4);
  assert_int_equal(stats(&self).ready, 2);
  assert_ptr_equal(take(&self, 5), second);
  assert_ptr_equal(take(&self, 5), first);
  assert_int_equal(first->runs, 1);
  give_back(&self, first, 6);
  give_back(&self, second, 6);
  end(&self);
}

static void max_runs_and_max_age_end_an_instance(void **state) {
  (void)state;
  fixture self;
  make(&self, "instance = 'reuse'\nmax_runs = 2\nmax_age = 1000\n");
  instance *one = take(&self, 0);
  give_back(&self, one, 1);
  assert_ptr_equal(take(&self, 2), one);
  give_back(&self, one, 3);
  assert_int_equal(stats(&self).ended[POOL_END_RUNS], 1);
  one = take(&self, 10);
  give_back(&self, one, 1010);
  assert_int_equal(stats(&self).ended[POOL_END_AGE], 1);
  one = take(&self, 2000);
  give_back(&self, one, 2999);
  assert_null(pool_take(&self.pool, 3000)); // too old while it was ready
  assert_int_equal(stats(&self).ended[POOL_END_AGE], 2);
  pool_give_back(&self.pool, NULL, NULL, 3000);
  end(&self);
}

static void an_instance_that_was_stopped_is_not_used_again(void **state) {
  (void)state;
  fixture self;
  make(&self, "instance = 'reuse'\n");
  instance *one = take(&self, 0);
  call(one, "f");
  give_back(&self, one, 1);
  assert_ptr_equal(take(&self, 2), one);
  traps_restore();
  call(one, "traps");
  give_back(&self, one, 3);
  pool_stats found = stats(&self);
  assert_int_equal(found.ready, 0);
  assert_int_equal(found.ended[POOL_END_STOPPED], 1);
  end(&self);
}

static void ready_instances_are_dropped_oldest_first(void **state) {
  (void)state;
  fixture self;
  make(&self, "");
  for (uint64_t i = 0; i < 3; i++) add_ready(&self, i);
  pool_drop(&self.pool, 2, POOL_END_IDLE);
  assert_int_equal(self.all_ready, 1);
  assert_int_equal(stats(&self).ended[POOL_END_IDLE], 2);
  instance *last = pool_take(&self.pool, 5);
  assert_int_equal(last->made_ms, 2);
  give_back(&self, last, 5);
  pool_drop(&self.pool, 9, POOL_END_IDLE);
  end(&self);
}

static void a_closed_pool_keeps_nothing(void **state) {
  (void)state;
  fixture self;
  make(&self, "instance = 'reuse'\n");
  instance *one = take(&self, 0);
  add_ready(&self, 0);
  pool_close(&self.pool);
  give_back(&self, one, 1);
  assert_int_equal(stats(&self).ended[POOL_END_CLOSED], 2);
  assert_int_equal(stats(&self).target, 0);
  end(&self);
}

static void the_numbers_of_all_workers_are_added_up(void **state) {
  (void)state;
  fixture self;
  pool other = {0};
  make(&self, "");
  assert_true(pool_open(&other, &self.release->functions[0].pool, 4, 1, &self.all_ready));
  assert_ptr_equal(pool_board_join(self.release->functions[0].pool.board, 4), other.gauges);
  add_ready(&self, 0);
  pool_publish(&self.pool);
  pool_add_started(&other, instance_new(new_plugin(&self), 0));
  pool_publish(&other);
  pool_stats found = stats(&self);
  assert_int_equal(found.workers, 2);
  assert_int_equal(found.ready, 2);
  assert_int_equal(found.target, 4);
  pool_close(&other);
  end(&self);
}

static void what_is_wrong_with_starts_is_told_until_one_goes_well(void **state) {
  (void)state;
  pool_board *board = pool_board_new();
  assert_null(pool_board_problem(board));
  pool_board_say(board, "no luck");
  char *problem = pool_board_problem(board);
  assert_string_equal(problem, "no luck");
  free(problem);
  pool_board_say(board, NULL);
  assert_null(pool_board_problem(board));
  pool_board_delete(board);
}

static void a_worker_has_its_share_rounded_up(void **state) {
  (void)state;
  pool_settings settings = {.min = 5, .max = 8, .overprovision_percent = 10, .idle_ms = 1, .interval_ms = 1};
  pool_settings part = pool_share(&settings, 4);
  assert_int_equal(part.min, 2);
  assert_int_equal(part.max, 2);
  settings.min = 0;
  assert_int_equal(pool_share(&settings, 4).min, 0);
}

static bool attempt(void *user) {
  fixture *self = user;
  pin *pin = pin_new();
  pool_board *board = pool_board_new();
  plugin *plugin = NULL;
  ubiq_error *error = plugin_new(self->release->functions[0].compiled, NULL, NULL, &plugin);
  instance *instance = error == NULL ? instance_new(plugin, 0) : NULL;
  bool good = pin != NULL && board != NULL && instance != NULL && pool_board_join(board, 0) != NULL;
  if (good)
    good = pin_put(pin, instance, true);
  else if (instance != NULL)
    ubiq_plugin_delete(instance->plugin);
  if (!good) free(instance);
  pin_delete(pin);
  pool_board_delete(board);
  ubiq_error_delete(error);
  return good;
}

static void without_memory_there_is_no_leak(void **state) {
  (void)state;
  fixture self;
  make(&self, "");
  assert_true(alloc_failure_sweep(attempt, &self) > 3);
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_instance_of_a_request_is_used_once),
      cmocka_unit_test(a_reused_instance_comes_back_and_the_newest_is_used_first),
      cmocka_unit_test(max_runs_and_max_age_end_an_instance),
      cmocka_unit_test(an_instance_that_was_stopped_is_not_used_again),
      cmocka_unit_test(ready_instances_are_dropped_oldest_first),
      cmocka_unit_test(a_closed_pool_keeps_nothing),
      cmocka_unit_test(the_numbers_of_all_workers_are_added_up),
      cmocka_unit_test(what_is_wrong_with_starts_is_told_until_one_goes_well),
      cmocka_unit_test(a_worker_has_its_share_rounded_up),
      cmocka_unit_test(without_memory_there_is_no_leak),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
