// The service kv as callers see it: statuses, bodies, headers.
#include "services/kv/kv.h"
#include "services/permissions/permissions.h"
#include "services/quotas.h"
#include "unit/services/services_testing.h"

static void put(fixture *self, const char *key, const char *json) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_PUT_KEY, key);
  calling_json(&calling, json);
  calling_run(&calling, service_kv_put);
  assert_int_equal(calling_status(&calling), 200);
  calling_end(&calling);
}

static void get(fixture *self, const char *key, calling *calling) {
  calling_begin(calling, &self->services);
  calling_text(calling, KV_GET_KEY, key);
  calling_run(calling, service_kv_get);
}

static void what_was_put_is_answered_with_its_version(void **state) {
  fixture *self = *state;
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_PUT_KEY, "users/42");
  calling_json(&calling, "{\"name\": \"Ada\"}");
  calling_run(&calling, service_kv_put);
  assert_answer(&calling, 200, "{\"version\":1}");
  assert_string_equal(calling.call.headers[0].name, "etag");
  assert_string_equal(calling.call.headers[0].value.data, "\"1\"");
  calling_end(&calling);
  get(self, "users/42", &calling);
  assert_answer(&calling, 200, "{\"name\":\"Ada\"}");
  assert_int_equal(calling.call.answer.kind, SERVICE_BODY_JSON);
  assert_string_equal(calling.call.headers[0].value.data, "\"1\"");
  calling_end(&calling);
}

static void bytes_come_back_with_their_media_type(void **state) {
  fixture *self = *state;
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_PUT_KEY, "picture");
  calling_bytes(&calling, "\0\1\2", 3, "image/png");
  calling_run(&calling, service_kv_put);
  assert_answer(&calling, 200, "{\"version\":1}");
  calling_end(&calling);
  get(self, "picture", &calling);
  assert_int_equal(calling.call.answer.kind, SERVICE_BODY_BYTES);
  assert_int_equal(calling.call.answer.bytes.size, 3);
  assert_memory_equal(calling.call.answer.bytes.data, "\0\1\2", 3);
  assert_true(text_equal_string(calling.call.answer.media_type, "image/png"));
  calling_end(&calling);
}

static void a_key_that_is_not_there_is_not_found(void **state) {
  fixture *self = *state;
  calling calling;
  get(self, "nothing", &calling);
  assert_refused(&calling, 404, "kv: there is no such key");
  calling_end(&calling);
}

static void a_condition_that_does_not_hold_is_412(void **state) {
  fixture *self = *state;
  put(self, "a", "1");
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_PUT_KEY, "a");
  calling_number(&calling, KV_PUT_IF_ABSENT, 1);
  calling_json(&calling, "2");
  calling_run(&calling, service_kv_put);
  assert_refused(&calling, 412, "the key is there, with version 1");
  calling_end(&calling);
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_DELETE_KEY, "a");
  calling_number(&calling, KV_DELETE_IF_VERSION, 9);
  calling_run(&calling, service_kv_delete);
  assert_refused(&calling, 412, "the key has version 1, not 9");
  calling_end(&calling);
}

static void two_conditions_at_once_are_refused(void **state) {
  fixture *self = *state;
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_PUT_KEY, "a");
  calling_number(&calling, KV_PUT_IF_ABSENT, 1);
  calling_number(&calling, KV_PUT_IF_VERSION, 1);
  calling_json(&calling, "2");
  calling_run(&calling, service_kv_put);
  assert_refused(&calling, 400, "if_absent and if_version are both given; expected one of them");
  calling_end(&calling);
}

static void deleting_answers_nothing_whether_the_key_was_there_or_not(void **state) {
  fixture *self = *state;
  put(self, "a", "1");
  for (int i = 0; i < 2; i++) {
    calling calling;
    calling_begin(&calling, &self->services);
    calling_text(&calling, KV_DELETE_KEY, "a");
    calling_run(&calling, service_kv_delete);
    assert_answer(&calling, 204, "");
    calling_end(&calling);
  }
  calling calling;
  get(self, "a", &calling);
  assert_int_equal(calling_status(&calling), 404);
  calling_end(&calling);
}

