// The fuzz target's corpus, fuzz/corpus/wasm_fuzz/, in the ordinary tests.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <dirent.h>

#include "fuzz/wasm_fuzz.c" // NOLINT(bugprone-suspicious-include)

enum { FILE_BYTES_MAX = 1 << 16 };

// From a heap block of exactly the file's size, so that ASan sees the first byte beyond it.
static void run_file(const char *folder, const char *name) {
  static uint8_t room[FILE_BYTES_MAX];
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t size = fread(room, 1, sizeof room, file);
  fclose(file);
  uint8_t *data = malloc(size);
  if (size > 0) memcpy(data, room, size);
  assert_int_equal(LLVMFuzzerTestOneInput(data, size), 0);
  free(data);
}

static void every_input_of_the_corpus_is_read_or_refused(void **state) {
  (void)state;
  const char *folder = UBIQ_SOURCE_DIR "/fuzz/corpus/wasm_fuzz";
  DIR *entries = opendir(folder);
  assert_non_null(entries);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
    if (entry->d_name[0] != '.') {
      run_file(folder, entry->d_name);
      count++;
    }
  closedir(entries);
  assert_true(count > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_input_of_the_corpus_is_read_or_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
