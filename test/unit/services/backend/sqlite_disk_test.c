// A disk that is full, or that fails: writers are told, nothing that was acknowledged is lost, and later it goes on.
#include "support/power_vfs.h"
#include "unit/services/backend/backend_testing.h"

typedef struct fixture {
  folder folder;
  backend *backend;
} fixture;

static int set_up(void **state) {
  static fixture self;
  folder_make(&self.folder);
  const sqlite_backend_settings settings = {.path = self.folder.file};
  assert_success(sqlite_backend_open(&settings, &self.backend));
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  power_vfs_fill(false);
  power_vfs_break(false);
  backend_close(self->backend);
  folder_remove(&self->folder);
  return 0;
}

static void open_again(fixture *self) {
  backend_close(self->backend);
  const sqlite_backend_settings settings = {.path = self->folder.file};
  assert_success(sqlite_backend_open(&settings, &self->backend));
}

static void assert_value(backend *backend, const char *key, const char *value) {
  found found = get_now(backend, text_of(key));
  assert_true(found.is_found);
  assert_string_equal(found.value, value);
}

static void a_full_disk_refuses_writes_as_quota_and_loses_nothing(void **state) {
  fixture *self = *state;
  put_now(self->backend, "a", "1");
  power_vfs_fill(true);
  backend_kv_change change = put_of("a", "2");
  ubiq_error *error = change_now(self->backend, &change);
  assert_int_equal(ubiq_error_code(error), UBIQ_QUOTA);
  assert_non_null(strstr(ubiq_error_message(error), "the disk is full; make room and try again"));
  ubiq_error_delete(error);
  assert_value(self->backend, "a", "1");
  power_vfs_fill(false);
  put_now(self->backend, "b", "3");
  open_again(self);
  assert_value(self->backend, "a", "1");
  assert_value(self->backend, "b", "3");
}

static void a_sync_that_fails_refuses_the_write_and_loses_nothing_before_it(void **state) {
  fixture *self = *state;
  put_now(self->backend, "a", "1");
  power_vfs_break(true);
  backend_kv_change change = put_of("b", "2");
  ubiq_error *error = change_now(self->backend, &change);
  assert_int_equal(ubiq_error_code(error), UBIQ_INTERNAL);
  ubiq_error_delete(error);
  assert_value(self->backend, "a", "1");
  power_vfs_break(false);
  put_now(self->backend, "c", "3");
  backend_kv_usage usage;
  assert_success(backend_kv_usage_now(self->backend, TEXT("shop"), &usage));
  bool has_b = get_now(self->backend, TEXT("b")).is_found; // it may have been kept
  assert_int_equal(usage.keys, has_b ? 3 : 2);
  open_again(self);
  assert_value(self->backend, "a", "1");
  assert_value(self->backend, "c", "3");
}

int main(void) {
  power_vfs_install(1, false);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_full_disk_refuses_writes_as_quota_and_loses_nothing),
      TEST(a_sync_that_fails_refuses_the_write_and_loses_nothing_before_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
