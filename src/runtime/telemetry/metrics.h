// Numbers of the runs of a server: how many ended how, and how their times and sizes are spread.
//
// A function has a block of numbers on each worker that ran it, which that worker alone writes, by relaxed stores, and any
// thread adds up, as with pools (pool_gauges.h). Blocks outlive releases, and end with the server: counters never fall.
#ifndef RUNTIME_TELEMETRY_METRICS_H
#define RUNTIME_TELEMETRY_METRICS_H

#include "runtime/telemetry/histogram.h"
#include "runtime/telemetry/refusal.h"
#include "runtime/telemetry/run_record.h"
#include "runtime/telemetry/service_counts.h"

typedef struct metrics metrics;

/// UBIQ_OK and all classes of errors.
#define METRICS_ONE_MORE(identifier, name, status, exit_code, text) +1 // NOLINT(bugprone-macro-parentheses): a term
enum { METRICS_OUTCOMES = 1 UBIQ_CODES(METRICS_ONE_MORE) };
#undef METRICS_ONE_MORE

typedef enum metrics_kind {
  METRICS_QUEUE,
  METRICS_START,
  METRICS_RUN,
  METRICS_CPU,
  METRICS_MEMORY,
  METRICS_BYTES_IN,
  METRICS_BYTES_OUT,
  METRICS_KINDS,
} metrics_kind;

/// The bounds of a kind's histogram.
const histogram_bounds *metrics_bounds(metrics_kind kind);

/// A function's on one worker.
typedef struct metrics_block {
  histogram histograms[METRICS_KINDS];
  _Atomic uint64_t outcomes[METRICS_OUTCOMES];
  _Atomic uint64_t busy[BUSY_REASONS]; ///< of the outcome `busy`
  struct metrics_block *next;          ///< made before; never changes
  unsigned worker;
  char function[];
} metrics_block;

/// What a worker has now. Written on its thread.
typedef struct metrics_worker {
  atomic_uint connections;
  atomic_uint runs;                    ///< that have a place
  atomic_uint queued;                  ///< that wait for one
  _Atomic uint64_t refusals[REFUSALS]; ///< requests without a run, ever
  service_counts services;             ///< what its functions asked for, ever
} metrics_worker;

/// For workers 0 to `workers` - 1. NULL when memory is out. The caller's.
metrics *metrics_new(unsigned workers);

/// After all workers have ended. NULL is allowed.
void metrics_delete(metrics *self);

unsigned metrics_workers(const metrics *self);
metrics_worker *metrics_of_worker(metrics *self, unsigned worker);

/// Counts a request that was refused. The worker's thread only.
void metrics_count_refusal(metrics_worker *self, refusal reason);

/// How many requests all workers have refused for a reason. Any thread.
uint64_t metrics_refusals(metrics *self, refusal reason);

/// Counts what somebody who is no function asked services for. Any thread.
void metrics_count_service(metrics *self, const api_outcome *outcome);

/// What all together asked of a service's operation. Any thread.
void metrics_services(metrics *self, size_t operation, service_total *total);

/// A worker's block for a function, made when it has none; lives as long as the metrics. NULL when memory is out. Any thread.
metrics_block *metrics_join(metrics *self, const char *function, unsigned worker);

/// Counts a run. The block's worker only.
void metrics_add(metrics_block *self, const run_record *record);

/// All blocks, those of a function beside each other, by name. `*out` is the caller's (free); false when memory is out. Any
/// thread.
UBIQ_NODISCARD bool metrics_list(metrics *self, const metrics_block *const **out, size_t *count);

#endif
