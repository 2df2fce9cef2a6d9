// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/json.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <stdio.h>

static ubiq_error *parse(const char *json) {
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse("manifest", json, strlen(json), &document);
  yyjson_doc_free(document);
  return error;
}

static void well_formed_json_is_taken(void **state) {
  (void)state;
  assert_success(parse("{\"a\":[1,-2,3.5,true,null,\"x\"],\"b\":{\"a\":1}}"));
  assert_success(parse(" 1 "));
}

static void an_error_of_syntax_says_line_and_column(void **state) {
  (void)state;
  assert_fails(parse("{\n  \"é\": x}"), UBIQ_INVALID_INPUT,
               "manifest:2:8: unexpected character, expected a valid JSON value");
  assert_fails(parse("{\"a\":1} x"), UBIQ_INVALID_INPUT, "manifest:1:9: unexpected content after document");
  assert_fails(parse("{\"a\":"), UBIQ_INVALID_INPUT, "manifest:1:6: unexpected end of data");
  assert_fails(parse(""), UBIQ_INVALID_INPUT, "manifest: it is empty; expected JSON");
}

static void a_duplicate_key_is_refused_with_its_place(void **state) {
  (void)state;
  assert_fails(parse("{\"a\": 1,\n \"b\": {\"c\": 1, \"d\": 2, \"c\": 3}}"), UBIQ_INVALID_INPUT,
               "manifest:2:24: the key \"c\" stands twice in one object");
  assert_fails(parse("{\"a\\n\": 1, \"\\u0061\\n\": 1}"), UBIQ_INVALID_INPUT,
               "manifest:1:12: the key \"a\\n\" stands twice in one object");
}

static void a_duplicate_among_many_keys_is_refused(void **state) {
  (void)state;
  char json[2000] = "{";
  for (int i = 0; i < 100; i++) sprintf(json + strlen(json), "\"k%d\":0,", i);
  size_t size = strlen(json);
  memcpy(json + size, "\"k100\":0}", 10);
  assert_success(parse(json));
  memcpy(json + size, "\"k31\":0}", 9);
  char message[100];
  snprintf(message, sizeof message, "manifest:1:%zu: the key \"k31\" stands twice in one object", size + 1);
  assert_fails(parse(json), UBIQ_INVALID_INPUT, message);
}

