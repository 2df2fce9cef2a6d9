// The fuzz target of paths as a property: over its corpus, and over rows of random calls, the same in each run.
#include "fuzz/wasi_paths_fuzz.c"

#include "unit/base/corpus.h"

static void every_file_of_the_corpus_stays_inside(void **state) {
  (void)state;
  assert_true(corpus_run("wasi_paths_fuzz", LLVMFuzzerTestOneInput) >= 5);
}

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void random_calls_stay_inside(void **state) {
  enum { ROWS = 400 };
  (void)state;
  uint64_t random = 0x5bd1e995;
  for (int row = 0; row < ROWS; row++) {
    uint8_t bytes[512];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(next_random(&random) >> 24);
    LLVMFuzzerTestOneInput(bytes, 32 + next_random(&random) % 480);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_file_of_the_corpus_stays_inside),
      cmocka_unit_test(random_calls_stay_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
