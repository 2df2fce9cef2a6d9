#include "cli/test_match.h"

#include "unit/base/testing.h"

#include <stdlib.h>
#include <string.h>

/// Asserts what is told of two JSON values.
static void tells(const char *expected, const char *actual, const char *differences) {
  yyjson_doc *left = yyjson_read(expected, strlen(expected), 0), *right = yyjson_read(actual, strlen(actual), 0);
  assert_non_null(left);
  assert_non_null(right);
  buffer told = {0};
  assert_true(test_match_json(yyjson_doc_get_root(left), yyjson_doc_get_root(right), &told));
  assert_string_equal(buffer_string(&told), differences);
  buffer_free(&told);
  yyjson_doc_free(left);
  yyjson_doc_free(right);
}

static void values_that_are_alike_have_no_difference(void **state) {
  (void)state;
  tells("{\"a\":[1,true,\"x\"],\"b\":{\"c\":-1}}", "{\"b\":{\"c\":-1},\"a\":[1,true,\"x\"]}", "");
  tells("3", "3.0", "");
  tells("[]", "[]", "");
}

static void numbers_of_another_sign_differ(void **state) {
  (void)state;
  tells("-1", "18446744073709551615", "expected -1, is 18446744073709551615\n");
}

static void each_difference_is_told_with_its_way(void **state) {
  (void)state;
  tells("{\"a\":[1,{\"b\":2}],\"gone\":1}", "{\"a\":[1,{\"b\":3}],\"new\":null}",
        "a[1].b: expected 2, is 3\ngone: expected 1, is absent\nnew: not expected, is null\n");
  tells("[1]", "{}", "expected [1], is {}\n");
  tells("\"x\"", "null", "expected \"x\", is null\n");
  tells("true", "1", "expected true, is 1\n");
}

static void a_star_among_the_keys_allows_further_ones(void **state) {
  (void)state;
  tells("{\"a\":1,\"*\":\"<number>\"}", "{\"a\":1,\"b\":2.5}", "");
  tells("{\"*\":\"<number>\"}", "{\"b\":\"x\"}", "b: expected \"<number>\", is \"x\"\n");
}

static void types_match_values_of_theirs_alone(void **state) {
  static const char *const values[] = {"1", "1.5", "\"x\"", "true", "[]", "{}", "null"};
  static const struct {
    const char *type, *fits; // a digit for each value: 1 when it fits
  } types[] = {{"\"*\"", "1111111"},        {"\"<integer>\"", "1000000"}, {"\"<number>\"", "1100000"},
               {"\"<string>\"", "0010000"}, {"\"<boolean>\"", "0001000"}, {"\"<array>\"", "0000100"},
               {"\"<object>\"", "0000010"}, {"\"<null>\"", "0000001"}};
  (void)state;
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    for (size_t j = 0; j < sizeof values / sizeof values[0]; j++) {
      char told[80] = "";
      if (types[i].fits[j] == '0') snprintf(told, sizeof told, "expected %s, is %s\n", types[i].type, values[j]);
      tells(types[i].type, values[j], told);
    }
}

static void texts_match_patterns_and_themselves(void **state) {
  (void)state;
  assert_true(test_match_text(TEXT("*"), TEXT("anything")));
  assert_true(test_match_text(TEXT("glob:Hello, *"), TEXT("Hello, Ada!")));
  assert_false(test_match_text(TEXT("glob:Hello, *"), TEXT("Bye")));
  assert_true(test_match_text(TEXT("text:*"), TEXT("*")));
  assert_false(test_match_text(TEXT("text:*"), TEXT("x")));
  assert_true(test_match_text(TEXT("a*"), TEXT("a*")));
  assert_false(test_match_text(TEXT("a*"), TEXT("ab")));
}

static void differences_beyond_a_bound_are_counted(void **state) {
  (void)state;
  buffer values = {0}, told = {0};
  for (int i = 0; i < TEST_MATCH_LINES_MAX + 2; i++) assert_true(buffer_append_string(&values, i == 0 ? "[1" : ",1"));
  assert_true(buffer_append_string(&values, "]"));
  yyjson_doc *expected = yyjson_read("[]", 2, 0), *actual = yyjson_read((char *)values.data, values.size, 0);
  assert_true(test_match_json(yyjson_doc_get_root(expected), yyjson_doc_get_root(actual), &told));
  assert_non_null(strstr(buffer_string(&told), "... and 2 more\n"));
  yyjson_doc_free(expected);
  yyjson_doc_free(actual);
  buffer_free(&values);
  buffer_free(&told);
}

static void shows_lines(text expected, text actual, const char *differences) {
  buffer told = {0};
  assert_true(test_match_lines(expected, actual, &told));
  assert_true(buffer_append_string(&told, ""));
  assert_string_equal(buffer_string(&told), differences);
  buffer_free(&told);
}

static void lines_alike_at_both_ends_are_left_out(void **state) {
  (void)state;
  shows_lines(TEXT("one\ntwo\nthree"), TEXT("one\n2\nthree"), "- two\n+ 2\n");
  shows_lines(TEXT("one\ntwo"), TEXT("one\ntwo\nthree"), "+ three\n");
  shows_lines(TEXT("one\n"), TEXT("one"), "the line break at the end is missing\n");
  shows_lines(TEXT("one"), TEXT("one\n"), "the line break at the end is not expected\n");
  shows_lines(TEXT("a"), TEXT(""), "- a\n");
  shows_lines(TEXT("a"), TEXT("b"), "- a\n+ b\n");
  shows_lines(TEXT("a\x1b"), TEXT("a"), "- a\\x1b\n+ a\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_that_are_alike_have_no_difference),
      cmocka_unit_test(numbers_of_another_sign_differ),
      cmocka_unit_test(each_difference_is_told_with_its_way),
      cmocka_unit_test(a_star_among_the_keys_allows_further_ones),
      cmocka_unit_test(types_match_values_of_theirs_alone),
      cmocka_unit_test(texts_match_patterns_and_themselves),
      cmocka_unit_test(differences_beyond_a_bound_are_counted),
      cmocka_unit_test(lines_alike_at_both_ends_are_left_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
