// What was counted, as OTLP's metrics: cumulative sums and histograms.
#include "server/telemetry/otlp_json.h"
#include "server/telemetry/otlp_json_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUMULATIVE = 2 };

/// What all points of a request share.
typedef struct points {
  otlp_document *doc;
  uint64_t from_ns, now_ns;
} points;

/// Its attributes are empty.
static otlp_value *add_bare_point(const points *self, otlp_value *list) {
  otlp_value *point = yyjson_mut_arr_add_obj(self->doc, list);
  otlp_json_number(self->doc, point, "startTimeUnixNano", self->from_ns);
  otlp_json_number(self->doc, point, "timeUnixNano", self->now_ns);
  yyjson_mut_obj_add_arr(self->doc, point, "attributes");
  return point;
}

static otlp_value *add_point(const points *self, otlp_value *list, const metrics_block *block) {
  otlp_value *point = add_bare_point(self, list), *attributes = yyjson_mut_obj_get(point, "attributes");
  otlp_json_text(self->doc, attributes, "faas.name", block->function);
  otlp_json_integer(self->doc, attributes, "ubiq.worker", block->worker);
  return point;
}

static void add_outcomes(const points *self, otlp_value *list, const metrics_block *block) {
  for (int code = 0; code < METRICS_OUTCOMES; code++) {
    uint64_t count = atomic_load_explicit(&block->outcomes[code], memory_order_relaxed);
    if (count == 0) continue;
    otlp_value *point = add_point(self, list, block);
    otlp_json_text(self->doc, yyjson_mut_obj_get(point, "attributes"), "ubiq.outcome", ubiq_code_name((ubiq_code)code));
    otlp_json_number(self->doc, point, "asInt", count);
  }
}

static void add_busy(const points *self, otlp_value *list, const metrics_block *block) {
  for (int reason = 0; reason < BUSY_REASONS; reason++) {
    uint64_t count = atomic_load_explicit(&block->busy[reason], memory_order_relaxed);
    if (count == 0) continue;
    otlp_value *point = add_point(self, list, block);
    otlp_json_text(self->doc, yyjson_mut_obj_get(point, "attributes"), "ubiq.reason",
                   busy_reason_name((busy_reason)reason));
    otlp_json_number(self->doc, point, "asInt", count);
  }
}

static void add_count(otlp_document *doc, otlp_value *counts, uint64_t count) {
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
  yyjson_mut_arr_add_strcpy(doc, counts, digits);
}

static void fill_distribution(const points *self, otlp_value *point, const histogram_bounds *bounds,
                              const histogram_total *total) {
  uint64_t count = total->counts[HISTOGRAM_BOUNDS_MAX];
  otlp_value *counts = yyjson_mut_obj_add_arr(self->doc, point, "bucketCounts");
  otlp_value *limits = yyjson_mut_obj_add_arr(self->doc, point, "explicitBounds");
  for (size_t i = 0; i < bounds->count; i++) {
    count += total->counts[i];
    add_count(self->doc, counts, total->counts[i]);
    yyjson_mut_arr_add_real(self->doc, limits, (double)bounds->values[i] / (double)bounds->unit);
  }
  add_count(self->doc, counts, total->counts[HISTOGRAM_BOUNDS_MAX]);
  otlp_json_number(self->doc, point, "count", count);
  yyjson_mut_obj_add_real(self->doc, point, "sum", (double)total->sum / (double)bounds->unit);
}

static void add_distribution(const points *self, otlp_value *list, const metrics_block *block, metrics_kind kind) {
  histogram_total total = {0};
  histogram_sum(&block->histograms[kind], &total);
  fill_distribution(self, add_point(self, list, block), metrics_bounds(kind), &total);
}

static void add_refusals(const points *self, otlp_value *list, metrics *metrics) {
  for (int reason = 0; reason < REFUSALS; reason++) {
    otlp_value *point = add_bare_point(self, list);
    otlp_json_text(self->doc, yyjson_mut_obj_get(point, "attributes"), "ubiq.reason", refusal_name((refusal)reason));
    otlp_json_number(self->doc, point, "asInt", metrics_refusals(metrics, (refusal)reason));
  }
}

