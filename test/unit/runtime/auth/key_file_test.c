#include "runtime/auth/key_file.h"

#include "unit/runtime/runtime_testing.h"

#include <unistd.h>

/// RFC 8037, appendix A.2.
#define KEY(id)                                                                                                        \
  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"" id "\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

static char *folder;
static char *path;
static key_file file;

static int begin(void **state) {
  (void)state;
  folder = folder_make();
  path = strdup(folder_path(folder, "keys.json"));
  return path == NULL ? -1 : 0;
}

static int end(void **state) {
  (void)state;
  key_file_close(&file);
  free(path);
  folder_remove(folder);
  return 0;
}

static void put(const char *text) {
  assert_success(file_write_atomic(path, 0600, text, strlen(text)));
}

/// The name of the only key of what is new; "" when nothing is.
static void assert_looks(const char *id) {
  jwks *keys = NULL;
  size_t count = 0;
  key_file_look(&file, &keys);
  if (keys != NULL) assert_string_equal(jwks_keys(keys, &count)[0].id, id);
  assert_int_equal(count, id[0] == '\0' ? 0 : 1);
  jwks_delete(keys);
}

static void open_with(const char *text) {
  jwks *keys = NULL;
  put(text);
  assert_success(key_file_open(&file, path, &keys));
  jwks_delete(keys);
}

static void a_file_that_another_replaced_is_read_again(void **state) {
  (void)state;
  open_with("{\"keys\":[" KEY("a") "]}");
  assert_looks("");
  put("{\"keys\":[" KEY("b") "]}");
  assert_looks("b");
  assert_looks("");
}

static void what_is_bad_or_gone_is_nothing_new_until_it_is_good(void **state) {
  (void)state;
  open_with("{\"keys\":[" KEY("a") "]}");
  put("{\"keys\":[");
  assert_looks("");
  assert_non_null(file.complaint);
  assert_int_equal(unlink(path), 0);
  assert_looks("");
  assert_non_null(strstr(file.complaint, "no such file"));
  put("{\"keys\":[" KEY("c") "]}");
  assert_looks("c");
  assert_null(file.complaint);
}

static void what_was_written_just_now_is_read_again_though_it_looks_the_same(void **state) {
  (void)state;
  open_with("{\"keys\":[" KEY("a") "]}");
  assert_false(file.is_certain);
  file.read_ns = 0; // long ago
  assert_looks("a");
}

static void what_is_no_file_is_not_waited_for(void **state) {
  (void)state;
  jwks *keys = NULL;
  assert_int_equal(mkfifo(path, 0600), 0);
  ubiq_error *error = key_file_open(&file, path, &keys);
  assert_non_null(error);
  ubiq_error_delete(error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_file_that_another_replaced_is_read_again, begin, end),
      cmocka_unit_test_setup_teardown(what_is_bad_or_gone_is_nothing_new_until_it_is_good, begin, end),
      cmocka_unit_test_setup_teardown(what_was_written_just_now_is_read_again_though_it_looks_the_same, begin, end),
      cmocka_unit_test_setup_teardown(what_is_no_file_is_not_waited_for, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
