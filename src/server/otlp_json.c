// yyjson refuses to add to what could not be made, so only the text at the end is looked at: when memory is out on the way,
// something is missing in it.
#include "server/otlp_json.h"

#include "base/clock.h"
#include "ubiq/version.h"
#include "yyjson.h"

#include <stdio.h>
#include <stdlib.h>

enum { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3, STATUS_ERROR = 2, CUMULATIVE = 2 };

/// How OpenTelemetry calls a level.
static const struct {
  int number;
  const char *text;
} severities[] = {
    [UBIQ_LOG_TRACE] = {1, "TRACE"}, [UBIQ_LOG_DEBUG] = {5, "DEBUG"},  [UBIQ_LOG_INFO] = {9, "INFO"},
    [UBIQ_LOG_WARN] = {13, "WARN"},  [UBIQ_LOG_ERROR] = {17, "ERROR"},
};

typedef yyjson_mut_doc document;
typedef yyjson_mut_val value;

static char *print(document *doc, size_t *size) {
  char *text = doc == NULL ? NULL : yyjson_mut_write(doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE, size);
  yyjson_mut_doc_free(doc);
  return text;
}

/// A 64-bit number, which is a string in protobuf's JSON.
static void add_number(document *doc, value *object, const char *key, uint64_t number) {
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
  yyjson_mut_obj_add_strcpy(doc, object, key, digits);
}

static void add_id(document *doc, value *object, const char *key, const uint8_t *bytes, size_t size) {
  char digits[2 * TRACE_ID_SIZE + 1];
  trace_hex(bytes, size, digits);
  yyjson_mut_obj_add_strcpy(doc, object, key, digits);
}

/// The value of a new attribute.
static value *add_attribute(document *doc, value *attributes, const char *key) {
  value *attribute = yyjson_mut_arr_add_obj(doc, attributes);
  yyjson_mut_obj_add_str(doc, attribute, "key", key);
  return yyjson_mut_obj_add_obj(doc, attribute, "value");
}

static void add_text(document *doc, value *attributes, const char *key, const char *text) {
  yyjson_mut_obj_add_strcpy(doc, add_attribute(doc, attributes, key), "stringValue", text);
}

static void add_integer(document *doc, value *attributes, const char *key, uint64_t number) {
  add_number(doc, add_attribute(doc, attributes, key), "intValue", number);
}

static void add_milliseconds(document *doc, value *attributes, const char *key, uint64_t ns) {
  yyjson_mut_obj_add_real(doc, add_attribute(doc, attributes, key), "doubleValue", (double)ns / CLOCK_NS_PER_MS);
}

/// What all three requests begin with: who speaks. Answers the list that is to be filled.
static value *begin(document *doc, const char *resources, const char *scopes, const char *items) {
  value *root = yyjson_mut_obj(doc);
  yyjson_mut_doc_set_root(doc, root);
  value *resource = yyjson_mut_arr_add_obj(doc, yyjson_mut_obj_add_arr(doc, root, resources));
  value *described = yyjson_mut_obj_add_obj(doc, resource, "resource");
  value *attributes = yyjson_mut_obj_add_arr(doc, described, "attributes");
  add_text(doc, attributes, "service.name", "ubiq");
  add_text(doc, attributes, "service.version", UBIQ_VERSION);
  value *scope = yyjson_mut_arr_add_obj(doc, yyjson_mut_obj_add_arr(doc, resource, scopes));
  value *speaker = yyjson_mut_obj_add_obj(doc, scope, "scope");
  yyjson_mut_obj_add_str(doc, speaker, "name", "ubiq");
  yyjson_mut_obj_add_str(doc, speaker, "version", UBIQ_VERSION);
  return yyjson_mut_obj_add_arr(doc, scope, items);
}

static void describe_run(document *doc, value *object, const run_record *record) {
  value *attributes = yyjson_mut_obj_add_arr(doc, object, "attributes");
  add_text(doc, attributes, "faas.name", record->function);
  add_text(doc, attributes, "faas.version", record->release);
  add_text(doc, attributes, "ubiq.outcome", ubiq_code_name(record->outcome));
  if (record->outcome == UBIQ_BUSY) add_text(doc, attributes, "ubiq.busy", busy_reason_name(record->busy));
  add_milliseconds(doc, attributes, "ubiq.queue_ms", record->queue_ns);
  add_milliseconds(doc, attributes, "ubiq.start_ms", record->start_ns);
  add_milliseconds(doc, attributes, "ubiq.run_ms", record->run_ns);
  add_milliseconds(doc, attributes, "ubiq.cpu_ms", record->cpu_ns);
  add_integer(doc, attributes, "ubiq.memory_bytes", record->memory_bytes);
  add_integer(doc, attributes, "ubiq.bytes_in", record->bytes_in);
  add_integer(doc, attributes, "ubiq.bytes_out", record->bytes_out);
  add_integer(doc, attributes, "ubiq.worker", record->worker);
}

