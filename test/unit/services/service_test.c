// How a call of a service ends: once, with what was set.
#include "services/service.h"

#include "unit/base/testing.h"

static int ended;

static void count(service_call *call) {
  (void)call;
  ended++;
}

static void begin(service_call *call) {
  *call = (service_call){.done = count};
  arena_init(&call->arena);
  ended = 0;
}

static void end(service_call *call) {
  assert_int_equal(ended, 1);
  ubiq_error_delete(call->error);
  buffer_free(&call->bytes);
  arena_free(&call->arena);
}

static void an_answer_in_json_is_a_copy(void **state) {
  (void)state;
  service_call call;
  begin(&call);
  char json[] = "{\"a\":1}";
  service_call_answer_json(&call, text_of(json));
  json[0] = '!';
  assert_int_equal(call.answer.kind, SERVICE_BODY_JSON);
  assert_int_equal(call.answer.bytes.size, sizeof json - 1);
  assert_memory_equal(call.answer.bytes.data, "{\"a\":1}", sizeof json - 1);
  end(&call);
}

static void bytes_are_those_that_were_gathered(void **state) {
  (void)state;
  service_call call;
  begin(&call);
  assert_true(buffer_append(&call.bytes, "\0\1", 2));
  service_call_answer_bytes(&call, TEXT("image/png"));
  assert_int_equal(call.answer.kind, SERVICE_BODY_BYTES);
  assert_memory_equal(call.answer.bytes.data, "\0\1", 2);
  assert_true(text_equal(call.answer.media_type, TEXT("image/png")));
  end(&call);
}

static void an_error_ends_a_call(void **state) {
  (void)state;
  service_call call;
  begin(&call);
  service_call_fail(&call, ubiq_error_new(UBIQ_NOT_FOUND, "no such key"));
  assert_int_equal(ubiq_error_code(call.error), UBIQ_NOT_FOUND);
  end(&call);
}

static void headers_are_copied_as_far_as_there_is_room(void **state) {
  (void)state;
  service_call call;
  begin(&call);
  char value[] = "\"7\"";
  for (int i = 0; i < SERVICE_HEADERS_MAX; i++) assert_true(service_call_header(&call, "etag", text_of(value)));
  assert_false(service_call_header(&call, "etag", text_of(value)));
  value[1] = '8';
  assert_string_equal(call.headers[0].value.data, "\"7\"");
  service_call_done(&call);
  end(&call);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_answer_in_json_is_a_copy),
      cmocka_unit_test(bytes_are_those_that_were_gathered),
      cmocka_unit_test(an_error_ends_a_call),
      cmocka_unit_test(headers_are_copied_as_far_as_there_is_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
