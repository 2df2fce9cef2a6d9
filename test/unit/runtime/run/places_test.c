// Who gets in, on workers whose loops the tests turn themselves. Runs of `endless` hold their places until they are ended.
#include "runtime/run/places.h"

#include "unit/runtime/begin_testing.h"
#include "unit/runtime/run/runs_testing.h"

static const char module[] = "(module (func (export \"fine\") (result i32) (i32.const 0))"
                             " (func (export \"endless\") (result i32) (loop $l (br $l)) (i32.const 0)))";

static const char settings[] = "[functions.fine]\nwasm = 'm.wat'\n"
                               "[functions.endless]\nwasm = 'm.wat'\n"
                               "[functions.one]\nwasm = 'm.wat'\nexport = 'endless'\npool = { max = 1 }\nqueue = 2\n"
                               "[functions.single]\nwasm = 'm.wat'\nexport = 'endless'\npool = { max = 1 }\n"
                               "[functions.none]\nwasm = 'm.wat'\nexport = 'endless'\npool = { max = 1 }\nqueue = 0\n"
                               "[functions.hasty]\nwasm = 'm.wat'\nexport = 'endless'\npool = { max = 1 }\n"
                               "queue_timeout = 5\n";

enum { WORKERS_MAX = 2 };

typedef struct fixture {
  char *folder;
  release *release;
  admission *admission;
  unsigned workers_count;
  worker *workers[WORKERS_MAX];
} fixture;

static void make(fixture *self, unsigned workers, uint32_t runs_max, uint32_t queue_max) {
  *self = (fixture){.folder = folder_make(), .workers_count = workers};
  folder_write(self->folder, "m.wat", module);
  folder_write(self->folder, "ubiq.toml", settings);
  assert_success(release_read(self->folder, NULL, &self->release));
  self->admission = admission_new(workers, (admission_limits){.runs = runs_max, .queue = queue_max});
  assert_non_null(self->admission);
  for (unsigned i = 0; i < workers; i++) {
    const worker_options options = {.index = i, .admission = self->admission};
    assert_success(worker_new(&options, self->release, &self->workers[i]));
  }
}

static void end(fixture *self) {
  for (unsigned i = 0; i < self->workers_count; i++) {
    assert_int_equal(self->workers[i]->runs.used + self->workers[i]->queue.used, 0);
    worker_delete(self->workers[i]);
  }
  release_delete(self->release);
  admission_delete(self->admission);
  folder_remove(self->folder);
}

static bool start(fixture *self, unsigned worker, counted *run, const char *name) {
  return counted_start(run, self->workers[worker], function_named(self->release, name));
}

static void go_round(fixture *self) {
  for (unsigned i = 0; i < self->workers_count; i++) uv_run(&self->workers[i]->loop, UV_RUN_NOWAIT);
}

static void assert_waits(const counted *run) {
  assert_int_equal(run->run.state, RUN_QUEUED);
  assert_false(run->run.has_place);
}

static void assert_refused(counted *run, const char *part, busy_reason reason) {
  assert_int_equal(ubiq_error_code(run->run.error), UBIQ_BUSY);
  if (strstr(ubiq_error_message(run->run.error), part) == NULL)
    fail_msg("%s; expected %s", ubiq_error_message(run->run.error), part);
  assert_in_range(ubiq_error_detail(run->run.error), 1, PLACES_RETRY_S_MAX);
  assert_int_equal(run->run.busy, reason);
  run_end(&run->run);
}

static void a_function_at_its_max_waits_and_others_do_not(void **state) {
  (void)state;
  fixture self;
  counted first, second, third, refused, other;
  make(&self, 1, 100, 100);
  assert_false(start(&self, 0, &first, "one"));
  assert_false(start(&self, 0, &second, "one"));
  assert_false(start(&self, 0, &third, "one"));
  assert_waits(&second);
  assert_true(start(&self, 0, &refused, "one"));
  assert_refused(&refused, "one: all 1 places of the function are taken, and 2 runs wait, which is as many as may",
                 BUSY_FUNCTION_FULL);
  go_round(&self);
  if (!start(&self, 0, &other, "fine"))
    while (other.done == 0) go_round(&self); // a tick cut it
  run_end(&other.run);
  run_end(&first.run);
  assert_true(second.run.has_place);
  assert_waits(&third);
  run_end(&second.run);
  assert_true(third.run.has_place);
  run_end(&third.run);
  end(&self);
}

