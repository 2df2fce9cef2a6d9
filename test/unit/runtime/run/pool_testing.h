/// What the tests of pools share: a worker whose loop the test turns itself, runs on it, and functions that tell what became of
/// their instances.
#ifndef UBIQ_TEST_POOL_TESTING_H
#define UBIQ_TEST_POOL_TESTING_H

#include "unit/runtime/begin_testing.h"
#include "unit/runtime/run/runs_testing.h"

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

// Its start waits for three seconds: longer than a machine stands still.
static const char waiting[] =
    "(module"
    " (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
    " (memory (export \"memory\") 1)"
    " (func (export \"_initialize\")"
    "  (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 3000000000))"
    "  (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200))))"
    " (func (export \"f\") (result i32) (i32.const 9)))";

typedef struct fixture {
  char *folder;
  release *release;
  worker *worker;
} fixture;

static inline void make(fixture *self, const char *toml, uint32_t runs_max) {
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

static inline void end(fixture *self) {
  worker_delete(self->worker);
  release_delete(self->release);
  folder_remove(self->folder);
}

static inline pool *pool_at(fixture *self, size_t index) {
  return &self->worker->lease->pools[index];
}

static inline pool_stats stats(const fixture *self, size_t index) {
  pool_stats found;
  pool_board_sum(self->release->functions[index].pool.board, &found);
  return found;
}

/// Turns the loop until nothing is to be started.
static inline void fill(fixture *self) {
  pool_keeper *keeper = &self->worker->keeper;
  while (keeper->first_short != NULL || keeper->starting > 0) uv_run(&self->worker->loop, UV_RUN_ONCE);
}

static inline void begin_run(fixture *self, counted *run, size_t function) {
  if (counted_start(run, self->worker, &self->release->functions[function])) run->done++;
}

static inline ubiq_code finish_run(fixture *self, counted *run, int *detail) {
  turn_until_done(self->worker, run);
  ubiq_code code = ubiq_error_code(run->run.error);
  if (detail != NULL) *detail = (int)ubiq_error_detail(run->run.error);
  run_end(&run->run);
  return code;
}

static inline ubiq_code call(fixture *self, size_t function, int *detail) {
  counted run;
  traps_restore();
  begin_run(self, &run, function);
  return finish_run(self, &run, detail);
}

#endif
