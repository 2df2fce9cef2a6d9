// Bytes that are kept by their keys.
#include "base/memo.h"

#include "unit/base/testing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 64 << 10, KEY_SIZE = 16 };

static text key_of(unsigned number, char out[KEY_SIZE]) {
  snprintf(out, KEY_SIZE, "key-%u", number);
  return text_of(out);
}

static void keep(memo *memo, text key, const char *value) {
  const ubiq_bytes bytes = {(const uint8_t *)value, strlen(value)};
  memo_keep(memo, key, memo_turn(memo, key), &bytes, 1);
}

static bool has(memo *memo, text key, const char *value) {
  memo_item *item = memo_find(memo, key);
  bool is_it = item != NULL && memo_bytes(item).size == strlen(value) &&
               memcmp(memo_bytes(item).data, value, strlen(value)) == 0;
  memo_release(item);
  return is_it;
}

static void a_key_has_the_parts_that_were_kept_last(void **state) {
  (void)state;
  memo *memo = memo_new(ROOM);
  const ubiq_bytes parts[] = {{(const uint8_t *)"ab", 2}, {NULL, 0}, {(const uint8_t *)"cde", 3}};
  assert_null(memo_find(memo, TEXT("a")));
  keep(memo, TEXT("a"), "old");
  memo_keep(memo, TEXT("a"), memo_turn(memo, TEXT("a")), parts, 3);
  keep(memo, TEXT("b"), "");
  assert_true(has(memo, TEXT("a"), "abcde"));
  assert_true(has(memo, TEXT("b"), ""));
  assert_false(has(memo, TEXT(""), ""));
  memo_delete(memo);
  memo_delete(NULL);
}

static void what_is_held_stays_as_it_was_when_it_is_replaced_or_dropped(void **state) {
  (void)state;
  memo *memo = memo_new(ROOM);
  keep(memo, TEXT("a"), "one");
  memo_item *held = memo_find(memo, TEXT("a"));
  keep(memo, TEXT("a"), "two");
  memo_item *second = memo_find(memo, TEXT("a"));
  assert_true(memo_drop(memo, TEXT("a")));
  assert_false(memo_drop(memo, TEXT("a")));
  assert_null(memo_find(memo, TEXT("a")));
  assert_memory_equal(memo_bytes(held).data, "one", 3);
  assert_memory_equal(memo_bytes(second).data, "two", 3);
  memo_release(held);
  memo_release(second);
  memo_delete(memo);
}

static void what_was_read_before_a_drop_is_not_kept_after_it(void **state) {
  (void)state;
  memo *memo = memo_new(ROOM);
  const ubiq_bytes old = {(const uint8_t *)"old", 3};
  uint64_t turn = memo_turn(memo, TEXT("a"));
  memo_drop(memo, TEXT("a"));
  memo_keep(memo, TEXT("a"), turn, &old, 1);
  assert_null(memo_find(memo, TEXT("a")));
  turn = memo_turn(memo, TEXT("a"));
  memo_drop_all(memo);
  memo_keep(memo, TEXT("a"), turn, &old, 1);
  assert_null(memo_find(memo, TEXT("a")));
  keep(memo, TEXT("a"), "new");
  assert_true(has(memo, TEXT("a"), "new"));
  memo_delete(memo);
}

static void what_was_not_found_for_longest_makes_room(void **state) {
  (void)state;
  enum { MANY = 10000 };
  memo *memo = memo_new(ROOM);
  char key[KEY_SIZE];
  size_t count = 0;
  keep(memo, TEXT("wanted"), "always");
  for (unsigned i = 0; i < MANY; i++) {
    keep(memo, key_of(i, key), "0123456789");
    assert_true(has(memo, TEXT("wanted"), "always"));
  }
  assert_true(has(memo, key_of(MANY - 1, key), "0123456789"));
  assert_false(has(memo, key_of(0, key), "0123456789"));
  for (unsigned i = 0; i < MANY; i++) count += has(memo, key_of(i, key), "0123456789");
  assert_true(count > ROOM / 200 && count < ROOM / 20);
  memo_drop_all(memo);
  assert_false(has(memo, TEXT("wanted"), "always"));
  memo_delete(memo);
}

static void what_is_a_large_part_of_the_room_is_not_kept(void **state) {
  (void)state;
  static const uint8_t bytes[ROOM];
  memo *memo = memo_new(ROOM);
  const ubiq_bytes large = {bytes, sizeof bytes / 16}, small = {bytes, sizeof bytes / 128};
  memo_keep(memo, TEXT("a"), 0, &large, 1);
  assert_null(memo_find(memo, TEXT("a")));
  memo_keep(memo, TEXT("a"), 0, &small, 1);
  memo_item *item = memo_find(memo, TEXT("a"));
  assert_non_null(item);
  memo_release(item);
  memo_delete(memo);
}

// Each thread keeps, finds and drops the same keys: what is found is whole, whoever kept it.

enum { THREADS = 4, ROUNDS = 5000, SHARED_KEYS = 50, VALUE_SIZE = 200 };

static void *use(void *user) {
  memo *memo = user;
  char key[KEY_SIZE], value[VALUE_SIZE + 1] = "";
  for (unsigned i = 0; i < ROUNDS; i++) {
    memset(value, (int)('a' + i % 26), VALUE_SIZE);
    keep(memo, key_of(i * 7 % SHARED_KEYS, key), value);
    memo_item *found = memo_find(memo, key_of(i % SHARED_KEYS, key));
    if (i % 100 == 0) memo_drop(memo, text_of(key));
    if (i % 1000 == 0) memo_drop_all(memo);
    if (found == NULL) continue;
    const ubiq_bytes all = memo_bytes(found);
    for (size_t j = 0; j < all.size; j++)
      if (all.size != VALUE_SIZE || all.data[j] != all.data[0]) return user;
    memo_release(found);
  }
  return NULL;
}

static void many_threads_find_whole_values(void **state) {
  (void)state;
  memo *memo = memo_new(ROOM);
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, use, memo), 0);
  for (size_t i = 0; i < THREADS; i++) {
    void *torn = NULL;
    assert_int_equal(pthread_join(threads[i], &torn), 0);
    assert_null(torn);
  }
  memo_delete(memo);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_key_has_the_parts_that_were_kept_last),
      cmocka_unit_test(what_is_held_stays_as_it_was_when_it_is_replaced_or_dropped),
      cmocka_unit_test(what_was_read_before_a_drop_is_not_kept_after_it),
      cmocka_unit_test(what_was_not_found_for_longest_makes_room),
      cmocka_unit_test(what_is_a_large_part_of_the_room_is_not_kept),
      cmocka_unit_test(many_threads_find_whole_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
