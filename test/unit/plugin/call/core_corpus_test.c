#include "fuzz/core_fuzz.c"

#include "unit/base/corpus.h"
#include "unit/plugin/plugin_testing.h"

static void every_changed_module_answers_or_fails(void **state) {
  (void)state;
  traps_restore();
  assert_true(corpus_run("core_fuzz", LLVMFuzzerTestOneInput) > 10);
}

int main(void) {
  plugin_testing_begin();
  plugin_testing_needs(ENGINE_CAN_SUSPEND);
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_changed_module_answers_or_fails)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
