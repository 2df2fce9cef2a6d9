/*
 * The fuzz target's corpus, fuzz/corpus/kernel_fuzz/: each of its inputs leaves the kernel in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "fuzz/kernel_fuzz.c"

enum { FILE_BYTES_MAX = 1 << 16 };

static void run_file(const char *folder, const char *name) {
  static uint8_t data[FILE_BYTES_MAX];
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t size = fread(data, 1, sizeof data, file);
  fclose(file);
  assert_int_equal(LLVMFuzzerTestOneInput(data, size), 0);
}

static void every_input_of_the_corpus_leaves_the_kernel_in_order(void **unused) {
  (void)unused;
  const char *folder = UBIQ_SOURCE_DIR "/fuzz/corpus/kernel_fuzz";
  DIR *entries = opendir(folder);
  assert_non_null(entries);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(entries));)
    if (entry->d_name[0] != '.') {
      run_file(folder, entry->d_name);
      count++;
    }
  closedir(entries);
  assert_true(count > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_input_of_the_corpus_leaves_the_kernel_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
