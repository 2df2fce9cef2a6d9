// Which certificates are trusted: what the environment says stands before the machine's places.
#include "testing.h"

#include "base/fetch_roots.h"
#include "base/file.h"

#include <stdlib.h>

static void the_environment_names_a_file_and_a_folder(void **state) {
  (void)state;
  setenv("SSL_CERT_FILE", "/some/where.pem", 1);
  setenv("SSL_CERT_DIR", "/some/folder", 1);
  assert_string_equal(fetch_roots_file(), "/some/where.pem");
  assert_string_equal(fetch_roots_folder(), "/some/folder");
}

static void an_empty_name_is_none(void **state) {
  (void)state;
  unsetenv("SSL_CERT_FILE");
  unsetenv("SSL_CERT_DIR");
  const char *usual = fetch_roots_file();
  setenv("SSL_CERT_FILE", "", 1);
  setenv("SSL_CERT_DIR", "", 1);
  assert_ptr_equal(fetch_roots_file(), usual);
  assert_null(fetch_roots_folder());
}

static void without_a_name_it_is_a_file_that_is_there(void **state) {
  (void)state;
  unsetenv("SSL_CERT_FILE");
  const char *usual = fetch_roots_file();
  if (usual == NULL) skip();
  assert_true(file_exists(usual));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_environment_names_a_file_and_a_folder),
      cmocka_unit_test(an_empty_name_is_none),
      cmocka_unit_test(without_a_name_it_is_a_file_that_is_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
