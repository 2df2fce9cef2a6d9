#include "runtime/auth/access_token.h"

#include "runtime/release/release_store.h"
#include "unit/runtime/runtime_testing.h"

static char *folder;
static release_store *store;
static database *tokens;

static int open_store(void **state) {
  (void)state;
  folder = folder_make();
  ubiq_error *error = release_store_open(folder_path(folder, "state"), false, &store);
  if (error != NULL) return -1;
  tokens = release_store_database(store);
  return 0;
}

static int close_store(void **state) {
  (void)state;
  release_store_close(store);
  folder_remove(folder);
  return 0;
}

static void a_token_is_known_until_it_is_revoked(void **state) {
  (void)state;
  access_token made = {.name = "laptop", .may_change = true}, found;
  char shown[ACCESS_TOKEN_SIZE];
  assert_success(access_token_new(tokens, &made, shown));
  assert_int_equal(strlen(shown), ACCESS_TOKEN_SIZE - 1);
  assert_success(access_token_check(tokens, text_of(shown), 1, &found));
  assert_string_equal(found.id, made.id);
  assert_string_equal(found.name, "laptop");
  assert_true(found.may_change);
  assert_success(access_token_revoke(tokens, made.id));
  assert_fails(access_token_check(tokens, text_of(shown), 1, &found), UBIQ_DENIED,
               "the token is not known; expected one that `ubiq token new` made");
  assert_fails(access_token_revoke(tokens, "abcdef01"), UBIQ_NOT_FOUND,
               "there is no token \"abcdef01\"; see `ubiq token list`");
}

static void a_token_expires(void **state) {
  (void)state;
  access_token made = {.expires_ms = 1000}, found;
  char shown[ACCESS_TOKEN_SIZE];
  assert_success(access_token_new(tokens, &made, shown));
  assert_success(access_token_check(tokens, text_of(shown), 999, &found));
  assert_false(found.may_change);
  ubiq_error *error = access_token_check(tokens, text_of(shown), 1000, &found);
  assert_non_null(strstr(ubiq_error_message(error), "has expired"));
  ubiq_error_delete(error);
}

static void nothing_else_is_a_token(void **state) {
  (void)state;
  access_token made = {0}, found;
  char shown[ACCESS_TOKEN_SIZE];
  assert_success(access_token_new(tokens, &made, shown));
  for (size_t i = 0; i < ACCESS_TOKEN_SIZE - 1; i++) {
    shown[i] ^= 1;
    ubiq_error *error = access_token_check(tokens, text_of(shown), 1, &found);
    assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
    ubiq_error_delete(error);
    shown[i] ^= 1;
  }
  for (size_t size = 0; size < ACCESS_TOKEN_SIZE - 1; size++) {
    ubiq_error *error = access_token_check(tokens, (text){shown, size}, 1, &found);
    assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
    ubiq_error_delete(error);
  }
  assert_success(access_token_check(tokens, text_of(shown), 1, &found));
}

static void the_database_does_not_hold_what_was_shown(void **state) {
  (void)state;
  access_token made = {.name = "x"};
  char shown[ACCESS_TOKEN_SIZE];
  buffer bytes = {0};
  assert_success(access_token_new(tokens, &made, shown));
  assert_success(file_read_all(folder_path(folder, "state/state.db"), 1 << 20, &bytes));
  assert_null(memmem(bytes.data, bytes.size, shown + 14, 16));
  assert_non_null(memmem(bytes.data, bytes.size, made.id, 8));
  buffer_free(&bytes);
}

static void tokens_are_listed(void **state) {
  (void)state;
  access_token a = {.name = "a"}, b = {.name = "b", .expires_ms = 5};
  access_token *list;
  size_t count;
  char shown[ACCESS_TOKEN_SIZE];
  assert_success(access_token_list(tokens, &list, &count));
  assert_int_equal(count, 0);
  access_token_list_delete(list, count);
  assert_success(access_token_new(tokens, &a, shown));
  assert_success(access_token_new(tokens, &b, shown));
  assert_success(access_token_list(tokens, &list, &count));
  assert_int_equal(count, 2);
  assert_int_equal(list[0].expires_ms + list[1].expires_ms, 5);
  access_token_list_delete(list, count);
}

