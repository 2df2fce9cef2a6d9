// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/toml.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <stdlib.h>

static ubiq_error *parse(const char *toml, toml_document **out) {
  return toml_parse("ubiq.toml", toml, strlen(toml), out);
}

static void check(const char *toml, const char *expected) {
  toml_document *document = NULL;
  assert_success(parse(toml, &document));
  json_value root = toml_root(document);
  char *json = yyjson_val_write(root.value, YYJSON_WRITE_ALLOW_INF_AND_NAN, NULL);
  assert_string_equal(json, expected);
  free(json);
  toml_delete(document);
}

static void check_fails(const char *toml, const char *message) {
  toml_document *document = NULL;
  assert_fails(parse(toml, &document), UBIQ_INVALID_INPUT, message);
}

static void values_of_every_type_become_json(void **state) {
  (void)state;
  check("a = 1\nb = -2\nc = 1.5\nd = true\ne = \"x\\ty\"\nf = 'raw\\t'\ng = [1, 'two', [3]]\nh = { i = 1 }",
        "{\"a\":1,\"b\":-2,\"c\":1.5,\"d\":true,\"e\":\"x\\ty\",\"f\":\"raw\\\\t\",\"g\":[1,\"two\",[3]],\"h\":{\"i\":"
        "1}}");
  check("a = 0xff\nb = 1_000\nc = 9223372036854775807", "{\"a\":255,\"b\":1000,\"c\":9223372036854775807}");
  check("", "{}");
}

static void tables_and_dotted_keys_nest(void **state) {
  (void)state;
  check("[functions.hello]\nroute = 'POST /hello'\n[[list]]\na.b.c = 1\n[[list]]\n\"odd key\" = 2",
        "{\"functions\":{\"hello\":{\"route\":\"POST /hello\"}},\"list\":[{\"a\":{\"b\":{\"c\":1}}},{\"odd key\":2}]}");
}

static void dates_and_times_become_rfc3339_strings(void **state) {
  (void)state;
  check(
      "a = 1979-05-27T07:32:00Z\nb = 1979-05-27\nc = 07:32:00\nd = 1979-05-27T00:32:00.5-07:00",
      "{\"a\":\"1979-05-27T07:32:00Z\",\"b\":\"1979-05-27\",\"c\":\"07:32:00\",\"d\":\"1979-05-27T00:32:00.5-07:00\"}");
}

static void an_error_of_syntax_says_line_and_column(void **state) {
  (void)state;
  check_fails("a = 1\nb = \"open\n",
              "ubiq.toml:2:10: while parsing string: unescaped control characters other than TAB (U+0009) are "
              "explicitly prohibited");
}

static void brackets_without_a_key_are_refused(void **state) {
  (void)state;
  check_fails("[[[a]]]",
              "ubiq.toml:1:3: while parsing key: expected bare key starting character or string delimiter, saw '['");
}

static void letters_outside_of_ascii_need_quotes(void **state) {
  (void)state;
  check("\"café\" = 'é' # é", "{\"café\":\"é\"}");
  check_fails("café = 1", "ubiq.toml:1:4: while parsing key-value pair: expected '=', saw 'é'");
  check_fails(" é = 1",
              "ubiq.toml:1:2: while parsing root table: expected keys, tables, whitespace or comments, saw 'é'");
}

static void a_key_that_stands_twice_is_refused(void **state) {
  (void)state;
  toml_document *document = NULL;
  ubiq_error *error = parse("a = 1\na = 2\n", &document);
  assert_non_null(error);
  assert_memory_equal(ubiq_error_message(error), "ubiq.toml:2:", 12);
  ubiq_error_delete(error);
}

static void bytes_that_are_no_utf8_are_refused(void **state) {
  (void)state;
  toml_document *document = NULL;
  ubiq_error *error = parse("a = \"\xff\"", &document);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
}

static void nesting_is_bounded_however_it_is_written(void **state) {
  (void)state;
  char text[4000] = "a";
  for (int i = 0; i < 33; i++) strcat(text, ".a");
  strcat(text, " = 1");
  check_fails(text, "ubiq.toml: tables and arrays are nested more than 64 deep");

  strcpy(text, "[a");
  for (int i = 0; i < 32; i++) strcat(text, ".\"a.b\"");
  strcat(text, "]\nb");
  for (int i = 0; i < 30; i++) strcat(text, ".b");
  strcat(text, " = 1");
  toml_document *document = NULL;
  assert_success(parse(text, &document));
  toml_delete(document);
  text[strlen(text) - 4] = 0;
  strcat(text, ".b = 1");
  check_fails(text, "ubiq.toml: tables and arrays are nested more than 64 deep");

  strcpy(text, "a = ");
  for (int i = 0; i < 1000; i++) strcat(text, "[");
  ubiq_error *error = parse(text, &document);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
}

