// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
// Sets that are written down and made again.
#include "services/work/kept_permissions.h"

#include "base/log.h"
#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

static const json_source source = {.name = "kept"};

static permission_set *set_of(const char *owner, const char *first, const char *second) {
  const text list[] = {text_of(first), text_of(second)};
  permission_set *set = NULL;
  assert_success(permission_set_new(text_of(owner), list, 2, &set));
  return set;
}

static yyjson_doc *parse(const buffer *json) {
  yyjson_doc *document = NULL;
  assert_success(json_parse("kept", json->data, json->size, &document));
  return document;
}

/// What is written of `who` behind a field of its own.
static buffer write(yyjson_val *before, const permissions *who, const char *function) {
  buffer out = {0};
  assert_true(buffer_append_string(&out, "{\"a\":1"));
  assert_true(kept_permissions_write(&out, before, who, text_of(function)));
  assert_true(buffer_append_byte(&out, '}'));
  return out;
}

static ubiq_error *read(const buffer *json, permissions *out) {
  yyjson_doc *document = parse(json);
  const json_value root = json_root(&source, yyjson_doc_get_root(document));
  ubiq_error *error = kept_permissions_read(&root, out);
  yyjson_doc_free(document);
  return error;
}

static ubiq_code ask(const permissions *self, const char *key) {
  const permission_ask ask = {.service = TEXT("kv"), .action = TEXT("write"), .subject = text_of(key)};
  ubiq_error *error = permissions_check(self, &ask);
  ubiq_code code = error == NULL ? UBIQ_OK : ubiq_error_code(error);
  ubiq_error_delete(error);
  return code;
}

static void what_all_of_them_may_is_what_is_allowed_later(void **state) {
  (void)state;
  permissions who = {{set_of("first", "kv:write:a", "kv:write:b"), set_of("second", "kv:*", "cache:*")}, 2}, again;
  permission_set *token = NULL;
  assert_success(permission_set_of_token(TEXT("the token x"), TEXT("kv:write:b\nkv:write:c"), &token));
  assert_true(permissions_join(&who, token));
  buffer json = write(NULL, &who, "third");
  permissions_let_go(&who);
  assert_success(read(&json, &again));
  assert_int_equal(again.count, 3);
  assert_int_equal(ask(&again, "a"), UBIQ_DENIED);
  assert_int_equal(ask(&again, "b"), UBIQ_OK);
  assert_int_equal(ask(&again, "c"), UBIQ_DENIED);
  assert_true(permission_set_is_token(again.sets[2]));
  assert_false(permission_set_is_token(again.sets[0]));
  permissions_let_go(&again);
  buffer_free(&json);
}

static void who_may_everything_leaves_nothing(void **state) {
  (void)state;
  permissions again;
  buffer json = write(NULL, NULL, "f");
  assert_string_equal(buffer_string(&json), "{\"a\":1}");
  assert_success(read(&json, &again));
  assert_int_equal(again.count, 0);
  buffer_free(&json);
}

static void a_function_is_not_held_to_what_it_had_itself(void **state) {
  (void)state;
  permissions who = {{set_of("f", "kv:write:a", "kv:write:b"), set_of("g", "kv:*", "cache:*")}, 2}, again;
  buffer json = write(NULL, &who, "f");
  assert_success(read(&json, &again));
  assert_int_equal(again.count, 1);
  assert_true(text_equal_string(permission_set_owner(again.sets[0]), "g"));
  permissions_let_go(&again);
  permissions_let_go(&who);
  buffer_free(&json);
}

static void what_was_kept_already_is_kept_on(void **state) {
  (void)state;
  permissions first = {{set_of("f", "kv:write:a", "kv:write:b")}, 1},
              second = {{set_of("g", "kv:write:b", "log:*")}, 1}, again;
  buffer before = write(NULL, &first, "h");
  yyjson_doc *document = parse(&before);
  buffer json = write(yyjson_obj_get(yyjson_doc_get_root(document), KEPT_PERMISSIONS), &second, "h");
  assert_success(read(&json, &again));
  assert_int_equal(again.count, 2);
  assert_int_equal(ask(&again, "a"), UBIQ_DENIED);
  assert_int_equal(ask(&again, "b"), UBIQ_OK);
  permissions_let_go(&again);
  permissions_let_go(&first);
  permissions_let_go(&second);
  yyjson_doc_free(document);
  buffer_free(&before);
  buffer_free(&json);
}

static void sets_outlive_who_had_them(void **state) {
  (void)state;
  permissions mine = {{set_of("f", "kv:write:a", "kv:write:b")}, 1}, theirs = mine;
  permissions_hold(&theirs);
  permissions_let_go(&mine);
  assert_int_equal(mine.count, 0);
  assert_int_equal(ask(&theirs, "a"), UBIQ_OK);
  permissions_let_go(&theirs);
}

static void what_is_no_permission_is_an_error(void **state) {
  (void)state;
  static const char *const bad[] = {
      "{\"permissions\":1}", "{\"permissions\":[1]}",
      "{\"permissions\":[{\"owner\":\"a\",\"list\":[\"kv:*\"]},{\"owner\":\"b\",\"list\":[\"no\"]}]}",
      "{\"permissions\":[{\"list\":[]}]}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    buffer json = {0};
    permissions out;
    assert_true(buffer_append_string(&json, bad[i]));
    ubiq_error *error = read(&json, &out);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    assert_int_equal(out.count, 0);
    ubiq_error_delete(error);
    buffer_free(&json);
  }
}

static bool attempt(void *user) {
  permissions out;
  ubiq_error *error = kept_permissions_read(user, &out);
  bool good = error == NULL;
  permissions_let_go(&out);
  ubiq_error_delete(error);
  return good;
}

static void without_memory_there_is_no_set_and_no_leak(void **state) {
  (void)state;
  permissions who = {{set_of("f", "kv:write:a", "kv:write:b"), set_of("g", "kv:*", "cache:*")}, 2};
  buffer json = write(NULL, &who, "h");
  yyjson_doc *document = parse(&json);
  json_value root = json_root(&source, yyjson_doc_get_root(document));
  assert_true(alloc_failure_sweep(attempt, &root) >= 2);
  yyjson_doc_free(document);
  permissions_let_go(&who);
  buffer_free(&json);
}

int main(void) {
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_all_of_them_may_is_what_is_allowed_later),
      cmocka_unit_test(who_may_everything_leaves_nothing),
      cmocka_unit_test(a_function_is_not_held_to_what_it_had_itself),
      cmocka_unit_test(what_was_kept_already_is_kept_on),
      cmocka_unit_test(sets_outlive_who_had_them),
      cmocka_unit_test(what_is_no_permission_is_an_error),
      cmocka_unit_test(without_memory_there_is_no_set_and_no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