static void the_first_token_is_made_once_and_is_in_its_file(void **state) {
  (void)state;
  buffer first = {0}, again = {0};
  access_token found;
  const char *path = folder_path(folder, "token");
  assert_success(access_token_first(tokens, path));
  assert_success(file_read_all(path, 1000, &first));
  assert_int_equal(first.data[first.size - 1], '\n');
  assert_success(access_token_check(tokens, text_trim((text){(const char *)first.data, first.size}), 1, &found));
  assert_true(found.may_change);
  assert_success(access_token_first(tokens, path));
  assert_success(file_read_all(path, 1000, &again));
  assert_memory_equal(first.data, again.data, first.size);
  buffer_free(&first);
  buffer_free(&again);
}

static void a_first_token_that_cannot_be_written_is_none(void **state) {
  (void)state;
  access_token *list;
  size_t count;
  ubiq_error *error = access_token_first(tokens, folder_path(folder, "absent/token"));
  assert_int_equal(ubiq_error_code(error), UBIQ_NOT_FOUND);
  ubiq_error_delete(error);
  assert_success(access_token_list(tokens, &list, &count));
  assert_int_equal(count, 0);
  access_token_list_delete(list, count);
}

static void a_token_keeps_what_it_is_allowed_and_grants(void **state) {
  (void)state;
  char allowed[] = "kv:read\n", granted[] = "kv:*\nhttp:get:a\n";
  access_token made = {.may_change = true, .allowed = allowed, .granted = granted}, found;
  char shown[ACCESS_TOKEN_SIZE];
  assert_success(access_token_new(tokens, &made, shown));
  assert_success(access_token_check(tokens, text_of(shown), 1, &found));
  assert_string_equal(found.allowed, allowed);
  assert_string_equal(found.granted, granted);
  access_token_clear(&found);
  made.expires_ms = 5;
  assert_success(access_token_new(tokens, &made, shown));
  ubiq_error *error = access_token_check(tokens, text_of(shown), 5, &found);
  assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
  ubiq_error_delete(error);
}

static void who_may_only_ask_some_things_deploys_when_it_says_what_it_grants(void **state) {
  (void)state;
  char lines[] = "kv:*\n";
  assert_true(access_token_may_deploy(&(access_token){.may_change = true}));
  assert_true(access_token_may_deploy(&(access_token){.may_change = true, .granted = lines}));
  assert_true(access_token_may_deploy(&(access_token){.may_change = true, .allowed = lines, .granted = lines}));
  assert_false(access_token_may_deploy(&(access_token){.may_change = true, .allowed = lines}));
  assert_false(access_token_may_deploy(&(access_token){.granted = lines}));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_token_is_known_until_it_is_revoked, open_store, close_store),
      cmocka_unit_test_setup_teardown(a_token_expires, open_store, close_store),
      cmocka_unit_test_setup_teardown(a_token_keeps_what_it_is_allowed_and_grants, open_store, close_store),
      cmocka_unit_test(who_may_only_ask_some_things_deploys_when_it_says_what_it_grants),
      cmocka_unit_test_setup_teardown(nothing_else_is_a_token, open_store, close_store),
      cmocka_unit_test_setup_teardown(the_database_does_not_hold_what_was_shown, open_store, close_store),
      cmocka_unit_test_setup_teardown(the_first_token_is_made_once_and_is_in_its_file, open_store, close_store),
      cmocka_unit_test_setup_teardown(a_first_token_that_cannot_be_written_is_none, open_store, close_store),
      cmocka_unit_test_setup_teardown(tokens_are_listed, open_store, close_store),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