static void a_value_over_a_mebibyte_is_too_large(void **state) {
  fixture *self = *state;
  static uint8_t bytes[(1 << 20) + 1];
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_PUT_KEY, "a");
  calling_bytes(&calling, bytes, sizeof bytes, "");
  calling_run(&calling, service_kv_put);
  assert_refused(&calling, 413, "the value has 1048577 bytes; expected at most 1048576");
  calling_end(&calling);
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_PUT_KEY, "a");
  calling_bytes(&calling, bytes, (1 << 20), "");
  calling_run(&calling, service_kv_put);
  assert_answer(&calling, 200, "{\"version\":1}");
  calling_end(&calling);
}

static void a_media_type_is_one_that_a_header_takes(void **state) {
  fixture *self = *state;
  static const char *const wrong[] = {"plain", "caf\xe9/a", "a/b\r\nc: d", "a/\x7f"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    calling calling;
    calling_begin(&calling, &self->services);
    calling_text(&calling, KV_PUT_KEY, "a");
    calling_bytes(&calling, "1", 1, wrong[i]);
    calling_run(&calling, service_kv_put);
    assert_refused(&calling, 400, "the media type is none; expected one such as \"image/png\", of at most 127 bytes");
    calling_end(&calling);
  }
}

static void what_a_project_may_keep_is_its_quotas_to_say(void **state) {
  fixture *self = *state;
  static const quotas few = {.kv_keys = 2, .kv_bytes = 20, .kv_value_bytes = 9, .storage_bytes = 1};
  static const struct {
    const char *key, *value, *message;
    unsigned status;
  } rows[] = {
      {"a", "12345678", NULL, 200},
      {"b", "1234567890", "the value has 10 bytes; expected at most 9", 413},
      {"b", "123456789", NULL, 200},
      {"c", "1", "[project.quotas]: the project has 2 keys, which is its limit; delete some", 507},
      {"a", "123456789", NULL, 200}, // 20 bytes
      {"bb", "1", "[project.quotas]: the project has 2 keys, which is its limit; delete some", 507},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    calling calling;
    calling_begin(&calling, &self->services);
    calling.call.caller.quotas = &few;
    calling_text(&calling, KV_PUT_KEY, rows[i].key);
    calling_json(&calling, rows[i].value);
    calling_run(&calling, service_kv_put);
    if (rows[i].message != NULL)
      assert_refused(&calling, rows[i].status, rows[i].message);
    else
      assert_int_equal(calling_status(&calling), rows[i].status);
    calling_end(&calling);
  }
  quotas used;
  assert_success(services_usage(&self->services, TEXT("shop"), &used));
  assert_int_equal(used.kv_keys, 2);
  assert_int_equal(used.kv_bytes, 20);
  assert_int_equal(used.storage_bytes, 0);
}

static void a_key_that_is_no_utf_8_or_too_long_is_refused(void **state) {
  fixture *self = *state;
  calling calling;
  get(self, "\xff", &calling);
  assert_refused(&calling, 400, "the key is no UTF-8; expected 1 to 256 bytes of it");
  calling_end(&calling);
  char key[258];
  memset(key, 'k', 257);
  key[257] = '\0';
  get(self, key, &calling);
  assert_refused(&calling, 400, "the key has 257 bytes; expected 1 to 256");
  calling_end(&calling);
}

static void a_time_to_live_of_nothing_is_refused(void **state) {
  fixture *self = *state;
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_PUT_KEY, "a");
  calling_number(&calling, KV_PUT_TTL, 0);
  calling_json(&calling, "1");
  calling_run(&calling, service_kv_put);
  assert_refused(&calling, 400, "ttl is 0; expected a duration such as \"500ms\", \"30s\", \"5m\" or \"1h\", above 0");
  calling_end(&calling);
}

static void counting_answers_the_number(void **state) {
  fixture *self = *state;
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_INCREMENT_KEY, "n");
  calling_json(&calling, "{\"by\":-3,\"ttl\":\"1h\"}");
  calling_run(&calling, service_kv_increment);
  assert_answer(&calling, 200, "{\"value\":-3,\"version\":1}");
  calling_end(&calling);
  put(self, "n", "\"three\"");
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_INCREMENT_KEY, "n");
  calling_json(&calling, "{}");
  calling_run(&calling, service_kv_increment);
  assert_refused(&calling, 409, "the key's value is not an integer of JSON, from -(2^53 - 1) to 2^53 - 1");
  calling_end(&calling);
}