static uint64_t end_of(const run_record *record) {
  return record->came_at_ns + record->queue_ns + record->start_ns + record->run_ns;
}

// ------------------------------------------------------------------------------------------------------------- runs

static void add_span(document *doc, value *list, const run_span *span) {
  const run_record *record = &span->record;
  value *object = yyjson_mut_arr_add_obj(doc, list);
  add_id(doc, object, "traceId", span->trace.id, sizeof span->trace.id);
  add_id(doc, object, "spanId", span->trace.span, sizeof span->trace.span);
  if (trace_has_parent(&span->trace))
    add_id(doc, object, "parentSpanId", span->trace.parent, sizeof span->trace.parent);
  if (record->tracestate != NULL) yyjson_mut_obj_add_strcpy(doc, object, "traceState", record->tracestate);
  yyjson_mut_obj_add_uint(doc, object, "flags", span->trace.flags);
  yyjson_mut_obj_add_strcpy(doc, object, "name", span->function);
  yyjson_mut_obj_add_int(doc, object, "kind", SPAN_SERVER);
  add_number(doc, object, "startTimeUnixNano", record->came_at_ns);
  add_number(doc, object, "endTimeUnixNano", end_of(record));
  describe_run(doc, object, record);
  if (record->calls_dropped > 0)
    add_integer(doc, yyjson_mut_obj_get(object, "attributes"), "ubiq.calls_dropped", record->calls_dropped);
  value *status = yyjson_mut_obj_add_obj(doc, object, "status");
  if (record->outcome == UBIQ_OK) return;
  yyjson_mut_obj_add_int(doc, status, "code", STATUS_ERROR);
  yyjson_mut_obj_add_str(doc, status, "message", ubiq_code_name(record->outcome));
}

/// A span within a run's; answers it, for more to be added.
static value *add_child(document *doc, value *list, const trace *trace, const char *name, int kind, uint64_t number,
                        uint64_t begin_ns, uint64_t end_ns) {
  uint8_t id[TRACE_SPAN_SIZE];
  trace_child(trace, number, id);
  value *object = yyjson_mut_arr_add_obj(doc, list);
  add_id(doc, object, "traceId", trace->id, sizeof trace->id);
  add_id(doc, object, "spanId", id, sizeof id);
  add_id(doc, object, "parentSpanId", trace->span, sizeof trace->span);
  yyjson_mut_obj_add_uint(doc, object, "flags", trace->flags);
  yyjson_mut_obj_add_str(doc, object, "name", name);
  yyjson_mut_obj_add_int(doc, object, "kind", kind);
  add_number(doc, object, "startTimeUnixNano", begin_ns);
  add_number(doc, object, "endTimeUnixNano", end_ns);
  return object;
}

/// The stages of a run follow one another; one that took no time was not gone through.
static void add_stages(document *doc, value *list, const run_span *span) {
  const run_record *record = &span->record;
  const struct {
    const char *name;
    uint64_t took_ns;
  } stages[] = {{"queue", record->queue_ns}, {"start", record->start_ns}, {"run", record->run_ns}};
  uint64_t at_ns = record->came_at_ns;
  for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
    uint64_t end_ns = at_ns + stages[i].took_ns;
    if (end_ns > at_ns) add_child(doc, list, &span->trace, stages[i].name, SPAN_INTERNAL, i + 1, at_ns, end_ns);
    at_ns = end_ns;
  }
}

/// A request to another server, as OpenTelemetry's conventions for HTTP clients have it.
static void describe_request(document *doc, value *attributes, const run_call *call) {
  add_text(doc, attributes, "http.request.method", call->method);
  add_text(doc, attributes, "url.full", call->url);
  if (call->status != 0) add_integer(doc, attributes, "http.response.status_code", (uint64_t)call->status);
}

static void describe_operation(document *doc, value *attributes, const run_call *call) {
  if (call->operation != NULL) add_text(doc, attributes, "ubiq.operation", call->operation);
  if (call->answered != 0) add_integer(doc, attributes, "ubiq.status", (uint64_t)call->answered);
  add_integer(doc, attributes, "ubiq.bytes_in", call->bytes_in);
  add_integer(doc, attributes, "ubiq.bytes_out", call->bytes_out);
}

/// That something is not there, or is not as it was expected, is an answer of a service as good as any.
static bool has_failed(const run_call *call) {
  bool is_request = call->method[0] != '\0';
  if (is_request && (call->status == 0 || call->status >= 400)) return true;
  if (!call->is_asked || call->answered == 404 || call->answered == 409 || call->answered == 412) return false;
  return call->answered == 0 || call->answered >= 400;
}

