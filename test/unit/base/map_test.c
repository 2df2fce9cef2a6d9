// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/map.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/map_testing.h"
#include "unit/base/testing.h"

#include <stdio.h>

static bool put(map *self, const char *key, const char *value) {
  return map_set(self, text_of(key), value, strlen(value));
}

static void a_zeroed_map_is_empty(void **state) {
  (void)state;
  map empty = {0};
  ubiq_bytes value;
  assert_false(map_get(&empty, TEXT("a"), &value));
  assert_null(map_string(&empty, "a"));
  assert_false(map_remove(&empty, TEXT("a")));
  map_free(&empty);
  map_free(&empty);
}

static void a_value_is_found_by_its_key(void **state) {
  (void)state;
  map values = {0};
  assert_true(put(&values, "a", "1"));
  assert_true(put(&values, "", "empty key"));
  assert_true(map_set(&values, TEXT("bytes"), "\0\1\2", 3));
  assert_true(map_set(&values, TEXT("nothing"), NULL, 0));
  assert_string_equal(map_string(&values, "a"), "1");
  assert_string_equal(map_string(&values, ""), "empty key");
  ubiq_bytes value;
  assert_true(map_get(&values, TEXT("bytes"), &value));
  assert_int_equal(value.size, 3);
  assert_memory_equal(value.data, "\0\1\2\0", 4);
  assert_string_equal(map_string(&values, "nothing"), "");
  assert_int_equal(values.bytes, 1 + 1 + 9 + 5 + 3 + 7);
  map_free(&values);
}

static void setting_a_key_again_replaces_its_value_in_place(void **state) {
  (void)state;
  map values = {0};
  assert_true(put(&values, "a", "1") && put(&values, "b", "2") && put(&values, "a", "three"));
  assert_int_equal(values.count, 2);
  assert_string_equal(values.entries[0].key.data, "a");
  assert_string_equal(map_string(&values, "a"), "three");
  assert_int_equal(values.bytes, 2 + 6);
  map_free(&values);
}

static void removing_keeps_the_order_of_the_others(void **state) {
  (void)state;
  map values = {0};
  assert_true(put(&values, "a", "1") && put(&values, "b", "2") && put(&values, "c", "3"));
  assert_true(map_remove(&values, TEXT("b")));
  assert_false(map_remove(&values, TEXT("b")));
  assert_int_equal(values.count, 2);
  assert_string_equal(values.entries[1].key.data, "c");
  assert_int_equal(values.bytes, 4);
  map_free(&values);
}

static void thousands_of_keys_are_set_found_and_removed(void **state) {
  (void)state;
  enum { COUNT = 3000 };
  map values = {0};
  char key[32];
  for (int i = 0; i < COUNT; i++) {
    snprintf(key, sizeof key, "key %d", i);
    assert_true(put(&values, key, key + 4));
  }
  for (int i = 0; i < COUNT; i += 3) {
    snprintf(key, sizeof key, "key %d", i);
    assert_true(map_remove(&values, text_of(key)));
  }
  assert_int_equal(values.count, COUNT - COUNT / 3);
  for (int i = 0; i < COUNT; i++) {
    snprintf(key, sizeof key, "key %d", i);
    const char *value = map_string(&values, key);
    if (i % 3 == 0) {
      assert_null(value);
    } else {
      assert_string_equal(value, key + 4);
    }
  }
  assert_string_equal(values.entries[0].key.data, "key 1");
  map_free(&values);
  assert_int_equal(values.bytes, 0);
}

static void a_copy_stands_alone(void **state) {
  (void)state;
  map values = {0};
  map copy = {0};
  assert_true(put(&values, "a", "1") && put(&values, "b", "2"));
  assert_true(map_copy(&copy, &values));
  map_free(&values);
  assert_int_equal(copy.count, 2);
  assert_string_equal(map_string(&copy, "b"), "2");
  map_free(&copy);
}

static bool fill(void *user) {
  (void)user;
  map values = {0};
  map copy = {0};
  bool ok = true;
  size_t stored = 0;
  char key[2] = "a";
  for (; ok && key[0] <= 'z'; key[0]++) {
    ok = put(&values, key, "value");
    stored += ok;
  }
  if (values.count != stored || values.bytes != stored * 6) fail_msg("a failed map_set changed the map");
  ok = ok && map_copy(&copy, &values);
  if (!ok && copy.count != 0) fail_msg("a failed map_copy left something");
  map_free(&values);
  map_free(&copy);
  return ok;
}

static void every_allocation_that_fails_is_reported(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(fill, NULL) > 52);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_zeroed_map_is_empty),
      cmocka_unit_test(a_value_is_found_by_its_key),
      cmocka_unit_test(setting_a_key_again_replaces_its_value_in_place),
      cmocka_unit_test(removing_keeps_the_order_of_the_others),
      cmocka_unit_test(thousands_of_keys_are_set_found_and_removed),
      cmocka_unit_test(a_copy_stands_alone),
      cmocka_unit_test(every_allocation_that_fails_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
