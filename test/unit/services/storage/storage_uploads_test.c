// Objects that come in several calls.
#include "services/permissions/permissions.h"
#include "unit/services/storage/storage_testing.h"

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
  memset(bytes, 'x', QUOTA);
  unsigned status = 404;
  while (status == 404) { // a machine that stood still had it dropped before anything came
    begin_upload(self, "a", id);
    status = append(self, id, 0, bytes);
  }
  assert_int_equal(status, 200);
  while (put(self, "b", "x", 1) == 507) usleep(1000); // nobody else begins an upload
  assert_int_equal(append(self, id, QUOTA, "x"), 404);
  assert_int_equal(count_files(self), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_upload_is_an_object_when_it_is_finished_and_not_before),
      TEST(an_upload_that_is_dropped_leaves_nothing),
      TEST(an_upload_of_another_project_is_not_there),
      TEST(adding_to_an_upload_needs_the_permission_of_its_path),
      TEST(an_upload_that_nothing_comes_to_is_dropped_and_its_bytes_are_free_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
