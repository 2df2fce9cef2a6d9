// Runs and metrics as OpenTelemetry's JSON: the protobuf JSON mapping of OTLP 1, in which ids are hex digits, 64-bit numbers
// strings, and enums numbers. NULL: memory was out.
#ifndef SERVER_TELEMETRY_OTLP_JSON_H
#define SERVER_TELEMETRY_OTLP_JSON_H

#include "runtime/telemetry/metrics.h"
#include "runtime/telemetry/run_ring.h"
#include "server/telemetry/otlp_lines.h"

/// An ExportTraceServiceRequest with a span for each run whose trace is sampled, and a child of it for each of its
/// stages that took time. The caller's, for free.
char *otlp_json_traces(const run_span *spans, size_t count, size_t *size);

/// An ExportLogsServiceRequest with a record for each run.
char *otlp_json_logs(const run_span *spans, size_t count, size_t *size);

/// An ExportLogsServiceRequest with a record for each line.
char *otlp_json_lines(const otlp_line *lines, size_t count, size_t *size);

/// An ExportMetricsServiceRequest with all that was counted between two times of the wall clock.
char *otlp_json_metrics(metrics *metrics, uint64_t from_ns, uint64_t now_ns, size_t *size);

#endif
