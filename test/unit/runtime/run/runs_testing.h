/// Runs on workers whose loops the tests turn themselves.
#ifndef UBIQ_TEST_RUNS_TESTING_H
#define UBIQ_TEST_RUNS_TESTING_H

#include "runtime/run/worker.h"
#include "unit/runtime/runtime_testing.h"

/// A run, and how often it was told to be done.
typedef struct counted {
  run run;
  int done;
} counted;

static inline void count(run *run) {
  ((counted *)(void *)run)->done++;
}

static inline const function *function_named(const release *release, const char *name) {
  for (size_t i = 0; i < release->project->functions_count; i++)
    if (strcmp(release->functions[i].name, name) == 0) return &release->functions[i];
  fail_msg("no function %s", name);
  return NULL;
}

/// What run_start answers: whether it ended at once, of which it is not told.
static inline bool counted_start(counted *self, worker *worker, const function *function) {
  *self = (counted){0};
  run_init(&self->run, worker);
  self->run.lease = worker->lease;
  self->run.done = count;
  self->run.function = function;
  return run_start(&self->run);
}

static inline void turn_until_done(worker *worker, const counted *run) {
  while (run->done == 0) uv_run(&worker->loop, UV_RUN_ONCE);
}

#endif
