// link: -Wl,--wrap=api_handler
// From a request to a handler with its parameters, or to the words of what is wrong.
#include "services/operations.h"
#include "unit/api/api_testing.h"

static service_call *seen;
static service_param params[SERVICE_PARAMS_MAX];
static service_body body;

service_handler __wrap_api_handler(const api_operation *operation);

static void note(service_call *call) {
  seen = call;
  memcpy(params, call->params, sizeof params);
  body = call->body;
  service_call_done(call);
}

static service_handler handler = note;

service_handler __wrap_api_handler(const api_operation *operation) {
  (void)operation;
  return handler;
}

#define REQUEST(method, path, more) "{\"method\":\"" method "\",\"path\":\"" path "\"" more "}"

static void parameters_of_the_path_are_unescaped_once(void **state) {
  (void)state;
  asked self;
  asked_answer(&self, REQUEST("GET", "/v1/kv/users%2F4%252", ""));
  assert_string_equal(seen->operation->name, "kv.get");
  assert_true(text_equal(params[KV_GET_KEY].text, TEXT("users/4%2")));
  asked_end(&self);
}

static void parameters_of_the_query_are_read_by_their_kinds(void **state) {
  (void)state;
  asked self;
  asked_answer(&self, REQUEST("PUT", "/v1/kv/a", ",\"query\":{\"ttl\":\"2m\",\"if_absent\":\"true\"},\"body\":1"));
  assert_int_equal(params[KV_PUT_TTL].number, 120000);
  assert_int_equal(params[KV_PUT_IF_ABSENT].number, 1);
  assert_false(params[KV_PUT_IF_VERSION].is_given);
  assert_int_equal(body.kind, SERVICE_BODY_JSON);
  asked_end(&self);
}

static void parameters_that_are_not_given_have_their_defaults(void **state) {
  (void)state;
  asked self;
  asked_answer(&self, REQUEST("POST", "/v1/functions/f/runs", ""));
  assert_false(params[FUNCTIONS_RUN_WAIT].is_given);
  assert_int_equal(params[FUNCTIONS_RUN_WAIT].number, 1);
  asked_end(&self);
}

static void an_event_whose_attributes_are_headers_is_one_in_binary_mode(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {REQUEST("POST", "/v1/events", ",\"headers\":{\"ce-type\":\"a\"},\"body\":\"x\",\"encoding\":\"utf8\""),
       "events.publish_binary"},
      {REQUEST("POST", "/v1/events", ",\"body\":{\"type\":\"a\"}"), "events.publish"},
      {REQUEST("PUT", "/v1/kv/a", ",\"headers\":{\"ce-type\":\"a\"},\"body\":1"), "kv.put"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    asked self;
    asked_answer(&self, rows[i][0]);
    assert_string_equal(seen->operation->name, rows[i][1]);
    asked_end(&self);
  }
}

static void a_template_that_is_tried_before_leaves_nothing_behind(void **state) {
  (void)state;
  asked self;
  asked_answer(&self, REQUEST("GET", "/v1/kv", ",\"query\":{\"prefix\":\"p\"}"));
  assert_string_equal(seen->operation->name, "kv.list");
  assert_true(text_equal(params[KV_LIST_PREFIX].text, TEXT("p")));
  asked_end(&self);
}

static void bytes_have_their_media_type(void **state) {
  (void)state;
  asked self;
  asked_answer(&self,
               REQUEST("PUT", "/v1/kv/a",
                       ",\"headers\":{\"content-type\":\"image/png\"},\"encoding\":\"base64\",\"body\":\"AP8=\""));
  assert_int_equal(body.kind, SERVICE_BODY_BYTES);
  assert_int_equal(body.bytes.size, 2);
  assert_true(text_equal(body.media_type, TEXT("image/png")));
  asked_end(&self);
}