static void nesting_is_bounded(void **state) {
  (void)state;
  char json[2 * JSON_DEPTH_MAX + 3] = {0};
  memset(json, '[', JSON_DEPTH_MAX);
  memset(json + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
  assert_success(parse(json));
  memset(json, '[', JSON_DEPTH_MAX + 1);
  memset(json + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
  assert_fails(parse(json), UBIQ_INVALID_INPUT, "manifest: arrays and objects are nested more than 64 deep");
}

/// A document whose cursors a test looks at.
typedef struct fixture {
  yyjson_doc *document;
  json_source source;
  json_value root;
} fixture;

static const char sample[] =
    "{\"text\": \"hello\", \"yes\": true, \"count\": 42, \"less\": -1, \"real\": 1.5, \"huge\": 1e30,"
    "\"none\": null, \"memory\": {\"max_pages\": \"many\", \"max_page\": 1, \"a b\": {\"c\": [1, {\"d\": 2}]}},"
    "\"long\": \"0123456789012345678901234567890123456789012345678901234567é9\"}";

static int open_sample(void **state) {
  static fixture self;
  self.source = (json_source){.name = "manifest"};
  assert_success(json_parse("manifest", sample, sizeof sample - 1, &self.document));
  self.root = json_root(&self.source, yyjson_doc_get_root(self.document));
  *state = &self;
  return 0;
}

static int close_sample(void **state) {
  yyjson_doc_free(((fixture *)*state)->document);
  return 0;
}

static json_value at(void **state, const char *key) {
  return json_field(&((fixture *)*state)->root, key);
}

static void values_of_the_right_type_are_given(void **state) {
  json_value value = at(state, "text");
  text string;
  assert_success(json_get_text(&value, &string));
  assert_true(text_equal_string(string, "hello"));
  uint64_t count = 0;
  value = at(state, "count");
  assert_success(json_get_u64(&value, 42, 42, &count));
  assert_int_equal(count, 42);
}

static void values_of_the_wrong_type_are_named_with_what_was_expected(void **state) {
  text string;
  uint64_t count;
  json_value value = at(state, "count");
  assert_fails(json_get_text(&value, &string), UBIQ_INVALID_INPUT, "manifest: count is 42; expected a string");
  assert_fails(json_expect_object(&value), UBIQ_INVALID_INPUT, "manifest: count is 42; expected an object");
  value = at(state, "text");
  assert_fails(json_expect_object(&value), UBIQ_INVALID_INPUT, "manifest: text is \"hello\"; expected an object");
  value = at(state, "memory");
  assert_fails(json_expect_array(&value), UBIQ_INVALID_INPUT, "manifest: memory is an object; expected an array");
  value = at(state, "less");
  assert_fails(json_get_u64(&value, 0, UINT64_MAX, &count), UBIQ_INVALID_INPUT,
               "manifest: less is -1; expected an integer of at least 0");
  value = at(state, "real");
  assert_fails(json_get_u64(&value, 1, 9, &count), UBIQ_INVALID_INPUT,
               "manifest: real is 1.5; expected an integer from 1 to 9");
  value = at(state, "none");
  assert_fails(json_get_text(&value, &string), UBIQ_INVALID_INPUT, "manifest: none is null; expected a string");
  value = at(state, "yes");
  assert_fails(json_get_text(&value, &string), UBIQ_INVALID_INPUT, "manifest: yes is true; expected a string");
  value = at(state, "absent");
  assert_fails(json_get_text(&value, &string), UBIQ_INVALID_INPUT, "manifest: absent is missing; expected a string");
  value = ((fixture *)*state)->root;
  assert_fails(json_expect_array(&value), UBIQ_INVALID_INPUT, "manifest: it is an object; expected an array");
}

static void a_number_out_of_range_names_the_range(void **state) {
  json_value memory = at(state, "memory");
  json_value pages = json_field(&memory, "max_pages");
  uint64_t count;
  assert_fails(json_get_u64(&pages, 1, 65536, &count), UBIQ_INVALID_INPUT,
               "manifest: memory.max_pages is \"many\"; expected an integer from 1 to 65536");
  json_value value = at(state, "count");
  assert_fails(json_get_u64(&value, 43, 50, &count), UBIQ_INVALID_INPUT,
               "manifest: count is 42; expected an integer from 43 to 50");
  assert_fails(json_get_u64(&value, 1, 41, &count), UBIQ_INVALID_INPUT,
               "manifest: count is 42; expected an integer from 1 to 41");
}

static void a_long_string_is_shown_in_part(void **state) {
  json_value value = at(state, "long");
  assert_fails(
      json_expect_object(&value), UBIQ_INVALID_INPUT,
      "manifest: long is \"0123456789012345678901234567890123456789012345678901234567é...\"; expected an object");
}

static void null_and_missing_keys_are_absent(void **state) {
  json_value none = at(state, "none");
  json_value missing = at(state, "missing");
  json_value text = at(state, "text");
  assert_true(json_is_absent(&none));
  assert_true(json_is_absent(&missing));
  assert_false(json_is_absent(&text));
  json_value below = json_field(&missing, "deeper");
  assert_true(json_is_absent(&below));
}

static void the_way_to_a_value_quotes_odd_keys_and_counts_items(void **state) {
  json_value memory = at(state, "memory");
  json_value odd = json_field(&memory, "a b");
  json_value list = json_field(&odd, "c");
  json_value item = {0};
  assert_true(json_next_item(&list, &item));
  assert_true(json_next_item(&list, &item));
  json_value last = json_field(&item, "d");
  buffer path = {0};
  assert_true(json_path(&last, &path));
  assert_string_equal(buffer_string(&path), "memory.\"a b\".c[1].d");
  assert_false(json_next_item(&list, &item));
  buffer_free(&path);
}

/// Refuses [0,0,...] of `zeros`, with `behind` bytes of a string at its end, that may have `values_max` values.
static ubiq_error *parse_zeros(size_t zeros, size_t behind, size_t values_max) {
  size_t size = 2 * zeros + behind + 4, at = 0;
  char *json = malloc(size);
  yyjson_doc *document = NULL;
  json[at++] = '[';
  for (size_t i = 0; i < zeros; i++, at += 2) memcpy(json + at, "0,", 2);
  json[at++] = '"';
  memset(json + at, ',', behind);
  at += behind;
  json[at++] = '"';
  json[at++] = ']';
  ubiq_error *error = json_parse_up_to("request", json, at, &(json_limits){values_max, 1}, &document);
  assert_true((error == NULL) == (document != NULL));
  yyjson_doc_free(document);
  free(json);
  return error;
}

static void a_text_has_no_more_values_than_it_may(void **state) {
  (void)state;
  const char *const words = "request: it has more than 1000 values; expected fewer";
  assert_success(parse_zeros(998, 0, 1000));
  assert_success(parse_zeros(998, 1000000, 1000)); // many bytes are no matter
  assert_fails(parse_zeros(999, 0, 1000), UBIQ_TOO_LARGE, words);
  assert_fails(parse_zeros(999, 1000000, 1000), UBIQ_TOO_LARGE, words);
  assert_fails(parse_zeros(1000000, 0, 1000), UBIQ_TOO_LARGE, words);
}

static void an_object_has_no_more_keys_than_it_may(void **state) {
  (void)state;
  static const char json[] = "[{\"a\":1,\"b\":{\"c\":1}},{\"a\":1,\"b\":2,\"c\":3}]";
  yyjson_doc *document = NULL;
  assert_success(json_parse_up_to("request", json, sizeof json - 1, &(json_limits){SIZE_MAX, 3}, &document));
  yyjson_doc_free(document);
  assert_fails(json_parse_up_to("request", json, sizeof json - 1, &(json_limits){SIZE_MAX, 2}, &document),
               UBIQ_TOO_LARGE, "request: an object in it has 3 keys; expected at most 2");
}

/// Enough keys that some share a slot of the table.
static void one_key_of_many_that_stands_twice_is_found(void **state) {
  (void)state;
  enum { KEYS = 50000 };
  buffer json = {0};
  yyjson_doc *document = NULL;
  assert_true(buffer_append_byte(&json, '{'));
  for (int i = 0; i < KEYS; i++) assert_true(buffer_printf(&json, "\"key-%05d\":{\"a\":[%d]},", i, i));
  size_t size = json.size;
  assert_true(buffer_printf(&json, "\"key-%05d\":0}", KEYS));
  assert_success(json_parse("request", json.data, json.size, &document));
  yyjson_doc_free(document);
  for (int i = 0; i < KEYS; i += KEYS / 3 - 1) {
    json.size = size;
    assert_true(buffer_printf(&json, "\"key-%05d\":0}", i));
    ubiq_error *error = json_parse("request", json.data, json.size, &document);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    assert_non_null(strstr(ubiq_error_message(error), "stands twice in one object"));
    ubiq_error_delete(error);
  }
  buffer_free(&json);
}

static void fields_are_walked_in_order(void **state) {
  const char *keys[] = {"text", "yes", "count", "less", "real", "huge", "none", "memory", "long"};
  json_value field = {0};
  size_t count = 0;
  while (json_next_field(&((fixture *)*state)->root, &field)) assert_true(text_equal_string(field.key, keys[count++]));
  assert_int_equal(count, 9);
  assert_int_equal(json_count(&((fixture *)*state)->root), 9);
  json_value text = at(state, "text");
  json_value nothing = {0};
  assert_false(json_next_field(&text, &nothing));
  assert_false(json_next_item(&text, &nothing));
  assert_int_equal(json_count(&text), 0);
}

static void an_unknown_key_names_the_nearest_known_one(void **state) {
  static const char *const keys[] = {"max_pages", "a b", "max_var_bytes"};
  json_value memory = at(state, "memory");
  assert_fails(json_check_keys(&memory, keys, 3), UBIQ_INVALID_INPUT,
               "manifest: unknown key memory.max_page; did you mean \"max_pages\"?");
  static const char *const others[] = {"apples", "oranges", "plums"};
  assert_fails(json_check_keys(&memory, others, 3), UBIQ_INVALID_INPUT,
               "manifest: unknown key memory.max_pages; expected \"apples\", \"oranges\" or \"plums\"");
  static const char *const all[] = {"max_pages", "a b", "max_page"};
  assert_success(json_check_keys(&memory, all, 3));
}

static void an_error_of_meaning_names_the_value(void **state) {
  json_value memory = at(state, "memory");
  json_value pages = json_field(&memory, "max_pages");
  assert_fails(json_error(&pages, "comes too %s", "late"), UBIQ_INVALID_INPUT,
               "manifest: memory.max_pages comes too late");
}

static bool locate_memory(const void *user, const char *path, unsigned *line, unsigned *column) {
  assert_string_equal(user, "user");
  if (strcmp(path, "memory") != 0) return false;
  *line = 3;
  *column = 7;
  return true;
}

static void a_source_with_places_says_line_and_column(void **state) {
  fixture *self = *state;
  self->source = (json_source){.name = "ubiq.toml", .locate = locate_memory, .user = "user"};
  json_value memory = at(state, "memory");
  json_value pages = json_field(&memory, "max_pages");
  assert_fails(json_wrong(&pages, "a number"), UBIQ_INVALID_INPUT,
               "ubiq.toml:3:7: memory.max_pages is \"many\"; expected a number");
  json_value text = at(state, "text");
  assert_fails(json_wrong(&text, "a number"), UBIQ_INVALID_INPUT, "ubiq.toml: text is \"hello\"; expected a number");
}

static bool attempt(void *user) {
  (void)user;
  char json[2000] = "{";
  for (int i = 0; i < 50; i++) sprintf(json + strlen(json), "\"k%d\":0,", i);
  strcat(json, "\"wrong\":1}");
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse("manifest", json, strlen(json), &document);
  bool ok = error == NULL;
  if (ok) {
    json_source source = {.name = "manifest"};
    json_value root = json_root(&source, yyjson_doc_get_root(document));
    json_value wrong = json_field(&root, "wrong");
    error = json_wrong(&wrong, "nothing");
    ok = error != ubiq_error_no_memory();
  }
  ubiq_error_delete(error);
  yyjson_doc_free(document);
  return ok;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(attempt, NULL) >= 5);
}

#define sampled(test) cmocka_unit_test_setup_teardown(test, open_sample, close_sample)

static void assert_valid_as_parsed(const char *json, size_t size) {
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse("text", json, size, &document);
  if (json_is_valid(json, size) != (error == NULL))
    fail_msg("%.*s: is %s valid; json_parse: %s", (int)size, json, error ? "" : "not",
             error ? ubiq_error_message(error) : "takes it");
  ubiq_error_delete(error);
  yyjson_doc_free(document);
}

static const char *const valid_or_not[] = {"",
                                           " ",
                                           "null",
                                           " true ",
                                           "false",
                                           "nul",
                                           "truex",
                                           "0",
                                           "-0",
                                           "-",
                                           "01",
                                           "1.",
                                           ".5",
                                           "1.5e",
                                           "1e+",
                                           "1E-5",
                                           "-1.25e+3",
                                           "+1",
                                           "1 2",
                                           "\"\"",
                                           "\"a",
                                           "\"\\n\"",
                                           "\"\\x\"",
                                           "\"\t\"",
                                           "\"\\u00e4\"",
                                           "\"\\u12g4\"",
                                           "\"\\ud83d\\ude00\"",
                                           "\"\\ud83d\"",
                                           "\"\\ude00\"",
                                           "\"\\ud83d\\u0041\"",
                                           "\"\\",
                                           "\"\\u1",
                                           "\"\303\244\"",
                                           "\"\303\"",
                                           "\"12345678\377\"",
                                           "\xef\xbb\xbfnull",
                                           "[",
                                           "]",
                                           "[]",
                                           "[ ]",
                                           "[1,]",
                                           "[,1]",
                                           "[1 2]",
                                           "[1,[2,{}],{\"a\":[]}]",
                                           "[1}",
                                           "{",
                                           "{}",
                                           "{ }",
                                           "{\"a\"}",
                                           "{\"a\":}",
                                           "{\"a\":1,}",
                                           "{\"a\":1}",
                                           "{\"a\":1]",
                                           "{ \"a\" : 1 , \"b\" : [ { \"c\" : null } ] } ",
                                           "{a:1}",
                                           "{1:1}",
                                           "{\"a\":1}}",
                                           "[[]",
                                           "[]]",
                                           "[1,2",
                                           "{\"a\":{\"b\":1}",
                                           "NaN",
                                           "Infinity",
                                           "[1]\n\r\t ",
                                           "/* no */1",
                                           "\"\x7f\"",
                                           "\"\x1f\""};

static void what_is_valid_is_what_is_parsed(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof valid_or_not / sizeof *valid_or_not; i++)
    assert_valid_as_parsed(valid_or_not[i], strlen(valid_or_not[i]));
  assert_valid_as_parsed("\"\0\"", 3);
  assert_valid_as_parsed("\"\\\0\"", 4);
  assert_valid_as_parsed("1\0", 2);
}

