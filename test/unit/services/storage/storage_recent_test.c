// Objects that were read of late.
#include "services/storage/storage_parts.h"

#include "unit/base/testing.h"

#include <stdio.h>

static void id_of(unsigned number, char out[STORAGE_ID_SIZE]) {
  snprintf(out, STORAGE_ID_SIZE, "%02x%030x", number % 256, number);
}

static bool is_kept(storage_recent *recent, unsigned number) {
  char id[STORAGE_ID_SIZE];
  buffer out = {0};
  id_of(number, id);
  bool is_there = storage_recent_read(recent, id, 0, sizeof number, &out);
  if (is_there) assert_memory_equal(out.data, &number, sizeof number);
  buffer_free(&out);
  return is_there;
}

static void keep(storage_recent *recent, unsigned number) {
  char id[STORAGE_ID_SIZE];
  id_of(number, id);
  storage_recent_keep(recent, id, (ubiq_bytes){(const uint8_t *)&number, sizeof number});
}

static void what_was_kept_is_read_in_part_and_appended(void **state) {
  (void)state;
  storage_recent *recent = storage_recent_new();
  char id[STORAGE_ID_SIZE];
  buffer out = {0};
  id_of(1, id);
  assert_false(storage_recent_read(recent, id, 0, 1, &out));
  storage_recent_keep(recent, id, (ubiq_bytes){(const uint8_t *)"0123456789", 10});
  storage_recent_keep(recent, id, (ubiq_bytes){(const uint8_t *)"0123456789", 10});
  assert_true(storage_recent_read(recent, id, 0, 2, &out));
  assert_true(storage_recent_read(recent, id, 8, 2, &out));
  assert_false(storage_recent_read(recent, id, 8, 3, &out));
  assert_false(storage_recent_read(recent, id, UINT64_MAX, 1, &out));
  assert_int_equal(out.size, 4);
  assert_memory_equal(out.data, "0189", 4);
  buffer_free(&out);
  storage_recent_delete(recent);
}

static void the_oldest_makes_room_and_memory_has_a_bound(void **state) {
  (void)state;
  enum { MANY = 10000 };
  storage_recent *recent = storage_recent_new();
  size_t count = 0;
  for (unsigned i = 0; i < MANY; i++) keep(recent, i);
  assert_true(is_kept(recent, MANY - 1));
  assert_false(is_kept(recent, 0));
  for (unsigned i = 0; i < MANY; i++) count += is_kept(recent, i);
  assert_true(count > 0 && count <= 256);
  storage_recent_delete(recent);
  storage_recent_delete(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_kept_is_read_in_part_and_appended),
      cmocka_unit_test(the_oldest_makes_room_and_memory_has_a_bound),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
