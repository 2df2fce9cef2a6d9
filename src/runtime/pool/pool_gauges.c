// A list under a lock that is taken when a worker gets a release, when a start fails, and when somebody reads.
#include "runtime/pool/pool_gauges.h"

#include <stdlib.h>
#include <string.h>

const char *pool_end_name(pool_end end) {
  static const char *const names[POOL_ENDS] = {"used", "stopped", "max_runs", "max_age", "idle", "room", "closed"};
  return names[end];
}

pool_board *pool_board_new(void) {
  pool_board *self = calloc(1, sizeof *self);
  if (self != NULL) pthread_mutex_init(&self->mutex, NULL);
  return self;
}

void pool_board_delete(pool_board *self) {
  if (self == NULL) return;
  for (pool_gauges *gauges = self->first, *next; gauges != NULL; gauges = next) {
    next = gauges->next;
    free(gauges);
  }
  free(self->problem);
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

pool_gauges *pool_board_join(pool_board *self, unsigned worker) {
  pthread_mutex_lock(&self->mutex);
  pool_gauges *gauges = self->first;
  while (gauges != NULL && gauges->worker != worker) gauges = gauges->next;
  if (gauges == NULL && (gauges = calloc(1, sizeof *gauges)) != NULL) {
    gauges->worker = worker;
    gauges->next = self->first;
    self->first = gauges;
  }
  pthread_mutex_unlock(&self->mutex);
  return gauges;
}

void pool_board_say(pool_board *self, const char *problem) {
  char *copy = problem == NULL ? NULL : strdup(problem);
  pthread_mutex_lock(&self->mutex);
  char *before = self->problem;
  self->problem = copy;
  pthread_mutex_unlock(&self->mutex);
  free(before);
}

char *pool_board_problem(pool_board *self) {
  pthread_mutex_lock(&self->mutex);
  char *copy = self->problem == NULL ? NULL : strdup(self->problem);
  pthread_mutex_unlock(&self->mutex);
  return copy;
}

static void add(pool_stats *out, pool_gauges *gauges) {
  out->workers++;
  out->busy += atomic_load_explicit(&gauges->busy, memory_order_relaxed);
  out->ready += atomic_load_explicit(&gauges->ready, memory_order_relaxed);
  out->starting += atomic_load_explicit(&gauges->starting, memory_order_relaxed);
  out->demand += atomic_load_explicit(&gauges->demand, memory_order_relaxed);
  out->target += atomic_load_explicit(&gauges->target, memory_order_relaxed);
  out->made += atomic_load_explicit(&gauges->made, memory_order_relaxed);
  out->made_ahead += atomic_load_explicit(&gauges->made_ahead, memory_order_relaxed);
  out->found_ready += atomic_load_explicit(&gauges->found_ready, memory_order_relaxed);
  out->start_failed += atomic_load_explicit(&gauges->start_failed, memory_order_relaxed);
  for (int i = 0; i < POOL_ENDS; i++) out->ended[i] += atomic_load_explicit(&gauges->ended[i], memory_order_relaxed);
}

void pool_board_sum(pool_board *self, pool_stats *out) {
  *out = (pool_stats){0};
  pthread_mutex_lock(&self->mutex);
  for (pool_gauges *gauges = self->first; gauges != NULL; gauges = gauges->next) add(out, gauges);
  pthread_mutex_unlock(&self->mutex);
}
