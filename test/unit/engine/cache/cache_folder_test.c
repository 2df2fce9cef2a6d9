// Where compiled modules are kept: UBIQ_CACHE before EXTISM_CACHE_CONFIG before the user's cache.
#include "unit/base/testing.h"

#include "base/file.h"
#include "engine/cache/cache_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char config_path[64];

static int forget_environment(void **state) {
  (void)state;
  unsetenv("UBIQ_CACHE");
  unsetenv("EXTISM_CACHE_CONFIG");
  return 0;
}

#define assert_folder(expected)                                                                                        \
  do {                                                                                                                 \
    char *folder_ = NULL;                                                                                              \
    assert_success(cache_folder(&folder_));                                                                            \
    assert_non_null(folder_);                                                                                          \
    assert_string_equal(folder_, expected);                                                                            \
    free(folder_);                                                                                                     \
  } while (0)

#define assert_no_folder()                                                                                             \
  do {                                                                                                                 \
    char *folder_ = NULL;                                                                                              \
    assert_success(cache_folder(&folder_));                                                                            \
    assert_null(folder_);                                                                                              \
  } while (0)

static void configure(const char *text) {
  assert_success(file_write_atomic(config_path, 0600, text, strlen(text)));
  setenv("EXTISM_CACHE_CONFIG", config_path, 1);
}

static void the_users_cache_has_it_unless_the_environment_says_otherwise(void **state) {
  (void)state;
  setenv("XDG_CACHE_HOME", "/somewhere", 1);
  assert_folder("/somewhere/ubiq/modules");
  setenv("UBIQ_CACHE", "/here", 1);
  assert_folder("/here");
}

static void an_empty_variable_turns_the_cache_off(void **state) {
  (void)state;
  setenv("EXTISM_CACHE_CONFIG", "", 1);
  assert_no_folder();
  setenv("UBIQ_CACHE", "/here", 1);
  assert_folder("/here");
  setenv("UBIQ_CACHE", "", 1);
  assert_no_folder();
}

static void a_configuration_of_wasmtimes_cache_names_the_folder(void **state) {
  (void)state;
  configure("[cache]\ndirectory = \"/somewhere/else\"\ncleanup-interval = \"1d\"\n");
  assert_folder("/somewhere/else/ubiq");
  setenv("XDG_CACHE_HOME", "/somewhere", 1);
  configure("[cache]\n");
  assert_folder("/somewhere/ubiq/modules");
}

static void a_bad_configuration_is_an_error_that_names_it(void **state) {
  (void)state;
  static const struct {
    const char *text, *part;
    ubiq_code code;
  } cases[] = {
      {"[cache]\ndirectory = \"here\"\n", "cache.directory is \"here\"; expected an absolute path", UBIQ_INVALID_INPUT},
      {"[cache]\ndirectory = 7\n", "cache.directory is 7", UBIQ_INVALID_INPUT},
      {"this is = = no TOML", ":1:", UBIQ_INVALID_INPUT},
      {NULL, "no such file", UBIQ_NOT_FOUND},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (cases[i].text)
      configure(cases[i].text);
    else
      setenv("EXTISM_CACHE_CONFIG", "/nowhere/at/all.toml", 1);
    char *folder = NULL;
    ubiq_error *error = cache_folder(&folder);
    assert_int_equal(ubiq_error_code(error), cases[i].code);
    assert_non_null(strstr(ubiq_error_message(error), "EXTISM_CACHE_CONFIG: "));
    if (!strstr(ubiq_error_message(error), cases[i].part)) fail_msg("%s", ubiq_error_message(error));
    assert_null(folder);
    ubiq_error_delete(error);
  }
}

int main(void) {
  char folder[] = "/tmp/ubiq-cache-folder-test-XXXXXX";
  if (!mkdtemp(folder)) return 1;
  snprintf(config_path, sizeof config_path, "%s/cache.toml", folder);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(the_users_cache_has_it_unless_the_environment_says_otherwise, forget_environment),
      cmocka_unit_test_setup(an_empty_variable_turns_the_cache_off, forget_environment),
      cmocka_unit_test_setup(a_configuration_of_wasmtimes_cache_names_the_folder, forget_environment),
      cmocka_unit_test_setup(a_bad_configuration_is_an_error_that_names_it, forget_environment),
  };
  int result = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(config_path);
  rmdir(folder);
  return result;
}
