// yyjson refuses to add to what could not be made, so only the text at the end is looked at: when memory is out on the way,
// something is missing in it.
#include "server/telemetry/otlp_json.h"

#include "base/clock.h"
#include "server/telemetry/otlp_json_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3, STATUS_ERROR = 2 };

/// How OpenTelemetry calls a level.
static const struct {
  int number;
  const char *text;
} severities[] = {
    [UBIQ_LOG_TRACE] = {1, "TRACE"}, [UBIQ_LOG_DEBUG] = {5, "DEBUG"},  [UBIQ_LOG_INFO] = {9, "INFO"},
    [UBIQ_LOG_WARN] = {13, "WARN"},  [UBIQ_LOG_ERROR] = {17, "ERROR"},
};

static void add_id(otlp_document *doc, otlp_value *object, const char *key, const uint8_t *bytes, size_t size) {
  char digits[2 * TRACE_ID_SIZE + 1];
  text_hex(bytes, size, digits);
  yyjson_mut_obj_add_strcpy(doc, object, key, digits);
}

static void add_milliseconds(otlp_document *doc, otlp_value *attributes, const char *key, uint64_t ns) {
  yyjson_mut_obj_add_real(doc, otlp_json_attribute(doc, attributes, key), "doubleValue", (double)ns / CLOCK_NS_PER_MS);
}

static void describe_run(otlp_document *doc, otlp_value *object, const run_record *record) {
  otlp_value *attributes = yyjson_mut_obj_add_arr(doc, object, "attributes");
  otlp_json_text(doc, attributes, "faas.name", record->function);
  otlp_json_text(doc, attributes, "faas.version", record->release);
  otlp_json_text(doc, attributes, "ubiq.outcome", ubiq_code_name(record->outcome));
  if (record->outcome == UBIQ_BUSY) otlp_json_text(doc, attributes, "ubiq.busy", busy_reason_name(record->busy));
  add_milliseconds(doc, attributes, "ubiq.queue_ms", record->queue_ns);
  add_milliseconds(doc, attributes, "ubiq.start_ms", record->start_ns);
  add_milliseconds(doc, attributes, "ubiq.run_ms", record->run_ns);
  add_milliseconds(doc, attributes, "ubiq.cpu_ms", record->cpu_ns);
  otlp_json_integer(doc, attributes, "ubiq.memory_bytes", record->memory_bytes);
  otlp_json_integer(doc, attributes, "ubiq.bytes_in", record->bytes_in);
  otlp_json_integer(doc, attributes, "ubiq.bytes_out", record->bytes_out);
  otlp_json_integer(doc, attributes, "ubiq.worker", record->worker);
}

static uint64_t end_of(const run_record *record) {
  return record->came_at_ns + record->queue_ns + record->start_ns + record->run_ns;
}

// ------------------------------------------------------------------------------------------------------------- runs

static void add_span(otlp_document *doc, otlp_value *list, const run_span *span) {
  const run_record *record = &span->record;
  otlp_value *object = yyjson_mut_arr_add_obj(doc, list);
  add_id(doc, object, "traceId", span->trace.id, sizeof span->trace.id);
  add_id(doc, object, "spanId", span->trace.span, sizeof span->trace.span);
  if (trace_has_parent(&span->trace))
    add_id(doc, object, "parentSpanId", span->trace.parent, sizeof span->trace.parent);
  if (record->tracestate != NULL) yyjson_mut_obj_add_strcpy(doc, object, "traceState", record->tracestate);
  yyjson_mut_obj_add_uint(doc, object, "flags", span->trace.flags);
  yyjson_mut_obj_add_strcpy(doc, object, "name", span->function);
  yyjson_mut_obj_add_int(doc, object, "kind", SPAN_SERVER);
  otlp_json_number(doc, object, "startTimeUnixNano", record->came_at_ns);
  otlp_json_number(doc, object, "endTimeUnixNano", end_of(record));
  describe_run(doc, object, record);
  if (record->calls_dropped > 0)
    otlp_json_integer(doc, yyjson_mut_obj_get(object, "attributes"), "ubiq.calls_dropped", record->calls_dropped);
  otlp_value *status = yyjson_mut_obj_add_obj(doc, object, "status");
  if (record->outcome == UBIQ_OK) return;
  yyjson_mut_obj_add_int(doc, status, "code", STATUS_ERROR);
  yyjson_mut_obj_add_str(doc, status, "message", ubiq_code_name(record->outcome));
}

/// A span within a run's; answers it, for more to be added.
static otlp_value *add_child(otlp_document *doc, otlp_value *list, const trace *trace, const char *name, int kind,
                             uint64_t number, uint64_t begin_ns, uint64_t end_ns) {
  uint8_t id[TRACE_SPAN_SIZE];
  trace_child(trace, number, id);
  otlp_value *object = yyjson_mut_arr_add_obj(doc, list);
  add_id(doc, object, "traceId", trace->id, sizeof trace->id);
  add_id(doc, object, "spanId", id, sizeof id);
  add_id(doc, object, "parentSpanId", trace->span, sizeof trace->span);
  yyjson_mut_obj_add_uint(doc, object, "flags", trace->flags);
  yyjson_mut_obj_add_str(doc, object, "name", name);
  yyjson_mut_obj_add_int(doc, object, "kind", kind);
  otlp_json_number(doc, object, "startTimeUnixNano", begin_ns);
  otlp_json_number(doc, object, "endTimeUnixNano", end_ns);
  return object;
}

