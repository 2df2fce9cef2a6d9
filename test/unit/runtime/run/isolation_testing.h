/// What the tests of isolation share: a worker with a project of one function, and runs of it one after the other.
#ifndef UBIQ_TEST_ISOLATION_TESTING_H
#define UBIQ_TEST_ISOLATION_TESTING_H

#include "runtime/run/worker.h"

#include "unit/runtime/runtime_testing.h"

typedef struct fixture {
  char *folder;
  release *release;
  worker *worker;
} fixture;

/// `module` is the text of `guest.wat` in the project's folder; NULL: there is none.
static inline void make_with(fixture *self, const char *toml, const char *module) {
  *self = (fixture){.folder = folder_make()};
  folder_write(self->folder, "ubiq.toml", toml);
  if (module != NULL) folder_write(self->folder, "guest.wat", module);
  assert_success(release_read(self->folder, NULL, &self->release));
  assert_success(worker_new(&(worker_options){.runs_max = 100, .queue_max = 4}, self->release, &self->worker));
  assert_success(fetch_loop_new(&self->worker->loop, &self->worker->fetches));
}

static inline void make(fixture *self, const char *toml) {
  make_with(self, toml, NULL);
}

static inline void end(fixture *self) {
  worker_delete(self->worker);
  release_delete(self->release);
  folder_remove(self->folder);
}

typedef struct counted {
  run run;
  bool is_done;
} counted;

static inline void note(run *run) {
  ((counted *)(void *)run)->is_done = true;
}

/// A run of function `index` to its end; its `run` is to be ended.
static inline void run_to_end(fixture *self, size_t index, counted *one) {
  *one = (counted){0};
  traps_restore();
  run_init(&one->run, self->worker);
  one->run.done = note;
  one->run.lease = self->worker->lease;
  one->run.function = &self->release->functions[index];
  one->is_done = run_start(&one->run);
  while (!one->is_done) uv_run(&self->worker->loop, UV_RUN_ONCE);
}

#endif
