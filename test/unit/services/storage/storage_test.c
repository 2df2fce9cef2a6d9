// Objects as callers see them, and what is in the folder afterwards.
#include "base/file.h"
#include "services/permissions/permissions.h"
#include "services/quotas.h"
#include "services/storage/storage.h"
#include "unit/services/services_testing.h"

#include <dirent.h>
#include <fcntl.h>

enum { QUOTA = 1000, ROW_MAX = 100 };

/// A call of somebody whose project may keep a little.
static void begin(calling *self, const services *services) {
  static const quotas few = {.kv_keys = 1, .kv_bytes = 1, .kv_value_bytes = 1, .storage_bytes = QUOTA};
  calling_begin(self, services);
  self->call.caller.quotas = &few;
}

static int set_up(void **state) {
  fixture_open_storage(fixture_open(state));
  return 0;
}

static int set_up_rows(void **state) {
  fixture *self = fixture_open(state);
  self->row_max = QUOTA + 1;
  fixture_open_storage(self);
  return 0;
}

/// Where an object's size decides.
static int set_up_both(void **state) {
  fixture *self = fixture_open(state);
  self->row_max = ROW_MAX;
  fixture_open_storage(self);
  return 0;
}

// ------------------------------------------------------------------------------------------------------------ calling

static unsigned put(fixture *self, const char *path, const void *data, size_t size) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, STORAGE_PUT_PATH, path);
  calling_bytes(&calling, data, size, "text/plain");
  calling_run(&calling, service_storage_put);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

static void get(fixture *self, const char *path, const char *range, calling *calling) {
  begin(calling, &self->services);
  calling_text(calling, STORAGE_GET_PATH, path);
  if (range != NULL) calling_text(calling, STORAGE_GET_RANGE, range);
  calling_run(calling, service_storage_get);
}

static void assert_object(fixture *self, const char *path, const char *expected) {
  calling calling;
  get(self, path, NULL, &calling);
  assert_answer(&calling, 200, expected);
  calling_end(&calling);
}

static unsigned status_of(fixture *self, const char *path) {
  calling calling;
  get(self, path, NULL, &calling);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

static unsigned delete_object(fixture *self, const char *path) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, STORAGE_DELETE_PATH, path);
  calling_run(&calling, service_storage_delete);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

static const char *header(const calling *self, const char *name) {
  for (size_t i = 0; i < self->call.headers_count; i++)
    if (strcmp(self->call.headers[i].name, name) == 0) return self->call.headers[i].value.data;
  return NULL;
}

static size_t count_files(const fixture *self) {
  char *path = file_path_join(self->folder.path, STORAGE_DIRECTORY);
  DIR *directory = opendir(path);
  size_t count = 0;
  assert_non_null(directory);
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) count += strlen(entry->d_name) >= 32;
  closedir(directory);
  free(path);
  return count;
}

/// Where objects are in rows there are none.
static void assert_files(const fixture *self, size_t count) {
  assert_int_equal(count_files(self), self->row_max > QUOTA ? 0 : count);
}

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

// ------------------------------------------------------------------------------------------------------------- uploads

static void begin_upload(fixture *self, const char *path, char id[33]) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, UPLOADS_BEGIN_PATH, path);
  calling_text(&calling, UPLOADS_BEGIN_MEDIA_TYPE, "application/json");
  calling_run(&calling, service_uploads_begin);
  assert_int_equal(calling_status(&calling), 201);
  memcpy(id, calling.call.answer.bytes.data + strlen("{\"upload\":\""), 32);
  id[32] = '\0';
  calling_end(&calling);
}

static unsigned append(fixture *self, const char *id, uint64_t offset, const char *data) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, UPLOADS_APPEND_UPLOAD, id);
  calling_number(&calling, UPLOADS_APPEND_OFFSET, offset);
  calling_bytes(&calling, data, strlen(data), "");
  calling_run(&calling, service_uploads_append);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

static unsigned end_upload(fixture *self, service_handler handler, const char *id) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, UPLOADS_FINISH_UPLOAD, id);
  calling_run(&calling, handler);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

static void an_upload_is_an_object_when_it_is_finished_and_not_before(void **state) {
  fixture *self = *state;
  char id[33];
  calling calling;
  begin_upload(self, "big", id);
  assert_int_equal(append(self, id, 0, "{not "), 200);
  assert_int_equal(append(self, id, 0, "{not "), 409);
  assert_int_equal(append(self, id, 5, "json"), 200);
  assert_int_equal(status_of(self, "big"), 404);
  assert_int_equal(end_upload(self, service_uploads_finish, id), 200);
  assert_int_equal(end_upload(self, service_uploads_finish, id), 404);
  get(self, "big", NULL, &calling);
  assert_answer(&calling, 200, "{not json");
  assert_int_equal(calling.call.answer.kind, SERVICE_BODY_BYTES);
  calling_end(&calling);
  assert_int_equal(count_files(self), 1);
}

