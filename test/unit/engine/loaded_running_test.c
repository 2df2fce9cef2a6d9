// The stores that a tick reaches. What is linked into engines alone is part of no library, so it is included.
#include "../../../src/engine/loaded/running.c" // NOLINT(bugprone-suspicious-include)

#include "unit/base/testing.h"

#include <stdlib.h>

static void add_one(void *store) {
  (*(int *)store)++;
}

static void only_stores_that_run_are_told(void **state) {
  (void)state;
  running_list list;
  running places[3] = {{0}};
  int told[3] = {0};
  running_list_open(&list);
  for (int i = 0; i < 3; i++) running_add(&list, &places[i], &told[i]);
  running_tell(&list, add_one);
  running_begin(&places[0]);
  running_begin(&places[2]);
  running_begin(&places[2]);
  running_end(&places[2]);
  running_tell(&list, add_one);
  running_end(&places[0]);
  running_tell(&list, add_one);
  running_end(&places[2]);
  running_tell(&list, add_one);
  assert_int_equal(told[0], 1);
  assert_int_equal(told[1], 0);
  assert_int_equal(told[2], 2);
  running_list_close(&list);
}

static void a_store_that_was_removed_is_not_told(void **state) {
  (void)state;
  static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}};
  for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
    running_list list;
    running places[3] = {{0}};
    int told[3] = {0};
    running_list_open(&list);
    for (int j = 0; j < 3; j++) running_add(&list, &places[j], &told[j]);
    for (int j = 0; j < 3; j++) running_begin(&places[j]);
    for (int j = 0; j < 3; j++) {
      running_remove(&list, &places[orders[i][j]]);
      running_tell(&list, add_one);
    }
    for (int j = 0; j < 3; j++) assert_int_equal(told[orders[i][j]], j);
    running_list_close(&list);
  }
}

static void one_that_is_in_no_list_is_removed_from_none(void **state) {
  (void)state;
  running_list list;
  running place = {0};
  running_list_open(&list);
  running_remove(&list, &place);
  running_list_close(&list);
}

enum { STORES = 2000, THREADS = 3 };

static void count_up(void *store) {
  atomic_fetch_add((atomic_uint *)store, 1);
}

static void *come_and_go(void *list) {
  for (int i = 0; i < STORES; i++) {
    running place = {0};
    atomic_uint *told = calloc(1, sizeof *told);
    running_add(list, &place, told);
    running_begin(&place);
    running_end(&place);
    running_remove(list, &place);
    free(told); // whoever tells it now writes to memory that is gone
  }
  return NULL;
}

static void stores_may_come_and_go_while_others_are_told(void **state) {
  (void)state;
  running_list list;
  running stays = {0};
  atomic_uint told = 0;
  pthread_t threads[THREADS];
  running_list_open(&list);
  running_add(&list, &stays, &told);
  running_begin(&stays);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &list), 0);
  for (int i = 0; i < STORES; i++) running_tell(&list, count_up);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(told, STORES);
  running_list_close(&list);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_stores_that_run_are_told),
      cmocka_unit_test(a_store_that_was_removed_is_not_told),
      cmocka_unit_test(one_that_is_in_no_list_is_removed_from_none),
      cmocka_unit_test(stores_may_come_and_go_while_others_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