static void without_room_to_wait_there_is_no_waiting(void **state) {
  (void)state;
  fixture self;
  counted first, refused;
  make(&self, 1, 100, 100);
  assert_false(start(&self, 0, &first, "none"));
  assert_true(start(&self, 0, &refused, "none"));
  assert_refused(&refused, "none: all 1 places of the function are taken, and 0 runs wait, which is as many as may",
                 BUSY_FUNCTION_FULL);
  run_end(&first.run);
  end(&self);
}

static void the_process_has_a_max_and_a_queue_of_its_own(void **state) {
  (void)state;
  fixture self;
  counted first, second, refused;
  make(&self, 1, 1, 1);
  assert_false(start(&self, 0, &first, "endless"));
  assert_false(start(&self, 0, &second, "fine"));
  assert_waits(&second);
  assert_true(start(&self, 0, &refused, "endless"));
  assert_refused(&refused, "endless: all 1 places of the server are taken, and 1 runs wait, which is as many as may",
                 BUSY_SERVER_FULL);
  run_end(&first.run);
  assert_true(second.run.has_place);
  run_end(&second.run);
  end(&self);
}

/// Ten of one function wait first, then one of another: it is the second to get in.
static void places_go_round_among_functions_that_wait(void **state) {
  (void)state;
  fixture self;
  counted holds, many[10], other;
  make(&self, 1, 1, 100);
  assert_false(start(&self, 0, &holds, "endless"));
  for (int i = 0; i < 10; i++) assert_false(start(&self, 0, &many[i], "endless"));
  assert_false(start(&self, 0, &other, "fine"));
  run_end(&holds.run);
  assert_true(many[0].run.has_place);
  run_end(&many[0].run);
  assert_true(other.run.has_place);
  run_end(&other.run);
  assert_true(many[1].run.has_place);
  for (int i = 1; i < 10; i++) run_end(&many[i].run);
  end(&self);
}

static void a_function_at_its_max_does_not_keep_a_place_from_others(void **state) {
  (void)state;
  fixture self;
  counted holds, one, again, other;
  make(&self, 1, 2, 100);
  assert_false(start(&self, 0, &one, "one"));
  assert_false(start(&self, 0, &holds, "endless"));
  assert_false(start(&self, 0, &again, "one"));
  assert_false(start(&self, 0, &other, "fine"));
  run_end(&holds.run);
  assert_waits(&again);
  assert_true(other.run.has_place);
  run_end(&other.run);
  run_end(&again.run);
  run_end(&one.run);
  end(&self);
}

static void a_run_that_stops_waiting_leaves_room_for_another(void **state) {
  (void)state;
  fixture self;
  counted first, second, third, fourth;
  make(&self, 1, 100, 100);
  assert_false(start(&self, 0, &first, "one"));
  assert_false(start(&self, 0, &second, "one"));
  assert_false(start(&self, 0, &third, "one"));
  run_end(&second.run);
  assert_false(start(&self, 0, &fourth, "one"));
  run_end(&first.run);
  assert_true(third.run.has_place);
  run_end(&third.run);
  assert_true(fourth.run.has_place);
  run_end(&fourth.run);
  end(&self);
}

static void the_time_in_the_queue_has_a_limit_of_its_own(void **state) {
  (void)state;
  fixture self;
  counted first, second;
  make(&self, 1, 100, 100);
  assert_false(start(&self, 0, &first, "hasty"));
  assert_false(start(&self, 0, &second, "hasty"));
  while (second.done == 0) go_round(&self);
  assert_refused(&second, "hasty: no place was free within 5 ms", BUSY_NO_PLACE);
  run_end(&first.run);
  end(&self);
}

static void the_max_holds_for_all_workers_together(void **state) {
  (void)state;
  fixture self;
  counted first, second;
  make(&self, 2, 100, 100);
  assert_false(start(&self, 0, &first, "one"));
  assert_false(start(&self, 1, &second, "one"));
  assert_waits(&second);
  for (int i = 0; i < 3; i++)
    for (unsigned worker = 0; worker < 2; worker++) (void)places_settle(self.workers[worker]);
  assert_waits(&second);
  run_end(&first.run);
  go_round(&self);
  assert_true(second.run.has_place);
  run_end(&second.run);
  end(&self);
}

