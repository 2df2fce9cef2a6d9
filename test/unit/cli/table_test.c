#include "cli/table.h"

#include "unit/base/testing.h"

#include <stdlib.h>
#include <string.h>

static const char *const heads[] = {"NAME", "SIZE", "NOTE"};

static void shows(const table *table, const char *expected) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  table_print(table, out);
  fclose(out);
  assert_string_equal(text, expected);
  free(text);
}

static void columns_are_as_wide_as_they_have_to_be(void **state) {
  (void)state;
  table table = {.heads = heads, .columns = 3};
  assert_true(table_add(&table, "a longer one") && table_printf(&table, "%d", 7) && table_add(&table, "fine"));
  assert_true(table_add(&table, "b") && table_printf(&table, "%d", 123456) && table_add(&table, ""));
  shows(&table, "NAME          SIZE    NOTE\n"
                "a longer one  7       fine\n"
                "b             123456\n");
  table_free(&table);
}

static void characters_count_and_not_bytes(void **state) {
  (void)state;
  table table = {.heads = heads, .columns = 3};
  assert_true(table_add(&table, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4") && table_add(&table, "1") &&
              table_add(&table, "x"));
  shows(&table, "NAME   SIZE  NOTE\n\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4  1     x\n");
  table_free(&table);
}

static void what_would_control_a_terminal_is_escaped(void **state) {
  (void)state;
  table table = {.heads = heads, .columns = 1};
  assert_true(table_add(&table, "\033[31mred\n"));
  shows(&table, "NAME\n\\x1b[31mred\\n\n");
  table_free(&table);
}

static void a_table_may_be_empty(void **state) {
  (void)state;
  table table = {.heads = heads, .columns = 2};
  shows(&table, "NAME  SIZE\n");
  table_free(&table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_are_as_wide_as_they_have_to_be),
      cmocka_unit_test(characters_count_and_not_bytes),
      cmocka_unit_test(what_would_control_a_terminal_is_escaped),
      cmocka_unit_test(a_table_may_be_empty),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
