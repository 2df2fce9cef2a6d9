// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "server/admin/admin_tokens.h"

#include "base/clock.h"
#include "runtime/release/release_store.h"
#include "unit/base/alloc_failure.h"
#include "unit/runtime/runtime_testing.h"

#include <pthread.h>

static char orders[] = "kv:*:order:*\n";

typedef struct fixture {
  char *folder;
  release_store *store;
  database *database;
  admin_tokens *tokens;
} fixture;

static int set_up(void **state) {
  static fixture self;
  self.folder = folder_make();
  assert_success(release_store_open(folder_path(self.folder, "state"), false, &self.store));
  self.database = release_store_database(self.store);
  assert_success(admin_tokens_new(&self.tokens));
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  admin_tokens_delete(self->tokens);
  release_store_close(self->store);
  folder_remove(self->folder);
  return 0;
}

/// A token that the database has, with these properties.
static access_token issue(fixture *self, access_token token) {
  char shown[ACCESS_TOKEN_SIZE];
  assert_success(access_token_new(self->database, &token, shown));
  return token;
}

static void take_away(fixture *self, const access_token *token) {
  assert_success(access_token_revoke(self->database, token->id));
}

static permissions share(fixture *self, const access_token *who, bool is_nothing) {
  permissions out = {0};
  assert_success(admin_tokens_permissions(self->tokens, self->database, who, is_nothing, &out));
  return out;
}

static void use_once(fixture *self, const access_token *who) {
  permissions shared = share(self, who, false);
  assert_int_equal(shared.count, 1);
  permissions_let_go(&shared);
}

static bool is_allowed(const permissions *all, const char *service, const char *action, const char *subject) {
  ubiq_error *error =
      permissions_check(all, &(permission_ask){text_of(service), text_of(action), text_of(subject), false});
  bool allowed = error == NULL;
  ubiq_error_delete(error);
  return allowed;
}

static void a_token_that_says_nothing_may_everything_or_look(void **state) {
  fixture *self = *state;
  const access_token all = issue(self, (access_token){.may_change = true}), looks = issue(self, (access_token){0});
  permissions may = share(self, &all, false);
  assert_int_equal(may.count, 0);
  may = share(self, &looks, false);
  assert_true(is_allowed(&may, "kv", "read", "a"));
  assert_false(is_allowed(&may, "kv", "write", "a"));
  assert_false(is_allowed(&may, "secrets", "read", "a"));
  assert_false(is_allowed(&may, "functions", "call", "a"));
  assert_int_equal(admin_tokens_denials(self->tokens), 3);
  permissions_let_go(&may);
}

static void a_token_that_says_it_may_that_alone(void **state) {
  fixture *self = *state;
  const access_token who = issue(self, (access_token){.may_change = true, .allowed = orders});
  permissions may = share(self, &who, false), again = share(self, &who, false), nothing = share(self, &who, true);
  assert_true(is_allowed(&may, "kv", "write", "order:1"));
  assert_false(is_allowed(&may, "kv", "write", "user:1"));
  assert_ptr_equal(may.sets[0], again.sets[0]);
  assert_int_equal(permission_set_count(nothing.sets[0]), 0);
  admin_tokens_count_denial(self->tokens);
  assert_int_equal(admin_tokens_denials(self->tokens), 2);
  assert_int_equal(admin_tokens_sets(self->tokens), 2);
  permissions_let_go(&may);
  permissions_let_go(&again);
  permissions_let_go(&nothing);
}

static void a_revoked_token_and_another_of_its_id_are_two(void **state) {
  fixture *self = *state;
  char more[] = "*\n";
  const access_token before = issue(self, (access_token){.allowed = orders});
  permissions may = share(self, &before, false);
  access_token after = before;
  after.allowed = more;
  permissions other = share(self, &after, false);
  assert_ptr_not_equal(may.sets[0], other.sets[0]);
  assert_false(is_allowed(&may, "kv", "read", "a"));
  assert_true(is_allowed(&other, "kv", "read", "a"));
  permissions_let_go(&may);
  permissions_let_go(&other);
}

static void sets_of_tokens_that_are_no_more_are_let_go(void **state) {
  fixture *self = *state;
  enum { TOKENS = 300 };
  const access_token stays = issue(self, (access_token){.allowed = orders});
  use_once(self, &stays);
  for (int i = 0; i < TOKENS; i++) {
    const access_token goes = issue(self, (access_token){.allowed = orders});
    use_once(self, &goes);
    permissions nothing = share(self, &goes, true);
    permissions_let_go(&nothing);
    take_away(self, &goes);
    assert_in_range(admin_tokens_sets(self->tokens), 3, 5);
  }
  const access_token last = issue(self, (access_token){.allowed = orders});
  use_once(self, &last);
  assert_int_equal(admin_tokens_sets(self->tokens), 2);
}

