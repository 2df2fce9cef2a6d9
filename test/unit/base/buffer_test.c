// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/buffer.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <stdlib.h>

static void a_zeroed_buffer_is_empty(void **state) {
  (void)state;
  buffer bytes = {0};
  assert_int_equal(buffer_bytes(&bytes).size, 0);
  buffer_free(&bytes);
  buffer_free(&bytes);
}

static void appended_pieces_stand_in_order(void **state) {
  (void)state;
  buffer bytes = {0};
  assert_true(buffer_append(&bytes, "ab", 2));
  assert_true(buffer_append(&bytes, NULL, 0));
  assert_true(buffer_append_string(&bytes, "cd"));
  assert_true(buffer_append_byte(&bytes, 'e'));
  assert_true(buffer_printf(&bytes, "-%d-%s", 42, "f"));
  assert_int_equal(bytes.size, 10);
  assert_memory_equal(bytes.data, "abcde-42-f", 10);
  assert_string_equal(buffer_string(&bytes), "abcde-42-f");
  assert_int_equal(bytes.size, 10);
  buffer_free(&bytes);
}

static void a_buffer_grows_to_a_mebibyte(void **state) {
  (void)state;
  buffer bytes = {0};
  for (size_t i = 0; i < 1 << 20; i++) assert_true(buffer_append_byte(&bytes, (uint8_t)i));
  assert_int_equal(bytes.size, 1 << 20);
  for (size_t i = 0; i < 1 << 20; i++) {
    if (bytes.data[i] != (uint8_t)i) fail();
  }
  buffer_free(&bytes);
}

static void reserving_more_than_there_can_be_fails_and_keeps_the_bytes(void **state) {
  (void)state;
  buffer bytes = {0};
  assert_true(buffer_append_string(&bytes, "kept"));
  assert_false(buffer_reserve(&bytes, SIZE_MAX));
  assert_false(buffer_reserve(&bytes, SIZE_MAX / 2));
  assert_string_equal(buffer_string(&bytes), "kept");
  buffer_free(&bytes);
}

static void a_cleared_buffer_keeps_its_memory(void **state) {
  (void)state;
  buffer bytes = {0};
  assert_true(buffer_append_string(&bytes, "something"));
  size_t capacity = bytes.capacity;
  buffer_clear(&bytes);
  assert_int_equal(bytes.size, 0);
  assert_int_equal(bytes.capacity, capacity);
  buffer_free(&bytes);
}

static void a_string_taken_belongs_to_the_caller(void **state) {
  (void)state;
  buffer bytes = {0};
  assert_true(buffer_append_string(&bytes, "mine"));
  char *string = buffer_take_string(&bytes);
  assert_string_equal(string, "mine");
  assert_null(bytes.data);
  assert_int_equal(bytes.size, 0);
  free(string);

  string = buffer_take_string(&bytes);
  assert_string_equal(string, "");
  free(string);
}

static bool build(void *user) {
  (void)user;
  buffer bytes = {0};
  bool ok = buffer_append_string(&bytes, "start") && buffer_reserve(&bytes, 100) &&
            buffer_printf(&bytes, "%0500d", 1) && buffer_string(&bytes) != NULL;
  if (!ok && bytes.size > 0) ok = memcmp(bytes.data, "start", 5) != 0; // a failure must keep what was there
  buffer_free(&bytes);
  return ok;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_int_equal(alloc_failure_sweep(build, NULL), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_zeroed_buffer_is_empty),
      cmocka_unit_test(appended_pieces_stand_in_order),
      cmocka_unit_test(a_buffer_grows_to_a_mebibyte),
      cmocka_unit_test(reserving_more_than_there_can_be_fails_and_keeps_the_bytes),
      cmocka_unit_test(a_cleared_buffer_keeps_its_memory),
      cmocka_unit_test(a_string_taken_belongs_to_the_caller),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
