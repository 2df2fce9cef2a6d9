#include "base/text.h"

#include "unit/base/testing.h"

#include <stdbool.h>

static void check(const char *pattern, const char *value, bool expected) {
  if (text_glob_match(text_of(pattern), text_of(value)) != expected) {
    fail_msg("\"%s\" should %smatch \"%s\"", pattern, expected ? "" : "not ", value);
  }
}

static void plain_patterns_match_only_themselves(void **state) {
  (void)state;
  check("example.com", "example.com", true);
  check("example.com", "Example.com", false);
  check("example.com", "example.comx", false);
  check("example.com", "xexample.com", false);
  check("", "", true);
  check("", "a", false);
}

static void a_star_matches_any_run_slashes_included(void **state) {
  (void)state;
  check("*", "", true);
  check("*", "api.example.com", true);
  check("*.example.com", "api.example.com", true);
  check("*.example.com", "example.com", false);
  check("a*b*c", "aXbYbZc", true);
  check("a*b*c", "aXbYbZ", false);
  check("*a*a*", "xaya", true);
  check("*/x", "a/b/x", true);
  check("a*", "a/b/c", true);
}

static void a_question_mark_matches_one_character(void **state) {
  (void)state;
  check("c?t", "cat", true);
  check("c?t", "ct", false);
  check("c?t", "caat", false);
  check("?", "é", true);
  check("??", "é", false);
  check("?", "/", true);
}

static void a_set_matches_one_character_in_it(void **state) {
  (void)state;
  check("[abc]", "b", true);
  check("[abc]", "d", false);
  check("k[!e]tteh", "kitteh", true);
  check("k[!e]tteh", "ketteh", false);
  check("[a-z0-9]", "7", true);
  check("[a-z]", "A", false);
  check("[z-a]", "m", false);
  check("[]]", "]", true);
  check("[]a]", "a", true);
  check("[!]]", "]", false);
  check("[!]]", "a", true);
  check("[a-]", "-", true);
  check("[-a]", "-", true);
  check("[é-ü]", "ö", true);
  check("[[]", "[", true);
  check("[*]", "*", true);
  check("[*]", "a", false);
  check("[a!]", "!", true);
}

static void two_stars_match_whole_components(void **state) {
  (void)state;
  check("**", "a/b/c", true);
  check("**", "", true);
  check("a/**", "a/b/c", true);
  check("a/**", "a/", true);
  check("a/**", "a", false);
  check("a/**/b", "a/b", true);
  check("a/**/b", "a/x/y/b", true);
  check("a/**/b", "a/xb", false);
  check("**/b", "b", true);
  check("**/b", "a/b", true);
  check("**/b", "ab", false);
  check("**/*.txt", "x/y.txt", true);
  check("a/**/**/b", "a/b", true);
  check("**/a/b", "a/a/b", true);
}

static void a_malformed_pattern_matches_only_itself(void **state) {
  (void)state;
  const char *bad[] = {"***", "a**", "**a", "a**/b", "[", "[]", "[!", "[!]", "[a", "x[!a"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (text_glob_valid(text_of(bad[i]))) fail_msg("\"%s\" should be malformed", bad[i]);
    check(bad[i], bad[i], true);
    check(bad[i], "a", false);
  }
  assert_true(text_glob_valid(TEXT("]")));
  assert_true(text_glob_valid(TEXT("a]b")));
}

static void bytes_that_are_no_utf8_match_as_single_characters(void **state) {
  (void)state;
  check("?", "\xff", true);
  check("\xff", "\xff", true);
  check("\xff", "\xfe", false);
  check("*\xc3", "a\xc3", true);
  check("[\xff]", "\xff", true);
}

static void many_stars_take_polynomial_time(void **state) {
  (void)state;
  char value[20001];
  for (size_t i = 0; i < 20000; i++) value[i] = 'a';
  value[20000] = 0;
  check("*a*a*a*a*a*a*a*a*a*a*a*a*b", value, false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_patterns_match_only_themselves),
      cmocka_unit_test(a_star_matches_any_run_slashes_included),
      cmocka_unit_test(a_question_mark_matches_one_character),
      cmocka_unit_test(a_set_matches_one_character_in_it),
      cmocka_unit_test(two_stars_match_whole_components),
      cmocka_unit_test(a_malformed_pattern_matches_only_itself),
      cmocka_unit_test(bytes_that_are_no_utf8_match_as_single_characters),
      cmocka_unit_test(many_stars_take_polynomial_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
