// Trimming the module cache: the entries used longest ago go, and nothing else does.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include "base/file.h"
#include "engine/cache/cache_trim.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES = 10, ENTRY_BYTES = 1000 };

static char folder[64];

static const char *path_of(const char *name) {
  static char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

// The name of entry `i`: later ones sort first, so that names do not help.
static const char *entry_name(int i) {
  static char name[65];
  snprintf(name, sizeof name, "%064x", 0xabc - i);
  return name;
}

static void write_file(const char *name, int64_t seconds) {
  static const uint8_t bytes[ENTRY_BYTES];
  assert_success(file_write_atomic(path_of(name), 0600, bytes, sizeof bytes));
  struct timespec times[] = {{.tv_sec = seconds}, {.tv_sec = seconds, .tv_nsec = 5}};
  assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/ubiq-trim-test-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  for (int i = 0; i < ENTRIES; i++) write_file(entry_name(i), 1000 + i);
  write_file("key", 1);
  write_file("0123456789abcdef", 1);
  write_file("ABC4567890123456789012345678901234567890123456789012345678901234", 1);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

// How many entries are there; those that are must be the ones used last.
static int count_entries(void) {
  int count = 0;
  for (int i = 0; i < ENTRIES; i++) {
    bool is_there = file_exists(path_of(entry_name(i)));
    if (count > 0) assert_true(is_there);
    count += is_there;
  }
  return count;
}

static void assert_others_are_there(void) {
  assert_true(file_exists(path_of("key")));
  assert_true(file_exists(path_of("0123456789abcdef")));
  assert_true(file_exists(path_of("ABC4567890123456789012345678901234567890123456789012345678901234")));
}

static void entries_that_fit_stay(void **state) {
  (void)state;
  cache_trim(folder, ENTRIES * ENTRY_BYTES);
  assert_int_equal(count_entries(), ENTRIES);
}

static void those_used_longest_ago_go(void **state) {
  (void)state;
  cache_trim(folder, ENTRIES * ENTRY_BYTES - 1);
  assert_int_equal(count_entries(), ENTRIES - 1);
  cache_trim(folder, 3 * ENTRY_BYTES + 500);
  assert_int_equal(count_entries(), 3);
  cache_trim(folder, 0);
  assert_int_equal(count_entries(), 0);
  assert_others_are_there();
}

static void an_entry_that_is_used_stays_longer(void **state) {
  (void)state;
  cache_touch(path_of(entry_name(0)));
  cache_trim(folder, ENTRY_BYTES);
  assert_true(file_exists(path_of(entry_name(0))));
  assert_false(file_exists(path_of(entry_name(ENTRIES - 1))));
}

static void a_folder_that_is_not_there_is_no_matter(void **state) {
  (void)state;
  cache_trim("/no/such/folder", 0);
  cache_touch("/no/such/file");
}

static void without_memory_nothing_goes(void **state) {
  (void)state;
  alloc_failure.armed = true;
  alloc_failure.passes = 0;
  cache_trim(folder, 0);
  alloc_failure.armed = false;
  assert_int_equal(count_entries(), ENTRIES);
}

#define in_folder(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void) {
  const struct CMUnitTest tests[] = {
      in_folder(entries_that_fit_stay),
      in_folder(those_used_longest_ago_go),
      in_folder(an_entry_that_is_used_stays_longer),
      in_folder(a_folder_that_is_not_there_is_no_matter),
      in_folder(without_memory_nothing_goes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