static void a_list_goes_on_behind_its_cursor(void **state) {
  fixture *self = *state;
  put(self, "b", "22");
  put(self, "a\"", "1");
  put(self, "c", "1");
  calling calling;
  calling_begin(&calling, &self->services);
  calling_number(&calling, KV_LIST_LIMIT, 2);
  calling_run(&calling, service_kv_list);
  assert_answer(&calling, 200,
                "{\"items\":[{\"key\":\"a\\\"\",\"version\":2,\"size\":1,\"media_type\":\"application/json\"},"
                "{\"key\":\"b\",\"version\":1,\"size\":2,\"media_type\":\"application/json\"}],\"cursor\":\"62\"}");
  calling_end(&calling);
  calling_begin(&calling, &self->services);
  calling_number(&calling, KV_LIST_LIMIT, 2);
  calling_text(&calling, KV_LIST_CURSOR, "62");
  calling_run(&calling, service_kv_list);
  assert_answer(&calling, 200,
                "{\"items\":[{\"key\":\"c\",\"version\":3,\"size\":1,\"media_type\":\"application/json\"}]}");
  calling_end(&calling);
}

static void a_cursor_that_is_none_is_refused(void **state) {
  fixture *self = *state;
  static const char *const cursors[] = {"", "6", "zz", "6G", "62 "};
  for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
    calling calling;
    calling_begin(&calling, &self->services);
    calling_text(&calling, KV_LIST_CURSOR, cursors[i]);
    calling_run(&calling, service_kv_list);
    assert_refused(&calling, 400, "cursor is none of ours; expected the last answer's `cursor`");
    calling_end(&calling);
  }
}

static void batch(fixture *self, const char *json, calling *calling) {
  calling_begin(calling, &self->services);
  calling_json(calling, json);
  calling_run(calling, service_kv_batch);
}

static void a_batch_answers_each_of_its_operations(void **state) {
  fixture *self = *state;
  put(self, "gone", "1");
  calling calling;
  batch(self,
        "{\"operations\":[{\"op\":\"put\",\"key\":\"a\",\"value\":[1, 2]},{\"op\":\"delete\",\"key\":\"gone\"},"
        "{\"op\":\"increment\",\"key\":\"n\",\"by\":4},{\"op\":\"put\",\"key\":\"b\",\"base64\":\"AAE=\","
        "\"media_type\":\"image/png\"},{\"op\":\"check\",\"key\":\"gone\",\"if_absent\":true}]}",
        &calling);
  assert_answer(&calling, 200, "{\"results\":[{\"version\":2},{},{\"version\":4,\"value\":4},{\"version\":5},{}]}");
  calling_end(&calling);
  get(self, "a", &calling);
  assert_answer(&calling, 200, "[1,2]");
  calling_end(&calling);
  get(self, "b", &calling);
  assert_int_equal(calling.call.answer.bytes.size, 2);
  assert_true(text_equal_string(calling.call.answer.media_type, "image/png"));
  calling_end(&calling);
}

static void a_batch_tells_which_operation_was_refused_and_changes_nothing(void **state) {
  fixture *self = *state;
  calling calling;
  batch(
      self,
      "{\"operations\":[{\"op\":\"put\",\"key\":\"a\",\"value\":1},{\"op\":\"check\",\"key\":\"b\",\"if_version\":3}]}",
      &calling);
  assert_refused(&calling, 412, "operations[1]: the key is not there");
  calling_end(&calling);
  get(self, "a", &calling);
  assert_int_equal(calling_status(&calling), 404);
  calling_end(&calling);
}

static void a_batch_that_makes_no_sense_is_refused_with_the_place(void **state) {
  fixture *self = *state;
  static const char *const bodies[][2] = {
      {"{\"operations\":[{\"op\":\"put\",\"key\":\"a\"}]}",
       "operations[0]: a put has a `value` or `base64`; expected one of them"},
      {"{\"operations\":[{\"op\":\"put\",\"key\":\"a\",\"base64\":\"!\"}]}", "operations[0]: `base64` is no base64"},
      {"{\"operations\":[{\"op\":\"put\",\"key\":\"a\",\"base64\":\"\",\"media_type\":\"a/b\\r\\nc: d\"}]}",
       "operations[0]: the media type is none; expected one such as \"image/png\", of at most 127 bytes"},
      {"{\"operations\":[{\"op\":\"check\",\"key\":\"a\"}]}",
       "operations[0]: a check has `if_absent` or `if_version`; expected one of them"},
      {"{\"operations\":[]}", "operations: there are 0; expected 1 to 100"},
  };
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    calling calling;
    batch(self, bodies[i][0], &calling);
    assert_refused(&calling, 400, bodies[i][1]);
    calling_end(&calling);
  }
}

