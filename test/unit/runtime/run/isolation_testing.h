/// What the tests of isolation share: a worker with a project of one function, and runs of it one after the other.
#ifndef UBIQ_TEST_ISOLATION_TESTING_H
#define UBIQ_TEST_ISOLATION_TESTING_H

#include "unit/runtime/run/runs_testing.h"

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

/// A run of function `index` to its end; its `run` is to be ended.
static inline void run_to_end(fixture *self, size_t index, counted *one) {
  traps_restore();
  if (!counted_start(one, self->worker, &self->release->functions[index])) turn_until_done(self->worker, one);
}

#endif