/// Quotes at the end of a string of several lines may be part of it. Who takes them for the beginning of another string
/// overlooks the key behind it, of which toml++ makes tables that end in a recursion for which no stack is deep enough.
static void no_string_before_it_hides_a_key_of_many_parts(void **state) {
  (void)state;
  static const char *const strings[] = {
      "x = [\"\"\"a\"\"\"\", \"\"\"b\"\"\"]",
      "x = [\"\"\"a\"\"\"\"\", \"\"\"b\"\"\"]",
      "x = [\"\"\"\"\"\"\"\", \"\"\"\"\"\"\"]",
      "x = ['''a'''', '''b''']",
      "x = ['''a''''', '''b''']",
      "x = [\"\"\"\\\"\"\"\", \"\\\"\", '\\', ''] # \"\"\"",
  };
  enum { PARTS = 200000 };
  char *text = malloc(200 + 2 * PARTS);
  for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
    char *at = text + sprintf(text, "%s\na", strings[i]);
    for (int part = 0; part < PARTS; part++, at += 2) memcpy(at, ".a", 2);
    strcpy(at, " = 1");
    check_fails(text, "ubiq.toml: tables and arrays are nested more than 64 deep");
  }
  free(text);
}

static void dots_in_strings_comments_and_numbers_are_no_nesting(void **state) {
  (void)state;
  check("a = "
        "[1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,"
        "1.5,1.5,1.5,"
        "1.5,1.5,1.5,1.5]",
        "{\"a\":[1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1."
        "5,1.5,1.5,1.5,1.5,1.5,1."
        "5,1.5,1.5]}");
  check(
      "a = \"........................................\\\"\" # ......................................................\n"
      "b = '''.......'.....''...................................'''",
      "{\"a\":\"........................................\\\"\",\"b\":\".......'.....''................................."
      "..\"}");
}

static const char project[] = "[project]\n"
                              "name = \"hello\"\n"
                              "\n"
                              "[functions.hello]\n"
                              "  route = 3\n"
                              "[functions.\"a.b\"]\n"
                              "list = [\"é\", 2,\n"
                              "        3]\n";

static void every_key_and_item_has_a_place(void **state) {
  (void)state;
  toml_document *document = NULL;
  assert_success(parse(project, &document));
  const struct {
    const char *path;
    unsigned line, column;
  } places[] = {
      {"project", 1, 2},
      {"project.name", 2, 1},
      {"functions.hello.route", 5, 3},
      {"functions.hello", 4, 12},
      {"functions.\"a.b\".list", 7, 1},
      {"functions.\"a.b\".list[1]", 7, 14},
      {"functions.\"a.b\".list[2]", 8, 9},
  };
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    unsigned line = 0;
    unsigned column = 0;
    if (!toml_position(document, places[i].path, &line, &column)) fail_msg("%s has no place", places[i].path);
    if (line != places[i].line || column != places[i].column) fail_msg("%s is at %u:%u", places[i].path, line, column);
  }
  const char *nowhere[] = {"projects",
                           "project.name.x",
                           "project.name[0]",
                           "functions.\"a.b\".list[3]",
                           "functions.\"a.b",
                           "functions.\"a.b\".list[x]",
                           "functions.\"a.b\".list[",
                           "functions..",
                           "."};
  for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
    unsigned line = 0;
    unsigned column = 0;
    if (toml_position(document, nowhere[i], &line, &column)) fail_msg("%s has a place", nowhere[i]);
  }
  toml_delete(document);
}

static void an_error_of_meaning_says_where_its_value_stands(void **state) {
  (void)state;
  toml_document *document = NULL;
  assert_success(parse(project, &document));
  json_value root = toml_root(document);
  json_value functions = json_field(&root, "functions");
  json_value hello = json_field(&functions, "hello");
  json_value route = json_field(&hello, "route");
  text string;
  assert_fails(json_get_text(&route, &string), UBIQ_INVALID_INPUT,
               "ubiq.toml:5:3: functions.hello.route is 3; expected a string");
  json_value source = json_field(&hello, "source");
  assert_fails(json_get_text(&source, &string), UBIQ_INVALID_INPUT,
               "ubiq.toml:4:12: functions.hello.source is missing; expected a string");
  json_value odd = json_field(&functions, "a.b");
  static const char *const keys[] = {"lists"};
  assert_fails(json_check_keys(&odd, keys, 1), UBIQ_INVALID_INPUT,
               "ubiq.toml:7:1: unknown key functions.\"a.b\".list; did you mean \"lists\"?");
  toml_delete(document);
}

static bool attempt(void *user) {
  (void)user;
  toml_document *document = NULL;
  ubiq_error *error = parse(project, &document);
  if (error != NULL) assert_ptr_equal(error, ubiq_error_no_memory());
  toml_delete(document);
  return error == NULL;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(attempt, NULL) >= 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_of_every_type_become_json),
      cmocka_unit_test(tables_and_dotted_keys_nest),
      cmocka_unit_test(dates_and_times_become_rfc3339_strings),
      cmocka_unit_test(an_error_of_syntax_says_line_and_column),
      cmocka_unit_test(brackets_without_a_key_are_refused),
      cmocka_unit_test(letters_outside_of_ascii_need_quotes),
      cmocka_unit_test(a_key_that_stands_twice_is_refused),
      cmocka_unit_test(bytes_that_are_no_utf8_are_refused),
      cmocka_unit_test(nesting_is_bounded_however_it_is_written),
      cmocka_unit_test(no_string_before_it_hides_a_key_of_many_parts),
      cmocka_unit_test(dots_in_strings_comments_and_numbers_are_no_nesting),
      cmocka_unit_test(every_key_and_item_has_a_place),
      cmocka_unit_test(an_error_of_meaning_says_where_its_value_stands),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
