// The fuzz target's corpus, fuzz/corpus/wasm_fuzz/, in the ordinary tests.
#include "unit/base/corpus.h"

#include "fuzz/wasm_fuzz.c" // NOLINT(bugprone-suspicious-include)

static void every_input_of_the_corpus_is_read_or_refused(void **state) {
  (void)state;
  assert_true(corpus_run("wasm_fuzz", LLVMFuzzerTestOneInput) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_input_of_the_corpus_is_read_or_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
