// The fuzz target's corpus, fuzz/corpus/kernel_fuzz/: each of its inputs leaves the kernel in order.
#include "unit/base/corpus.h"

#include "fuzz/kernel_fuzz.c" // NOLINT(bugprone-suspicious-include)

static void every_input_of_the_corpus_leaves_the_kernel_in_order(void **state) {
  (void)state;
  assert_true(corpus_run("kernel_fuzz", LLVMFuzzerTestOneInput) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_input_of_the_corpus_leaves_the_kernel_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
