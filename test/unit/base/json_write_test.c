// Strings come out as any reader of JSON takes them.
#include "base/json_write.h"

#include "unit/base/testing.h"

#include "yyjson.h"

static void assert_reads_back(text value, text expected) {
  buffer out = {0};
  assert_true(json_write_text(&out, value));
  yyjson_doc *document = yyjson_read((const char *)out.data, out.size, 0);
  assert_non_null(document);
  yyjson_val *root = yyjson_doc_get_root(document);
  assert_true(yyjson_is_str(root));
  assert_true(text_equal((text){yyjson_get_str(root), yyjson_get_len(root)}, expected));
  yyjson_doc_free(document);
  buffer_free(&out);
}

static void what_json_has_escapes_for_is_escaped(void **state) {
  (void)state;
  assert_reads_back(TEXT(""), TEXT(""));
  assert_reads_back(TEXT("plain"), TEXT("plain"));
  assert_reads_back(TEXT("\"a\\b\"\n\r\t\x01\x1f\0z"), TEXT("\"a\\b\"\n\r\t\x01\x1f\0z"));
  assert_reads_back(TEXT("h\xc3\xa9"), TEXT("h\xc3\xa9"));
}

static void bytes_that_are_no_utf8_are_shown(void **state) {
  (void)state;
  assert_reads_back(TEXT("a\xff"), TEXT("a\\xff"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_json_has_escapes_for_is_escaped),
      cmocka_unit_test(bytes_that_are_no_utf8_are_shown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
