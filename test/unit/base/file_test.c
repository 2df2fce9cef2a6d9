// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/file.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/// Each test has a folder of its own and works in it, so that messages have short paths.
static char folder[] = "/tmp/ubiq-file-test-XXXXXX";

static int enter(void **state) {
  (void)state;
  strcpy(folder + sizeof folder - 7, "XXXXXX");
  return mkdtemp(folder) == NULL ? -1 : chdir(folder);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)status;
  (void)type;
  (void)place;
  return remove(path);
}

static int leave(void **state) {
  (void)state;
  return chdir("/") != 0 || nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0;
}

static void write_file(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  fclose(file);
}

static void a_file_is_read_whole_behind_what_the_buffer_holds(void **state) {
  (void)state;
  write_file("a", "content\0x", 9);
  buffer bytes = {0};
  assert_true(buffer_append_string(&bytes, "before "));
  assert_success(file_read_all("a", 9, &bytes));
  assert_int_equal(bytes.size, 16);
  assert_memory_equal(bytes.data, "before content\0x", 16);
  buffer_free(&bytes);
}

static void an_empty_file_reads_as_nothing(void **state) {
  (void)state;
  write_file("empty", "", 0);
  buffer bytes = {0};
  assert_success(file_read_all("empty", 0, &bytes));
  assert_int_equal(bytes.size, 0);
  buffer_free(&bytes);
}

static void a_missing_file_is_not_found_by_name(void **state) {
  (void)state;
  buffer bytes = {0};
  assert_fails(file_read_all("greet.wasm", 100, &bytes), UBIQ_NOT_FOUND, "greet.wasm: no such file or directory");
}

static void a_folder_is_no_file(void **state) {
  (void)state;
  buffer bytes = {0};
  assert_fails(file_read_all(".", 100, &bytes), UBIQ_INVALID_INPUT, ".: it is a folder; expected a file");
}

static void a_file_over_the_limit_is_too_large(void **state) {
  (void)state;
  write_file("large", "0123456789", 10);
  buffer bytes = {0};
  assert_true(buffer_append_string(&bytes, "kept"));
  assert_fails(file_read_all("large", 9, &bytes), UBIQ_TOO_LARGE, "large: it has 10 bytes; at most 9 are allowed");
  assert_int_equal(bytes.size, 4);
  buffer_free(&bytes);
}

static void a_pipe_is_read_to_its_end_and_bounded(void **state) {
  (void)state;
  int ends[2];
  buffer bytes = {0};
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "0123456789", 10), 10);
  close(ends[1]);
  assert_success(file_read_descriptor(ends[0], "standard input", 10, &bytes));
  assert_string_equal(buffer_string(&bytes), "0123456789");
  close(ends[0]);

  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "0123456789", 10), 10);
  close(ends[1]);
  assert_fails(file_read_descriptor(ends[0], "standard input", 9, &bytes), UBIQ_TOO_LARGE,
               "standard input: larger than the 9 bytes that are allowed");
  assert_int_equal(bytes.size, 10);
  close(ends[0]);
  buffer_free(&bytes);
}

static void writing_replaces_a_file_and_sets_its_mode(void **state) {
  (void)state;
  write_file("target", "old and longer", 14);
  assert_success(file_write_atomic("target", 0640, "new", 3));
  buffer bytes = {0};
  assert_success(file_read_all("target", 100, &bytes));
  assert_string_equal(buffer_string(&bytes), "new");
  buffer_free(&bytes);
  struct stat status;
  assert_int_equal(stat("target", &status), 0);
  assert_int_equal(status.st_mode & 07777, 0640);
}

static int count_files(void) {
  struct dirent **names = NULL;
  int count = scandir(".", &names, NULL, NULL);
  for (int i = 0; i < count; i++) free(names[i]);
  free(names);
  return count - 2; // without . and ..
}

static void a_write_that_fails_leaves_nothing_behind(void **state) {
  (void)state;
  assert_int_equal(mkdir("taken", 0700), 0);
  assert_fails(file_write_atomic("taken", 0600, "x", 1), UBIQ_INVALID_INPUT, "taken: is a directory");
  assert_int_equal(count_files(), 1);
  assert_fails(file_write_atomic("nowhere/x", 0600, "x", 1), UBIQ_NOT_FOUND, "nowhere/x: no such file or directory");
}

