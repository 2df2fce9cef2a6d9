// Handing over between threads: order, one ring for many, and what comes after the end.
#include "base/inbox.h"

#include "unit/base/testing.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, ITEMS = 500 };

typedef struct counted {
  inbox_item item;
  int *taken;
  int at; ///< the how manieth was taken
} counted;

static void take(inbox_item *item) {
  counted *self = (counted *)(void *)item;
  self->at = (*self->taken)++;
}

static void count_ring(void *user) {
  atomic_fetch_add((atomic_int *)user, 1);
}

static void what_is_posted_is_taken_in_order_and_rings_once(void **state) {
  (void)state;
  atomic_int rings = 0;
  int taken = 0;
  counted items[3] = {{{NULL, take}, &taken, -1}, {{NULL, take}, &taken, -1}, {{NULL, take}, &taken, -1}};
  inbox *inbox = inbox_new(count_ring, &rings);
  for (int i = 0; i < 3; i++) assert_true(inbox_post(inbox, &items[i].item));
  assert_int_equal(atomic_load(&rings), 1);
  inbox_take(inbox);
  for (int i = 0; i < 3; i++) assert_int_equal(items[i].at, i);
  inbox_take(inbox);
  assert_int_equal(taken, 3);
  assert_true(inbox_post(inbox, &items[0].item));
  assert_int_equal(atomic_load(&rings), 2);
  inbox_close(inbox);
  assert_int_equal(taken, 4);
  inbox_release(inbox);
}

static void a_closed_inbox_takes_nothing_and_does_not_ring(void **state) {
  (void)state;
  atomic_int rings = 0;
  int taken = 0;
  counted item = {{NULL, take}, &taken, -1};
  inbox *inbox = inbox_retain(inbox_new(count_ring, &rings));
  inbox_close(inbox);
  inbox_release(inbox);
  assert_false(inbox_post(inbox, &item.item));
  assert_int_equal(atomic_load(&rings), 0);
  assert_int_equal(taken, 0);
  inbox_release(inbox);
}

typedef struct poster {
  pthread_t thread;
  inbox *inbox;
  counted items[ITEMS];
} poster;

static void *post(void *user) {
  poster *self = user;
  for (int i = 0; i < ITEMS; i++)
    if (!inbox_post(self->inbox, &self->items[i].item)) return self;
  inbox_release(self->inbox);
  return NULL;
}

static void many_threads_post_at_once(void **state) {
  (void)state;
  static poster posters[THREADS];
  atomic_int rings = 0;
  int taken = 0;
  inbox *inbox = inbox_new(count_ring, &rings);
  for (int i = 0; i < THREADS; i++) {
    posters[i].inbox = inbox_retain(inbox);
    for (int k = 0; k < ITEMS; k++) posters[i].items[k] = (counted){{NULL, take}, &taken, -1};
    assert_int_equal(pthread_create(&posters[i].thread, NULL, post, &posters[i]), 0);
  }
  while (taken < THREADS * ITEMS) inbox_take(inbox);
  for (int i = 0; i < THREADS; i++) {
    void *failed = NULL;
    pthread_join(posters[i].thread, &failed);
    assert_null(failed);
    for (int k = 1; k < ITEMS; k++) assert_true(posters[i].items[k - 1].at < posters[i].items[k].at);
  }
  assert_true(atomic_load(&rings) >= 1);
  inbox_close(inbox);
  inbox_release(inbox);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_posted_is_taken_in_order_and_rings_once),
      cmocka_unit_test(a_closed_inbox_takes_nothing_and_does_not_ring),
      cmocka_unit_test(many_threads_post_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
