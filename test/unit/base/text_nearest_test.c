#include "base/text.h"

#include "unit/base/testing.h"

static const char *const names[] = {"max_pages",     "max_var_bytes", "wasm",      "config",
                                    "allowed_hosts", "allowed_paths", "timeout_ms"};

static const char *nearest(const char *name) {
  return text_nearest(text_of(name), names, sizeof names / sizeof names[0]);
}

static void a_slip_of_the_fingers_finds_the_name(void **state) {
  (void)state;
  assert_string_equal(nearest("max_page"), "max_pages");
  assert_string_equal(nearest("mxa_pages"), "max_pages");
  assert_string_equal(nearest("wsam"), "wasm");
  assert_string_equal(nearest("Config"), "config");
  assert_string_equal(nearest("allowed_host"), "allowed_hosts");
  assert_string_equal(nearest("timeout"), "timeout_ms");
}

static void a_different_word_finds_nothing(void **state) {
  (void)state;
  assert_null(nearest("banana"));
  assert_null(nearest("x"));
  assert_null(nearest(""));
}

static void a_very_long_name_finds_nothing(void **state) {
  (void)state;
  assert_null(nearest("max_pagesmax_pagesmax_pagesmax_pagesmax_pagesmax_pagesmax_pagesmax_pages"));
}

static void the_closest_of_several_wins(void **state) {
  (void)state;
  assert_string_equal(nearest("allowed_pats"), "allowed_paths");
  static const char *const close[] = {"--input", "--input-file"};
  assert_string_equal(text_nearest(TEXT("--inptu-file"), close, 2), "--input-file");
  assert_null(text_nearest(TEXT("x"), close, 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_slip_of_the_fingers_finds_the_name),
      cmocka_unit_test(a_different_word_finds_nothing),
      cmocka_unit_test(a_very_long_name_finds_nothing),
      cmocka_unit_test(the_closest_of_several_wins),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
