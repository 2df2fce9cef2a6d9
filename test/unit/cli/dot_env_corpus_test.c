#include "../../../fuzz/dot_env_fuzz.c"

#include "unit/base/corpus.h"

static void every_file_of_the_corpus_is_taken_or_refused(void **state) {
  (void)state;
  assert_true(corpus_run("dot_env_fuzz", LLVMFuzzerTestOneInput) > 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_file_of_the_corpus_is_taken_or_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