static void a_batch_asks_for_each_of_its_keys(void **state) {
  fixture *self = *state;
  static const text granted[] = {{"kv:write:user:*", 15}, {"kv:read:*", 9}};
  permission_set *set = NULL;
  assert_success(permission_set_new(TEXT("greet"), granted, 2, &set));
  permissions permissions = {{set}, 1};
  static const char *const bodies[] = {
      "{\"operations\":[{\"op\":\"put\",\"key\":\"user:1\",\"value\":1},{\"op\":\"check\",\"key\":\"x\",\"if_absent\":"
      "true}]}",
      "{\"operations\":[{\"op\":\"put\",\"key\":\"user:1\",\"value\":2},{\"op\":\"delete\",\"key\":\"x\"}]}"};
  for (int i = 0; i < 2; i++) {
    calling calling;
    calling_begin(&calling, &self->services);
    calling.call.caller.permissions = &permissions;
    calling_json(&calling, bodies[i]);
    calling_run(&calling, service_kv_batch);
    assert_int_equal(calling_status(&calling), i == 0 ? 200 : 403);
    if (i == 1) assert_non_null(strstr(ubiq_error_message(calling.call.error), "operations[1]: "));
    if (i == 1) assert_non_null(strstr(ubiq_error_message(calling.call.error), "kv:write:x"));
    calling_end(&calling);
  }
  calling calling;
  get(self, "user:1", &calling);
  assert_answer(&calling, 200, "1");
  calling_end(&calling);
  permission_set_delete(set);
}

static void a_private_function_has_keys_of_its_own(void **state) {
  fixture *self = *state;
  put(self, "a", "\"shared\"");
  calling calling;
  calling_begin(&calling, &self->services);
  calling.call.caller.is_private = true;
  calling_text(&calling, KV_GET_KEY, "a");
  calling_run(&calling, service_kv_get);
  assert_int_equal(calling_status(&calling), 404);
  calling_end(&calling);
}

static void without_a_backend_kv_is_unavailable(void **state) {
  (void)state;
  const services none = {0};
  static const service_handler handlers[] = {service_kv_get, service_kv_put, service_kv_list, service_kv_delete};
  for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
    calling calling;
    calling_begin(&calling, &none);
    if (handlers[i] != service_kv_list) calling_text(&calling, 0, "a");
    calling_json(&calling, "1");
    calling_run(&calling, handlers[i]);
    assert_refused(&calling, 503, "kv: this server keeps nothing");
    calling_end(&calling);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_close)
  const struct CMUnitTest tests[] = {
      TEST(what_was_put_is_answered_with_its_version),
      TEST(bytes_come_back_with_their_media_type),
      TEST(a_key_that_is_not_there_is_not_found),
      TEST(a_condition_that_does_not_hold_is_412),
      TEST(two_conditions_at_once_are_refused),
      TEST(deleting_answers_nothing_whether_the_key_was_there_or_not),
      TEST(a_media_type_is_one_that_a_header_takes),
      TEST(a_value_over_a_mebibyte_is_too_large),
      TEST(what_a_project_may_keep_is_its_quotas_to_say),
      TEST(a_key_that_is_no_utf_8_or_too_long_is_refused),
      TEST(a_time_to_live_of_nothing_is_refused),
      TEST(counting_answers_the_number),
      TEST(a_list_goes_on_behind_its_cursor),
      TEST(a_cursor_that_is_none_is_refused),
      TEST(a_batch_answers_each_of_its_operations),
      TEST(a_batch_tells_which_operation_was_refused_and_changes_nothing),
      TEST(a_batch_that_makes_no_sense_is_refused_with_the_place),
      TEST(a_batch_asks_for_each_of_its_keys),
      TEST(a_private_function_has_keys_of_its_own),
      TEST(without_a_backend_kv_is_unavailable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
