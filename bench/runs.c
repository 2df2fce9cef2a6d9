// What workers do without sockets and without clients: runs WORKERS SECONDS FOLDER FUNCTION [CORE].
//
// Each worker, as the server's, with a thread on a core of its own, starts runs of a function one after the other from its loop and
// ends each when it is done: instances, calls, pools and shares of the server, and nothing else. What two workers do more slowly
// than twice one is what they have in common; what two of this program do more slowly, one of them on CORE 1 (from 0 on), is the machine's. The threads count between two marks that the main thread sets. Prints a line of JSON:
// runs a second of all, and microseconds of processor time a run.
#include "runtime/run/worker.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { WORKERS_MAX = 64, RUNS_MAX = 1000, RUNS_A_ROUND = 64, WARMING_MS = 500 };

/// One worker and what feeds it.
typedef struct feeder {
  _Alignas(128) worker *worker;
  const function *function;
  uv_idle_t more; ///< the loop never waits
  run run;
  bool is_under_way;  ///< its end comes from the loop
  atomic_ulong count; ///< runs that have ended; its worker's, read by the main thread
} feeder;

static feeder feeders[WORKERS_MAX];

static void fail(const char *what, ubiq_error *error) {
  fprintf(stderr, "runs: %s: %s\n", what, error == NULL ? "failed" : ubiq_error_message(error));
  exit(1);
}

static void end(feeder *self) {
  run *run = &self->run;
  if (run->error != NULL) fail(self->function->name, run->error);
  run_end(run);
  lease_let_go(run->lease);
  unsigned long ended = atomic_load_explicit(&self->count, memory_order_relaxed);
  atomic_store_explicit(&self->count, ended + 1, memory_order_relaxed);
}

/// A tick has cut it.
static void done_later(run *run) {
  feeder *self = (feeder *)(void *)((char *)run - offsetof(feeder, run));
  end(self);
  self->is_under_way = false;
}

static void feed(uv_idle_t *more) {
  feeder *self = more->data;
  for (int i = 0; i < RUNS_A_ROUND && !self->is_under_way; i++) {
    self->run.lease = worker_hold(self->worker);
    self->is_under_way = !run_start(&self->run);
    if (!self->is_under_way) end(self);
  }
}

static void stop(void *user, worker_stop how) {
  (void)how;
  feeder *self = user;
  if (self->is_under_way) end(self);
  uv_close((uv_handle_t *)&self->more, NULL);
  worker_finish(self->worker);
}

static const function *find(const release *release, const char *name) {
  for (size_t i = 0; i < release->project->functions_count; i++)
    if (strcmp(release->functions[i].name, name) == 0) return &release->functions[i];
  fail(name, NULL);
  return NULL;
}

static void open_feeder(feeder *self, unsigned index, unsigned workers, admission *admission, release *release,
                        const char *name) {
  const worker_options options = {
      .index = index, .workers = workers, .admission = admission, .events = {.stop = stop, .user = self}};
  ubiq_error *error = worker_new(&options, release, &self->worker);
  if (error != NULL) fail("worker", error);
  self->function = find(release, name);
  run_init(&self->run, self->worker);
  self->run.function = self->function;
  self->run.done = done_later;
  uv_idle_init(&self->worker->loop, &self->more);
  self->more.data = self;
  uv_idle_start(&self->more, feed);
}

/// The thread that is started from here on has this core alone.
static void take_core(unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  (void)sched_setaffinity(0, sizeof set, &set);
}

static void sleep_ms(uint64_t ms) {
  const struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
  nanosleep(&time, NULL);
}

static double processor_us(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static unsigned long count_all(unsigned workers) {
  unsigned long sum = 0;
  for (unsigned i = 0; i < workers; i++) sum += atomic_load_explicit(&feeders[i].count, memory_order_relaxed);
  return sum;
}

static void measure(unsigned workers, double seconds) {
  sleep_ms(WARMING_MS);
  uint64_t began_ns = clock_monotonic_ns();
  unsigned long before = count_all(workers);
  double used_us = processor_us();
  sleep_ms((uint64_t)(seconds * 1000));
  double took_s = (double)(clock_monotonic_ns() - began_ns) / 1e9;
  double count = (double)(count_all(workers) - before);
  used_us = processor_us() - used_us;
  printf("{\"workers\": %u, \"rate\": %.0f, \"us\": %.3f}\n", workers, count / took_s, used_us / count);
}

int main(int count, char **arguments) {
  unsigned workers = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 0;
  if (count < 5 || count > 6 || workers == 0 || workers > WORKERS_MAX) {
    fprintf(stderr, "usage: runs WORKERS SECONDS FOLDER FUNCTION [CORE]\n");
    return 64;
  }
  const unsigned first_core = count == 6 ? (unsigned)strtoul(arguments[5], NULL, 10) : 0;
  release *release = NULL;
  ubiq_error *error = release_read(arguments[3], NULL, &release);
  if (error != NULL) fail(arguments[3], error);
  admission *admission = admission_new(workers, (admission_limits){.runs = RUNS_MAX, .queue = RUNS_MAX});
  for (unsigned i = 0; i < workers; i++) open_feeder(&feeders[i], i, workers, admission, release, arguments[4]);
  for (unsigned i = 0; i < workers; i++) {
    take_core(first_core + i);
    if ((error = worker_start(feeders[i].worker)) != NULL) fail("worker", error);
  }
  measure(workers, strtod(arguments[2], NULL));
  for (unsigned i = 0; i < workers; i++) worker_ask_to_stop(feeders[i].worker, WORKER_STOP_NOW);
  for (unsigned i = 0; i < workers; i++) worker_delete(feeders[i].worker);
  admission_delete(admission);
  release_delete(release);
  return 0;
}
