// Runs and lines as a collector reads them.
#include "server/telemetry/otlp_json.h"

#include "unit/base/testing.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

static run_span span_of(uint64_t queue_ns, uint64_t start_ns, uint64_t run_ns) {
  return (run_span){
      .record = {.function = "f",
                 .release = "1",
                 .came_at_ns = 1000,
                 .queue_ns = queue_ns,
                 .start_ns = start_ns,
                 .run_ns = run_ns},
      .trace = {.id = {1}, .span = {2}, .flags = TRACE_SAMPLED},
      .function = "f",
  };
}

/// The list of a request's items; the document is the caller's.
static yyjson_doc *read_items(char *text, size_t size, const char *const place[3], yyjson_val **list) {
  assert_non_null(text);
  yyjson_doc *document = yyjson_read(text, size, YYJSON_READ_NOFLAG);
  assert_non_null(document);
  free(text);
  yyjson_val *resource = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(document), place[0]));
  *list = yyjson_obj_get(yyjson_arr_get_first(yyjson_obj_get(resource, place[1])), place[2]);
  assert_non_null(*list);
  return document;
}

static yyjson_doc *spans_of(const run_span *span, yyjson_val **list) {
  static const char *const place[] = {"resourceSpans", "scopeSpans", "spans"};
  size_t size;
  char *text = otlp_json_traces(span, 1, &size);
  return read_items(text, size, place, list);
}

static const char *string_of(yyjson_val *object, const char *key) {
  const char *string = yyjson_get_str(yyjson_obj_get(object, key));
  return string == NULL ? "" : string;
}

static void assert_child(yyjson_val *span, const char *name, const char *begin, const char *end) {
  assert_string_equal(string_of(span, "name"), name);
  assert_string_equal(string_of(span, "parentSpanId"), "0200000000000000");
  assert_string_equal(string_of(span, "startTimeUnixNano"), begin);
  assert_string_equal(string_of(span, "endTimeUnixNano"), end);
}

static void the_stages_of_a_run_are_children_that_follow_one_another(void **state) {
  (void)state;
  const run_span span = span_of(10, 200, 3000);
  yyjson_val *list;
  yyjson_doc *document = spans_of(&span, &list);
  assert_int_equal(yyjson_arr_size(list), 4);
  assert_string_equal(string_of(yyjson_arr_get(list, 0), "spanId"), "0200000000000000");
  assert_child(yyjson_arr_get(list, 1), "queue", "1000", "1010");
  assert_child(yyjson_arr_get(list, 2), "start", "1010", "1210");
  assert_child(yyjson_arr_get(list, 3), "run", "1210", "4210");
  for (size_t i = 0; i < 4; i++)
    for (size_t k = 0; k < i; k++)
      assert_string_not_equal(string_of(yyjson_arr_get(list, i), "spanId"),
                              string_of(yyjson_arr_get(list, k), "spanId"));
  yyjson_doc_free(document);
}

static void ids_are_the_same_when_a_span_is_sent_again(void **state) {
  (void)state;
  const run_span span = span_of(10, 200, 3000);
  size_t first_size, second_size;
  char *first = otlp_json_traces(&span, 1, &first_size), *second = otlp_json_traces(&span, 1, &second_size);
  assert_string_equal(first, second);
  free(first);
  free(second);
}

static void a_stage_that_a_run_did_not_come_to_is_no_span(void **state) {
  (void)state;
  const run_span span = span_of(5000, 0, 0);
  yyjson_val *list;
  yyjson_doc *document = spans_of(&span, &list);
  assert_int_equal(yyjson_arr_size(list), 2);
  assert_child(yyjson_arr_get(list, 1), "queue", "1000", "6000");
  yyjson_doc_free(document);
}

static void requests_of_a_guest_are_children_of_the_client_kind(void **state) {
  (void)state;
  run_call second = {.began_ns = 30, .ended_ns = 40, .method = "POST", .url = "http://b/"};
  run_call first = {
      .next = &second, .began_ns = 10, .ended_ns = 20, .status = 200, .method = "GET", .url = "http://a/"};
  run_span span = span_of(0, 0, 1);
  yyjson_val *list;
  span.calls = &first;
  span.record.calls_dropped = 3;
  yyjson_doc *document = spans_of(&span, &list);
  assert_int_equal(yyjson_arr_size(list), 4);
  assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_arr_get(list, 0), "attributes")), 12);
  assert_child(yyjson_arr_get(list, 2), "GET", "10", "20");
  assert_child(yyjson_arr_get(list, 3), "POST", "30", "40");
  uint8_t id[TRACE_SPAN_SIZE];
  char digits[2 * TRACE_SPAN_SIZE + 1];
  trace_child(&span.trace, RUN_CALLS_CHILD + 1, id);
  text_hex(id, sizeof id, digits);
  assert_string_equal(string_of(yyjson_arr_get(list, 3), "spanId"), digits);
  assert_int_equal(yyjson_get_int(yyjson_obj_get(yyjson_arr_get(list, 3), "kind")), 3);
  assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_arr_get(list, 2), "attributes")), 3);
  assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_arr_get(list, 3), "attributes")), 2); // no status
  assert_null(yyjson_obj_get(yyjson_obj_get(yyjson_arr_get(list, 2), "status"), "code"));
  assert_int_equal(yyjson_get_int(yyjson_obj_get(yyjson_obj_get(yyjson_arr_get(list, 3), "status"), "code")), 2);
  yyjson_doc_free(document);
}

