// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/bundle/bundle_toml.h"

#include "base/toml.h"
#include "unit/base/alloc_failure.h"
#include "unit/base/corpus.h"

static void write_document(const toml_document *document, buffer *out) {
  yyjson_mut_doc *values = yyjson_mut_doc_new(NULL);
  assert_true(bundle_toml_write(out, yyjson_val_mut_copy(values, toml_root(document).value)));
  yyjson_mut_doc_free(values);
}

/// Writes what the text says, as TOML.
static void rewrite(const char *toml, buffer *out) {
  toml_document *document = NULL;
  assert_success(toml_parse("t", toml, strlen(toml), &document));
  write_document(document, out);
  toml_delete(document);
}

static void becomes(const char *toml, const char *expected) {
  buffer out = {0};
  rewrite(toml, &out);
  assert_string_equal(buffer_string(&out), expected);
  buffer_free(&out);
}

static void tables_have_headers_and_keys_come_first(void **state) {
  (void)state;
  becomes("b.c = 1\na = 2\n[d]\n[d.e]\nf = 'g'", "a = 2\n\n[b]\nc = 1\n\n[d]\n\n[d.e]\nf = \"g\"\n");
  becomes("[x]\ny = 1", "[x]\ny = 1\n");
  becomes("", "");
}

static void keys_are_quoted_where_they_must_be(void **state) {
  (void)state;
  becomes("['a.b'.\"c \\\" d\".'']\n'\xc3\xa4' = 1\nA-z_9 = 2",
          "[\"a.b\"]\n\n[\"a.b\".\"c \\\" d\"]\n\n[\"a.b\".\"c \\\" d\".\"\"]\nA-z_9 = 2\n\"\xc3\xa4\" = 1\n");
}

static void text_is_escaped(void **state) {
  (void)state;
  becomes("a = \"\\u0000\\n\\t\\\\\\\"\\u007f\\u00e4/\"", "a = \"\\u0000\\u000A\\u0009\\\\\\\"\\u007F\xc3\xa4/\"\n");
}

static void numbers_keep_their_kind(void **state) {
  (void)state;
  becomes("a = [1, -9223372036854775808, 9223372036854775807, 0x10]",
          "a = [1, -9223372036854775808, 9223372036854775807, 16]\n");
  becomes("a = [1.0, -0.5, 1e300, inf, -inf, 100000.0]",
          "a = [1.0, -0.5, 1.0000000000000001e+300, inf, -inf, 100000.0]\n");
  becomes("a = true\nb = false", "a = true\nb = false\n");
}

static void tables_in_arrays_stand_inline(void **state) {
  (void)state;
  becomes("[[a]]\nb = 1\n[[a]]\nc = {}\nd = [[], [{e = 'f'}]]",
          "a = [{ b = 1 }, { c = { }, d = [[], [{ e = \"f\" }]] }]\n");
}

/// What is written is read as the same values, whatever it is.
static int comes_back(const uint8_t *data, size_t size) {
  toml_document *document = NULL, *again = NULL;
  ubiq_error *error = toml_parse("t", data, size, &document);
  if (error == NULL) {
    buffer out = {0}, twice = {0};
    write_document(document, &out);
    assert_success(toml_parse("again", out.data, out.size, &again));
    write_document(again, &twice);
    assert_int_equal(twice.size, out.size);
    if (out.size > 0) assert_memory_equal(twice.data, out.data, out.size);
    buffer_free(&out);
    buffer_free(&twice);
  }
  ubiq_error_delete(error);
  toml_delete(document);
  toml_delete(again);
  return 0;
}

static void every_document_comes_back(void **state) {
  (void)state;
  assert_true(corpus_run("toml_fuzz", comes_back) > 10);
  assert_true(corpus_run("project_fuzz", comes_back) > 4);
}

static bool attempt(void *user) {
  buffer out = {0};
  bool good = bundle_toml_write(&out, user);
  buffer_free(&out);
  return good;
}

static void without_memory_nothing_leaks(void **state) {
  (void)state;
  static const char toml[] =
      "a = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n[b.c]\nd = 1";
  toml_document *document = NULL;
  assert_success(toml_parse("t", toml, strlen(toml), &document));
  yyjson_mut_doc *values = yyjson_mut_doc_new(NULL);
  assert_true(alloc_failure_sweep(attempt, yyjson_val_mut_copy(values, toml_root(document).value)) >= 3);
  yyjson_mut_doc_free(values);
  toml_delete(document);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tables_have_headers_and_keys_come_first),
      cmocka_unit_test(keys_are_quoted_where_they_must_be),
      cmocka_unit_test(text_is_escaped),
      cmocka_unit_test(numbers_keep_their_kind),
      cmocka_unit_test(tables_in_arrays_stand_inline),
      cmocka_unit_test(every_document_comes_back),
      cmocka_unit_test(without_memory_nothing_leaks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
