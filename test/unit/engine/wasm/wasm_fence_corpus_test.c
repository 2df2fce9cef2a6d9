// The corpora of the fuzz targets of modules, with limits put in, in the ordinary tests.
#include "fuzz/wasm_fence_fuzz.c" // NOLINT(bugprone-suspicious-include)

#include "unit/base/corpus.h"

static void every_file_of_the_corpora_is_fenced_or_refused(void **state) {
  (void)state;
  assert_true(corpus_run("wasm_fence_fuzz", LLVMFuzzerTestOneInput) > 4);
  assert_true(corpus_run("wasm_merge_fuzz", LLVMFuzzerTestOneInput) > 4);
  assert_true(corpus_run("wasm_fuzz", LLVMFuzzerTestOneInput) > 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_file_of_the_corpora_is_fenced_or_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
