// Bodies that come in parts, and which objects are rows and which files.
#include "unit/services/storage/storage_testing.h"

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

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_body_in_parts_is_the_object_when_all_has_come),
      TEST(a_body_that_stops_coming_leaves_nothing),
      TEST(a_body_that_is_refused_does_not_begin_to_come),
      TEST(what_a_file_is_asked_for_is_not_read),
      TEST_OF(an_object_that_grows_becomes_a_file_and_one_that_shrinks_a_row, both),
      TEST_OF(a_body_of_a_known_size_that_is_small_makes_no_file, both),
      TEST_OF(a_small_body_is_no_longer_than_was_said_and_leaves_nothing_when_it_stops, both),
      TEST(an_empty_object_is_one),
      TEST_OF(an_empty_object_is_one, rows),
      TEST_OF(a_body_in_parts_is_the_object_when_all_has_come, rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