static void sets_of_tokens_that_have_expired_are_let_go(void **state) {
  fixture *self = *state;
  const uint64_t now_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  const access_token expired = issue(self, (access_token){.allowed = orders, .expires_ms = now_ms - 1}),
                     lasts = issue(self, (access_token){.allowed = orders, .expires_ms = now_ms + 3600 * 1000}),
                     other = issue(self, (access_token){.allowed = orders});
  use_once(self, &expired);
  use_once(self, &lasts);
  assert_int_equal(admin_tokens_sets(self->tokens), 1);
  use_once(self, &other);
  assert_int_equal(admin_tokens_sets(self->tokens), 2);
}

static void who_has_a_share_of_a_set_keeps_it_and_it_counts_on(void **state) {
  fixture *self = *state;
  const access_token goes = issue(self, (access_token){.allowed = orders}),
                     first = issue(self, (access_token){.allowed = orders}),
                     second = issue(self, (access_token){.allowed = orders});
  permissions held = share(self, &goes, false);
  assert_false(is_allowed(&held, "kv", "read", "a"));
  take_away(self, &goes);
  use_once(self, &first);
  assert_int_equal(admin_tokens_sets(self->tokens), 2);
  assert_false(is_allowed(&held, "kv", "read", "a"));
  assert_int_equal(admin_tokens_denials(self->tokens), 2);
  permissions_let_go(&held);
  use_once(self, &second);
  assert_int_equal(admin_tokens_sets(self->tokens), 2);
  assert_int_equal(admin_tokens_denials(self->tokens), 2);
}

// ------------------------------------------------------------------------------------------------------------ threads

/// Asks for tokens of its own that come and go.
static void *use_tokens(void *user) {
  fixture *self = user;
  size_t failed = 0;
  for (int i = 0; i < 50; i++) {
    access_token goes = {.allowed = orders};
    char shown[ACCESS_TOKEN_SIZE];
    permissions held[2] = {0};
    ubiq_error *error = access_token_new(self->database, &goes, shown);
    for (int k = 0; error == NULL && k < 2; k++)
      error = admin_tokens_permissions(self->tokens, self->database, &goes, false, &held[k]);
    if (error == NULL) error = access_token_revoke(self->database, goes.id);
    failed +=
        error != NULL || is_allowed(&held[0], "kv", "read", "a") || !is_allowed(&held[1], "kv", "read", "order:1");
    for (int k = 0; k < 2; k++) permissions_let_go(&held[k]);
    ubiq_error_delete(error);
  }
  return failed == 0 ? NULL : self;
}

static void tokens_come_and_go_on_many_threads(void **state) {
  fixture *self = *state;
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  void *failed = NULL;
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, use_tokens, self), 0);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], &failed), 0);
    assert_null(failed);
  }
  const access_token last = issue(self, (access_token){.allowed = orders});
  use_once(self, &last);
  assert_int_equal(admin_tokens_sets(self->tokens), 1);
  assert_int_equal(admin_tokens_denials(self->tokens), THREADS * 50);
}

// ------------------------------------------------------------------------------------------------------------- memory

static bool attempt(void *user) {
  fixture *self = user;
  admin_tokens *tokens = NULL;
  permissions may = {0};
  ubiq_error *error = admin_tokens_new(&tokens);
  if (error == NULL)
    error =
        admin_tokens_permissions(tokens, self->database, &(access_token){.id = "1", .allowed = orders}, false, &may);
  permissions_let_go(&may);
  admin_tokens_delete(tokens);
  bool good = error == NULL;
  ubiq_error_delete(error);
  return good;
}

static void every_allocation_that_fails_is_reported(void **state) {
  fixture *self = *state;
  issue(self, (access_token){.allowed = orders});
  assert_in_range(alloc_failure_sweep(attempt, self), 4, 40);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_token_that_says_nothing_may_everything_or_look, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_token_that_says_it_may_that_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_revoked_token_and_another_of_its_id_are_two, set_up, tear_down),
      cmocka_unit_test_setup_teardown(sets_of_tokens_that_are_no_more_are_let_go, set_up, tear_down),
      cmocka_unit_test_setup_teardown(sets_of_tokens_that_have_expired_are_let_go, set_up, tear_down),
      cmocka_unit_test_setup_teardown(who_has_a_share_of_a_set_keeps_it_and_it_counts_on, set_up, tear_down),
      cmocka_unit_test_setup_teardown(tokens_come_and_go_on_many_threads, set_up, tear_down),
      cmocka_unit_test_setup_teardown(every_allocation_that_fails_is_reported, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
