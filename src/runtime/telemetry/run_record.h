// What is told of a run when it has ended, however it did.
#ifndef RUNTIME_TELEMETRY_RUN_RECORD_H
#define RUNTIME_TELEMETRY_RUN_RECORD_H

#include "runtime/limits/busy.h"
#include "runtime/telemetry/trace.h"
#include "ubiq/error.h"

/// Times are durations; all that is pointed to is borrowed for the call.
typedef struct run_record {
  const char *function;
  const char *release;    ///< the first digits of its bundle's digest, or its project's version
  const trace *trace;     ///< NULL: no listener asked for it
  const char *tracestate; ///< what came with its trace; NULL: nothing, or no listener asked for it
  ubiq_code outcome;      ///< UBIQ_OK, or the error's class
  busy_reason busy;       ///< why, where the outcome is `busy`
  unsigned worker;        ///< its number
  unsigned calls_dropped; ///< what it asked for that a collector is not told of
  uint64_t came_at_ns;    ///< when it was started, by the wall clock
  uint64_t queue_ns;      ///< until it had its place and its turn
  uint64_t start_ns;      ///< until its guest was entered: making or finding the instance
  uint64_t run_ns;        ///< until it was over, waiting included
  uint64_t cpu_ns;        ///< of `run_ns`, what it had of the worker's thread
  uint64_t memory_bytes;  ///< linear memory of its instance at the end; 0: it had none
  uint64_t bytes_in;      ///< of its input
  uint64_t bytes_out;     ///< of its output; 0 when it failed
} run_record;

#endif
