// Cursors, there and back.
#include "services/page.h"
#include "unit/base/testing.h"

enum { SIZE_MAX_HERE = 4 };

static ubiq_error *read_cursor(const char *digits, service_call *call, text *key) {
  const service_param cursor = {.is_given = true, .text = text_of(digits)};
  return page_read_cursor(call, &cursor, SIZE_MAX_HERE, key);
}

static void the_last_page_has_no_cursor(void **state) {
  (void)state;
  buffer out = {0};
  assert_true(page_end(&out, false, TEXT("k")));
  assert_string_equal(buffer_string(&out), "]}");
  buffer_free(&out);
}

static void a_cursor_is_read_as_the_key_that_it_was_made_of(void **state) {
  (void)state;
  buffer out = {0};
  service_call call = {0};
  text key;
  arena_init(&call.arena);
  assert_true(page_end(&out, true, (text){"k\0\xff", 3}));
  assert_string_equal(buffer_string(&out), "],\"cursor\":\"6b00ff\"}");
  assert_success(read_cursor("6b00ff", &call, &key));
  assert_true(text_equal(key, (text){"k\0\xff", 3}));
  buffer_free(&out);
  arena_free(&call.arena);
}

static void what_is_no_cursor_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"", "6", "6b0", "zz", "6b ", "6b00ff6b00"};
  service_call call = {0};
  arena_init(&call.arena);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    text key;
    assert_fails(read_cursor(wrong[i], &call, &key), UBIQ_INVALID_INPUT,
                 "cursor is none of ours; expected the last answer's `cursor`");
  }
  arena_free(&call.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_last_page_has_no_cursor),
      cmocka_unit_test(a_cursor_is_read_as_the_key_that_it_was_made_of),
      cmocka_unit_test(what_is_no_cursor_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
