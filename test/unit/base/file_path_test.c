// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/file.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <stdlib.h>

static void check_join(const char *directory, const char *path, const char *expected) {
  char *joined = file_path_join(directory, path);
  assert_string_equal(joined, expected);
  free(joined);
}

static void paths_are_joined_with_one_slash(void **state) {
  (void)state;
  check_join("a", "b", "a/b");
  check_join("a/", "b", "a/b");
  check_join("/", "b", "/b");
  check_join("a", "/b", "/b");
  check_join("", "b", "b");
  check_join(NULL, "b", "b");
}

static void check_directory(const char *path, const char *expected) {
  char *directory = file_path_directory(path);
  assert_string_equal(directory, expected);
  free(directory);
}

static void the_folder_of_a_path_is_what_stands_before_its_last_slash(void **state) {
  (void)state;
  check_directory("a/b/c.toml", "a/b");
  check_directory("c.toml", ".");
  check_directory("/c.toml", "/");
}

static void the_program_knows_its_own_path(void **state) {
  (void)state;
  char *path = NULL;
  assert_success(file_executable_path(&path));
  assert_int_equal(path[0], '/');
  assert_true(file_exists(path));
  free(path);
}

static void check_cache(const char *cache, const char *home, const char *expected) {
  if (cache == NULL) unsetenv("XDG_CACHE_HOME");
  if (cache != NULL) setenv("XDG_CACHE_HOME", cache, 1);
  if (home == NULL) unsetenv("HOME");
  if (home != NULL) setenv("HOME", home, 1);
  char *path = NULL;
  assert_success(file_cache_path(&path));
  assert_string_equal(path, expected);
  free(path);
}

static void the_cache_is_where_xdg_says_or_below_home(void **state) {
  (void)state;
  check_cache("/var/cache/x", "/home/ada", "/var/cache/x/ubiq");
  check_cache(NULL, "/home/ada", "/home/ada/.cache/ubiq");
  check_cache("relative", "/home/ada", "/home/ada/.cache/ubiq");
  unsetenv("HOME");
  char *path = NULL;
  assert_fails(file_cache_path(&path), UBIQ_UNAVAILABLE,
               "there is no place for cached files; expected XDG_CACHE_HOME or HOME to be an absolute path");
}

static void what_a_server_keeps_is_where_xdg_says_or_below_home(void **state) {
  (void)state;
  char *path = NULL;
  setenv("XDG_STATE_HOME", "/var/state", 1);
  assert_success(file_state_path(&path));
  assert_string_equal(path, "/var/state/ubiq");
  free(path);
  setenv("XDG_STATE_HOME", "relative", 1);
  setenv("HOME", "/home/ada", 1);
  assert_success(file_state_path(&path));
  assert_string_equal(path, "/home/ada/.local/state/ubiq");
  free(path);
  unsetenv("HOME");
  assert_fails(file_state_path(&path), UBIQ_UNAVAILABLE,
               "there is no place for what a server keeps; expected XDG_STATE_HOME or HOME to be an absolute path");
}

static bool attempt(void *user) {
  (void)user;
  char *joined = file_path_join("a", "b");
  char *directory = joined == NULL ? NULL : file_path_directory(joined);
  char *cache = NULL;
  ubiq_error *error = directory == NULL ? NULL : file_cache_path(&cache);
  bool ok = error == NULL && cache != NULL;
  ubiq_error_delete(error);
  free(joined);
  free(directory);
  free(cache);
  return ok;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  setenv("XDG_CACHE_HOME", "/cache", 1);
  assert_int_equal(alloc_failure_sweep(attempt, NULL), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_are_joined_with_one_slash),
      cmocka_unit_test(the_folder_of_a_path_is_what_stands_before_its_last_slash),
      cmocka_unit_test(the_program_knows_its_own_path),
      cmocka_unit_test(the_cache_is_where_xdg_says_or_below_home),
      cmocka_unit_test(what_a_server_keeps_is_where_xdg_says_or_below_home),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