static void what_the_platform_was_asked_is_a_child(void **state) {
  (void)state;
  run_call third = {.began_ns = 30, .ended_ns = 40, .is_asked = true, .operation = "kv.put", .answered = 507};
  run_call second = {.next = &third,
                     .began_ns = 20,
                     .ended_ns = 30,
                     .is_asked = true,
                     .operation = "http.request",
                     .answered = 200,
                     .status = 204,
                     .method = "GET",
                     .url = "http://a/"};
  run_call first = {.next = &second,
                    .began_ns = 10,
                    .ended_ns = 20,
                    .is_asked = true,
                    .operation = "cache.get",
                    .answered = 404,
                    .bytes_in = 11,
                    .bytes_out = 12};
  run_span span = span_of(0, 0, 1);
  yyjson_val *list;
  span.calls = &first;
  yyjson_doc *document = spans_of(&span, &list);
  assert_child(yyjson_arr_get(list, 2), "cache.get", "10", "20");
  assert_int_equal(yyjson_get_int(yyjson_obj_get(yyjson_arr_get(list, 2), "kind")), 1);
  assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_arr_get(list, 2), "attributes")), 4);
  assert_null(yyjson_obj_get(yyjson_obj_get(yyjson_arr_get(list, 2), "status"), "code")); // a miss is no failure
  assert_child(yyjson_arr_get(list, 3), "GET", "20", "30");
  assert_int_equal(yyjson_get_int(yyjson_obj_get(yyjson_arr_get(list, 3), "kind")), 3);
  assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_arr_get(list, 3), "attributes")), 7);
  assert_child(yyjson_arr_get(list, 4), "kv.put", "30", "40");
  assert_int_equal(yyjson_get_int(yyjson_obj_get(yyjson_obj_get(yyjson_arr_get(list, 4), "status"), "code")), 2);
  yyjson_doc_free(document);
}

static void a_span_has_the_tracestate_that_its_request_came_with(void **state) {
  (void)state;
  run_span span = span_of(0, 0, 1);
  yyjson_val *list;
  yyjson_doc *document = spans_of(&span, &list);
  assert_null(yyjson_obj_get(yyjson_arr_get_first(list), "traceState"));
  yyjson_doc_free(document);
  span.record.tracestate = "a=1,b=2";
  document = spans_of(&span, &list);
  assert_string_equal(string_of(yyjson_arr_get_first(list), "traceState"), "a=1,b=2");
  yyjson_doc_free(document);
}

static void a_line_is_a_record_of_its_function_or_of_nobody(void **state) {
  (void)state;
  static const char *const place[] = {"resourceLogs", "scopeLogs", "logRecords"};
  char source[] = "f", own[] = "ubiq", message[] = "said \"so\"";
  const otlp_line lines[] = {{.level = UBIQ_LOG_ERROR,
                              .time_ns = 9,
                              .has_trace = true,
                              .trace = {.id = {1}, .span = {2}},
                              .source = source,
                              .message = message},
                             {.level = UBIQ_LOG_DEBUG, .time_ns = 10, .source = own, .message = message}};
  size_t size;
  yyjson_val *list;
  char *text = otlp_json_lines(lines, 2, &size);
  yyjson_doc *document = read_items(text, size, place, &list);
  yyjson_val *first = yyjson_arr_get(list, 0), *second = yyjson_arr_get(list, 1);
  assert_string_equal(string_of(first, "timeUnixNano"), "9");
  assert_string_equal(string_of(first, "severityText"), "ERROR");
  assert_int_equal(yyjson_get_int(yyjson_obj_get(first, "severityNumber")), 17);
  assert_string_equal(string_of(yyjson_obj_get(first, "body"), "stringValue"), message);
  assert_string_equal(string_of(first, "traceId"), "01000000000000000000000000000000");
  assert_string_equal(string_of(first, "spanId"), "0200000000000000");
  assert_int_equal(yyjson_arr_size(yyjson_obj_get(first, "attributes")), 1);
  assert_int_equal(yyjson_arr_size(yyjson_obj_get(second, "attributes")), 0);
  assert_null(yyjson_obj_get(second, "traceId"));
  yyjson_doc_free(document);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_stages_of_a_run_are_children_that_follow_one_another),
      cmocka_unit_test(ids_are_the_same_when_a_span_is_sent_again),
      cmocka_unit_test(a_stage_that_a_run_did_not_come_to_is_no_span),
      cmocka_unit_test(requests_of_a_guest_are_children_of_the_client_kind),
      cmocka_unit_test(what_the_platform_was_asked_is_a_child),
      cmocka_unit_test(a_span_has_the_tracestate_that_its_request_came_with),
      cmocka_unit_test(a_line_is_a_record_of_its_function_or_of_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
