/// What the tests of storage share: calls of somebody whose project may keep a little, and what is in the folder then.
#ifndef UBIQ_TEST_STORAGE_TESTING_H
#define UBIQ_TEST_STORAGE_TESTING_H

#include "base/file.h"
#include "services/quotas.h"
#include "services/storage/storage.h"
#include "unit/services/services_testing.h"

#include <dirent.h>

enum { QUOTA = 1000, ROW_MAX = 100 };

/// A call of somebody whose project may keep a little.
static inline void begin(calling *self, const services *services) {
  static const quotas few = {.kv_keys = 1, .kv_bytes = 1, .kv_value_bytes = 1, .storage_bytes = QUOTA};
  calling_begin(self, services);
  self->call.caller.quotas = &few;
}

static inline int set_up(void **state) {
  fixture_open_storage(fixture_open(state));
  return 0;
}

static inline int set_up_rows(void **state) {
  fixture *self = fixture_open(state);
  self->row_max = QUOTA + 1;
  fixture_open_storage(self);
  return 0;
}

/// Where an object's size decides.
static inline int set_up_both(void **state) {
  fixture *self = fixture_open(state);
  self->row_max = ROW_MAX;
  fixture_open_storage(self);
  return 0;
}

static inline unsigned put(fixture *self, const char *path, const void *data, size_t size) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, STORAGE_PUT_PATH, path);
  calling_bytes(&calling, data, size, "text/plain");
  calling_run(&calling, service_storage_put);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

static inline void get(fixture *self, const char *path, const char *range, calling *calling) {
  begin(calling, &self->services);
  calling_text(calling, STORAGE_GET_PATH, path);
  if (range != NULL) calling_text(calling, STORAGE_GET_RANGE, range);
  calling_run(calling, service_storage_get);
}

static inline void assert_object(fixture *self, const char *path, const char *expected) {
  calling calling;
  get(self, path, NULL, &calling);
  assert_answer(&calling, 200, expected);
  calling_end(&calling);
}

static inline unsigned status_of(fixture *self, const char *path) {
  calling calling;
  get(self, path, NULL, &calling);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

static inline unsigned delete_object(fixture *self, const char *path) {
  calling calling;
  begin(&calling, &self->services);
  calling_text(&calling, STORAGE_DELETE_PATH, path);
  calling_run(&calling, service_storage_delete);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

static inline const char *header(const calling *self, const char *name) {
  for (size_t i = 0; i < self->call.headers_count; i++)
    if (strcmp(self->call.headers[i].name, name) == 0) return self->call.headers[i].value.data;
  return NULL;
}

static inline size_t count_files(const fixture *self) {
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
static inline void assert_files(const fixture *self, size_t count) {
  assert_int_equal(count_files(self), self->row_max > QUOTA ? 0 : count);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_close)

/// The same where objects are in rows, or some.
#define TEST_OF(name, kind)                                                                                            \
  { #name "_" #kind, name, set_up_##kind, fixture_close, NULL }

#endif
