#include "fuzz/artifact_fuzz.c"

#include "unit/base/corpus.h"

static void every_file_of_the_corpus_is_read_or_refused(void **state) {
  (void)state;
  assert_true(corpus_run("artifact_fuzz", LLVMFuzzerTestOneInput) > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_file_of_the_corpus_is_read_or_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
