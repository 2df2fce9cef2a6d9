// A list that only grows, at its head, under a lock that is held for a moment.
#include "runtime/telemetry/metrics.h"

#include "base/counter.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct metrics {
  pthread_mutex_t lock;
  metrics_block *first;        ///< guarded by `lock`; what it leads to needs none
  pthread_mutex_t others_lock; ///< for who writes `others`
  service_counts others;       ///< asked for by people and programs, on the admin port
  unsigned workers_count;
  metrics_worker workers[];
};

const histogram_bounds *metrics_bounds(metrics_kind kind) {
  return kind <= METRICS_CPU ? &histogram_times : &histogram_sizes;
}

metrics *metrics_new(unsigned workers) {
  metrics *self = calloc(1, sizeof *self + workers * sizeof self->workers[0]);
  if (self == NULL) return NULL;
  pthread_mutex_init(&self->lock, NULL);
  pthread_mutex_init(&self->others_lock, NULL);
  self->workers_count = workers;
  return self;
}

void metrics_delete(metrics *self) {
  if (self == NULL) return;
  for (metrics_block *block = self->first, *next; block != NULL; block = next) {
    next = block->next;
    free(block);
  }
  pthread_mutex_destroy(&self->others_lock);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

unsigned metrics_workers(const metrics *self) {
  return self->workers_count;
}

metrics_worker *metrics_of_worker(metrics *self, unsigned worker) {
  return &self->workers[worker];
}

void metrics_count_refusal(metrics_worker *self, refusal reason) {
  counter_add(&self->refusals[reason], 1);
}

uint64_t metrics_refusals(metrics *self, refusal reason) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < self->workers_count; i++) sum += counter_read(&self->workers[i].refusals[reason]);
  return sum;
}

void metrics_count_service(metrics *self, const api_outcome *outcome) {
  pthread_mutex_lock(&self->others_lock);
  service_counts_add(&self->others, outcome);
  pthread_mutex_unlock(&self->others_lock);
}

void metrics_services(metrics *self, size_t operation, service_total *total) {
  *total = (service_total){.bytes_in = 0};
  service_counts_sum(&self->others, operation, total);
  for (unsigned i = 0; i < self->workers_count; i++) service_counts_sum(&self->workers[i].services, operation, total);
}

static metrics_block *first_of(metrics *self) {
  pthread_mutex_lock(&self->lock);
  metrics_block *first = self->first;
  pthread_mutex_unlock(&self->lock);
  return first;
}

static metrics_block *block_new(const char *function, unsigned worker) {
  size_t size = strlen(function) + 1;
  metrics_block *self = calloc(1, sizeof *self + size);
  if (self == NULL) return NULL;
  memcpy(self->function, function, size);
  self->worker = worker;
  return self;
}

metrics_block *metrics_join(metrics *self, const char *function, unsigned worker) {
  for (metrics_block *block = first_of(self); block != NULL; block = block->next)
    if (block->worker == worker && strcmp(block->function, function) == 0) return block;
  metrics_block *block = block_new(function, worker); // nobody else makes one for this worker
  if (block == NULL) return NULL;
  pthread_mutex_lock(&self->lock);
  block->next = self->first;
  self->first = block;
  pthread_mutex_unlock(&self->lock);
  return block;
}

void metrics_add(metrics_block *self, const run_record *record) {
  const uint64_t values[METRICS_KINDS] = {
      [METRICS_QUEUE] = record->queue_ns,      [METRICS_START] = record->start_ns,
      [METRICS_RUN] = record->run_ns,          [METRICS_CPU] = record->cpu_ns,
      [METRICS_MEMORY] = record->memory_bytes, [METRICS_BYTES_IN] = record->bytes_in,
      [METRICS_BYTES_OUT] = record->bytes_out,
  };
  for (int kind = 0; kind < METRICS_KINDS; kind++)
    histogram_add(&self->histograms[kind], metrics_bounds((metrics_kind)kind), values[kind]);
  counter_add(&self->outcomes[record->outcome], 1);
  if (record->outcome == UBIQ_BUSY) counter_add(&self->busy[record->busy], 1);
}

static int by_function(const void *a, const void *b) {
  const metrics_block *const *first = a, *const *second = b;
  int order = strcmp((*first)->function, (*second)->function);
  return order != 0 ? order : (int)(*first)->worker - (int)(*second)->worker;
}

bool metrics_list(metrics *self, const metrics_block *const **out, size_t *count) {
  metrics_block *first = first_of(self);
  *count = 0;
  for (metrics_block *block = first; block != NULL; block = block->next) ++*count;
  const metrics_block **list = calloc(*count + 1, sizeof *list);
  if (list == NULL) return false;
  size_t at = 0;
  for (metrics_block *block = first; block != NULL; block = block->next) list[at++] = block;
  qsort(list, *count, sizeof *list, by_function);
  *out = list;
  return true;
}
