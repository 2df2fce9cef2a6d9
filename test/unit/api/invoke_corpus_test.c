#include "fuzz/invoke_fuzz.c"

#include "unit/base/corpus.h"

static void every_request_of_the_corpus_has_one_answer(void **state) {
  (void)state;
  assert_true(corpus_run("invoke_fuzz", LLVMFuzzerTestOneInput) > 90);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_request_of_the_corpus_has_one_answer)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
