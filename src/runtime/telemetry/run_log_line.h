// A run, or a request that was refused without one, as a line of JSON.
#ifndef RUNTIME_TELEMETRY_RUN_LOG_LINE_H
#define RUNTIME_TELEMETRY_RUN_LOG_LINE_H

#include "runtime/telemetry/refusal.h"
#include "runtime/telemetry/run_record.h"

enum { RUN_LOG_LINE_MAX = 2048 }; ///< bytes; names are cut so that any line fits, and below PIPE_BUF

/// Writes the line with its end, and no NUL; answers its bytes. The record has a trace.
size_t run_log_line(const run_record *record, char out[RUN_LOG_LINE_MAX]);

/// The same for a refusal. What is no ASCII in its method and URL is written as %XX.
size_t run_log_refusal_line(const refusal_record *record, char out[RUN_LOG_LINE_MAX]);

#endif
