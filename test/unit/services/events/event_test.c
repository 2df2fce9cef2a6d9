// What is an event, in structured and in binary mode, what it becomes, and what is refused.
#include "services/events/event.h"

#include "services/permissions/permissions.h"
#include "unit/services/events/events_testing.h"

typedef struct binary {
  service_field headers[4];
  size_t count;
  const char *json; ///< or
  const char *bytes;
} binary;

static void begin_binary(calling *calling, const fixture *fixture, const binary *asked) {
  calling_begin(calling, &fixture->services);
  calling->call.headers_asked = asked->headers;
  calling->call.headers_asked_count = asked->count;
  if (asked->json != NULL) calling_json(calling, asked->json);
  if (asked->bytes != NULL) calling_bytes(calling, asked->bytes, strlen(asked->bytes), "");
}

static void publish_binary(fixture *self, const binary *asked) {
  calling calling;
  begin_binary(&calling, self, asked);
  calling_run(&calling, service_events_publish_binary);
  if (calling.call.error != NULL) fail_msg("%s", ubiq_error_message(calling.call.error));
  calling_end(&calling);
}

static void refused_binary(fixture *self, const binary *asked, const char *message) {
  calling calling;
  begin_binary(&calling, self, asked);
  calling_run(&calling, service_events_publish_binary);
  assert_refused(&calling, 400, message);
  calling_end(&calling);
}

#define HEADER(name, value)                                                                                            \
  { TEXT(name), TEXT(value) }

// ---------------------------------------------------------------------------------------------------- structured mode

static void what_is_not_said_is_completed(void **state) {
  fixture *self = *state;
  publish(self, "{\"type\":\"a\",\"id\":\"1\",\"time\":\"2026-01-01T00:00:00Z\",\"more\":true,\"data\":[1]}");
  look(self);
  assert_string_equal(self->stored, "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"greet\",\"type\":\"a\","
                                    "\"time\":\"2026-01-01T00:00:00Z\",\"more\":true,\"data\":[1]}");
}

static void null_is_the_same_as_not_there(void **state) {
  fixture *self = *state;
  publish(self, "{\"type\":\"a\",\"id\":null,\"subject\":null,\"time\":null,\"more\":null,\"data_base64\":null}");
  assert_not_stored(self, "null");
  publish(self, "{\"type\":\"b\",\"data\":null}"); // but for the data, which may be null
  assert_stored(self, "\"data\":null}");
}

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static kept_trace stored_trace(fixture *self) {
  kept_trace trace;
  look(self);
  event_find_trace((ubiq_bytes){(const uint8_t *)self->stored, strlen(self->stored)}, &trace);
  return trace;
}

static void assert_trace(fixture *self, const char *parent, const char *state) {
  const kept_trace trace = stored_trace(self);
  assert_true(text_equal_string(trace.parent, parent));
  assert_true(text_equal_string(trace.state, state));
}

static void an_event_keeps_the_trace_that_it_says(void **state) {
  fixture *self = *state;
  publish(self, "{\"type\":\"a\",\"tracestate\":\"k=v\",\"traceparent\":\"" PARENT "\"}");
  assert_trace(self, PARENT, "k=v");
  look(self);
  assert_ptr_equal(strstr(strstr(self->stored, "tracestate") + 1, "tracestate"), NULL);
  publish_binary(self, &(binary){{HEADER("ce-type", "b"), HEADER("ce-traceparent", PARENT)}, 2, NULL, NULL});
  assert_trace(self, PARENT, "");
}

static void a_trace_that_json_escapes_is_not_found_but_delivered(void **state) {
  fixture *self = *state;
  publish(self, "{\"type\":\"a\",\"tracestate\":\"k=\\\"v\",\"traceparent\":\"" PARENT "\"}");
  assert_trace(self, PARENT, "");
  assert_stored(self, "\"tracestate\":\"k=\\\"v\"");
  publish(self, "{\"type\":\"a\",\"traceparent\":\"\\\"\",\"source\":\"x\"}");
  assert_trace(self, "\\\"", "");
}

static void an_event_without_a_trace_has_that_of_its_request(void **state) {
  fixture *self = *state;
  const binary asked = {
      {HEADER("ce-type", "a"), HEADER("traceparent", PARENT), HEADER("tracestate", "k=v")}, 3, NULL, NULL};
  publish_binary(self, &asked);
  assert_trace(self, PARENT, "k=v");
  const binary wrong = {
      {HEADER("ce-type", "a"), HEADER("traceparent", "00-1"), HEADER("tracestate", "k=v")}, 3, NULL, NULL};
  publish_binary(self, &wrong);
  assert_trace(self, "", "");
}

static const char *run_parent(void *run) {
  return run;
}

static const char *run_state(void *run) {
  (void)run;
  return "run=1";
}

