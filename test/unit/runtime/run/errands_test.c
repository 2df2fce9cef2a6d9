// Errands on a worker's loop, which the tests turn themselves.
#include "runtime/run/errands.h"

#include "runtime/run/worker.h"
#include "runtime/telemetry/run_ring.h"
#include "unit/runtime/begin_testing.h"
#include "unit/runtime/runtime_testing.h"

static const char module[] = "(module"
                             " (memory (export \"memory\") 1)"
                             " (func (export \"fine\") (result i32) (i32.const 0))"
                             " (func (export \"fails\") (result i32) (i32.const 3))"
                             " (func (export \"spins\") (result i32) (loop $l (br $l)) (i32.const 0)))";

typedef struct fixture {
  char *folder;
  release *release;
  worker *worker;
  errands *errands;
} fixture;

static int set_up(void **state) {
  static fixture self;
  self = (fixture){.folder = folder_make()};
  folder_write(self.folder, "m.wat", module);
  folder_write(self.folder, "ubiq.toml",
               "[project]\nname = 'shop'\n[functions.fine]\nwasm = 'm.wat'\nbody_max = '8'\n"
               "[functions.fails]\nwasm = 'm.wat'\n[functions.spins]\nwasm = 'm.wat'\ncpu = '10s'\n");
  assert_success(release_read(self.folder, NULL, &self.release));
  const worker_options options = {.runs_max = 4, .queue_max = 4};
  assert_success(worker_new(&options, self.release, &self.worker));
  self.errands = errands_new(1);
  assert_non_null(self.errands);
  errands_join(self.errands, self.worker);
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  worker_delete(self->worker);
  errands_delete(self->errands);
  release_delete(self->release);
  folder_remove(self->folder);
  return 0;
}

typedef struct told {
  errand errand;
  int count;
  int begun;
  ubiq_code code;
} told;

static void tell(errand *errand, ubiq_error *error, ubiq_bytes output) {
  told *self = errand->user;
  (void)output;
  self->count++;
  self->code = error == NULL ? UBIQ_OK : ubiq_error_code(error);
  ubiq_error_delete(error);
}

static void start(fixture *self, told *told, const char *function) {
  told->count = 0;
  told->errand.function = text_of(function);
  told->errand.done = tell;
  told->errand.user = told;
  errands_start(self->errands, &told->errand);
}

static void turn_until_told(fixture *self, told *told) {
  while (told->count == 0) uv_run(&self->worker->loop, UV_RUN_ONCE);
}

static void an_errand_ends_with_its_functions_answer(void **state) {
  fixture *self = *state;
  told told = {0};
  start(self, &told, "fine");
  assert_int_equal(told.count, 0); // handed over
  turn_until_told(self, &told);
  assert_int_equal(told.code, UBIQ_OK);
  told.errand.project = TEXT("shop");
  start(self, &told, "fails");
  turn_until_told(self, &told);
  assert_int_equal(told.code, UBIQ_GUEST_ERROR);
  assert_int_equal(told.count, 1);
}

static void what_is_not_served_is_not_found(void **state) {
  fixture *self = *state;
  told told = {0};
  start(self, &told, "nothing");
  turn_until_told(self, &told);
  assert_int_equal(told.code, UBIQ_NOT_FOUND);
  told.errand.project = TEXT("another");
  start(self, &told, "fine");
  turn_until_told(self, &told);
  assert_int_equal(told.code, UBIQ_NOT_FOUND);
  told.errand.project = (text){0};
  told.errand.input = (ubiq_bytes){(const uint8_t *)"123456789", 9};
  start(self, &told, "fine");
  turn_until_told(self, &told);
  assert_int_equal(told.code, UBIQ_TOO_LARGE);
}

static void what_was_begun_is_dropped_when_the_server_stops(void **state) {
  fixture *self = *state;
  told told = {0};
  start(self, &told, "spins");
  while (self->worker->errands.count == 0) uv_run(&self->worker->loop, UV_RUN_ONCE);
  errands_cancel(self->worker);
  assert_int_equal(told.code, UBIQ_CANCELLED);
  assert_int_equal(self->worker->errands.count, 0);
  assert_int_equal(self->worker->runs.used, 0);
}

static void what_comes_after_the_end_is_refused(void **state) {
  fixture *self = *state;
  told told = {0};
  worker_finish(self->worker);
  start(self, &told, "fine");
  assert_int_equal(told.count, 1);
  assert_int_equal(told.code, UBIQ_UNAVAILABLE);
}

static void many_errands_wait_for_places(void **state) {
  fixture *self = *state;
  told many[8] = {0};
  for (int i = 0; i < 8; i++) start(self, &many[i], "fine");
  for (int i = 0; i < 8; i++) {
    turn_until_told(self, &many[i]);
    assert_int_equal(many[i].code, UBIQ_OK);
  }
}

static void count_begin(errand *errand) {
  told *self = errand->user;
  self->begun++;
}

static void an_errand_is_told_when_its_turn_has_come(void **state) {
  fixture *self = *state;
  told spinning[4] = {0}, waiting = {.errand.begun = count_begin};
  for (int i = 0; i < 4; i++) {
    spinning[i].errand.begun = count_begin;
    start(self, &spinning[i], "spins");
    while (spinning[i].begun == 0) uv_run(&self->worker->loop, UV_RUN_ONCE);
  }
  start(self, &waiting, "fine");
  while (self->worker->errands.count < 5) uv_run(&self->worker->loop, UV_RUN_ONCE);
  for (int i = 0; i < 10; i++) uv_run(&self->worker->loop, UV_RUN_ONCE);
  errands_cancel(self->worker);
  assert_int_equal(waiting.code, UBIQ_CANCELLED);
  assert_int_equal(waiting.begun, 0); // all places were taken
  assert_int_equal(spinning[0].begun, 1);
  start(self, &waiting, "fine");
  turn_until_told(self, &waiting);
  assert_int_equal(waiting.begun, 1);
}

/// Its owner frees an errand when it is told how it went; here it is written over.
static void tell_and_forget(errand *errand, ubiq_error *error, ubiq_bytes output) {
  char *traceparent = (char *)(uintptr_t)errand->traceparent.data;
  tell(errand, error, output);
  memset(traceparent, 'x', errand->traceparent.size);
  errand->traceparent = (text){0};
}

static void who_keeps_what_ran_is_told_what_led_to_an_errand(void **state) {
  fixture *self = *state;
  char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", id[2 * TRACE_ID_SIZE + 1];
  told told = {.errand.traceparent = text_of(parent)};
  run_ring *ring = run_ring_new();
  run_span span;
  self->worker->options.ring = ring;
  self->worker->keeps_runs = self->worker->is_watched = true;
  told.errand.function = TEXT("fine");
  told.errand.done = tell_and_forget;
  told.errand.user = &told;
  errands_start(self->errands, &told.errand);
  turn_until_told(self, &told);
  assert_true(run_ring_take(ring, &span));
  text_hex(span.trace.id, sizeof span.trace.id, id);
  assert_string_equal(id, "0af7651916cd43dd8448eb211c80319c");
  run_span_free(&span);
  run_ring_delete(ring);
  self->worker->options.ring = NULL;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(an_errand_ends_with_its_functions_answer), TEST(who_keeps_what_ran_is_told_what_led_to_an_errand),
      TEST(what_is_not_served_is_not_found),          TEST(what_was_begun_is_dropped_when_the_server_stops),
      TEST(what_comes_after_the_end_is_refused),      TEST(many_errands_wait_for_places),
      TEST(an_errand_is_told_when_its_turn_has_come),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