static void add_call(document *doc, value *list, const trace *trace, const run_call *call, uint64_t number) {
  bool is_request = call->method[0] != '\0';
  const char *operation = call->operation == NULL ? "none" : call->operation;
  value *object = add_child(doc, list, trace, is_request ? call->method : operation,
                            is_request ? SPAN_CLIENT : SPAN_INTERNAL, number, call->began_ns, call->ended_ns);
  value *described = yyjson_mut_obj_add_arr(doc, object, "attributes");
  if (is_request) describe_request(doc, described, call);
  if (call->is_asked) describe_operation(doc, described, call);
  value *status = yyjson_mut_obj_add_obj(doc, object, "status");
  if (has_failed(call)) yyjson_mut_obj_add_int(doc, status, "code", STATUS_ERROR);
}

static void add_calls(document *doc, value *list, const run_span *span) {
  uint64_t number = RUN_CALLS_CHILD;
  for (const run_call *call = span->calls; call != NULL; call = call->next)
    add_call(doc, list, &span->trace, call, number++);
}

static void add_spans(document *doc, value *list, const run_span *span) {
  add_span(doc, list, span);
  add_stages(doc, list, span);
  add_calls(doc, list, span);
}

char *otlp_json_traces(const run_span *spans, size_t count, size_t *size) {
  document *doc = yyjson_mut_doc_new(NULL);
  value *list = begin(doc, "resourceSpans", "scopeSpans", "spans");
  for (size_t i = 0; i < count; i++)
    if ((spans[i].trace.flags & TRACE_SAMPLED) != 0) add_spans(doc, list, &spans[i]);
  return print(doc, size);
}

static void say(document *doc, value *object, ubiq_log_level level, const char *message) {
  yyjson_mut_obj_add_int(doc, object, "severityNumber", severities[level].number);
  yyjson_mut_obj_add_str(doc, object, "severityText", severities[level].text);
  value *body = yyjson_mut_obj_add_obj(doc, object, "body");
  yyjson_mut_obj_add_strcpy(doc, body, "stringValue", message);
}

static void add_place(document *doc, value *object, const trace *trace) {
  yyjson_mut_obj_add_uint(doc, object, "flags", trace->flags);
  add_id(doc, object, "traceId", trace->id, sizeof trace->id);
  add_id(doc, object, "spanId", trace->span, sizeof trace->span);
}

static void add_log(document *doc, value *list, const run_span *span) {
  const run_record *record = &span->record;
  ubiq_log_level level = record->outcome == UBIQ_OK ? UBIQ_LOG_INFO : UBIQ_LOG_WARN;
  char text[RUN_SPAN_FUNCTION_BYTES + 64];
  snprintf(text, sizeof text, "%s: %s", span->function, ubiq_code_name(record->outcome));
  value *object = yyjson_mut_arr_add_obj(doc, list);
  add_number(doc, object, "timeUnixNano", end_of(record));
  say(doc, object, level, text);
  describe_run(doc, object, record);
  add_place(doc, object, &span->trace);
}

char *otlp_json_logs(const run_span *spans, size_t count, size_t *size) {
  document *doc = yyjson_mut_doc_new(NULL);
  value *list = begin(doc, "resourceLogs", "scopeLogs", "logRecords");
  for (size_t i = 0; i < count; i++) add_log(doc, list, &spans[i]);
  return print(doc, size);
}

static void add_line(document *doc, value *list, const otlp_line *line) {
  value *object = yyjson_mut_arr_add_obj(doc, list);
  add_number(doc, object, "timeUnixNano", line->time_ns);
  say(doc, object, line->level, line->message);
  value *attributes = yyjson_mut_obj_add_arr(doc, object, "attributes");
  if (strcmp(line->source, "ubiq") != 0) add_text(doc, attributes, "faas.name", line->source);
  if (line->has_trace) add_place(doc, object, &line->trace);
}

char *otlp_json_lines(const otlp_line *lines, size_t count, size_t *size) {
  document *doc = yyjson_mut_doc_new(NULL);
  value *list = begin(doc, "resourceLogs", "scopeLogs", "logRecords");
  for (size_t i = 0; i < count; i++) add_line(doc, list, &lines[i]);
  return print(doc, size);
}

// ---------------------------------------------------------------------------------------------------------- metrics

/// What all points of a request share.
typedef struct points {
  document *doc;
  uint64_t from_ns, now_ns;
} points;

static value *add_point(const points *self, value *list, const metrics_block *block) {
  value *point = yyjson_mut_arr_add_obj(self->doc, list);
  add_number(self->doc, point, "startTimeUnixNano", self->from_ns);
  add_number(self->doc, point, "timeUnixNano", self->now_ns);
  value *attributes = yyjson_mut_obj_add_arr(self->doc, point, "attributes");
  add_text(self->doc, attributes, "faas.name", block->function);
  add_integer(self->doc, attributes, "ubiq.worker", block->worker);
  return point;
}

