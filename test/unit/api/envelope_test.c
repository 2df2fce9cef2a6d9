// Requests and answers as values.
#include "ubiq/log.h"
#include "unit/api/api_testing.h"

static void assert_refused(const char *json, const char *words) {
  asked self;
  asked_begin(&self);
  ubiq_error *error = asked_read(&self, json);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  if (strstr(ubiq_error_message(error), words) == NULL)
    fail_msg("%s: expected \"%s\" in %s", json, words, ubiq_error_message(error));
  ubiq_error_delete(error);
  asked_end(&self);
}

static void a_request_is_read_whole(void **state) {
  (void)state;
  asked self;
  asked_begin(&self);
  assert_success(asked_read(&self,
                            "{\"method\":\"PUT\",\"path\":\"/v1/kv/a\",\"query\":{\"x\":\"1\",\"y\":[\"2\",\"3\"]},"
                            "\"headers\":{\"b\":\"c\"},\"body\":{\"k\":[]}}"));
  const api_request *request = &self.request;
  assert_true(text_equal(request->method, TEXT("PUT")));
  assert_int_equal(request->query_count, 3);
  assert_true(text_equal(request->query[2].name, TEXT("y")) && text_equal(request->query[2].value, TEXT("3")));
  assert_int_equal(request->headers_count, 1);
  assert_true(yyjson_is_obj(request->body.value));
  asked_end(&self);
}

static void a_body_of_null_is_a_body(void **state) {
  (void)state;
  asked self;
  asked_begin(&self);
  assert_success(asked_read(&self, "{\"method\":\"PUT\",\"path\":\"/\",\"body\":null}"));
  assert_int_equal(self.request.body.kind, SERVICE_BODY_JSON);
  assert_true(yyjson_is_null(self.request.body.value));
  asked_end(&self);
}

static void what_is_no_request_is_refused_with_its_place(void **state) {
  (void)state;
  assert_refused("", "empty");
  assert_refused("[]", "expected an object");
  assert_refused("{\"path\":\"/\"}", "method is missing");
  assert_refused("{\"method\":\"GET\",\"path\":7}", "path is 7");
  assert_refused("{\"method\":\"GET\",\"path\":\"/?a\"}", "query");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"path\":\"/\"}", "twice");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"query\":{\"a\":{}}}", "query.a");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"headers\":{\"A\":\"1\"}}", "lower case");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"headers\":{\"\":\"1\"}}", "none in HTTP");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"headers\":{\"a\\r\\nb\":\"1\"}}", "none in HTTP");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"headers\":{\"a:b\":\"1\"}}", "none in HTTP");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"headers\":{\"a\":\"b\\r\\nc: d\"}}", "control character");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"headers\":{\"a\":[\"b\",\"\\u0000\"]}}", "control character");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"body\":\"!\",\"encoding\":\"base64\"}", "no base64");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"body\":1,\"encoding\":\"utf8\"}", "body is 1");
  assert_refused("{\"method\":\"GET\",\"path\":\"/\",\"body\":1,\"encoding\":\"hex\"}", "\"base64\"");
}

static void a_header_has_no_more_bytes_than_it_may(void **state) {
  (void)state;
  char json[API_HEADER_BYTES_MAX + 128], value[API_HEADER_BYTES_MAX + 2];
  for (size_t size = API_HEADER_BYTES_MAX; size <= API_HEADER_BYTES_MAX + 1; size++) {
    asked self;
    asked_begin(&self);
    memset(value, 'x', size);
    value[size] = 0;
    snprintf(json, sizeof json, "{\"method\":\"GET\",\"path\":\"/\",\"headers\":{\"content-type\":\"%s\"}}", value);
    ubiq_error *error = asked_read(&self, json);
    assert_int_equal(ubiq_error_code(error), size > API_HEADER_BYTES_MAX ? UBIQ_TOO_LARGE : UBIQ_OK);
    ubiq_error_delete(error);
    asked_end(&self);
  }
}

static void what_is_refused_is_shown_in_part(void **state) {
  (void)state;
  static const char *const before[] = {"\"", "\"query\":{\"", "\"query\":{\"a\":\"\",\"a\":\"\",\""};
  static const char *const behind[] = {"\":1}", "\":1}}", "\":1}}"};
  char key[4000], json[3 * sizeof key];
  memset(key, 'q', sizeof key);
  key[sizeof key - 1] = 0;
  for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
    asked self;
    asked_begin(&self);
    snprintf(json, sizeof json, "{\"method\":\"GET\",\"path\":\"/\",%s%s%s", before[i], key, behind[i]);
    ubiq_error *error = asked_read(&self, json);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    assert_true(strlen(ubiq_error_message(error)) < 600);
    ubiq_error_delete(error);
    asked_end(&self);
  }
}