static void a_private_folder_is_made_with_its_parents(void **state) {
  (void)state;
  mode_t mask = umask(0);
  ubiq_error *error = file_make_private_directory("a/b//c");
  umask(mask);
  assert_success(error);
  struct stat status;
  assert_int_equal(stat("a/b/c", &status), 0);
  assert_int_equal(status.st_mode & 0777, 0700);
  assert_int_equal(stat("a", &status), 0);
  assert_int_equal(status.st_mode & 0777, 0700);
  assert_success(file_make_private_directory("a/b/c"));
  assert_true(file_exists("a/b/c"));
  assert_true(file_is_directory("a/b/c"));
}

static void a_folder_open_to_others_is_refused(void **state) {
  (void)state;
  assert_int_equal(mkdir("open", 0700), 0);
  assert_int_equal(chmod("open", 0755), 0);
  assert_fails(file_make_private_directory("open"), UBIQ_DENIED,
               "open: others may use it (mode 0755); expected mode 0700 (chmod 700 open)");
}

static void a_link_or_a_file_in_place_of_a_folder_is_refused(void **state) {
  (void)state;
  assert_int_equal(mkdir("real", 0700), 0);
  assert_int_equal(symlink("real", "link"), 0);
  assert_fails(file_make_private_directory("link"), UBIQ_DENIED,
               "link: it is a link or a file; expected a folder of our own");
  write_file("file", "", 0);
  assert_fails(file_make_private_directory("file"), UBIQ_DENIED,
               "file: it is a link or a file; expected a folder of our own");
  assert_fails(file_make_private_directory(""), UBIQ_NOT_FOUND, ": no such file or directory");
}

static void a_folder_of_another_user_is_refused(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  assert_int_equal(mkdir("theirs", 0700), 0);
  assert_int_equal(chown("theirs", 12345, 12345), 0);
  assert_fails(file_make_private_directory("theirs"), UBIQ_DENIED,
               "theirs: it belongs to user 12345; expected user 0, who runs this program");
}

static void errno_values_have_their_classes(void **state) {
  (void)state;
  assert_fails(file_error(EACCES, "x"), UBIQ_DENIED, "x: permission denied");
  assert_fails(file_error(ENOSPC, "x"), UBIQ_QUOTA, "x: no space left on device");
  assert_fails(file_error(EIO, "x"), UBIQ_INTERNAL, "x: input/output error");
  assert_fails(file_error(ENOMEM, "x"), UBIQ_INTERNAL, "out of memory");
  assert_fails(file_error(54321, "x"), UBIQ_INTERNAL, "x: unknown error");
}

static bool attempt(void *user) {
  (void)user;
  buffer bytes = {0};
  ubiq_error *error = file_read_all("a", 200000, &bytes);
  if (error == NULL) error = file_write_atomic("b", 0600, bytes.data, bytes.size);
  if (error == NULL) error = file_make_private_directory("c");
  bool ok = error == NULL;
  if (!ok) assert_ptr_equal(error, ubiq_error_no_memory());
  buffer_free(&bytes);
  return ok;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  static uint8_t data[100000];
  write_file("a", data, sizeof data);
  assert_true(alloc_failure_sweep(attempt, NULL) >= 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_file_is_read_whole_behind_what_the_buffer_holds, enter, leave),
      cmocka_unit_test_setup_teardown(an_empty_file_reads_as_nothing, enter, leave),
      cmocka_unit_test_setup_teardown(a_missing_file_is_not_found_by_name, enter, leave),
      cmocka_unit_test_setup_teardown(a_folder_is_no_file, enter, leave),
      cmocka_unit_test_setup_teardown(a_file_over_the_limit_is_too_large, enter, leave),
      cmocka_unit_test_setup_teardown(a_pipe_is_read_to_its_end_and_bounded, enter, leave),
      cmocka_unit_test_setup_teardown(writing_replaces_a_file_and_sets_its_mode, enter, leave),
      cmocka_unit_test_setup_teardown(a_write_that_fails_leaves_nothing_behind, enter, leave),
      cmocka_unit_test_setup_teardown(a_private_folder_is_made_with_its_parents, enter, leave),
      cmocka_unit_test_setup_teardown(a_folder_open_to_others_is_refused, enter, leave),
      cmocka_unit_test_setup_teardown(a_link_or_a_file_in_place_of_a_folder_is_refused, enter, leave),
      cmocka_unit_test_setup_teardown(a_folder_of_another_user_is_refused, enter, leave),
      cmocka_unit_test(errno_values_have_their_classes),
      cmocka_unit_test_setup_teardown(every_allocation_that_fails_is_reported, enter, leave),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
