#include "runtime/release/release_ceiling.h"

#include "unit/base/testing.h"

static const project_function greedy = {
    .name = "greedy",
    .limits = {.wall_ms = 5, .cpu_ms = 4, .memory_bytes = 300, .body_bytes_max = 20, .response_bytes_max = 10}};

static void what_is_not_more_than_the_ceiling_is_granted(void **state) {
  (void)state;
  const limits none = {0};
  assert_success(release_check_ceiling("b", &greedy, &none));
  assert_success(release_check_ceiling("b", &greedy, &greedy.limits));
}

static void each_limit_has_its_ceiling(void **state) {
  (void)state;
  limits ceiling = {.wall_ms = 4};
  assert_fails(release_check_ceiling("b", &greedy, &ceiling), UBIQ_DENIED,
               "b: greedy asks for a timeout of 5 ms; at most 4 ms are granted (--timeout-max)");
  ceiling = (limits){.cpu_ms = 3};
  assert_fails(release_check_ceiling("b", &greedy, &ceiling), UBIQ_DENIED,
               "b: greedy asks for a cpu of 4 ms; at most 3 ms are granted (--cpu-max)");
  ceiling = (limits){.memory_bytes = 299};
  assert_fails(release_check_ceiling("b", &greedy, &ceiling), UBIQ_DENIED,
               "b: greedy asks for a memory of 300 bytes; at most 299 bytes are granted (--memory-max)");
  ceiling = (limits){.body_bytes_max = 19};
  assert_fails(release_check_ceiling("b", &greedy, &ceiling), UBIQ_DENIED,
               "b: greedy asks for a body_max of 20 bytes; at most 19 bytes are granted (--body-max)");
  ceiling = (limits){.response_bytes_max = 9};
  assert_fails(release_check_ceiling("b", &greedy, &ceiling), UBIQ_DENIED,
               "b: greedy asks for a response_max of 10 bytes; at most 9 bytes are granted (--response-max)");
}

static void permissions_have_theirs(void **state) {
  (void)state;
  const text asked[] = {TEXT("kv:read:a*"), TEXT("http:get:api.example.com")};
  const project_function function = {.name = "greedy", .permissions = asked, .permissions_count = 2};
  const text of_project = TEXT("kv:*"), both[] = {TEXT("kv:*"), TEXT("http:*:*.example.com")};
  permission_set *granted = NULL;
  assert_success(release_check_permissions("b", &function, NULL));
  assert_success(permission_set_new(TEXT("--allow"), both, 2, &granted));
  assert_success(release_check_permissions("b", &function, granted));
  permission_set_delete(granted);
  assert_success(permission_set_new(TEXT("--allow"), &of_project, 1, &granted));
  assert_fails(release_check_permissions("b", &function, granted), UBIQ_DENIED,
               "b: greedy asks for the permission http:get:api.example.com, which is not granted "
               "(--allow 'http:get:api.example.com')");
  permission_set_delete(granted);
}

static void a_token_grants_no_more_than_it_says(void **state) {
  (void)state;
  const text asked = TEXT("kv:read:a*");
  const char *const hosts[] = {"*.example.com"};
  const project_function function = {.name = "greedy",
                                     .permissions = &asked,
                                     .permissions_count = 1,
                                     .allowed_hosts = hosts,
                                     .allowed_hosts_count = 1};
  permission_set *granted = NULL;
  assert_success(release_check_deployer("b", &function, NULL));
  assert_success(permission_set_of_token(TEXT("t"), TEXT("kv:*\nhttp:*:*.example.com\n"), &granted));
  assert_success(release_check_deployer("b", &function, granted));
  permission_set_delete(granted);
  assert_success(
      permission_set_of_token(TEXT("t"), TEXT("kv:*\nhttp:get:*.example.com\nhttp:*:a.example.com"), &granted));
  assert_fails(release_check_deployer("b", &function, granted), UBIQ_DENIED,
               "b: greedy asks for the permission http:*:*.example.com, which the token may not grant "
               "(`ubiq token new --grant 'http:*:*.example.com'` makes one that may)");
  assert_success(release_check_deployer_host("b", "[auth]", "A.example.com", granted));
  permission_set_delete(granted);
  assert_success(permission_set_of_token(TEXT("t"), TEXT(""), &granted));
  assert_fails(release_check_deployer("b", &function, granted), UBIQ_DENIED,
               "b: greedy asks for the permission kv:read:a*, which the token may not grant "
               "(`ubiq token new --grant 'kv:read:a*'` makes one that may)");
  permission_set_delete(granted);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_more_than_the_ceiling_is_granted),
      cmocka_unit_test(each_limit_has_its_ceiling),
      cmocka_unit_test(permissions_have_theirs),
      cmocka_unit_test(a_token_grants_no_more_than_it_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
