// Waiting for another thread, once and again.
#include "base/waiter.h"
#include "unit/base/testing.h"

static void what_was_told_before_is_not_waited_for(void **state) {
  (void)state;
  waiter waiter;
  waiter_init(&waiter);
  waiter_tell(&waiter);
  waiter_wait(&waiter);
  waiter_end(&waiter);
}

typedef struct pair {
  waiter asked, answered;
  int value;
} pair;

enum { TURNS = 1000 };

static void *answer(void *user) {
  pair *self = user;
  for (int i = 0; i < TURNS; i++) {
    waiter_wait(&self->asked);
    self->value *= -1;
    waiter_tell(&self->answered);
  }
  return NULL;
}

static void two_threads_wait_for_each_other_in_turns(void **state) {
  (void)state;
  pair self;
  pthread_t thread;
  waiter_init(&self.asked);
  waiter_init(&self.answered);
  assert_int_equal(pthread_create(&thread, NULL, answer, &self), 0);
  for (int i = 0; i < TURNS; i++) {
    self.value = i;
    waiter_tell(&self.asked);
    waiter_wait(&self.answered);
    assert_int_equal(self.value, -i);
  }
  pthread_join(thread, NULL);
  waiter_end(&self.asked);
  waiter_end(&self.answered);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_told_before_is_not_waited_for),
      cmocka_unit_test(two_threads_wait_for_each_other_in_turns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
