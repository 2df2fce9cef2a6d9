#include "base/json_table.h"

#include "unit/base/testing.h"

typedef struct row {
  const char *name;
  int number;
} row;

static const row rows[] = {{"first", 1}, {"second", 2}, {"third", 3}};

static json_value parse(const char *json, yyjson_doc **document) {
  static const json_source source = {.name = "test"};
  assert_success(json_parse("test", json, strlen(json), document));
  return json_root(&source, yyjson_doc_get_root(*document));
}

static void a_table_may_have_the_keys_that_rows_begin_with(void **state) {
  (void)state;
  const json_keys known = JSON_KEYS(rows);
  yyjson_doc *document;
  json_value table = parse("{\"third\": 1, \"first\": 2}", &document);
  assert_success(json_check_table(&table, &known));
  yyjson_doc_free(document);
}

static void another_key_is_named_with_the_nearest(void **state) {
  (void)state;
  const json_keys known = JSON_KEYS(rows);
  yyjson_doc *document;
  json_value table = parse("{\"secnd\": 1}", &document);
  assert_fails(json_check_table(&table, &known), UBIQ_INVALID_INPUT,
               "test: unknown key secnd; did you mean \"second\"?");
  yyjson_doc_free(document);
}

static void what_is_no_table_is_refused(void **state) {
  (void)state;
  const json_keys known = JSON_KEYS(rows);
  yyjson_doc *document;
  json_value table = parse("[\"first\"]", &document);
  assert_fails(json_check_table(&table, &known), UBIQ_INVALID_INPUT, "test: it is an array; expected an object");
  yyjson_doc_free(document);
}

static void keys_that_are_there_are_walked_in_the_order_of_the_rows(void **state) {
  (void)state;
  const json_keys known = JSON_KEYS(rows);
  yyjson_doc *document;
  json_value table = parse("{\"third\": 30, \"second\": null, \"first\": 10}", &document), field;
  size_t next = 0;
  assert_true(json_next_known(&table, &known, &next, &field));
  assert_int_equal(rows[next - 1].number, 1);
  assert_int_equal(yyjson_get_int(field.value), 10);
  assert_true(json_next_known(&table, &known, &next, &field));
  assert_int_equal(rows[next - 1].number, 3);
  assert_int_equal(yyjson_get_int(field.value), 30);
  assert_false(json_next_known(&table, &known, &next, &field));
  assert_false(json_next_known(&table, &known, &next, &field));
  yyjson_doc_free(document);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_table_may_have_the_keys_that_rows_begin_with),
      cmocka_unit_test(another_key_is_named_with_the_nearest),
      cmocka_unit_test(what_is_no_table_is_refused),
      cmocka_unit_test(keys_that_are_there_are_walked_in_the_order_of_the_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
