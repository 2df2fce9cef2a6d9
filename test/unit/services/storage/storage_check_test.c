// Objects held while they are copied, and compared with their files.
// link: -Wl,--wrap=fsync
#include "services/storage/storage_check.h"

#include "unit/services/services_testing.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

int __real_fsync(int file);
int __wrap_fsync(int file);

static bool disk_is_broken;

int __wrap_fsync(int file) {
  if (!disk_is_broken) return __real_fsync(file);
  errno = EIO;
  return -1;
}

static int set_up(void **state) {
  fixture_open_storage(fixture_open(state));
  return 0;
}

static void put(fixture *self, const char *path, const char *content) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, STORAGE_PUT_PATH, path);
  calling_bytes(&calling, content, strlen(content), "text/plain");
  calling_run(&calling, service_storage_put);
  assert_int_equal(calling_status(&calling), 200);
  calling_end(&calling);
}

static storage_report check(fixture *self) {
  storage_report report;
  assert_success(storage_check(self->folder.path, self->services.backend, &report));
  return report;
}

static void what_cannot_be_synced_leaves_no_file(void **state) {
  fixture *self = *state;
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, STORAGE_PUT_PATH, "a");
  calling_bytes(&calling, "1", 1, "text/plain");
  disk_is_broken = true;
  calling_run(&calling, service_storage_put);
  disk_is_broken = false;
  assert_int_equal(calling_status(&calling), 500);
  calling_end(&calling);
  const storage_report report = check(self);
  assert_int_equal(report.objects + report.unnamed, 0);
  assert_int_equal(storage_used(self->services.storage, TEXT("shop")), 0);
}

static void what_is_replaced_while_it_is_held_is_removed_at_the_next_start(void **state) {
  fixture *self = *state;
  storage_hold hold;
  put(self, "a", "1");
  assert_success(storage_hold_files(self->folder.path, &hold));
  put(self, "a", "2");
  assert_int_equal(check(self).unnamed, 1);
  fixture_open_storage_again(self); // not while somebody copies
  assert_int_equal(check(self).unnamed, 1);
  storage_let_go(&hold);
  storage_let_go(&hold);
  put(self, "a", "3");
  assert_int_equal(check(self).unnamed, 1);
  fixture_open_storage_again(self);
  const storage_report report = check(self);
  assert_int_equal(report.unnamed, 0);
  assert_int_equal(report.objects, 1);
}

static void two_may_hold_at_once(void **state) {
  fixture *self = *state;
  storage_hold first, second;
  assert_success(storage_hold_files(self->folder.path, &first));
  assert_success(storage_hold_files(self->folder.path, &second));
  storage_let_go(&first);
  put(self, "a", "1");
  put(self, "a", "2");
  assert_int_equal(check(self).unnamed, 1);
  storage_let_go(&second);
}

static void where_nothing_is_kept_nothing_is_held(void **state) {
  fixture *self = *state;
  storage_hold hold;
  assert_success(storage_hold_files("/nowhere", &hold));
  assert_int_equal(hold.files, -1);
  storage_let_go(&hold);
  storage_report report;
  assert_success(storage_check("/nowhere", self->services.backend, &report));
  assert_int_equal(report.objects, 0);
}

static void a_file_that_is_gone_or_of_another_size_is_told(void **state) {
  fixture *self = *state;
  char command[256];
  put(self, "a", "12345");
  put(self, "b", "12345");
  storage_report report = check(self);
  assert_int_equal(report.objects, 2);
  assert_int_equal(report.missing + report.damaged + report.unnamed, 0);
  assert_string_equal(report.first, "");
  snprintf(command, sizeof command, "cd %s/objects && truncate -s 1 $(ls | head -n 1) && rm $(ls | tail -n 1)",
           self->folder.path);
  assert_int_equal(system(command), 0);
  report = check(self);
  assert_int_equal(report.missing, 1);
  assert_int_equal(report.damaged, 1);
  assert_int_equal(strncmp(report.first, "objects/", 8), 0);
  assert_int_equal(strlen(report.first), 8 + 32);
}

static void objects_in_rows_are_looked_at_too(void **state) {
  fixture *self = *state;
  self->row_max = 3;
  fixture_open_storage_again(self);
  put(self, "a", "123");
  put(self, "b", "1234");
  storage_report report = check(self);
  assert_int_equal(report.objects, 2);
  assert_int_equal(report.missing + report.damaged + report.unnamed, 0);
  sqlite3 *database = NULL;
  assert_int_equal(sqlite3_open(self->folder.file, &database), SQLITE_OK);
  assert_int_equal(
      sqlite3_exec(database, "UPDATE kv SET attachment = x'00' WHERE attachment IS NOT NULL", NULL, NULL, NULL),
      SQLITE_OK);
  assert_int_equal(sqlite3_changes(database), 1);
  sqlite3_close(database);
  report = check(self);
  assert_int_equal(report.damaged, 1);
  fixture_open_storage_again(self);
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, STORAGE_GET_PATH, "a");
  calling_run(&calling, service_storage_get);
  assert_refused(&calling, 500, "storage: an object's row has another size");
  calling_end(&calling);
}

static void a_backend_for_reading_finds_what_is_there_and_writes_nothing(void **state) {
  fixture *self = *state;
  put(self, "a", "1");
  backend *writer = self->services.backend, *reader = NULL;
  const sqlite_backend_settings settings = {.path = self->folder.file, .is_for_reading = true};
  assert_success(sqlite_backend_open(&settings, &reader));
  storage_report report;
  assert_success(storage_check(self->folder.path, reader, &report));
  assert_int_equal(report.objects, 1);
  calling calling;
  self->services.backend = reader;
  calling_begin(&calling, &self->services);
  calling_text(&calling, KV_PUT_KEY, "a");
  calling_json(&calling, "1");
  calling_run(&calling, service_kv_put);
  assert_int_equal(calling_status(&calling), 503);
  calling_end(&calling);
  self->services.backend = writer;
  backend_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_close)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_cannot_be_synced_leaves_no_file),
      TEST(what_is_replaced_while_it_is_held_is_removed_at_the_next_start),
      TEST(two_may_hold_at_once),
      TEST(where_nothing_is_kept_nothing_is_held),
      TEST(a_file_that_is_gone_or_of_another_size_is_told),
      TEST(objects_in_rows_are_looked_at_too),
      TEST(a_backend_for_reading_finds_what_is_there_and_writes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
