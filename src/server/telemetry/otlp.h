// Sends what runs did, and what was logged, to a collector: OTLP over HTTP, as JSON (otlp_json.h).
//
// One thread for the server takes what came together in the workers' rings once a second, sends spans and log records in
// batches, and the metrics every ten seconds. What a collector does not take for now is sent again, less and less often;
// meanwhile the rings fill, and what finds no room is dropped and counted. No worker ever waits.
#ifndef SERVER_TELEMETRY_OTLP_H
#define SERVER_TELEMETRY_OTLP_H

#include "runtime/telemetry/metrics.h"
#include "runtime/telemetry/run_ring.h"

typedef struct otlp otlp;

typedef struct otlp_counts {
  uint64_t sent;                      ///< runs that the collector took
  uint64_t dropped;                   ///< runs that it never will get
  uint64_t failures;                  ///< requests to it that failed
  uint64_t lines_sent, lines_dropped; ///< the same as of runs, of log lines
} otlp_counts;

/// For a collector at `url`, such as http://127.0.0.1:4318: /v1/traces, /v1/logs and /v1/metrics follow. `*out` is the
/// caller's. Errors: `invalid_input` for what is no http URL; out of memory.
ubiq_error *otlp_new(const char *url, unsigned workers, otlp **out);

/// A worker's ring. Lives as long as the exporter.
run_ring *otlp_ring(otlp *self, unsigned worker);

/// Starts the thread, and takes the process's log lines from now on. `metrics` is borrowed until otlp_stop. Errors: `internal`.
ubiq_error *otlp_start(otlp *self, metrics *metrics);

/// Sends what is left, five seconds at most, and ends the thread. Twice is allowed, and without a start.
void otlp_stop(otlp *self);

/// After all workers have ended. NULL is allowed.
void otlp_delete(otlp *self);

/// Any thread.
void otlp_count(const otlp *self, otlp_counts *out);

#endif