static void nesting_of_what_is_valid_is_bounded_alike(void **state) {
  (void)state;
  char text[4 * (JSON_DEPTH_MAX + 2)];
  for (size_t depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    assert_valid_as_parsed(text, 2 * depth);
    for (size_t i = 0; i < depth; i++) memcpy(text + 3 * i, i % 2 ? "[1," : "[  ", 3);
    memset(text + 3 * depth, ']', depth);
    assert_valid_as_parsed(text, 4 * depth);
  }
}

static void keys_that_stand_twice_and_large_numbers_are_left_to_who_parses(void **state) {
  (void)state;
  assert_true(json_is_valid("{\"a\":1,\"a\":2}", 13));
  assert_true(json_is_valid("1e999", 5));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(well_formed_json_is_taken),
      cmocka_unit_test(an_error_of_syntax_says_line_and_column),
      cmocka_unit_test(a_duplicate_key_is_refused_with_its_place),
      cmocka_unit_test(a_duplicate_among_many_keys_is_refused),
      cmocka_unit_test(nesting_is_bounded),
      cmocka_unit_test(what_is_valid_is_what_is_parsed),
      cmocka_unit_test(nesting_of_what_is_valid_is_bounded_alike),
      cmocka_unit_test(keys_that_stand_twice_and_large_numbers_are_left_to_who_parses),
      cmocka_unit_test(a_text_has_no_more_values_than_it_may),
      cmocka_unit_test(an_object_has_no_more_keys_than_it_may),
      cmocka_unit_test(one_key_of_many_that_stands_twice_is_found),
      sampled(values_of_the_right_type_are_given),
      sampled(values_of_the_wrong_type_are_named_with_what_was_expected),
      sampled(a_number_out_of_range_names_the_range),
      sampled(a_long_string_is_shown_in_part),
      sampled(null_and_missing_keys_are_absent),
      sampled(the_way_to_a_value_quotes_odd_keys_and_counts_items),
      sampled(fields_are_walked_in_order),
      sampled(an_unknown_key_names_the_nearest_known_one),
      sampled(an_error_of_meaning_names_the_value),
      sampled(a_source_with_places_says_line_and_column),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
