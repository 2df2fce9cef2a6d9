// The shapes of constraints.yaml, which the build makes with the script that makes those of the API.
#include "api/operation.h"
#include "api/shape.h"
#include "base/json.h"

#include "unit/base/testing.h"

#define api_operations tested_operations
#include "constraints/api/operations.inc"

/// The words about a body; "" when it is good. The caller frees them.
static char *problem_of(const char *json) {
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse("test", json, strlen(json), &document);
  assert_null(error);
  error = tested_operations[0].check_body(yyjson_doc_get_root(document));
  char *words = strdup(ubiq_error_message(error));
  if (error != NULL) assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
  yyjson_doc_free(document);
  return words;
}

static void assert_good(const char *json) {
  char *words = problem_of(json);
  if (words[0] != '\0') fail_msg("%s: %s", json, words);
  free(words);
}

static void assert_wrong(const char *json, const char *expected) {
  char *words = problem_of(json);
  assert_string_equal(words, expected);
  free(words);
}

static void values_of_each_kind_are_taken(void **state) {
  (void)state;
  const char *const rows[] = {
      "{}",
      "{\"anything\":null}",
      "{\"anything\":[1,{\"a\":2}]}",
      "{\"nothing\":null}",
      "{\"flag\":false}",
      "{\"whole\":-3}",
      "{\"whole\":7}",
      "{\"above\":5}",
      "{\"above\":18446744073709551615}",
      "{\"share\":0}",
      "{\"share\":0.5}",
      "{\"share\":1}",
      "{\"characters\":\"\xc3\xa4\xc3\xb6\"}",
      "{\"characters\":\"abc\"}",
      "{\"bytes\":\"abcd\"}",
      "{\"bytes\":\"\xc3\xa4\xc3\xb6\"}",
      "{\"beside\":\"a\"}",
      "{\"color\":\"green\"}",
      "{\"same\":\"one\"}",
      "{\"ttl\":\"30s\"}",
      "{\"time\":\"2030-01-31T12:00:00Z\"}",
      "{\"time\":\"2030-01-31t12:00:00.25+01:00\"}",
      "{\"name\":\"a\"}",
      "{\"name\":\"a_0-\"}",
      "{\"dotted\":\"v1.20\"}",
      "{\"mixed\":null}",
      "{\"mixed\":\"\"}",
      "{\"scalar\":1.5}",
      "{\"scalar\":true}",
      "{\"list\":[1]}",
      "{\"list\":[1,2]}",
      "{\"open\":{\"a\":[]}}",
      "{\"map\":{}}",
      "{\"map\":{\"a\":1,\"b\":2}}",
      "{\"few\":{\"a\":\"b\"}}",
      "{\"tree\":{\"name\":\"a\",\"children\":[{\"name\":\"b\",\"children\":[]}]}}",
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) assert_good(rows[i]);
}

