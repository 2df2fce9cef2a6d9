#include "services/permissions/permissions.h"

#include "unit/base/testing.h"

#include <stdlib.h>

static permission_set *set_of(const char *const *list, size_t count) {
  text texts[8];
  permission_set *set = NULL;
  assert_true(count <= 8);
  for (size_t i = 0; i < count; i++) texts[i] = text_of(list[i]);
  assert_success(permission_set_new(TEXT("greet"), texts, count, &set));
  return set;
}

static ubiq_error *ask(const permission_set *set, const char *service, const char *action, const char *subject,
                       bool is_prefix) {
  permissions permissions = {.sets = {set}, .count = 1};
  return permissions_check(&permissions,
                           &(permission_ask){text_of(service), text_of(action), text_of(subject), is_prefix});
}

static bool is_allowed(const char *permission, const char *service, const char *action, const char *subject) {
  permission_set *set = set_of(&permission, 1);
  ubiq_error *error = ask(set, service, action, subject, false);
  bool allowed = error == NULL;
  if (error != NULL) assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
  ubiq_error_delete(error);
  permission_set_delete(set);
  return allowed;
}

static void a_permission_allows_what_its_pattern_matches(void **state) {
  (void)state;
  assert_true(is_allowed("kv:write:user:*", "kv", "write", "user:42"));
  assert_true(is_allowed("kv:write:user:*", "kv", "write", "user:"));
  assert_true(is_allowed("kv:write:user:*:name", "kv", "write", "user:1:2:name"));
  assert_true(is_allowed("kv:write:*a*b", "kv", "write", "xaxbab"));
  assert_true(is_allowed("kv:write:a", "kv", "write", "a"));
  assert_true(is_allowed("kv:write", "kv", "write", "anything"));
  assert_true(is_allowed("kv:*", "kv", "list", ""));
  assert_true(is_allowed("kv:*:a*", "kv", "read", "ab"));
  assert_true(is_allowed("*", "secrets", "read", "key"));
  assert_true(is_allowed("functions:list", "functions", "list", ""));
}

static void a_permission_allows_nothing_else(void **state) {
  (void)state;
  assert_false(is_allowed("kv:write:user:*", "kv", "read", "user:42"));
  assert_false(is_allowed("kv:write:user:*", "cache", "write", "user:42"));
  assert_false(is_allowed("kv:write:user:*", "kv", "write", "users:42"));
  assert_false(is_allowed("kv:write:user:*", "kv", "write", "User:42"));
  assert_false(is_allowed("kv:write:user:*:name", "kv", "write", "user:1:named"));
  assert_false(is_allowed("kv:write:a", "kv", "write", "ab"));
  assert_false(is_allowed("kv:write:a", "kv", "write", ""));
  assert_false(is_allowed("kv:write:*a*b", "kv", "write", "xbxa"));
}

static void without_permissions_only_the_log_is_allowed(void **state) {
  (void)state;
  permission_set *set = set_of(NULL, 0);
  assert_success(ask(set, "log", "write", "", false));
  assert_fails(ask(set, "kv", "read", "a", false), UBIQ_DENIED,
               "greet may not do this; its table in ubiq.toml would allow it by: permissions = [\"kv:read:a\"]");
  assert_fails(ask(set, "functions", "list", "", false), UBIQ_DENIED,
               "greet may not do this; its table in ubiq.toml would allow it by: permissions = [\"functions:list\"]");
  permission_set_delete(set);
}

static void what_is_told_can_be_pasted_whatever_the_key_is(void **state) {
  (void)state;
  permission_set *set = set_of(NULL, 0), *token = NULL;
  assert_fails(ask(set, "kv", "read", "a\"b\\c'd\n\xc3\xa9", false), UBIQ_DENIED,
               "greet may not do this; its table in ubiq.toml would allow it by: "
               "permissions = [\"kv:read:a\\\"b\\\\c'd\\n\xc3\xa9\"]");
  assert_success(permission_set_of_token(TEXT("the token 12"), TEXT(""), &token));
  assert_fails(ask(token, "kv", "read", "a\"b'c'", false), UBIQ_DENIED,
               "the token 12 may not do this; `ubiq token new --allow 'kv:read:a\"b'\\''c'\\'''` makes one that may");
  permission_set_delete(token);
  permission_set_delete(set);
}

static void a_prefix_needs_a_pattern_that_goes_on(void **state) {
  (void)state;
  const char *const list[] = {"kv:list:user:*", "kv:list:*:name", "kv:list:a"};
  permission_set *set = set_of(list, 3);
  assert_success(ask(set, "kv", "list", "user:", true));
  assert_success(ask(set, "kv", "list", "user:4", true));
  assert_fails(ask(set, "kv", "list", "a", true), UBIQ_DENIED,
               "greet may not do this; its table in ubiq.toml would allow it by: permissions = [\"kv:list:a*\"]");
  ubiq_error *error = ask(set, "kv", "list", "b:name", true);
  assert_non_null(error);
  ubiq_error_delete(error);
  error = ask(set, "kv", "list", "", true);
  assert_non_null(error);
  ubiq_error_delete(error);
  permission_set_delete(set);
}

