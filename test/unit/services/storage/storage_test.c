// Objects as callers see them, and what is in the folder afterwards.
#include "unit/services/storage/storage_testing.h"

static void make_file(const fixture *self, const char *name) {
  char path[160];
  snprintf(path, sizeof path, "%s/" STORAGE_DIRECTORY "/%s", self->folder.path, name);
  assert_success(file_write_atomic(path, 0600, "x", 1));
}

// -------------------------------------------------------------------------------------------------------------- objects

static void bytes_come_back_with_their_type_and_a_tag(void **state) {
  fixture *self = *state;
  calling calling;
  assert_int_equal(put(self, "a/b.txt", "Hello", 5), 200);
  get(self, "a/b.txt", NULL, &calling);
  assert_answer(&calling, 200, "Hello");
  assert_true(text_equal_string(calling.call.answer.media_type, "text/plain"));
  assert_int_equal(strlen(header(&calling, "etag")), 34);
  assert_non_null(strstr(header(&calling, "last-modified"), " GMT"));
  assert_null(header(&calling, "ubiq-metadata"));
  calling_end(&calling);
}

static void json_comes_back_as_json_and_a_part_of_it_as_bytes(void **state) {
  fixture *self = *state;
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, STORAGE_PUT_PATH, "a.json");
  calling_text(&calling, STORAGE_PUT_UBIQ_METADATA, "{ \"by\": \"\u00e4da\" }");
  calling_json(&calling, "{\"n\": 1}");
  calling_run(&calling, service_storage_put);
  assert_int_equal(calling_status(&calling), 200);
  calling_end(&calling);
  get(self, "a.json", NULL, &calling);
  assert_answer(&calling, 200, "{\"n\":1}");
  assert_int_equal(calling.call.answer.kind, SERVICE_BODY_JSON);
  assert_string_equal(header(&calling, "ubiq-metadata"), "{\"by\":\"\\u00E4da\"}");
  calling_end(&calling);
  get(self, "a.json", "bytes=0-2", &calling);
  assert_answer(&calling, 206, "{\"n");
  assert_int_equal(calling.call.answer.kind, SERVICE_BODY_BYTES);
  calling_end(&calling);
}

static void metadata_is_an_object_of_strings(void **state) {
  fixture *self = *state;
  static const char *const wrong[] = {"[]", "{\"a\":1}", "{", "", "\"a\"", "{\"a\":\"b\"}x"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    calling calling;
    begin(&calling, &self->services);
    calling_text(&calling, STORAGE_PUT_PATH, "a");
    calling_text(&calling, STORAGE_PUT_UBIQ_METADATA, wrong[i]);
    calling_bytes(&calling, "x", 1, "");
    calling_run(&calling, service_storage_put);
    assert_int_equal(calling_status(&calling), 400);
    calling_end(&calling);
  }
  assert_int_equal(count_files(self), 0);
}

static void a_media_type_is_printed_ascii_with_a_slash(void **state) {
  fixture *self = *state;
  static const char *const wrong[] = {"text", "a/b\r\nx: y", "a/\xc3\xa4", "a/\x7f", "\x01/a"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    calling calling;
    begin(&calling, &self->services);
    calling_text(&calling, STORAGE_PUT_PATH, "a");
    calling_bytes(&calling, "x", 1, wrong[i]);
    calling_run(&calling, service_storage_put);
    assert_int_equal(calling_status(&calling), 400);
    calling_end(&calling);
    begin(&calling, &self->services);
    calling_text(&calling, UPLOADS_BEGIN_PATH, "a");
    calling_text(&calling, UPLOADS_BEGIN_MEDIA_TYPE, wrong[i]);
    calling_run(&calling, service_uploads_begin);
    assert_int_equal(calling_status(&calling), 400);
    calling_end(&calling);
  }
  assert_int_equal(count_files(self), 0);
}

static void a_head_tells_the_size_and_no_bytes(void **state) {
  fixture *self = *state;
  calling calling;
  assert_int_equal(put(self, "a", "Hello", 5), 200);
  begin(&calling, &self->services);
  calling_text(&calling, STORAGE_HEAD_PATH, "a");
  calling_run(&calling, service_storage_head);
  assert_answer(&calling, 200, "");
  assert_int_equal(calling.call.answer.kind, SERVICE_BODY_NONE);
  assert_string_equal(header(&calling, "ubiq-size"), "5");
  calling_end(&calling);
}

static void a_path_that_leads_elsewhere_is_refused(void **state) {
  fixture *self = *state;
  static const char *const wrong[] = {"..",    ".", "../a", "a/..", "a/../b", "/a",    "a/", "a//b",
                                      "a/./b", "/", "",     "a\nb", "\xff",   "a\x7f", "//", "./a"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    if (put(self, wrong[i], "x", 1) != 400) fail_msg("%s was put", wrong[i]);
    assert_int_equal(status_of(self, wrong[i]), 400);
    assert_int_equal(delete_object(self, wrong[i]), 400);
  }
  assert_int_equal(put(self, "..a/b..", "x", 1), 200);
  assert_int_equal(put(self, "\\..\\a", "x", 1), 200);
}