static void an_event_of_a_run_has_its_trace(void **state) {
  fixture *self = *state;
  static char parent[] = PARENT;
  calling calling;
  calling_begin(&calling, &self->services);
  calling.call.caller.run = parent;
  calling.call.caller.traceparent = run_parent;
  calling.call.caller.tracestate = run_state;
  calling_json(&calling, "{\"type\":\"a\"}");
  calling_run(&calling, service_events_publish);
  assert_int_equal(calling_status(&calling), 202);
  calling_end(&calling);
  assert_trace(self, PARENT, "run=1");
}

static void an_event_of_nobody_has_no_trace(void **state) {
  publish(*state, "{\"type\":\"a\",\"tracestate\":\"k=v\"}");
  assert_trace(*state, "", "");
  assert_stored(*state, "\"tracestate\":\"k=v\""); // as any attribute
}

static void attributes_that_are_none_are_refused(void **state) {
  static const char *const cases[][2] = {
      {"{\"type\":\"a\",\"More\":1}",
       "\"More\" is no name of an attribute; expected 1 to 64 lower-case letters and digits"},
      {"{\"type\":\"a\",\"a-b\":1}",
       "\"a-b\" is no name of an attribute; expected 1 to 64 lower-case letters and digits"},
      {"{\"type\":\"a\\n\"}", "type is \"a\\n\"; expected no control characters"},
      {"{\"type\":\"a\",\"more\":\"\\u0085\"}", "more is \"\\xc2\\x85\"; expected no control characters"},
      {"{\"type\":\"a\",\"source\":\"a b\"}", "source is \"a b\"; expected a URI reference"},
      {"{\"type\":\"a\",\"source\":\"/%4\"}", "source is \"/%4\"; expected a URI reference"},
      {"{\"type\":\"a\",\"dataschema\":\"/no-scheme\"}", "dataschema is \"/no-scheme\"; expected a URI with a scheme"},
      {"{\"type\":\"a\",\"datacontenttype\":\"json\"}", "datacontenttype is \"json\"; expected a media type"},
      {"{\"type\":\"a\",\"partitionkey\":\"\"}", "partitionkey is \"\"; expected what is not empty"},
      {"{\"type\":\"a\",\"more\":2147483648}", "more is a number of more than 32 bits"},
      {"{\"type\":\"a\",\"more\":-2147483649}", "more is a number of more than 32 bits"},
      {"{\"type\":\"a\",\"data_base64\":\"AA=\"}", "data_base64 is no base64"},
      {"{\"type\":\"a\",\"data\":1,\"data_base64\":\"AA==\"}",
       "the event has both data and data_base64; expected one of them"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) refused(*state, cases[i][0], cases[i][1]);
  look(*state);
  assert_int_equal(((fixture *)*state)->count, 0);
}

static void attributes_that_are_good_are_kept(void **state) {
  static const char *const cases[] = {
      "\"more\":-2147483648",
      "\"source\":\"https://example.com/a?b=%20#c\"",
      "\"source\":\"urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66\"",
      "\"dataschema\":\"https://example.com/schema\"",
      "\"datacontenttype\":\"application/vnd.api+json; charset=utf-8\"",
      "\"data_base64\":\"\"",
      "\"atwentyfourlettersnameit\":false",
  };
  char json[256];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    snprintf(json, sizeof json, "{\"type\":\"a\",%s}", cases[i]);
    publish(*state, json);
    assert_stored(*state, cases[i]);
  }
}

static void an_event_has_no_more_attributes_than_may_be(void **state) {
  char json[2048] = "{\"type\":\"a\"";
  for (int i = 0; i < 64; i++) snprintf(json + strlen(json), 32, ",\"n%d\":1", i);
  snprintf(json + strlen(json), 2, "}");
  refused(*state, json, "the event has more than 64 attributes");
}

static void an_event_that_is_too_large_is_refused(void **state) {
  static char json[(1 << 20) + 64];
  calling calling;
  int size = snprintf(json, sizeof json, "{\"type\":\"a\",\"data\":\"");
  memset(json + size, 'x', 1 << 20);
  memcpy(json + size + (1 << 20), "\"}", 3);
  calling_begin(&calling, &((fixture *)*state)->services);
  calling_json(&calling, json);
  calling_run(&calling, service_events_publish);
  assert_int_equal(calling_status(&calling), 413);
  calling_end(&calling);
}

// ------------------------------------------------------------------------------------------------------- binary mode

static void headers_become_attributes(void **state) {
  publish_binary(*state, &(binary){{HEADER("ce-type", "a"), HEADER("ce-more", "Euro%20%E2%82%AC"),
                                    HEADER("ce-subject", "\"in \\\"quotes\\\"\""), HEADER("host", "me")},
                                   4,
                                   .json = "{\"n\":1}"});
  assert_stored(*state, ",\"more\":\"Euro \xe2\x82\xac\",\"subject\":\"in \\\"quotes\\\"\",\"data\":{\"n\":1}}");
}

