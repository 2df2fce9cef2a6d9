// What is kept, for whom, and what goes when there is too much.
#include "engine/cache/recent.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static atomic_int alive;

static void end(engine_module *module) {
  alive--;
  free(module);
}

static const engine_ops ops = {.name = "fake", .module_delete = end};
static engine first = {.ops = &ops}, second = {.ops = &ops};

static engine_module *made(void) {
  engine_module *module = calloc(1, sizeof *module);
  assert_non_null(module);
  module->ops = &ops;
  alive++;
  return module;
}

static recent_key key_of(const char *words, size_t size) {
  ubiq_bytes parts[] = {{(const uint8_t *)words, size}};
  return recent_key_of(parts, 1);
}

static recent_key numbered(int number) {
  return key_of((const char *)&number, sizeof number);
}

// Keeps a new module under a number and gives up the caller's own share.
static void keep(int number, size_t size) {
  engine_module *module = made();
  recent_key key = numbered(number);
  recent_keep(&first, &key, module, size);
  engine_module_delete(module);
}

static bool is_kept(int number) {
  recent_key key = numbered(number);
  engine_module *found = recent_find(&first, &key);
  engine_module_delete(found);
  return found != NULL;
}

// The table is the process's: each test begins by filling it with one large module of its own.
static int begin(void **state) {
  static int number = 1000000;
  (void)state;
  keep(++number, RECENT_BYTES_MAX);
  return 0;
}

static void what_was_kept_is_found_by_its_key_and_engine(void **state) {
  (void)state;
  engine_module *module = made();
  recent_key key = numbered(1), other = numbered(2);
  recent_keep(&first, &key, module, 10);
  engine_module *found = recent_find(&first, &key);
  assert_ptr_equal(found, module);
  assert_null(recent_find(&second, &key));
  assert_null(recent_find(&first, &other));
  engine_module_delete(found);
  engine_module_delete(module);
  assert_true(is_kept(1));
}

static void keys_tell_apart_how_bytes_are_split(void **state) {
  (void)state;
  ubiq_bytes one[] = {{(const uint8_t *)"ab", 2}, {(const uint8_t *)"c", 1}};
  ubiq_bytes two[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"bc", 2}};
  recent_key a = recent_key_of(one, 2), b = recent_key_of(two, 2);
  assert_memory_not_equal(&a, &b, sizeof a);
}

static void a_key_is_kept_once(void **state) {
  (void)state;
  keep(3, 10);
  int before = alive;
  keep(3, 10);
  assert_int_equal(alive, before);
}

static void the_one_used_longest_ago_goes_when_there_are_too_many(void **state) {
  (void)state;
  for (int i = 0; i < RECENT_MODULES_MAX; i++) keep(100 + i, 1);
  assert_true(is_kept(100));
  keep(999, 1);
  assert_true(is_kept(100));
  assert_false(is_kept(101));
  assert_true(is_kept(102));
  assert_int_equal(alive, RECENT_MODULES_MAX);
}

static void as_many_go_as_their_bytes_need(void **state) {
  (void)state;
  keep(4, RECENT_BYTES_MAX / 2);
  keep(5, RECENT_BYTES_MAX / 2);
  assert_true(is_kept(4));
  keep(6, 1);
  assert_true(is_kept(4));
  assert_false(is_kept(5));
  keep(7, RECENT_BYTES_MAX);
  assert_int_equal(alive, 1);
  keep(8, RECENT_BYTES_MAX + 1);
  assert_false(is_kept(8));
  assert_true(is_kept(7));
}

static void what_goes_lives_on_where_it_is_in_use(void **state) {
  (void)state;
  engine_module *module = made();
  recent_key key = numbered(9);
  recent_keep(&first, &key, module, 10);
  keep(10, RECENT_BYTES_MAX);
  assert_false(is_kept(9));
  assert_int_equal(alive, 2);
  engine_module_delete(module);
  assert_int_equal(alive, 1);
}

static void *use(void *user) {
  int seed = *(int *)user;
  for (int i = 0; i < 2000; i++) {
    int number = (i * 7 + seed) % 100;
    if (!is_kept(number)) keep(number, RECENT_BYTES_MAX / 50);
  }
  return NULL;
}

static void many_threads_may_use_it(void **state) {
  (void)state;
  pthread_t threads[4];
  int seeds[4] = {1, 2, 3, 4};
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, use, &seeds[i]), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  assert_in_range(alive, 1, RECENT_MODULES_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(what_was_kept_is_found_by_its_key_and_engine, begin),
      cmocka_unit_test_setup(keys_tell_apart_how_bytes_are_split, begin),
      cmocka_unit_test_setup(a_key_is_kept_once, begin),
      cmocka_unit_test_setup(the_one_used_longest_ago_goes_when_there_are_too_many, begin),
      cmocka_unit_test_setup(as_many_go_as_their_bytes_need, begin),
      cmocka_unit_test_setup(what_goes_lives_on_where_it_is_in_use, begin),
      cmocka_unit_test_setup(many_threads_may_use_it, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