static void add_outcomes(const points *self, value *list, const metrics_block *block) {
  for (int code = 0; code < METRICS_OUTCOMES; code++) {
    uint64_t count = atomic_load_explicit(&block->outcomes[code], memory_order_relaxed);
    if (count == 0) continue;
    value *point = add_point(self, list, block);
    add_text(self->doc, yyjson_mut_obj_get(point, "attributes"), "ubiq.outcome", ubiq_code_name((ubiq_code)code));
    add_number(self->doc, point, "asInt", count);
  }
}

static void add_busy(const points *self, value *list, const metrics_block *block) {
  for (int reason = 0; reason < BUSY_REASONS; reason++) {
    uint64_t count = atomic_load_explicit(&block->busy[reason], memory_order_relaxed);
    if (count == 0) continue;
    value *point = add_point(self, list, block);
    add_text(self->doc, yyjson_mut_obj_get(point, "attributes"), "ubiq.reason", busy_reason_name((busy_reason)reason));
    add_number(self->doc, point, "asInt", count);
  }
}

static void add_count(document *doc, value *counts, uint64_t count) {
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
  yyjson_mut_arr_add_strcpy(doc, counts, digits);
}

static void add_distribution(const points *self, value *list, const metrics_block *block, metrics_kind kind) {
  const histogram_bounds *bounds = metrics_bounds(kind);
  histogram_total total = {0};
  histogram_sum(&block->histograms[kind], &total);
  uint64_t count = total.counts[HISTOGRAM_BOUNDS_MAX];
  value *point = add_point(self, list, block);
  value *counts = yyjson_mut_obj_add_arr(self->doc, point, "bucketCounts");
  value *limits = yyjson_mut_obj_add_arr(self->doc, point, "explicitBounds");
  for (size_t i = 0; i < bounds->count; i++) {
    count += total.counts[i];
    add_count(self->doc, counts, total.counts[i]);
    yyjson_mut_arr_add_real(self->doc, limits, (double)bounds->values[i] / (double)bounds->unit);
  }
  add_count(self->doc, counts, total.counts[HISTOGRAM_BOUNDS_MAX]);
  add_number(self->doc, point, "count", count);
  yyjson_mut_obj_add_real(self->doc, point, "sum", (double)total.sum / (double)bounds->unit);
}

static void add_refusals(const points *self, value *list, metrics *metrics) {
  for (int reason = 0; reason < REFUSALS; reason++) {
    value *point = yyjson_mut_arr_add_obj(self->doc, list);
    add_number(self->doc, point, "startTimeUnixNano", self->from_ns);
    add_number(self->doc, point, "timeUnixNano", self->now_ns);
    value *attributes = yyjson_mut_obj_add_arr(self->doc, point, "attributes");
    add_text(self->doc, attributes, "ubiq.reason", refusal_name((refusal)reason));
    add_number(self->doc, point, "asInt", metrics_refusals(metrics, (refusal)reason));
  }
}

/// A metric; answers the list of its points.
static value *add_metric(document *doc, value *list, const char *name, const char *unit, const char *type) {
  value *metric = yyjson_mut_arr_add_obj(doc, list);
  yyjson_mut_obj_add_str(doc, metric, "name", name);
  yyjson_mut_obj_add_str(doc, metric, "unit", unit);
  value *data = yyjson_mut_obj_add_obj(doc, metric, type);
  yyjson_mut_obj_add_int(doc, data, "aggregationTemporality", CUMULATIVE);
  if (strcmp(type, "sum") == 0) yyjson_mut_obj_add_bool(doc, data, "isMonotonic", true);
  return yyjson_mut_obj_add_arr(doc, data, "dataPoints");
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
  value *list = begin(self.doc, "resourceMetrics", "scopeMetrics", "metrics");
  value *outcomes = add_metric(self.doc, list, "ubiq.runs", "{run}", "sum");
  for (size_t i = 0; i < count; i++) add_outcomes(&self, outcomes, blocks[i]);
  value *busy = add_metric(self.doc, list, "ubiq.runs.busy", "{run}", "sum");
  for (size_t i = 0; i < count; i++) add_busy(&self, busy, blocks[i]);
  add_refusals(&self, add_metric(self.doc, list, "ubiq.requests.refused", "{request}", "sum"), metrics);
  for (int kind = 0; kind < METRICS_KINDS; kind++) {
    value *metric = add_metric(self.doc, list, names[kind][0], names[kind][1], "histogram");
    for (size_t i = 0; i < count; i++) add_distribution(&self, metric, blocks[i], (metrics_kind)kind);
  }
  free((void *)(uintptr_t)blocks);
  return print(self.doc, size);
}