static void an_upload_that_is_dropped_leaves_nothing(void **state) {
  fixture *self = *state;
  static char many[QUOTA + 1];
  char id[33];
  memset(many, 'x', QUOTA);
  begin_upload(self, "big", id);
  assert_int_equal(append(self, id, 0, many), 200);
  assert_int_equal(append(self, id, QUOTA, "x"), 507);
  assert_int_equal(put(self, "a", "x", 1), 507);
  assert_int_equal(end_upload(self, service_uploads_drop, id), 204);
  assert_int_equal(append(self, id, QUOTA, "x"), 404);
  assert_int_equal(count_files(self), 0);
  assert_int_equal(put(self, "a", "x", 1), 200);
}

static void an_upload_of_another_project_is_not_there(void **state) {
  fixture *self = *state;
  calling calling;
  char id[33];
  begin_upload(self, "big", id);
  begin(&calling, &self->services);
  calling.call.caller.project = TEXT("other");
  calling_text(&calling, UPLOADS_DROP_UPLOAD, id);
  calling_run(&calling, service_uploads_drop);
  assert_int_equal(calling_status(&calling), 404);
  calling_end(&calling);
  assert_int_equal(end_upload(self, service_uploads_drop, "../../etc/passwd"), 404);
  assert_int_equal(end_upload(self, service_uploads_drop, id), 204);
}

static void adding_to_an_upload_needs_the_permission_of_its_path(void **state) {
  fixture *self = *state;
  calling calling;
  char id[33];
  permission_set *set = NULL;
  const text allowed = TEXT("storage:write:small/*");
  begin_upload(self, "big", id);
  assert_success(permission_set_new(TEXT("greet"), &allowed, 1, &set));
  const permissions granted = {.sets = {set}, .count = 1};
  begin(&calling, &self->services);
  calling.call.caller.permissions = &granted;
  calling_text(&calling, UPLOADS_FINISH_UPLOAD, id);
  calling_run(&calling, service_uploads_finish);
  assert_int_equal(calling_status(&calling), 403);
  calling_end(&calling);
  permission_set_delete(set);
}

static void an_upload_that_nothing_comes_to_is_dropped_and_its_bytes_are_free_again(void **state) {
  fixture *self = *state;
  char id[33], bytes[QUOTA + 1] = "";
  storage_close(self->services.storage);
  const storage_settings settings = {
      .directory = self->folder.path, .backend = self->services.backend, .upload_ms = 500};
  assert_success(storage_open(&settings, &self->services.storage));
  begin_upload(self, "a", id);
  memset(bytes, 'x', QUOTA);
  assert_int_equal(append(self, id, 0, bytes), 200);
  while (put(self, "b", "x", 1) == 507) usleep(1000); // nobody else begins an upload
  assert_int_equal(append(self, id, QUOTA, "x"), 404);
  assert_int_equal(count_files(self), 1);
}

// ------------------------------------------------------------------------------------------------- bodies in parts

static void begin_parts(fixture *self, const char *path, uint64_t expected, calling *calling) {
  begin(calling, &self->services);
  calling_text(calling, STORAGE_PUT_PATH, path);
  calling->call.body =
      (service_body){.kind = SERVICE_BODY_PARTS, .media_type = TEXT("text/plain"), .expected = expected};
  calling_run(calling, service_storage_put);
}

static ubiq_error *add_part(calling *self, const void *data, size_t size) {
  return self->call.intake->add(self->call.intake, (ubiq_bytes){data, size});
}

static void finish_parts(calling *self) {
  self->times = 0;
  flag_init(&self->ended);
  self->call.intake->finish(self->call.intake, &self->call);
  calling_wait(self);
}

static void a_body_in_parts_is_the_object_when_all_has_come(void **state) {
  fixture *self = *state;
  calling calling;
  assert_int_equal(put(self, "a", "before", 6), 200);
  begin_parts(self, "a", 0, &calling);
  assert_null(calling.call.error);
  assert_success(add_part(&calling, "af", 2));
  assert_success(add_part(&calling, "ter", 3));
  assert_object(self, "a", "before");
  finish_parts(&calling);
  assert_int_equal(calling_status(&calling), 200);
  calling_end(&calling);
  assert_object(self, "a", "after");
  assert_int_equal(count_files(self), 1); // how long it is was not said
}

