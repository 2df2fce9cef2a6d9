// What a project asks for, what is granted, and what holds then.
#include "runtime/project/project_quotas.h"

#include "runtime/project/project.h"
#include "unit/base/testing.h"

#define FUNCTION "[functions.a]\nwasm = 'a'\n"

static ubiq_error *parse(const char *toml, project **out) {
  return project_parse("dir", "dir/ubiq.toml", toml, strlen(toml), out);
}

static void what_is_said_is_read_and_the_rest_is_settled(void **state) {
  (void)state;
  project *project = NULL;
  assert_success(parse("[project.quotas]\nkv = '1GiB'\nkv_keys = 7\n" FUNCTION, &project));
  quotas quotas = project->quotas;
  assert_int_equal(quotas.kv_bytes, 1 << 30);
  assert_int_equal(quotas.kv_keys, 7);
  assert_int_equal(quotas.storage_bytes, 0);
  project_settle_quotas(&quotas, NULL);
  assert_int_equal(quotas.kv_bytes, 1 << 30);
  assert_int_equal(quotas.storage_bytes, quotas_default.storage_bytes);
  assert_int_equal(quotas.kv_value_bytes, 1 << 20);
  assert_int_equal(quotas.work_items, 2000000);
  assert_int_equal(quotas.work_bytes, 1 << 30);
  assert_int_equal(quotas.log_bytes, 1 << 20);
  project_delete(project);
}

static void what_is_not_said_is_no_more_than_what_is_granted(void **state) {
  (void)state;
  quotas own = {.kv_keys = 5};
  const quotas granted = {.kv_keys = 10, .kv_bytes = 4096, .storage_bytes = UINT64_C(1) << 40};
  assert_success(project_check_quotas("b", &own, &granted));
  project_settle_quotas(&own, &granted);
  assert_int_equal(own.kv_keys, 5);
  assert_int_equal(own.kv_bytes, 4096);
  assert_int_equal(own.storage_bytes, quotas_default.storage_bytes);
}

static void more_than_is_granted_is_denied_with_the_option_that_would_grant_it(void **state) {
  (void)state;
  const quotas all = {.kv_keys = 11, .kv_bytes = 21, .kv_value_bytes = 1, .storage_bytes = 31};
  assert_success(project_check_quotas("b", &all, &(quotas){0}));
  assert_fails(project_check_quotas("b", &all, &(quotas){.kv_bytes = 20}), UBIQ_DENIED,
               "b: [project.quotas] asks for kv of 21 bytes; at most 20 bytes are granted (--kv-max)");
  assert_fails(project_check_quotas("b", &all, &(quotas){.kv_keys = 10}), UBIQ_DENIED,
               "b: [project.quotas] asks for kv_keys of 11; at most 10 are granted (--kv-keys-max)");
  assert_fails(project_check_quotas("b", &all, &(quotas){.storage_bytes = 30}), UBIQ_DENIED,
               "b: [project.quotas] asks for storage of 31 bytes; at most 30 bytes are granted (--storage-max)");
}

static void what_is_no_quota_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "[project.quotas]\nkv = 0\n" FUNCTION,
      "[project.quotas]\nkv_keys = 0\n" FUNCTION,
      "[project.quotas]\nkv_value = '9MiB'\n" FUNCTION,
      "[project.quotas]\nwaiting = 2000001\n" FUNCTION,
      "[project.quotas]\nkeys = 1\n" FUNCTION,
      "[project]\nquotas = 1\n" FUNCTION,
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    project *project = NULL;
    ubiq_error *error = parse(wrong[i], &project);
    assert_non_null(error);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_said_is_read_and_the_rest_is_settled),
      cmocka_unit_test(what_is_not_said_is_no_more_than_what_is_granted),
      cmocka_unit_test(more_than_is_granted_is_denied_with_the_option_that_would_grant_it),
      cmocka_unit_test(what_is_no_quota_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
