// What CPUs can do, in words, and which words one lacks.
#include "unit/engine/engine_testing.h"

#include "engine/cpu.h"

#include <string.h>

static void this_cpu_lacks_nothing_of_itself(void **state) {
  (void)state;
  buffer words = {0};
  assert_true(cpu_describe(&words));
  const char *here = buffer_string(&words);
  assert_true(strlen(here) > 0 && here[0] != ' ');
  assert_int_equal(cpu_lacks(here, here).size, 0);
  buffer_free(&words);
}

static void the_first_word_that_is_missing_is_told(void **state) {
  (void)state;
  static const struct {
    const char *have, *wanted, *lacks;
  } rows[] = {
      {"x86_64 sse3 avx2", "x86_64 sse3", ""},
      {"x86_64 sse3 avx2", "x86_64 avx2 sse3", ""},
      {"x86_64 sse3", "x86_64 avx2 avx512f", "avx2"},
      {"x86_64 avx512", "x86_64 avx512f", "avx512f"},
      {"x86_64 avx512f", "x86_64 avx512", "avx512"},
      {"aarch64 lse", "x86_64", "x86_64"},
      {"x86_64", "", ""},
      {"", "x86_64", "x86_64"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ubiq_bytes word = cpu_lacks(rows[i].have, rows[i].wanted);
    if (word.size != strlen(rows[i].lacks) || (word.size && memcmp(word.data, rows[i].lacks, word.size) != 0))
      fail_msg("%s of %s: %.*s", rows[i].have, rows[i].wanted, (int)word.size, (const char *)word.data);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(this_cpu_lacks_nothing_of_itself),
      cmocka_unit_test(the_first_word_that_is_missing_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