static void what_breaks_a_constraint_is_named_with_its_place(void **state) {
  (void)state;
  const struct {
    const char *json, *expected;
  } rows[] = {
      {"[]", "body is an array; expected an object"},
      {"{\"nothing\":0}", "body.nothing is 0; expected null"},
      {"{\"flag\":1}", "body.flag is 1; expected true or false"},
      {"{\"whole\":-4}", "body.whole is -4; expected an integer from -3 to 7"},
      {"{\"whole\":8}", "body.whole is 8; expected an integer from -3 to 7"},
      {"{\"whole\":1.0}", "body.whole is 1; expected an integer from -3 to 7"},
      {"{\"whole\":\"1\"}", "body.whole is \"1\"; expected an integer from -3 to 7"},
      {"{\"above\":4}", "body.above is 4; expected an integer of at least 5"},
      {"{\"share\":1.5}", "body.share is 1.5; expected a number from 0 to 1"},
      {"{\"characters\":\"\xc3\xa4\"}", "body.characters is \"\xc3\xa4\"; expected a string of 2 to 3 characters"},
      {"{\"characters\":\"abcd\"}", "body.characters is \"abcd\"; expected a string of 2 to 3 characters"},
      {"{\"long\":\"a\"}", "body.long is \"a\"; expected a string of at least 2 characters"},
      {"{\"bytes\":7}", "body.bytes is 7; expected a string of 1 to 4 bytes"},
      {"{\"bytes\":\"\"}", "body.bytes is \"\"; expected a string of 1 to 4 bytes"},
      {"{\"beside\":\"abcde\"}", "body.beside is \"abcde\"; expected a string of 1 to 4 bytes"},
      {"{\"color\":\"pink\"}", "body.color is \"pink\"; expected \"red\", \"green\" or \"blue\""},
      {"{\"same\":\"two\"}", "body.same is \"two\"; expected \"one\""},
      {"{\"ttl\":\"soon\"}", "body.ttl is \"soon\"; expected a duration such as \"500ms\", \"30s\", \"5m\" or \"1h\""},
      {"{\"time\":\"2030-13-31T12:00:00Z\"}",
       "body.time is \"2030-13-31T12:00:00Z\"; expected a time such as \"2030-01-31T12:00:00Z\""},
      {"{\"time\":\"2030-01-31T12:00:00\"}",
       "body.time is \"2030-01-31T12:00:00\"; expected a time such as \"2030-01-31T12:00:00Z\""},
      {"{\"name\":\"0a\"}", "body.name is \"0a\"; expected a string that matches ^[a-z][a-z0-9_-]{0,3}$"},
      {"{\"name\":\"abcde\"}", "body.name is \"abcde\"; expected a string that matches ^[a-z][a-z0-9_-]{0,3}$"},
      {"{\"dotted\":\"v1.\"}", "body.dotted is \"v1.\"; expected a string that matches ^v[0-9]+\\.[0-9]+$"},
      {"{\"mixed\":1}", "body.mixed is 1; expected a string or null"},
      {"{\"scalar\":null}", "body.scalar is null; expected a string, a number or true or false"},
      {"{\"list\":[]}", "body.list is an array; expected an array of 1 to 2 items"},
      {"{\"list\":[1,2,3]}", "body.list is an array; expected an array of 1 to 2 items"},
      {"{\"list\":[1,\"2\"]}", "body.list[1] is \"2\"; expected an integer"},
      {"{\"map\":{\"a\":1,\"b\":2,\"c\":3}}", "body.map is an object; expected an object of at most 2 fields"},
      {"{\"map\":{\"a b\":\"c\"}}", "body.map.\"a b\" is \"c\"; expected an integer"},
      {"{\"few\":{}}", "body.few is an object; expected an object of at least 1 fields"},
      {"{\"tree\":{\"name\":\"a\",\"children\":[{}]}}", "body.tree.children[0].name is missing; expected a string"},
      {"{\"colour\":\"red\"}", "body.colour is not known; did you mean \"color\"?"},
      {"{\"tree\":{\"name\":\"a\",\"zzzzzz\":1}}", "body.tree.zzzzzz is not known"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) assert_wrong(rows[i].json, rows[i].expected);
}

static void what_is_wrong_with_a_secret_is_told_without_it(void **state) {
  (void)state;
  const struct {
    const char *json, *expected;
  } rows[] = {
      {"{\"secret\":\"hush\"}", "body.secret is a string; expected an object"},
      {"{\"secret\":7531}", "body.secret is a number; expected an object"},
      {"{\"secret\":{\"value\":\"hush!\"}}",
       "body.secret.value is a string; expected a string of at most 4 characters"},
      {"{\"secret\":{\"value\":7531}}", "body.secret.value is a number; expected a string of at most 4 characters"},
      {"{\"secret\":{}}", "body.secret.value is missing; expected a string of at most 4 characters"},
      {"{\"secret\":{\"hush\":1}}", "body.secret has a field that is not known"},
      {"{\"secret\":{\"value\":\"\",\"more\":[1,7531]}}",
       "body.secret.more[1] is a number; expected an integer of at most 9"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) assert_wrong(rows[i].json, rows[i].expected);
  assert_good("{\"secret\":{\"value\":\"hush\",\"more\":[9]}}");
}

static void a_pattern_ends_where_the_text_ends(void **state) {
  (void)state;
  const shape_piece pattern[] = {{{0, 2}, 1, 2}, {{0, 4}, 0, UINT32_MAX}, {{0}, 0, 0}}; // ^A{1,2}B*$
  assert_true(shape_matches(pattern, TEXT("A")));
  assert_true(shape_matches(pattern, TEXT("AABBB")));
  assert_false(shape_matches(pattern, TEXT("")));
  assert_false(shape_matches(pattern, TEXT("AAA")));
  assert_false(shape_matches(pattern, TEXT("AB\xff")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_of_each_kind_are_taken),
      cmocka_unit_test(what_breaks_a_constraint_is_named_with_its_place),
      cmocka_unit_test(what_is_wrong_with_a_secret_is_told_without_it),
      cmocka_unit_test(a_pattern_ends_where_the_text_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