static void hosts_and_paths_of_http_are_matched_apart(void **state) {
  (void)state;
  assert_true(is_allowed("http:get:api.example.com/v1/*", "http", "get", "api.example.com/v1/users"));
  assert_true(is_allowed("http:get:API.Example.com/v1/*", "http", "get", "api.example.com/v1/users"));
  assert_true(is_allowed("http:get:api.example.com", "http", "get", "api.example.com/any/path"));
  assert_true(is_allowed("http:*:*.example.com/*", "http", "post", "a.b.example.com/"));
  assert_true(is_allowed("http:get:localhost:8080", "http", "get", "localhost:8080/"));
  assert_false(is_allowed("http:get:localhost", "http", "get", "localhost:8080/"));
  assert_false(is_allowed("http:get:*.example.com/*", "http", "get", "evil.com/.example.com/"));
  assert_false(is_allowed("http:get:*.example.com/*", "http", "get", "example.com/"));
  assert_false(is_allowed("http:get:api.example.com/v1/*", "http", "get", "api.example.com/v2/"));
  assert_false(is_allowed("http:get:api.example.com", "http", "get", "api.example.com.evil.com/"));
}

static void what_is_no_permission_is_refused_with_what_would_be_one(void **state) {
  (void)state;
  const struct {
    const char *permission, *message;
  } rows[] = {
      {"", "\"\" is no permission; expected service:action:pattern, such as \"kv:read:user:*\""},
      {"kv", "\"kv\" is no permission; expected service:action:pattern, such as \"kv:read:user:*\""},
      {"KV:read", "\"KV:read\" is no permission; expected service:action:pattern, such as \"kv:read:user:*\""},
      {"kv:read:", "\"kv:read:\" ends with a colon; expected service:action:pattern, such as \"kv:read:user:*\""},
      {"kv:raed:a", "\"kv:raed:a\" names an unknown action \"raed\"; did you mean \"read\"?"},
      {"cahce:read:a", "\"cahce:read:a\" names an unknown service \"cahce\"; did you mean \"cache\"?"},
      {"mail:send", "\"mail:send\" names an unknown service \"mail\""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    assert_fails(permission_check_form(text_of(rows[i].permission)), UBIQ_INVALID_INPUT, rows[i].message);
  assert_fails(permission_check_form(TEXT("kv:read:\xff")), UBIQ_INVALID_INPUT,
               "a permission is no text; expected service:action:pattern, such as \"kv:read:user:*\"");
}

static void a_ceiling_covers_what_is_narrower(void **state) {
  (void)state;
  const char *const list[] = {"kv:*:user:*", "http:get:*.Example.com/v1/*", "events:publish", "http:get:a.b/*"};
  permission_set *set = set_of(list, 4);
  assert_true(permission_set_covers(set, TEXT("kv:write:user:*")));
  assert_true(permission_set_covers(set, TEXT("kv:*:user:4*2")));
  assert_true(permission_set_covers(set, TEXT("http:get:api.example.com/v1/users/*")));
  assert_true(permission_set_covers(set, TEXT("http:get:API.example.com/v1/*")));
  assert_true(permission_set_covers(set, TEXT("http:get:a.b")));
  assert_true(permission_set_covers(set, TEXT("events:publish:order.*")));
  assert_false(permission_set_covers(set, TEXT("kv:write:*")));
  assert_false(permission_set_covers(set, TEXT("kv:write")));
  assert_false(permission_set_covers(set, TEXT("kv:write:use*")));
  assert_false(permission_set_covers(set, TEXT("*")));
  assert_false(permission_set_covers(set, TEXT("events:*")));
  assert_false(permission_set_covers(set, TEXT("http:get:api.example.com")));
  assert_false(permission_set_covers(set, TEXT("http:get:*")));
  permission_set_delete(set);
}

static void caller_and_callee_must_both_be_allowed(void **state) {
  (void)state;
  const char *wide = "kv:*", *narrow = "kv:read:a*";
  permission_set *caller = NULL, *callee = set_of(&wide, 1);
  assert_success(permission_set_new(TEXT("checkout"), &(text){narrow, strlen(narrow)}, 1, &caller));
  permissions both = {0};
  assert_true(permissions_join(&both, caller) && permissions_join(&both, callee) && permissions_join(&both, caller));
  assert_int_equal(both.count, 2);
  assert_success(permissions_check(&both, &(permission_ask){TEXT("kv"), TEXT("read"), TEXT("ab"), false}));
  assert_fails(permissions_check(&both, &(permission_ask){TEXT("kv"), TEXT("write"), TEXT("ab"), false}), UBIQ_DENIED,
               "checkout may not do this; its table in ubiq.toml would allow it by: permissions = [\"kv:write:ab\"]");
  permission_set_delete(caller);
  permission_set_delete(callee);
}

static void nobody_is_allowed_nothing(void **state) {
  (void)state;
  const permissions nobody = {0};
  assert_fails(permissions_check(&nobody, &(permission_ask){TEXT("kv"), TEXT("read"), TEXT("a"), false}), UBIQ_DENIED,
               "nothing is allowed here but the log");
}

static void a_set_knows_what_was_used_and_what_was_denied(void **state) {
  (void)state;
  const char *const list[] = {"kv:read:a*", "kv:write:a*"};
  permission_set *set = set_of(list, 2);
  buffer denied = {0};
  assert_success(ask(set, "kv", "read", "ab", false));
  for (int i = 0; i < 3; i++) ubiq_error_delete(ask(set, "kv", "read", "b", false));
  ubiq_error_delete(ask(set, "cache", "read", "c", false));
  assert_int_equal(permission_set_count(set), 2);
  assert_true(permission_set_use(set, 0).is_used);
  assert_false(permission_set_use(set, 1).is_used);
  assert_true(text_equal(permission_set_use(set, 1).permission, TEXT("kv:write:a*")));
  assert_int_equal(permission_set_denials(set), 4);
  assert_true(permission_set_denied(set, &denied));
  assert_string_equal(buffer_string(&denied), "kv:read:b\ncache:read:c\n");
  buffer_free(&denied);
  permission_set_delete(set);
}

static void urls_are_normalised_before_they_are_matched(void **state) {
  (void)state;
  const struct {
    const char *host;
    uint16_t port;
    const char *path, *subject;
  } rows[] = {
      {"API.example.com.", 443, "/v1/users", "api.example.com/v1/users"},
      {"api.example.com", 8443, "/", "api.example.com:8443/"},
      {"api.example.com", 443, "", "api.example.com/"},
      {"api.example.com", 443, "/v1/../admin", "api.example.com/admin"},
      {"api.example.com", 443, "/v1/%2e%2E/admin", "api.example.com/admin"},
      {"api.example.com", 443, "/../../a/./b/", "api.example.com/a/b/"},
      {"api.example.com", 443, "/a/..", "api.example.com/"},
      {"api.example.com", 443, "/%7euser/%2f%c3%a4", "api.example.com/~user/%2F%C3%A4"},
      {"api.example.com", 443, "/a%2e%2e/b", "api.example.com/a../b"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    buffer subject = {0};
    assert_true(permission_http_subject(&subject, text_of(rows[i].host), rows[i].port, 443, text_of(rows[i].path)));
    assert_string_equal(buffer_string(&subject), rows[i].subject);
    buffer_free(&subject);
  }
}

static void a_token_is_told_in_its_own_words(void **state) {
  (void)state;
  permission_set *set = NULL;
  assert_success(permission_set_of_token(TEXT("the token 12"), TEXT("kv:read:a\ncache:*\n"), &set));
  assert_int_equal(permission_set_count(set), 2);
  assert_success(ask(set, "cache", "write", "x", false));
  assert_fails(ask(set, "kv", "write", "a", false), UBIQ_DENIED,
               "the token 12 may not do this; `ubiq token new --allow 'kv:write:a'` makes one that may");
  assert_fails(permission_set_deny(set, &(permission_ask){TEXT("log"), TEXT("*"), {NULL, 0}, false}), UBIQ_DENIED,
               "the token 12 may not do this; `ubiq token new --allow 'log:*'` makes one that may");
  assert_int_equal(permission_set_denials(set), 2);
  permission_set_delete(set);
  assert_success(permission_set_of_token(TEXT("x"), TEXT(""), &set));
  assert_int_equal(permission_set_count(set), 0);
  permission_set_delete(set);
  assert_fails(permission_set_of_token(TEXT("x"), TEXT("kv:*\nkv"), &set), UBIQ_INVALID_INPUT,
               "\"kv\" is no permission; expected service:action:pattern, such as \"kv:read:user:*\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_permission_allows_what_its_pattern_matches),
      cmocka_unit_test(a_permission_allows_nothing_else),
      cmocka_unit_test(without_permissions_only_the_log_is_allowed),
      cmocka_unit_test(what_is_told_can_be_pasted_whatever_the_key_is),
      cmocka_unit_test(a_prefix_needs_a_pattern_that_goes_on),
      cmocka_unit_test(hosts_and_paths_of_http_are_matched_apart),
      cmocka_unit_test(what_is_no_permission_is_refused_with_what_would_be_one),
      cmocka_unit_test(a_ceiling_covers_what_is_narrower),
      cmocka_unit_test(caller_and_callee_must_both_be_allowed),
      cmocka_unit_test(nobody_is_allowed_nothing),
      cmocka_unit_test(a_set_knows_what_was_used_and_what_was_denied),
      cmocka_unit_test(a_token_is_told_in_its_own_words),
      cmocka_unit_test(urls_are_normalised_before_they_are_matched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
