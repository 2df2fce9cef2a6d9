// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "server/admin/admin_tokens.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <stdlib.h>

static char orders[] = "kv:*:order:*\n";

static bool is_allowed(const permission_set *set, const char *service, const char *action, const char *subject) {
  const permissions all = {.sets = {set}, .count = 1};
  ubiq_error *error =
      permissions_check(&all, &(permission_ask){text_of(service), text_of(action), text_of(subject), false});
  bool allowed = error == NULL;
  ubiq_error_delete(error);
  return allowed;
}

static void a_token_that_says_nothing_may_everything_or_look(void **state) {
  (void)state;
  admin_tokens *tokens = NULL;
  const permission_set *set = NULL;
  assert_success(admin_tokens_new(&tokens));
  assert_success(admin_tokens_permissions(tokens, &(access_token){.id = "1", .may_change = true}, false, &set));
  assert_null(set);
  assert_success(admin_tokens_permissions(tokens, &(access_token){.id = "2"}, false, &set));
  assert_true(is_allowed(set, "kv", "read", "a"));
  assert_false(is_allowed(set, "kv", "write", "a"));
  assert_false(is_allowed(set, "secrets", "read", "a"));
  assert_false(is_allowed(set, "functions", "call", "a"));
  assert_int_equal(admin_tokens_denials(tokens), 3);
  admin_tokens_delete(tokens);
}

static void a_token_that_says_it_may_that_alone(void **state) {
  (void)state;
  admin_tokens *tokens = NULL;
  const permission_set *set = NULL, *again = NULL, *nothing = NULL, *other = NULL;
  const access_token who = {.id = "1", .may_change = true, .allowed = orders};
  char more[] = "*\n";
  assert_success(admin_tokens_new(&tokens));
  assert_success(admin_tokens_permissions(tokens, &who, false, &set));
  assert_true(is_allowed(set, "kv", "write", "order:1"));
  assert_false(is_allowed(set, "kv", "write", "user:1"));
  assert_success(admin_tokens_permissions(tokens, &who, false, &again));
  assert_ptr_equal(set, again);
  assert_success(admin_tokens_permissions(tokens, &who, true, &nothing));
  assert_int_equal(permission_set_count(nothing), 0);
  assert_success(admin_tokens_permissions(tokens, &(access_token){.id = "1", .allowed = more}, false, &other));
  assert_ptr_not_equal(set, other);
  admin_tokens_count_denial(tokens);
  assert_int_equal(admin_tokens_denials(tokens), 2);
  admin_tokens_delete(tokens);
}

static bool attempt(void *user) {
  admin_tokens *tokens = NULL;
  const permission_set *set = NULL;
  (void)user;
  ubiq_error *error = admin_tokens_new(&tokens);
  if (error == NULL)
    error = admin_tokens_permissions(tokens, &(access_token){.id = "1", .allowed = orders}, false, &set);
  admin_tokens_delete(tokens);
  bool good = error == NULL;
  ubiq_error_delete(error);
  return good;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_in_range(alloc_failure_sweep(attempt, NULL), 3, 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_token_that_says_nothing_may_everything_or_look),
      cmocka_unit_test(a_token_that_says_it_may_that_alone),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