/// The stages of a run follow one another; one that took no time was not gone through.
static void add_stages(otlp_document *doc, otlp_value *list, const run_span *span) {
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
static void describe_request(otlp_document *doc, otlp_value *attributes, const run_call *call) {
  otlp_json_text(doc, attributes, "http.request.method", call->method);
  otlp_json_text(doc, attributes, "url.full", call->url);
  if (call->status != 0) otlp_json_integer(doc, attributes, "http.response.status_code", (uint64_t)call->status);
}

static void describe_operation(otlp_document *doc, otlp_value *attributes, const run_call *call) {
  if (call->operation != NULL) otlp_json_text(doc, attributes, "ubiq.operation", call->operation);
  if (call->answered != 0) otlp_json_integer(doc, attributes, "ubiq.status", (uint64_t)call->answered);
  otlp_json_integer(doc, attributes, "ubiq.bytes_in", call->bytes_in);
  otlp_json_integer(doc, attributes, "ubiq.bytes_out", call->bytes_out);
}

/// That something is not there, or is not as it was expected, is an answer of a service as good as any.
static bool has_failed(const run_call *call) {
  bool is_request = call->method[0] != '\0';
  if (is_request && (call->status == 0 || call->status >= 400)) return true;
  if (!call->is_asked || call->answered == 404 || call->answered == 409 || call->answered == 412) return false;
  return call->answered == 0 || call->answered >= 400;
}

static void add_call(otlp_document *doc, otlp_value *list, const trace *trace, const run_call *call, uint64_t number) {
  bool is_request = call->method[0] != '\0';
  const char *operation = call->operation == NULL ? "none" : call->operation;
  otlp_value *object = add_child(doc, list, trace, is_request ? call->method : operation,
                                 is_request ? SPAN_CLIENT : SPAN_INTERNAL, number, call->began_ns, call->ended_ns);
  otlp_value *described = yyjson_mut_obj_add_arr(doc, object, "attributes");
  if (is_request) describe_request(doc, described, call);
  if (call->is_asked) describe_operation(doc, described, call);
  otlp_value *status = yyjson_mut_obj_add_obj(doc, object, "status");
  if (has_failed(call)) yyjson_mut_obj_add_int(doc, status, "code", STATUS_ERROR);
}

static void add_calls(otlp_document *doc, otlp_value *list, const run_span *span) {
  uint64_t number = RUN_CALLS_CHILD;
  for (const run_call *call = span->calls; call != NULL; call = call->next)
    add_call(doc, list, &span->trace, call, number++);
}

static void add_spans(otlp_document *doc, otlp_value *list, const run_span *span) {
  add_span(doc, list, span);
  add_stages(doc, list, span);
  add_calls(doc, list, span);
}

char *otlp_json_traces(const run_span *spans, size_t count, size_t *size) {
  otlp_document *doc = yyjson_mut_doc_new(NULL);
  otlp_value *list = otlp_json_begin(doc, "resourceSpans", "scopeSpans", "spans");
  for (size_t i = 0; i < count; i++)
    if ((spans[i].trace.flags & TRACE_SAMPLED) != 0) add_spans(doc, list, &spans[i]);
  return otlp_json_print(doc, size);
}

static void say(otlp_document *doc, otlp_value *object, ubiq_log_level level, const char *message) {
  yyjson_mut_obj_add_int(doc, object, "severityNumber", severities[level].number);
  yyjson_mut_obj_add_str(doc, object, "severityText", severities[level].text);
  otlp_value *body = yyjson_mut_obj_add_obj(doc, object, "body");
  yyjson_mut_obj_add_strcpy(doc, body, "stringValue", message);
}

static void add_place(otlp_document *doc, otlp_value *object, const trace *trace) {
  yyjson_mut_obj_add_uint(doc, object, "flags", trace->flags);
  add_id(doc, object, "traceId", trace->id, sizeof trace->id);
  add_id(doc, object, "spanId", trace->span, sizeof trace->span);
}

static void add_log(otlp_document *doc, otlp_value *list, const run_span *span) {
  const run_record *record = &span->record;
  ubiq_log_level level = record->outcome == UBIQ_OK ? UBIQ_LOG_INFO : UBIQ_LOG_WARN;
  char text[RUN_SPAN_FUNCTION_BYTES + 64];
  snprintf(text, sizeof text, "%s: %s", span->function, ubiq_code_name(record->outcome));
  otlp_value *object = yyjson_mut_arr_add_obj(doc, list);
  otlp_json_number(doc, object, "timeUnixNano", end_of(record));
  say(doc, object, level, text);
  describe_run(doc, object, record);
  add_place(doc, object, &span->trace);
}

char *otlp_json_logs(const run_span *spans, size_t count, size_t *size) {
  otlp_document *doc = yyjson_mut_doc_new(NULL);
  otlp_value *list = otlp_json_begin(doc, "resourceLogs", "scopeLogs", "logRecords");
  for (size_t i = 0; i < count; i++) add_log(doc, list, &spans[i]);
  return otlp_json_print(doc, size);
}

static void add_line(otlp_document *doc, otlp_value *list, const otlp_line *line) {
  otlp_value *object = yyjson_mut_arr_add_obj(doc, list);
  otlp_json_number(doc, object, "timeUnixNano", line->time_ns);
  say(doc, object, line->level, line->message);
  otlp_value *attributes = yyjson_mut_obj_add_arr(doc, object, "attributes");
  if (strcmp(line->source, "ubiq") != 0) otlp_json_text(doc, attributes, "faas.name", line->source);
  if (line->has_trace) add_place(doc, object, &line->trace);
}

char *otlp_json_lines(const otlp_line *lines, size_t count, size_t *size) {
  otlp_document *doc = yyjson_mut_doc_new(NULL);
  otlp_value *list = otlp_json_begin(doc, "resourceLogs", "scopeLogs", "logRecords");
  for (size_t i = 0; i < count; i++) add_line(doc, list, &lines[i]);
  return otlp_json_print(doc, size);
}