static void what_is_wrong_with_a_parameter_is_told(void **state) {
  (void)state;
  assert_problem(REQUEST("GET", "/v1/kv/%4", ""), 400, "two hex digits");
  assert_problem(REQUEST("GET", "/v1/kv", ",\"query\":{\"limit\":\"many\"}"), 400, "limit is \\\"many\\\"");
  assert_problem(REQUEST("GET", "/v1/kv", ",\"query\":{\"limit\":\"99999999999999999999\"}"), 400, "limit is");
  assert_problem(REQUEST("GET", "/v1/kv", ",\"query\":{\"limit\":[\"1\",\"2\"]}"), 400, "twice");
  assert_problem(REQUEST("GET", "/v1/kv", ",\"query\":{\"limits\":\"1\"}"), 400, "did you mean \\\"limit\\\"");
  assert_problem(REQUEST("GET", "/v1/cache/a", ",\"query\":{\"scope\":\"world\"}"), 400,
                 "scope is \\\"world\\\"; expected \\\"project\\\" or \\\"function\\\"");
  assert_problem(REQUEST("GET", "/v1/schedules/-a", ""), 400,
                 "name is \\\"-a\\\"; expected a string that matches ^[A-Za-z0-9]");
  assert_problem(REQUEST("PUT", "/v1/kv/a", ",\"query\":{\"ttl\":\"soon\"},\"body\":1"), 400, "ttl is");
  assert_problem(REQUEST("PUT", "/v1/kv/a", ",\"query\":{\"if_absent\":\"yes\"},\"body\":1"), 400, "true or false");
}

static void what_is_wrong_with_a_path_or_body_is_told(void **state) {
  (void)state;
  assert_problem(REQUEST("GET", "/v1/nothing", ""), 404, "no path");
  assert_problem(REQUEST("GET", "v1/kv", ""), 404, "no path");
  assert_problem(REQUEST("GET", "/v1/kv/", ""), 404, "no path");
  assert_problem(REQUEST("GET", "/v1/kv/a/b/c/d/e/f/g/h/i", ""), 404, "no path");
  assert_problem(REQUEST("PATCH", "/v1/kv", ""), 405, "\"allow\":\"GET, POST\"");
  assert_problem(REQUEST("POST", "/v1/log", ""), 400, "no body");
  assert_problem(REQUEST("GET", "/v1/kv/a", ",\"body\":1"), 400, "has a body");
  assert_problem(REQUEST("POST", "/v1/log", ",\"encoding\":\"utf8\",\"body\":\"m\""), 400, "expected JSON");
  assert_problem(REQUEST("POST", "/v1/log", ",\"body\":{\"message\":7}"), 400, "body.message is 7");
}

static void an_operation_that_nobody_answers_is_unavailable(void **state) {
  (void)state;
  handler = NULL;
  assert_problem(REQUEST("GET", "/v1/kv/a", ""), 503, "no such service");
  handler = note;
}

static void only_objects_are_put_in_parts(void **state) {
  (void)state;
  assert_true(api_takes_parts(TEXT("PUT"), TEXT("/v1/objects/a%2Fb")));
  assert_false(api_takes_parts(TEXT("GET"), TEXT("/v1/objects/a")));
  assert_false(api_takes_parts(TEXT("PUT"), TEXT("/v1/kv/a")));
  assert_false(api_takes_parts(TEXT("PUT"), TEXT("/v1/uploads/a")));
  assert_false(api_takes_parts(TEXT("PUT"), TEXT("/v1/objects")));
  assert_false(api_takes_parts(TEXT(""), TEXT("")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parameters_of_the_path_are_unescaped_once),
      cmocka_unit_test(parameters_of_the_query_are_read_by_their_kinds),
      cmocka_unit_test(parameters_that_are_not_given_have_their_defaults),
      cmocka_unit_test(an_event_whose_attributes_are_headers_is_one_in_binary_mode),
      cmocka_unit_test(a_template_that_is_tried_before_leaves_nothing_behind),
      cmocka_unit_test(bytes_have_their_media_type),
      cmocka_unit_test(what_is_wrong_with_a_parameter_is_told),
      cmocka_unit_test(what_is_wrong_with_a_path_or_body_is_told),
      cmocka_unit_test(an_operation_that_nobody_answers_is_unavailable),
      cmocka_unit_test(only_objects_are_put_in_parts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
