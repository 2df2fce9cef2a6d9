// The table of operations as a whole, and answers held against it.
#include "services/operations.h"

#include "api/operation.h"
#include "unit/base/testing.h"

static void the_table_has_the_order_of_its_names(void **state) {
  (void)state;
  assert_int_equal(api_operations_count, SERVICE_OPERATIONS);
  assert_string_equal(api_operations[SERVICE_KV_PUT].service.name, "kv.put");
  assert_string_equal(api_operations[SERVICE_LOG_WRITE].service.name, "log.write");
}

static void what_a_handler_relies_on_holds_for_each_operation(void **state) {
  (void)state;
  for (size_t i = 0; i < api_operations_count; i++) {
    const api_operation *operation = &api_operations[i];
    assert_true(operation->params_count <= SERVICE_PARAMS_MAX);
    assert_true(operation->service.subject < (int)operation->params_count);
    assert_memory_equal(operation->path, "/v1/", 4);
    size_t of_path = 0;
    for (const char *at = operation->path; (at = strchr(at, '{')) != NULL; at++) of_path++;
    for (size_t p = 0; p < operation->params_count; p++) {
      bool is_of_path = operation->params[p].place == API_IN_PATH;
      assert_true(is_of_path == (p < of_path)); // the parts of the path come first
      assert_true(!is_of_path || operation->params[p].is_required);
    }
  }
}

/// Whose handlers ask for a permission themselves (test/e2e/permissions_test.py); and the log, which is always allowed.
static bool asks_itself(size_t operation) {
  static const service_operation_id some[] = {SERVICE_EVENTS_PUBLISH, SERVICE_HTTP_REQUEST,     SERVICE_KV_BATCH,
                                              SERVICE_LOG_WRITE,      SERVICE_SCHEDULES_CREATE, SERVICE_UPLOADS_APPEND,
                                              SERVICE_UPLOADS_DROP,   SERVICE_UPLOADS_FINISH};
  for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
    if (operation == (size_t)some[i]) return true;
  return false;
}

static void every_operation_asks_for_a_permission(void **state) {
  (void)state;
  for (size_t i = 0; i < api_operations_count; i++)
    if ((api_operations[i].service.permission != NULL) == asks_itself(i))
      fail_msg("%s: who asks for its permission?", api_operations[i].service.name);
}

static void every_operation_tells_of_the_failures_that_any_may_have(void **state) {
  (void)state;
  const ubiq_code codes[] = {UBIQ_INVALID_INPUT, UBIQ_DENIED,      UBIQ_TOO_LARGE, UBIQ_BUSY,
                             UBIQ_INTERNAL,      UBIQ_UNAVAILABLE, UBIQ_TIMEOUT};
  for (size_t i = 0; i < api_operations_count; i++)
    for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++) {
      service_call call = {.operation = &api_operations[i].service, .error = ubiq_error_new(codes[c], "x")};
      assert_success(api_answer_check(&call));
      ubiq_error_delete(call.error);
    }
}

static service_call answered(service_operation_id operation, unsigned status, service_body_kind kind,
                             const char *text) {
  return (service_call){.operation = &api_operations[operation].service,
                        .status = status,
                        .answer = {.kind = kind, .bytes = {(const uint8_t *)text, strlen(text)}}};
}

static void answers_that_the_api_tells_of_pass(void **state) {
  (void)state;
  const service_call calls[] = {
      answered(SERVICE_KV_PUT, 0, SERVICE_BODY_JSON, "{\"version\":7}"),
      answered(SERVICE_KV_GET, 0, SERVICE_BODY_JSON, "[1,2]"),
      answered(SERVICE_KV_GET, 0, SERVICE_BODY_BYTES, "\xff"),
      answered(SERVICE_KV_DELETE, 0, SERVICE_BODY_NONE, ""),
      answered(SERVICE_CACHE_LOCK, 201, SERVICE_BODY_JSON, "{\"lock\":\"a\"}"),
  };
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) assert_success(api_answer_check(&calls[i]));
}

static void answers_that_it_does_not_tell_of_are_a_fault_of_ours(void **state) {
  (void)state;
  const struct {
    service_call call;
    const char *message;
  } rows[] = {
      {answered(SERVICE_KV_PUT, 0, SERVICE_BODY_JSON, "{\"version\":0}"),
       "kv.put: the answer.version is 0; expected an integer from 1 to 9007199254740991"},
      {answered(SERVICE_KV_PUT, 0, SERVICE_BODY_JSON, "{}"),
       "kv.put: the answer.version is missing; expected an integer from 1 to 9007199254740991"},
      {answered(SERVICE_KV_PUT, 202, SERVICE_BODY_JSON, "{\"version\":1}"),
       "kv.put: the answer's status is 202, which the API does not tell of"},
      {answered(SERVICE_KV_PUT, 0, SERVICE_BODY_BYTES, "x"),
       "kv.put: the answer of status 200 has a body of another kind than the API says"},
      {answered(SERVICE_KV_DELETE, 204, SERVICE_BODY_JSON, "1"),
       "kv.delete: the answer of status 204 has a body of another kind than the API says"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    assert_fails(api_answer_check(&rows[i].call), UBIQ_INTERNAL, rows[i].message);
  service_call call = answered(SERVICE_LOG_WRITE, 0, SERVICE_BODY_NONE, "");
  call.error = ubiq_error_new(UBIQ_NOT_FOUND, "x");
  assert_fails(api_answer_check(&call), UBIQ_INTERNAL,
               "log.write: the answer's status is 404, which the API does not tell of");
  ubiq_error_delete(call.error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_has_the_order_of_its_names),
      cmocka_unit_test(what_a_handler_relies_on_holds_for_each_operation),
      cmocka_unit_test(every_operation_asks_for_a_permission),
      cmocka_unit_test(every_operation_tells_of_the_failures_that_any_may_have),
      cmocka_unit_test(answers_that_the_api_tells_of_pass),
      cmocka_unit_test(answers_that_it_does_not_tell_of_are_a_fault_of_ours),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