static void a_body_that_stops_coming_leaves_nothing(void **state) {
  fixture *self = *state;
  static const char bytes[QUOTA];
  calling calling;
  begin_parts(self, "a", QUOTA, &calling);
  assert_success(add_part(&calling, bytes, QUOTA));
  assert_int_equal(put(self, "b", "x", 1), 507);
  assert_fails(add_part(&calling, "x", 1), UBIQ_QUOTA,
               "[project.quotas]: the project's objects have 1000 bytes; with 1 more they would pass its 1000");
  calling.call.intake->drop(calling.call.intake);
  calling_end(&calling);
  assert_int_equal(count_files(self), 0);
  assert_int_equal(put(self, "b", bytes, QUOTA), 200);
}

static void a_body_that_is_refused_does_not_begin_to_come(void **state) {
  fixture *self = *state;
  calling calling;
  begin_parts(self, "../a", 0, &calling);
  assert_int_equal(calling_status(&calling), 400);
  calling_end(&calling);
  begin_parts(self, "a", QUOTA + 1, &calling);
  assert_int_equal(calling_status(&calling), 507);
  assert_null(calling.call.intake);
  calling_end(&calling);
  begin_parts(self, "a", UINT64_MAX, &calling);
  assert_int_equal(calling_status(&calling), 507);
  calling_end(&calling);
  assert_int_equal(count_files(self), 0);
  static const char bytes[QUOTA];
  assert_int_equal(put(self, "b", bytes, QUOTA), 200);
}

static void what_a_file_is_asked_for_is_not_read(void **state) {
  fixture *self = *state;
  calling calling;
  char bytes[8];
  assert_int_equal(put(self, "a", "0123456789", 10), 200);
  calling_begin(&calling, &self->services);
  calling.call.takes_files = true;
  calling_text(&calling, STORAGE_GET_PATH, "a");
  calling_text(&calling, STORAGE_GET_RANGE, "bytes=2-4");
  calling_run(&calling, service_storage_get);
  assert_int_equal(calling_status(&calling), 206);
  const service_file file = calling.call.answer.file;
  assert_int_equal(calling.call.answer.kind, SERVICE_BODY_FILE);
  assert_int_equal(calling.call.bytes.size, 0);
  assert_int_equal(file.size, 3);
  assert_int_equal(delete_object(self, "a"), 204); // who has it open goes on
  assert_int_equal(pread(file.descriptor, bytes, file.size, (off_t)file.from), 3);
  assert_memory_equal(bytes, "234", 3);
  close(file.descriptor);
  calling_end(&calling);
}

// ------------------------------------------------------------------------------------------------------- rows and files

static void assert_used(const fixture *self, uint64_t bytes) {
  assert_int_equal(storage_used(self->services.storage, TEXT("shop")), bytes);
}

static void an_object_that_grows_becomes_a_file_and_one_that_shrinks_a_row(void **state) {
  fixture *self = *state;
  char large[ROW_MAX + 2];
  memset(large, 'x', sizeof large);
  large[ROW_MAX + 1] = '\0';
  for (int i = 0; i < 2; i++) {
    assert_int_equal(put(self, "a", "small", 5), 200);
    assert_object(self, "a", "small");
    assert_int_equal(count_files(self), 0);
    assert_used(self, 5);
    assert_int_equal(put(self, "a", large, ROW_MAX + 1), 200);
    assert_object(self, "a", large);
    assert_int_equal(count_files(self), 1);
    assert_used(self, ROW_MAX + 1);
  }
  large[ROW_MAX] = '\0';
  assert_int_equal(put(self, "a", large, ROW_MAX), 200);
  assert_object(self, "a", large);
  assert_int_equal(count_files(self), 0);
  fixture_open_storage_again(self);
  for (int i = 0; i < 2; i++) assert_object(self, "a", large); // from its row, and from memory
  assert_used(self, ROW_MAX);
  assert_int_equal(delete_object(self, "a"), 204);
  assert_used(self, 0);
}

static void an_empty_object_is_one(void **state) {
  fixture *self = *state;
  calling calling;
  assert_int_equal(put(self, "a", "", 0), 200);
  get(self, "a", NULL, &calling);
  assert_int_equal(calling_status(&calling), 200);
  assert_int_equal(calling.call.answer.bytes.size, 0);
  assert_int_equal(calling.call.answer.kind, SERVICE_BODY_BYTES);
  calling_end(&calling);
  get(self, "a", "bytes=0-", &calling);
  assert_int_equal(calling_status(&calling), 416);
  calling_end(&calling);
}