static void what_replaces_an_object_leaves_one_file(void **state) {
  fixture *self = *state;
  for (int i = 0; i < 3; i++) assert_int_equal(put(self, "a", i == 2 ? "last" : "more", 4), 200);
  assert_object(self, "a", "last");
  assert_files(self, 1);
  assert_int_equal(delete_object(self, "a"), 204);
  assert_int_equal(delete_object(self, "a"), 204);
  assert_int_equal(status_of(self, "a"), 404);
  assert_files(self, 0);
}

static void only_what_is_absent_is_put_when_that_is_asked(void **state) {
  fixture *self = *state;
  for (int i = 0; i < 2; i++) {
    calling calling;
    begin(&calling, &self->services);
    calling_text(&calling, STORAGE_PUT_PATH, "a");
    calling_number(&calling, STORAGE_PUT_IF_ABSENT, 1);
    calling_bytes(&calling, i == 0 ? "first" : "other", 5, "");
    calling_run(&calling, service_storage_put);
    assert_int_equal(calling_status(&calling), i == 0 ? 200 : 412);
    calling_end(&calling);
  }
  assert_object(self, "a", "first");
  assert_files(self, 1);
}

static void a_project_has_a_quota_which_replacing_and_deleting_give_back(void **state) {
  fixture *self = *state;
  static const char bytes[QUOTA + 1];
  assert_int_equal(put(self, "a", bytes, QUOTA + 1), 507);
  assert_int_equal(put(self, "a", bytes, QUOTA - 1), 200);
  assert_int_equal(put(self, "b", bytes, 2), 507);
  assert_int_equal(put(self, "a", bytes, QUOTA), 200);
  assert_int_equal(put(self, "b", bytes, 1), 507);
  fixture_open_storage_again(self);
  assert_int_equal(put(self, "b", bytes, 1), 507);
  assert_int_equal(delete_object(self, "a"), 204);
  assert_int_equal(put(self, "b", bytes, QUOTA), 200);
  assert_files(self, 1);
}

static void projects_and_private_functions_see_their_own(void **state) {
  fixture *self = *state;
  calling calling;
  assert_int_equal(put(self, "a", "shared", 6), 200);
  begin(&calling, &self->services);
  calling.call.caller.is_private = true;
  calling_text(&calling, STORAGE_GET_PATH, "a");
  calling_run(&calling, service_storage_get);
  assert_int_equal(calling_status(&calling), 404);
  calling_end(&calling);
  begin(&calling, &self->services);
  calling.call.caller.project = TEXT("sho");
  calling_text(&calling, STORAGE_GET_PATH, "a");
  calling_run(&calling, service_storage_get);
  assert_int_equal(calling_status(&calling), 404);
  calling_end(&calling);
}

static void what_a_crash_left_is_swept_at_the_next_start(void **state) {
  fixture *self = *state;
  assert_int_equal(put(self, "a", "kept", 4), 200);
  make_file(self, "0123456789abcdef0123456789abcdef");
  make_file(self, ".0123456789abcdef0123456789abcdef");
  make_file(self, "notes-of-somebody-that-are-none-of-ours");
  assert_int_equal(count_files(self), 4);
  fixture_open_storage_again(self);
  assert_int_equal(count_files(self), 2);
  assert_object(self, "a", "kept");
}

static void files_are_not_swept_while_another_process_may_write_them(void **state) {
  fixture *self = *state;
  storage *second = NULL;
  const storage_settings settings = {.directory = self->folder.path, .backend = self->services.backend};
  make_file(self, ".0123456789abcdef0123456789abcdef");
  assert_success(storage_open(&settings, &second));
  assert_int_equal(count_files(self), 1);
  storage_close(second);
}

// --------------------------------------------------------------------------------------------------------------- lists

static void list(fixture *self, const char *prefix, uint64_t limit, const char *cursor, calling *calling) {
  begin(calling, &self->services);
  calling_text(calling, STORAGE_LIST_PREFIX, prefix);
  calling_number(calling, STORAGE_LIST_LIMIT, limit);
  if (cursor != NULL) calling_text(calling, STORAGE_LIST_CURSOR, cursor);
  calling_run(calling, service_storage_list);
}

static bool says(const calling *self, const char *words) {
  const ubiq_bytes answer = self->call.answer.bytes;
  return memmem(answer.data, answer.size, words, strlen(words)) != NULL;
}

