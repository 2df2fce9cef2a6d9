// A guest that writes everywhere it can, and first looks whether a run before it was there.
#include "unit/runtime/begin_testing.h"
#include "unit/runtime/run/isolation_testing.h"

// `run` answers a bit for each place where it finds what an earlier run left, as the code with which it fails: it sets an
// error too. It stops at the first ones; a run that finds nothing writes everywhere.
enum {
  SEEN_MEMORY = 1 << 0,  ///< linear memory: what was zero, what a data segment had set, the last byte of what was grown
  SEEN_SIZE = 1 << 1,    ///< of the memory
  SEEN_GLOBALS = 1 << 2, ///< mutable ones, of each type
  SEEN_TABLE = 1 << 3,   ///< its size and an element
  SEEN_KERNEL = 1 << 4,  ///< blocks of the kernel: what a new one holds
  SEEN_VARS = 1 << 5,    ///< Extism's variables
  SEEN_WASI = 1 << 6,    ///< a descriptor that was closed, and one that took another's number
  SEEN_SEGMENTS = 1 << 7, ///< told by a trap: passive segments of data and elements that were dropped
};

#define MODULE UBIQ_SOURCE_DIR "/test/guests/wat/everywhere.wat"
#define SMALL  UBIQ_SOURCE_DIR "/test/guests/wat/everywhere_small.wat"
#define LARGE  UBIQ_SOURCE_DIR "/test/guests/wat/everywhere_large.wat"

static void fill(const fixture *self) {
  while (self->worker->keeper.first_short != NULL) uv_run(&self->worker->loop, UV_RUN_ONCE);
}

/// What a run found; it fails with that as its code, also where it is nothing.
static int found_by_run(fixture *self, ubiq_code expected) {
  counted one;
  run_to_end(self, 0, &one);
  assert_int_equal(ubiq_error_code(one.run.error), expected);
  int found = (int)ubiq_error_detail(one.run.error);
  run_end(&one.run);
  return found;
}

static void no_run_of_a_request_sees_anything_of_another(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.run]\nwasm = '" MODULE "'\npool = { min = 0, overprovision = 0 }\n");
  for (int i = 0; i < 20; i++) assert_int_equal(found_by_run(&self, UBIQ_GUEST_ERROR), 0);
  end(&self);
}

/// Engines use such instances again, for other runs.
static void no_run_sees_anything_of_another_that_changed_only_what_can_be_put_back(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.run]\nwasm = '" SMALL "'\npool = { min = 0, overprovision = 0 }\n");
  for (int i = 0; i < 20; i++) assert_int_equal(found_by_run(&self, UBIQ_GUEST_ERROR), 0);
  end(&self);
}

static void no_run_sees_anything_of_another_in_a_large_memory(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.run]\nwasm = '" LARGE "'\npool = { min = 0, overprovision = 0 }\n");
  for (int i = 0; i < 20; i++) assert_int_equal(found_by_run(&self, UBIQ_GUEST_ERROR), 0);
  end(&self);
}

static void a_run_sees_what_was_changed_in_a_large_memory(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.run]\nwasm = '" LARGE "'\ninstance = 'reuse'\npool = { min = 0 }\n");
  assert_int_equal(found_by_run(&self, UBIQ_GUEST_ERROR), 0);
  int found = found_by_run(&self, UBIQ_GUEST_ERROR);
  assert_int_equal(found, SEEN_MEMORY | SEEN_SIZE | SEEN_GLOBALS | SEEN_VARS | SEEN_WASI);
  end(&self);
}

static void a_run_sees_what_was_changed_of_what_can_be_put_back(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.run]\nwasm = '" SMALL "'\ninstance = 'reuse'\npool = { min = 0 }\n");
  assert_int_equal(found_by_run(&self, UBIQ_GUEST_ERROR), 0);
  assert_int_equal(found_by_run(&self, UBIQ_GUEST_ERROR), SEEN_MEMORY | SEEN_GLOBALS | SEEN_VARS | SEEN_WASI);
  end(&self);
}

static void no_run_sees_anything_in_an_instance_that_was_ready(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.run]\nwasm = '" MODULE "'\npool = { min = 3 }\n");
  for (int i = 0; i < 20; i++) {
    fill(&self);
    assert_int_equal(found_by_run(&self, UBIQ_GUEST_ERROR), 0);
  }
  pool_stats found;
  pool_board_sum(self.release->functions[0].pool.board, &found);
  assert_int_equal(found.found_ready, 20);
  end(&self);
}

/// The guest can tell: what it writes is there for the next run of an instance that is used again, but for what it wrote into
/// blocks of the kernel.
static void a_run_of_a_reused_instance_sees_what_the_one_before_left(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.run]\nwasm = '" MODULE "'\ninstance = 'reuse'\npool = { min = 0 }\n");
  assert_int_equal(found_by_run(&self, UBIQ_GUEST_ERROR), 0);
  int found = found_by_run(&self, UBIQ_GUEST_ERROR);
  assert_int_equal(found, SEEN_MEMORY | SEEN_SIZE | SEEN_GLOBALS | SEEN_TABLE | SEEN_VARS | SEEN_WASI);
  end(&self);
}

static void segments_that_a_reused_instance_dropped_stay_dropped(void **state) {
  (void)state;
  fixture self;
  make(&self, "[functions.write]\nwasm = '" MODULE "'\ninstance = 'reuse'\npool = { min = 0 }\n");
  (void)found_by_run(&self, UBIQ_GUEST_ERROR);
  (void)found_by_run(&self, UBIQ_TRAP);
  (void)found_by_run(&self, UBIQ_GUEST_ERROR); // the trap has ended that instance
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_run_of_a_request_sees_anything_of_another),
      cmocka_unit_test(no_run_sees_anything_of_another_that_changed_only_what_can_be_put_back),
      cmocka_unit_test(no_run_sees_anything_of_another_in_a_large_memory),
      cmocka_unit_test(a_run_sees_what_was_changed_in_a_large_memory),
      cmocka_unit_test(a_run_sees_what_was_changed_of_what_can_be_put_back),
      cmocka_unit_test(no_run_sees_anything_in_an_instance_that_was_ready),
      cmocka_unit_test(a_run_of_a_reused_instance_sees_what_the_one_before_left),
      cmocka_unit_test(segments_that_a_reused_instance_dropped_stay_dropped),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
