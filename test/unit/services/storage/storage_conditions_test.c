// Parts of objects, and what is done only where an object is as the caller knows it.
#include "unit/services/storage/storage_testing.h"

static void assert_range(fixture *self, const char *range, unsigned status, const char *body, const char *said) {
  calling calling;
  get(self, "digits", range, &calling);
  if (calling_status(&calling) != status) fail_msg("%s: %u", range, calling_status(&calling));
  if (body != NULL) assert_answer(&calling, status, body);
  if (said != NULL) assert_string_equal(header(&calling, "content-range"), said);
  calling_end(&calling);
}

static void ranges_are_those_of_http(void **state) {
  fixture *self = *state;
  assert_int_equal(put(self, "digits", "0123456789", 10), 200);
  assert_range(self, "bytes=0-3", 206, "0123", "bytes 0-3/10");
  assert_range(self, "bytes=8-", 206, "89", "bytes 8-9/10");
  assert_range(self, "bytes=-3", 206, "789", "bytes 7-9/10");
  assert_range(self, "bytes=5-500", 206, "56789", "bytes 5-9/10");
  assert_range(self, "bytes=-500", 206, "0123456789", "bytes 0-9/10");
  assert_range(self, "bytes=10-", 416, NULL, "bytes */10");
  assert_range(self, "bytes=-0", 416, NULL, "bytes */10");
  assert_range(self, "bytes=18446744073709551615-", 416, NULL, "bytes */10");
  assert_range(self, "bytes=0-18446744073709551615", 206, "0123456789", "bytes 0-9/10");
  assert_range(self, "items=0-1", 200, "0123456789", NULL);
  assert_range(self, "bytes=0-1,3-4", 200, "0123456789", NULL);
  static const char *const wrong[] = {
      "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=3-1", "bytes=--1", "items", "bytes=0-18446744073709551616"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_range(self, wrong[i], 400, NULL, NULL);
}

/// What a get of `digits` is answered with.
static void assert_asked(fixture *self, int param, const char *tags, const char *range, unsigned status,
                         const char *body) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, STORAGE_GET_PATH, "digits");
  if (range != NULL) calling_text(&calling, STORAGE_GET_RANGE, range);
  calling_text(&calling, param, tags);
  calling_run(&calling, service_storage_get);
  if (calling_status(&calling) != status) fail_msg("%s: %u", tags, calling_status(&calling));
  if (body != NULL) assert_answer(&calling, status, body);
  if (status == 304) assert_non_null(header(&calling, "etag"));
  calling_end(&calling);
}

static void tag_of_digits(fixture *self, char out[64]) {
  calling calling;
  get(self, "digits", NULL, &calling);
  snprintf(out, 64, "%s", header(&calling, "etag"));
  calling_end(&calling);
}

static void what_the_caller_has_is_not_sent_again(void **state) {
  fixture *self = *state;
  char tag[64], list[160];
  assert_int_equal(put(self, "digits", "0123456789", 10), 200);
  tag_of_digits(self, tag);
  snprintf(list, sizeof list, "\"other\", W/%s", tag);
  assert_asked(self, STORAGE_GET_IF_NONE_MATCH, tag, NULL, 304, "");
  assert_asked(self, STORAGE_GET_IF_NONE_MATCH, list, "bytes=0-1", 304, "");
  assert_asked(self, STORAGE_GET_IF_NONE_MATCH, "\"other\"", NULL, 200, "0123456789");
  assert_asked(self, STORAGE_GET_IF_MATCH, tag, "bytes=0-1", 206, "01");
  assert_asked(self, STORAGE_GET_IF_MATCH, list, NULL, 412, NULL);
  assert_asked(self, STORAGE_GET_IF_RANGE, tag, "bytes=0-1", 206, "01");
  assert_asked(self, STORAGE_GET_IF_RANGE, "\"other\"", "bytes=0-1", 200, "0123456789");
}

static void assert_put_if(fixture *self, int param, const char *tags, unsigned status) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, STORAGE_PUT_PATH, "digits");
  calling_text(&calling, param, tags);
  calling_bytes(&calling, "new", 3, "text/plain");
  calling_run(&calling, service_storage_put);
  if (calling_status(&calling) != status) fail_msg("%s: %u", tags, calling_status(&calling));
  calling_end(&calling);
}

static void assert_deleted_if(fixture *self, const char *tags, unsigned status) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, STORAGE_DELETE_PATH, "digits");
  calling_text(&calling, STORAGE_DELETE_IF_MATCH, tags);
  calling_run(&calling, service_storage_delete);
  if (calling_status(&calling) != status) fail_msg("%s: %u", tags, calling_status(&calling));
  calling_end(&calling);
}

static void only_the_object_that_was_read_is_replaced_or_deleted_when_that_is_asked(void **state) {
  fixture *self = *state;
  char first[64], second[64];
  assert_put_if(self, STORAGE_PUT_IF_MATCH, "*", 412);
  assert_int_equal(put(self, "digits", "0123456789", 10), 200);
  tag_of_digits(self, first);
  assert_put_if(self, STORAGE_PUT_IF_NONE_MATCH, "*", 412);
  assert_put_if(self, STORAGE_PUT_IF_NONE_MATCH, first, 412);
  assert_put_if(self, STORAGE_PUT_IF_MATCH, "\"other\"", 412);
  assert_object(self, "digits", "0123456789");
  assert_put_if(self, STORAGE_PUT_IF_MATCH, first, 200);
  assert_object(self, "digits", "new");
  tag_of_digits(self, second);
  assert_put_if(self, STORAGE_PUT_IF_MATCH, first, 412);
  assert_deleted_if(self, first, 412);
  assert_deleted_if(self, second, 204);
  assert_int_equal(status_of(self, "digits"), 404);
  assert_deleted_if(self, second, 412);
  assert_put_if(self, STORAGE_PUT_IF_NONE_MATCH, "*", 200);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(ranges_are_those_of_http),
      TEST(what_the_caller_has_is_not_sent_again),
      TEST(only_the_object_that_was_read_is_replaced_or_deleted_when_that_is_asked),
      TEST_OF(ranges_are_those_of_http, rows),
      TEST_OF(what_the_caller_has_is_not_sent_again, rows),
      TEST_OF(only_the_object_that_was_read_is_replaced_or_deleted_when_that_is_asked, rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
