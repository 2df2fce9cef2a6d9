// Routes that functions are given which have none.
#include "runtime/project/project_routes.h"
#include "unit/base/testing.h"

static const char toml[] = "[project]\nname = \"shop\"\nversion = \"1\"\n"
                           "[functions.greet]\nwasm = \"a.wasm\"\nroute = \"GET /greet\"\n"
                           "[functions.told]\nwasm = \"a.wasm\"\n";

static void functions_without_a_route_get_one_and_the_others_keep_theirs(void **state) {
  (void)state;
  project *project;
  assert_success(project_parse("/shop", "ubiq.toml", toml, sizeof toml - 1, &project));
  assert_int_equal(project->functions_count, 2);
  assert_success(project_route_all(project));
  assert_true(text_equal_string(project->functions[0].path, "/greet"));
  assert_true(text_equal_string(project->functions[0].method, "GET"));
  assert_true(text_equal_string(project->functions[1].path, "/_ubiq/functions/told"));
  assert_int_equal(project->functions[1].method.size, 0);
  project_delete(project);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(functions_without_a_route_get_one_and_the_others_keep_theirs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