static void data_keeps_its_media_type(void **state) {
  static const struct {
    const char *type, *json, *bytes, *stored;
  } cases[] = {
      {"application/json; charset=utf-8", "1", NULL, "Z\",\"data\":1}"},
      {"application/vnd.x+json", "1", NULL, "\"datacontenttype\":\"application/vnd.x+json\",\"data\":1}"},
      {"text/xml", NULL, "<a/>", "\"datacontenttype\":\"text/xml\",\"data\":\"<a/>\"}"},
      {"text/xml", NULL, "\xff", "\"datacontenttype\":\"text/xml\",\"data_base64\":\"/w==\"}"},
      {"image/png", NULL, "hi", "\"datacontenttype\":\"image/png\",\"data_base64\":\"aGk=\"}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    publish_binary(*state, &(binary){{HEADER("ce-type", "a"), {TEXT("content-type"), text_of(cases[i].type)}},
                                     2,
                                     cases[i].json,
                                     cases[i].bytes});
    assert_stored(*state, cases[i].stored);
  }
}

static void headers_that_are_no_attributes_are_refused(void **state) {
  refused_binary(*state, &(binary){{HEADER("ce-type", "a"), HEADER("ce-a_b", "x")}, 2, NULL, NULL},
                 "\"a_b\" is no name of an attribute; expected 1 to 64 lower-case letters and digits");
  refused_binary(*state, &(binary){{HEADER("ce-type", "a"), HEADER("ce-data", "x")}, 2, NULL, NULL},
                 "\"data\" is no name of an attribute: it is the event's content");
  refused_binary(*state, &(binary){{HEADER("ce-type", "a"), HEADER("ce-x", "1"), HEADER("ce-x", "2")}, 3, NULL, NULL},
                 "x is given twice");
  refused_binary(*state, &(binary){{HEADER("ce-type", "a"), HEADER("ce-x", "%ff")}, 2, NULL, NULL},
                 "x is \"\\xff\"; expected UTF-8");
  refused_binary(
      *state,
      &(binary){{HEADER("ce-type", "a"), HEADER("content-type", "application/cloudevents+json")}, 2, "{}", NULL},
      "the body is an event in structured mode, which POST /v1/events takes");
}

static void a_body_of_two_types_is_refused(void **state) {
  refused_binary(*state,
                 &(binary){{HEADER("ce-type", "a"), HEADER("content-type", "application/json"),
                            HEADER("content-type", "text/plain")},
                           3,
                           "{}",
                           NULL},
                 "content-type is given twice");
}

static void structured_mode_is_known_however_it_is_spelt(void **state) {
  refused_binary(
      *state,
      &(binary){{HEADER("ce-type", "a"), HEADER("content-type", "Application/CloudEvents+json")}, 2, "{}", NULL},
      "the body is an event in structured mode, which POST /v1/events takes");
}

static void what_a_header_means_must_be_permitted(void **state) {
  fixture *self = *state;
  const binary asked = {{HEADER("ce-type", "se%63ret")}, 1, NULL, NULL};
  const text allowed[] = {TEXT("events:publish:se%63ret")};
  permission_set *set = NULL;
  permissions permissions = {0};
  calling calling;
  assert_success(permission_set_new(TEXT("greet"), allowed, 1, &set));
  assert_true(permissions_join(&permissions, set));
  begin_binary(&calling, self, &asked);
  calling.call.caller.permissions = &permissions;
  calling_run(&calling, service_events_publish_binary);
  assert_int_equal(calling_status(&calling), 403);
  calling_end(&calling);
  permission_set_delete(set);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(what_is_not_said_is_completed),
      TEST(null_is_the_same_as_not_there),
      TEST(an_event_keeps_the_trace_that_it_says),
      TEST(a_trace_that_json_escapes_is_not_found_but_delivered),
      TEST(an_event_without_a_trace_has_that_of_its_request),
      TEST(an_event_of_a_run_has_its_trace),
      TEST(an_event_of_nobody_has_no_trace),
      TEST(attributes_that_are_none_are_refused),
      TEST(attributes_that_are_good_are_kept),
      TEST(an_event_has_no_more_attributes_than_may_be),
      TEST(an_event_that_is_too_large_is_refused),
      TEST(headers_become_attributes),
      TEST(data_keeps_its_media_type),
      TEST(headers_that_are_no_attributes_are_refused),
      TEST(a_body_of_two_types_is_refused),
      TEST(structured_mode_is_known_however_it_is_spelt),
      TEST(what_a_header_means_must_be_permitted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
