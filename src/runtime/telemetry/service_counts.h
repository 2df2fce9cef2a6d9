// How often services were asked for what, what they answered, and how long that took.
//
// What counts is an operation of the API and a status: both are few. A worker has a block of its own, which it alone
// writes; who else asks shares one, under a lock of theirs. Any thread adds them up.
#ifndef RUNTIME_TELEMETRY_SERVICE_COUNTS_H
#define RUNTIME_TELEMETRY_SERVICE_COUNTS_H

#include "api/guest.h"
#include "runtime/telemetry/histogram.h"
#include "services/operations.h"

enum {
  SERVICE_COUNTS_NONE = SERVICE_OPERATIONS, ///< requests that are no operation
  SERVICE_COUNTS_OPERATIONS,
  SERVICE_COUNTS_STATUSES = 22, ///< that are told apart; the last are all others
};

/// Zeroed: nothing was counted.
typedef struct service_counts {
  histogram times[SERVICE_COUNTS_OPERATIONS];
  _Atomic uint64_t answers[SERVICE_COUNTS_OPERATIONS][SERVICE_COUNTS_STATUSES];
  _Atomic uint64_t bytes_in[SERVICE_COUNTS_OPERATIONS], bytes_out[SERVICE_COUNTS_OPERATIONS];
} service_counts;

/// The same, for one thread, of one operation, and of any number of blocks.
typedef struct service_total {
  histogram_total times;
  uint64_t answers[SERVICE_COUNTS_STATUSES];
  uint64_t bytes_in, bytes_out;
} service_total;

/// The block's own thread only.
void service_counts_add(service_counts *self, const api_outcome *outcome);

/// Adds what a block has counted of an operation so far. Any thread.
void service_counts_sum(const service_counts *self, size_t operation, service_total *total);

/// "kv.put"; "none" for SERVICE_COUNTS_NONE.
const char *service_counts_name(size_t operation);

/// "404"; "other" for the last.
const char *service_counts_status(size_t status);

#endif