/// A request whose body is an array of `count` zeros.
static ubiq_error *read_zeros(int32_t format, uint32_t count) {
  static const char json[] = "{\"method\":\"PUT\",\"path\":\"/v1/kv/a\",\"body\":[0";
  static const char packed[] = "\x83\xa6method\xa3PUT\xa4path\xa8/v1/kv/a\xa4"
                               "body\xdd";
  const uint8_t length[] = {(uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8), (uint8_t)count};
  asked self;
  buffer request = {0};
  asked_begin(&self);
  bool good = format == ENVELOPE_JSON ? buffer_append(&request, json, sizeof json - 1)
                                      : buffer_append(&request, packed, sizeof packed - 1) &&
                                            buffer_append(&request, length, sizeof length);
  for (uint32_t i = format == ENVELOPE_JSON; good && i < count; i++)
    good = format == ENVELOPE_JSON ? buffer_append(&request, ",0", 2) : buffer_append(&request, "", 1);
  if (format == ENVELOPE_JSON) good = good && buffer_append(&request, "]}", 2);
  assert_true(good);
  ubiq_error *error = envelope_read(format, buffer_bytes(&request), &self.call.arena, &self.document, &self.request);
  buffer_free(&request);
  asked_end(&self);
  return error;
}

static void a_request_has_a_million_values_at_most(void **state) {
  (void)state;
  enum { AROUND = 8 }; // the request itself, its keys, and what is no zero
  for (int32_t format = 0; format < 2; format++) {
    assert_success(read_zeros(format, API_REQUEST_VALUES_MAX - AROUND));
    assert_fails(read_zeros(format, API_REQUEST_VALUES_MAX), UBIQ_TOO_LARGE,
                 "request: it has more than 1048576 values; expected fewer");
    assert_fails(read_zeros(format, 7 * API_REQUEST_VALUES_MAX), UBIQ_TOO_LARGE,
                 "request: it has more than 1048576 values; expected fewer");
  }
}

static void assert_written(service_body answer, const char *expected) {
  asked self;
  asked_begin(&self);
  self.call.answer = answer;
  api_conclude(&self.call);
  assert_true(envelope_write(ENVELOPE_JSON, &self.call, &self.answer));
  assert_string_equal(buffer_string(&self.answer), expected);
  asked_end(&self);
}

static ubiq_bytes bytes_of(const char *string) {
  return (ubiq_bytes){(const uint8_t *)string, strlen(string)};
}

static void an_answer_says_how_its_body_is_encoded(void **state) {
  (void)state;
  assert_written((service_body){.kind = SERVICE_BODY_NONE}, "{\"status\":204,\"headers\":{}}");
  assert_written((service_body){.kind = SERVICE_BODY_JSON, .bytes = bytes_of("{\"a\":1}")},
                 "{\"status\":200,\"headers\":{},\"body\":{\"a\":1}}");
  assert_written(
      (service_body){.kind = SERVICE_BODY_BYTES, .bytes = bytes_of("a\"b"), .media_type = TEXT("text/plain")},
      "{\"status\":200,\"headers\":{\"content-type\":\"text/plain\"},\"encoding\":\"utf8\",\"body\":\"a\\\"b\"}");
  assert_written((service_body){.kind = SERVICE_BODY_BYTES, .bytes = bytes_of("\xff")},
                 "{\"status\":200,\"headers\":{\"content-type\":\"application/octet-stream\"},"
                 "\"encoding\":\"base64\",\"body\":\"/w==\"}");
}

static void a_fault_of_ours_is_for_the_log_alone(void **state) {
  (void)state;
  asked self;
  asked_begin(&self);
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  service_call_fail(&self.call, ubiq_error_new(UBIQ_INTERNAL, "/secret/place: broken"));
  api_conclude(&self.call);
  assert_true(envelope_write(ENVELOPE_JSON, &self.call, &self.answer));
  assert_null(strstr(buffer_string(&self.answer), "secret"));
  assert_int_equal(self.call.status, 500);
  asked_end(&self);
}

static void who_is_busy_says_when_to_come_again(void **state) {
  (void)state;
  asked self;
  asked_begin(&self);
  service_call_fail(&self.call, ubiq_error_with_detail(ubiq_error_new(UBIQ_BUSY, "full"), 7));
  api_conclude(&self.call);
  assert_true(envelope_write(ENVELOPE_JSON, &self.call, &self.answer));
  assert_non_null(strstr(buffer_string(&self.answer), "\"retry-after\":\"7\""));
  asked_end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_is_read_whole),
      cmocka_unit_test(a_body_of_null_is_a_body),
      cmocka_unit_test(what_is_no_request_is_refused_with_its_place),
      cmocka_unit_test(a_header_has_no_more_bytes_than_it_may),
      cmocka_unit_test(what_is_refused_is_shown_in_part),
      cmocka_unit_test(a_request_has_a_million_values_at_most),
      cmocka_unit_test(an_answer_says_how_its_body_is_encoded),
      cmocka_unit_test(a_fault_of_ours_is_for_the_log_alone),
      cmocka_unit_test(who_is_busy_says_when_to_come_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
