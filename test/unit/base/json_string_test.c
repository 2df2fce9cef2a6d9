#include "base/json_string.h"

#include "unit/base/testing.h"

typedef struct fixture {
  arena arena;
  yyjson_doc *document;
  json_source source;
  json_value root;
} fixture;

/// The value of the key `k`.
static json_value parse(fixture *self, const char *json) {
  *self = (fixture){.source = {.name = "file"}};
  arena_init(&self->arena);
  assert_success(json_parse("file", json, strlen(json), &self->document));
  self->root = json_root(&self->source, yyjson_doc_get_root(self->document));
  return json_field(&self->root, "k");
}

static void end(fixture *self) {
  yyjson_doc_free(self->document);
  arena_free(&self->arena);
}

static void a_string_is_copied_with_a_zero_behind_it(void **state) {
  (void)state;
  fixture self;
  const char *found = NULL;
  json_value value = parse(&self, "{\"k\":\"abc\"}");
  assert_success(json_get_string(&value, &self.arena, &found));
  yyjson_doc_free(self.document);
  self.document = NULL;
  assert_string_equal(found, "abc");
  end(&self);
}

static void what_no_c_string_can_be_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *json, *message;
  } rows[] = {
      {"{\"k\":\"\"}", "file: k is \"\"; expected a string that is not empty"},
      {"{\"k\":\"a\\u0000b\"}", "file: k is \"a\\x00b\"; expected a string that is not empty"},
      {"{\"k\":1}", "file: k is 1; expected a string"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    fixture self;
    const char *found = NULL;
    json_value value = parse(&self, rows[i].json);
    assert_fails(json_get_string(&value, &self.arena, &found), UBIQ_INVALID_INPUT, rows[i].message);
    assert_null(found);
    end(&self);
  }
}

static void a_word_is_found_by_its_place(void **state) {
  (void)state;
  static const char *const words[] = {"one", "two", "three"};
  fixture self;
  size_t found = 99;
  json_value value = parse(&self, "{\"k\":\"three\"}");
  assert_success(json_get_word(&value, words, 3, &found));
  assert_int_equal(found, 2);
  end(&self);
}

static void another_word_is_refused_with_those_that_there_are(void **state) {
  (void)state;
  static const char *const words[] = {"one", "two", "three"};
  fixture self;
  size_t found = 99;
  json_value value = parse(&self, "{\"k\":\"on\"}");
  assert_fails(json_get_word(&value, words, 3, &found), UBIQ_INVALID_INPUT,
               "file: k is \"on\"; expected \"one\", \"two\" or \"three\"");
  assert_fails(json_get_word(&value, words, 2, &found), UBIQ_INVALID_INPUT,
               "file: k is \"on\"; expected \"one\" or \"two\"");
  assert_int_equal(found, 99);
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_string_is_copied_with_a_zero_behind_it),
      cmocka_unit_test(what_no_c_string_can_be_is_refused),
      cmocka_unit_test(a_word_is_found_by_its_place),
      cmocka_unit_test(another_word_is_refused_with_those_that_there_are),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