/// Both workers have runs waiting for the only place: it goes from one to the other and back.
static void workers_hand_a_place_to_one_another(void **state) {
  (void)state;
  fixture self;
  counted runs[4];
  make(&self, 2, 100, 100);
  for (unsigned i = 0; i < 4; i++) assert_false(start(&self, i % 2, &runs[i], "single"));
  for (unsigned i = 0; i < 4; i++) {
    assert_true(runs[i].run.has_place);
    run_end(&runs[i].run);
    go_round(&self);
  }
  end(&self);
}

static void what_a_worker_does_not_use_any_more_is_for_the_others(void **state) {
  (void)state;
  enum { MANY = 10 };
  fixture self;
  counted runs[MANY];
  make(&self, 2, MANY, 100);
  for (unsigned i = 0; i < MANY; i++) assert_false(start(&self, 0, &runs[i], "endless"));
  for (unsigned i = 0; i < MANY; i++) run_end(&runs[i].run);
  assert_true(places_settle(self.workers[0]));
  assert_false(places_settle(self.workers[0]));
  for (unsigned i = 0; i < MANY; i++) assert_false(start(&self, 1, &runs[i], "endless"));
  for (unsigned i = 0; i < MANY; i++) assert_true(runs[i].run.has_place);
  for (unsigned i = 0; i < MANY; i++) run_end(&runs[i].run);
  end(&self);
}

/// As of a function that is pinned: its next run may be anywhere, and does not wait until shares are settled.
static void where_places_are_few_none_is_held_by_who_does_not_use_it(void **state) {
  (void)state;
  fixture self;
  counted run;
  make(&self, 2, 100, 100);
  for (unsigned i = 0; i < 6; i++) {
    assert_false(start(&self, i % 2, &run, "one"));
    assert_true(run.run.has_place);
    run_end(&run.run);
  }
  end(&self);
}

static void a_new_release_changes_the_max(void **state) {
  (void)state;
  fixture self;
  counted first, second;
  release *newer;
  make(&self, 1, 100, 100);
  assert_false(start(&self, 0, &first, "one"));
  assert_false(start(&self, 0, &second, "one"));
  assert_waits(&second);
  folder_write(self.folder, "ubiq.toml", "[functions.one]\nwasm = 'm.wat'\nexport = 'endless'\npool = { max = 2 }\n");
  lease *before = self.workers[0]->lease;
  before->holders++;
  assert_success(release_read(self.folder, NULL, &newer));
  assert_true(worker_use(self.workers[0], newer, NULL, 0));
  go_round(&self);
  (void)places_settle(self.workers[0]);
  assert_true(second.run.has_place);
  run_end(&first.run);
  run_end(&second.run);
  lease_let_go(before);
  release_delete(newer);
  end(&self);
}

static void how_long_to_stay_away_follows_the_queue(void **state) {
  (void)state;
  fixture self;
  counted first, second, third;
  make(&self, 1, 100, 100);
  assert_false(start(&self, 0, &first, "one"));
  assert_int_equal(places_retry_s(&first.run), 1); // nobody waits
  assert_false(start(&self, 0, &second, "one"));
  assert_false(start(&self, 0, &third, "one"));
  assert_int_equal(places_retry_s(&first.run), 60); // each takes up to 30 s
  first.run.lane->ended_a_minute = 12;
  assert_int_equal(places_retry_s(&first.run), 11);
  first.run.lane->ended_a_minute = 6000;
  assert_int_equal(places_retry_s(&first.run), 1);
  run_end(&second.run);
  run_end(&third.run);
  run_end(&first.run);
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_function_at_its_max_waits_and_others_do_not),
      cmocka_unit_test(without_room_to_wait_there_is_no_waiting),
      cmocka_unit_test(the_process_has_a_max_and_a_queue_of_its_own),
      cmocka_unit_test(places_go_round_among_functions_that_wait),
      cmocka_unit_test(a_function_at_its_max_does_not_keep_a_place_from_others),
      cmocka_unit_test(a_run_that_stops_waiting_leaves_room_for_another),
      cmocka_unit_test(the_time_in_the_queue_has_a_limit_of_its_own),
      cmocka_unit_test(the_max_holds_for_all_workers_together),
      cmocka_unit_test(workers_hand_a_place_to_one_another),
      cmocka_unit_test(what_a_worker_does_not_use_any_more_is_for_the_others),
      cmocka_unit_test(where_places_are_few_none_is_held_by_who_does_not_use_it),
      cmocka_unit_test(a_new_release_changes_the_max),
      cmocka_unit_test(how_long_to_stay_away_follows_the_queue),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