static void a_list_goes_on_where_its_cursor_says(void **state) {
  fixture *self = *state;
  static const char *const paths[] = {"a/1", "a/2", "a/3", "b"};
  calling calling;
  for (size_t i = 0; i < 4; i++) assert_int_equal(put(self, paths[i], "x", 1), 200);
  list(self, "a/", 2, NULL, &calling);
  assert_int_equal(calling_status(&calling), 200);
  assert_true(says(&calling, "\"cursor\":\"612f32\""));
  assert_false(says(&calling, "a/3"));
  calling_end(&calling);
  list(self, "a/", 2, "612f32", &calling);
  assert_true(says(&calling, "{\"path\":\"a/3\",\"size\":1,\"media_type\":\"text/plain\""));
  assert_false(says(&calling, "cursor"));
  calling_end(&calling);
  list(self, "a/", 2, "zz", &calling);
  assert_int_equal(calling_status(&calling), 400);
  calling_end(&calling);
}

// ------------------------------------------------------------------------------------------------------ many at once

enum { WRITERS = 8, ROUNDS = 20 };

static void *write_and_read(void *user) {
  fixture *self = user;
  for (int i = 0; i < ROUNDS; i++) {
    calling calling;
    char bytes[40];
    memset(bytes, 'a' + i, sizeof bytes);
    unsigned status = put(self, "same", bytes, sizeof bytes);
    if (status != 200 && status != 429) return "put";
    get(self, "same", NULL, &calling);
    const ubiq_bytes answer = calling.call.answer.bytes;
    bool good = calling_status(&calling) == 200 && answer.size == sizeof bytes;
    for (size_t at = 1; good && at < answer.size; at++) good = answer.data[at] == answer.data[0];
    calling_end(&calling);
    if (!good) return "get";
  }
  return NULL;
}

static void who_reads_while_others_replace_sees_whole_objects(void **state) {
  fixture *self = *state;
  pthread_t threads[WRITERS];
  for (size_t i = 0; i < WRITERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_and_read, self), 0);
  for (size_t i = 0; i < WRITERS; i++) {
    void *failed = NULL;
    pthread_join(threads[i], &failed);
    if (failed != NULL) fail_msg("%s", (const char *)failed);
  }
  assert_files(self, 1);
  static const char rest[QUOTA];
  assert_int_equal(put(self, "b", rest, QUOTA - 40), 200);
}

static void what_waits_at_the_end_is_answered(void **state) {
  fixture *self = *state;
  static calling calls[16];
  for (size_t i = 0; i < 16; i++) {
    begin(&calls[i], &self->services);
    calling_text(&calls[i], STORAGE_PUT_PATH, "a");
    calling_bytes(&calls[i], "x", 1, "");
    service_storage_put(&calls[i].call);
  }
  storage_close(self->services.storage);
  self->services.storage = NULL;
  for (size_t i = 0; i < 16; i++) {
    calling_wait(&calls[i]);
    calling_end(&calls[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(bytes_come_back_with_their_type_and_a_tag),
      TEST(json_comes_back_as_json_and_a_part_of_it_as_bytes),
      TEST(metadata_is_an_object_of_strings),
      TEST(a_media_type_is_printed_ascii_with_a_slash),
      TEST(a_head_tells_the_size_and_no_bytes),
      TEST(a_path_that_leads_elsewhere_is_refused),
      TEST(what_replaces_an_object_leaves_one_file),
      TEST(only_what_is_absent_is_put_when_that_is_asked),
      TEST(a_project_has_a_quota_which_replacing_and_deleting_give_back),
      TEST(projects_and_private_functions_see_their_own),
      TEST(what_a_crash_left_is_swept_at_the_next_start),
      TEST(files_are_not_swept_while_another_process_may_write_them),
      TEST(a_list_goes_on_where_its_cursor_says),
      TEST(who_reads_while_others_replace_sees_whole_objects),
      TEST(what_waits_at_the_end_is_answered),
      TEST_OF(bytes_come_back_with_their_type_and_a_tag, rows),
      TEST_OF(json_comes_back_as_json_and_a_part_of_it_as_bytes, rows),
      TEST_OF(metadata_is_an_object_of_strings, rows),
      TEST_OF(a_media_type_is_printed_ascii_with_a_slash, rows),
      TEST_OF(a_head_tells_the_size_and_no_bytes, rows),
      TEST_OF(a_path_that_leads_elsewhere_is_refused, rows),
      TEST_OF(what_replaces_an_object_leaves_one_file, rows),
      TEST_OF(only_what_is_absent_is_put_when_that_is_asked, rows),
      TEST_OF(a_project_has_a_quota_which_replacing_and_deleting_give_back, rows),
      TEST_OF(projects_and_private_functions_see_their_own, rows),
      TEST_OF(a_list_goes_on_where_its_cursor_says, rows),
      TEST_OF(who_reads_while_others_replace_sees_whole_objects, rows),
      TEST_OF(what_waits_at_the_end_is_answered, rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