static void a_body_of_a_known_size_that_is_small_makes_no_file(void **state) {
  fixture *self = *state;
  calling calling;
  begin_parts(self, "a", 10, &calling);
  assert_success(add_part(&calling, "01234", 5));
  assert_success(add_part(&calling, "56789", 5));
  finish_parts(&calling);
  assert_int_equal(calling_status(&calling), 200);
  calling_end(&calling);
  assert_object(self, "a", "0123456789");
  assert_int_equal(count_files(self), 0);
}

static void a_small_body_is_no_longer_than_was_said_and_leaves_nothing_when_it_stops(void **state) {
  fixture *self = *state;
  calling calling;
  begin_parts(self, "a", 10, &calling);
  assert_success(add_part(&calling, "01234", 5));
  assert_fails(add_part(&calling, "56789x", 6), UBIQ_INVALID_INPUT,
               "the object is longer than the 10 bytes that were announced");
  calling.call.intake->drop(calling.call.intake);
  calling_end(&calling);
  assert_int_equal(status_of(self, "a"), 404);
  assert_used(self, 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_close)

/// The same where objects are in rows, or some.
#define TEST_OF(name, kind)                                                                                            \
  { #name "_" #kind, name, set_up_##kind, fixture_close, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(bytes_come_back_with_their_type_and_a_tag),
      TEST(json_comes_back_as_json_and_a_part_of_it_as_bytes),
      TEST(metadata_is_an_object_of_strings),
      TEST(a_media_type_is_printed_ascii_with_a_slash),
      TEST(ranges_are_those_of_http),
      TEST(what_the_caller_has_is_not_sent_again),
      TEST(only_the_object_that_was_read_is_replaced_or_deleted_when_that_is_asked),
      TEST(a_head_tells_the_size_and_no_bytes),
      TEST(a_path_that_leads_elsewhere_is_refused),
      TEST(what_replaces_an_object_leaves_one_file),
      TEST(only_what_is_absent_is_put_when_that_is_asked),
      TEST(a_project_has_a_quota_which_replacing_and_deleting_give_back),
      TEST(projects_and_private_functions_see_their_own),
      TEST(what_a_crash_left_is_swept_at_the_next_start),
      TEST(files_are_not_swept_while_another_process_may_write_them),
      TEST(a_list_goes_on_where_its_cursor_says),
      TEST(an_upload_is_an_object_when_it_is_finished_and_not_before),
      TEST(an_upload_that_is_dropped_leaves_nothing),
      TEST(an_upload_of_another_project_is_not_there),
      TEST(adding_to_an_upload_needs_the_permission_of_its_path),
      TEST(an_upload_that_nothing_comes_to_is_dropped_and_its_bytes_are_free_again),
      TEST(a_body_in_parts_is_the_object_when_all_has_come),
      TEST(a_body_that_stops_coming_leaves_nothing),
      TEST(a_body_that_is_refused_does_not_begin_to_come),
      TEST(what_a_file_is_asked_for_is_not_read),
      TEST(who_reads_while_others_replace_sees_whole_objects),
      TEST(what_waits_at_the_end_is_answered),
      TEST_OF(an_object_that_grows_becomes_a_file_and_one_that_shrinks_a_row, both),
      TEST_OF(a_body_of_a_known_size_that_is_small_makes_no_file, both),
      TEST_OF(a_small_body_is_no_longer_than_was_said_and_leaves_nothing_when_it_stops, both),
      TEST(an_empty_object_is_one),
      TEST_OF(an_empty_object_is_one, rows),
      TEST_OF(bytes_come_back_with_their_type_and_a_tag, rows),
      TEST_OF(json_comes_back_as_json_and_a_part_of_it_as_bytes, rows),
      TEST_OF(metadata_is_an_object_of_strings, rows),
      TEST_OF(a_media_type_is_printed_ascii_with_a_slash, rows),
      TEST_OF(ranges_are_those_of_http, rows),
      TEST_OF(what_the_caller_has_is_not_sent_again, rows),
      TEST_OF(only_the_object_that_was_read_is_replaced_or_deleted_when_that_is_asked, rows),
      TEST_OF(a_head_tells_the_size_and_no_bytes, rows),
      TEST_OF(a_path_that_leads_elsewhere_is_refused, rows),
      TEST_OF(what_replaces_an_object_leaves_one_file, rows),
      TEST_OF(only_what_is_absent_is_put_when_that_is_asked, rows),
      TEST_OF(a_project_has_a_quota_which_replacing_and_deleting_give_back, rows),
      TEST_OF(projects_and_private_functions_see_their_own, rows),
      TEST_OF(a_list_goes_on_where_its_cursor_says, rows),
      TEST_OF(a_body_in_parts_is_the_object_when_all_has_come, rows),
      TEST_OF(who_reads_while_others_replace_sees_whole_objects, rows),
      TEST_OF(what_waits_at_the_end_is_answered, rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