/// A metric; answers the list of its points.
static otlp_value *add_metric(otlp_document *doc, otlp_value *list, const char *name, const char *unit,
                              const char *type) {
  otlp_value *metric = yyjson_mut_arr_add_obj(doc, list);
  yyjson_mut_obj_add_str(doc, metric, "name", name);
  yyjson_mut_obj_add_str(doc, metric, "unit", unit);
  otlp_value *data = yyjson_mut_obj_add_obj(doc, metric, type);
  yyjson_mut_obj_add_int(doc, data, "aggregationTemporality", CUMULATIVE);
  if (strcmp(type, "sum") == 0) yyjson_mut_obj_add_bool(doc, data, "isMonotonic", true);
  return yyjson_mut_obj_add_arr(doc, data, "dataPoints");
}

// -------------------------------------------------------------------------------------------------------- services

static void add_answers(const points *self, otlp_value *list, size_t operation, const service_total *total) {
  for (size_t i = 0; i < SERVICE_COUNTS_STATUSES; i++) {
    if (total->answers[i] == 0) continue;
    otlp_value *point = add_bare_point(self, list), *attributes = yyjson_mut_obj_get(point, "attributes");
    otlp_json_text(self->doc, attributes, "ubiq.operation", service_counts_name(operation));
    otlp_json_text(self->doc, attributes, "ubiq.status", service_counts_status(i));
    otlp_json_number(self->doc, point, "asInt", total->answers[i]);
  }
}

static void add_times(const points *self, otlp_value *list, size_t operation, const service_total *total) {
  bool was_asked = false;
  for (size_t i = 0; i < SERVICE_COUNTS_STATUSES; i++) was_asked = was_asked || total->answers[i] > 0;
  if (!was_asked) return;
  otlp_value *point = add_bare_point(self, list);
  otlp_json_text(self->doc, yyjson_mut_obj_get(point, "attributes"), "ubiq.operation", service_counts_name(operation));
  fill_distribution(self, point, &histogram_short_times, &total->times);
}

static void add_services(const points *self, otlp_value *list, metrics *metrics) {
  otlp_value *calls = add_metric(self->doc, list, "ubiq.service.calls", "{call}", "sum");
  otlp_value *times = add_metric(self->doc, list, "ubiq.service.duration", "s", "histogram");
  for (size_t i = 0; i < SERVICE_COUNTS_OPERATIONS; i++) {
    service_total total;
    metrics_services(metrics, i, &total);
    add_answers(self, calls, i, &total);
    add_times(self, times, i, &total);
  }
}

char *otlp_json_metrics(metrics *metrics, uint64_t from_ns, uint64_t now_ns, size_t *size) {
  static const char *const names[METRICS_KINDS][2] = {
      [METRICS_QUEUE] = {"ubiq.run.queue", "s"},       [METRICS_START] = {"ubiq.run.start", "s"},
      [METRICS_RUN] = {"ubiq.run.duration", "s"},      [METRICS_CPU] = {"ubiq.run.cpu", "s"},
      [METRICS_MEMORY] = {"ubiq.run.memory", "By"},    [METRICS_BYTES_IN] = {"ubiq.run.input", "By"},
      [METRICS_BYTES_OUT] = {"ubiq.run.output", "By"},
  };
  const metrics_block *const *blocks = NULL;
  size_t count = 0;
  if (!metrics_list(metrics, &blocks, &count)) return NULL;
  const points self = {yyjson_mut_doc_new(NULL), from_ns, now_ns};
  otlp_value *list = otlp_json_begin(self.doc, "resourceMetrics", "scopeMetrics", "metrics");
  otlp_value *outcomes = add_metric(self.doc, list, "ubiq.runs", "{run}", "sum");
  for (size_t i = 0; i < count; i++) add_outcomes(&self, outcomes, blocks[i]);
  otlp_value *busy = add_metric(self.doc, list, "ubiq.runs.busy", "{run}", "sum");
  for (size_t i = 0; i < count; i++) add_busy(&self, busy, blocks[i]);
  add_refusals(&self, add_metric(self.doc, list, "ubiq.requests.refused", "{request}", "sum"), metrics);
  for (int kind = 0; kind < METRICS_KINDS; kind++) {
    otlp_value *metric = add_metric(self.doc, list, names[kind][0], names[kind][1], "histogram");
    for (size_t i = 0; i < count; i++) add_distribution(&self, metric, blocks[i], (metrics_kind)kind);
  }
  add_services(&self, list, metrics);
  free((void *)(uintptr_t)blocks);
  return otlp_json_print(self.doc, size);
}
