// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/limits/quota.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { WORKERS = 4 };

typedef struct office {
  quota *quota;
  quota_share shares[WORKERS];
  unsigned told[WORKERS];
} office;

static void count_told(void *user, unsigned worker) {
  ((office *)user)->told[worker]++;
}

static void make(office *self, unsigned workers, uint32_t total) {
  *self = (office){0};
  self->quota = quota_new(workers, total, count_told, self);
  assert_non_null(self->quota);
  for (unsigned i = 0; i < workers; i++) self->shares[i] = (quota_share){.quota = self->quota, .worker = i};
}

static unsigned take_all(quota_share *share) {
  unsigned taken = 0;
  while (quota_take(share)) taken++;
  return taken;
}

static void give_back(quota_share *share, unsigned count) {
  while (count-- > 0) quota_give_back(share, share->used);
}

static void one_worker_may_have_all_and_no_more(void **state) {
  (void)state;
  office self;
  make(&self, 3, 10);
  assert_int_equal(take_all(&self.shares[0]), 10);
  assert_false(quota_take(&self.shares[1]));
  give_back(&self.shares[0], 10);
  quota_delete(self.quota);
}

static void a_total_of_nothing_gives_nothing(void **state) {
  (void)state;
  office self;
  make(&self, 1, 0);
  assert_false(quota_take(&self.shares[0]));
  quota_delete(self.quota);
}

static void what_is_not_used_for_a_second_is_the_others(void **state) {
  (void)state;
  office self;
  make(&self, 2, 10);
  assert_int_equal(take_all(&self.shares[0]), 10);
  give_back(&self.shares[0], 7);
  quota_share_settle(&self.shares[0], 3);
  assert_int_equal(self.shares[0].held, 10); // all were used in that second
  assert_false(quota_take(&self.shares[1]));
  quota_share_settle(&self.shares[1], 0);
  quota_share_settle(&self.shares[0], 3);
  assert_int_equal(self.shares[0].held, 3);
  assert_int_equal(take_all(&self.shares[1]), 7);
  give_back(&self.shares[0], 3);
  give_back(&self.shares[1], 7);
  quota_delete(self.quota);
}

static void who_is_short_is_told_when_another_gives_back(void **state) {
  (void)state;
  office self;
  make(&self, 2, 4);
  assert_int_equal(take_all(&self.shares[0]), 4);
  assert_false(quota_take(&self.shares[1]));
  give_back(&self.shares[0], 1);
  assert_int_equal(self.told[1], 1);
  assert_true(quota_share_was_told(&self.shares[1], 1));
  assert_true(quota_take(&self.shares[1]));
  assert_false(quota_share_was_told(&self.shares[1], 1));
  quota_delete(self.quota);
}

/// With a queue on both sides, the one place goes to and fro; who gave it up does not take it again at once.
static void the_only_one_is_taken_in_turns(void **state) {
  (void)state;
  office self;
  make(&self, 2, 1);
  unsigned had[2] = {0};
  assert_true(quota_take(&self.shares[0]));
  for (unsigned i = 0, at = 0; i < 20; i++) {
    assert_false(quota_take(&self.shares[1 - at]));
    quota_give_back(&self.shares[at], 1 + 5);
    assert_false(quota_take(&self.shares[at]));
    had[at]++;
    at = 1 - at;
    assert_true(quota_share_was_told(&self.shares[at], 5));
    assert_true(quota_take(&self.shares[at]));
  }
  assert_int_equal(had[0], 10);
  quota_delete(self.quota);
}

static void who_is_told_and_wants_none_lets_the_next_know(void **state) {
  (void)state;
  office self;
  make(&self, 3, 1);
  assert_true(quota_take(&self.shares[0]));
  assert_false(quota_take(&self.shares[1]));
  assert_false(quota_take(&self.shares[2]));
  quota_give_back(&self.shares[0], 1);
  assert_int_equal(self.told[1], 1);
  assert_true(quota_share_was_told(&self.shares[1], 0));
  assert_int_equal(self.told[2], 1);
  assert_true(quota_share_was_told(&self.shares[2], 1));
  assert_true(quota_take(&self.shares[2]));
  quota_delete(self.quota);
}

/// Shares follow what is wanted: three quarters for who wants three times as much.
static void under_pressure_shares_become_fair_by_what_is_wanted(void **state) {
  (void)state;
  office self;
  make(&self, 2, 40);
  const uint32_t wanted[] = {100, 300};
  assert_int_equal(take_all(&self.shares[0]), 40);
  for (int round = 0; round < 200; round++)
    for (unsigned i = 0; i < 2; i++) {
      quota_share *share = &self.shares[i];
      take_all(share);
      if (share->used > 0) quota_give_back(share, wanted[i]);
      if (round % 20 == 0) quota_share_settle(share, wanted[i]);
      take_all(share);
    }
  assert_in_range(self.shares[0].held, 9, 11);
  assert_in_range(self.shares[1].held, 29, 31);
  quota_delete(self.quota);
}

static void a_smaller_total_holds_as_soon_as_enough_was_given_back(void **state) {
  (void)state;
  office self;
  make(&self, 1, 10);
  assert_int_equal(take_all(&self.shares[0]), 10);
  quota_set_total(self.quota, 4);
  assert_int_equal(quota_total(self.quota), 4);
  give_back(&self.shares[0], 6);
  assert_false(quota_take(&self.shares[0]));
  give_back(&self.shares[0], 1);
  assert_true(quota_take(&self.shares[0]));
  quota_set_total(self.quota, 6);
  assert_int_equal(take_all(&self.shares[0]), 2);
  quota_delete(self.quota);
}

static void an_idle_worker_holds_nothing(void **state) {
  (void)state;
  office self;
  make(&self, 2, 10);
  assert_true(quota_take(&self.shares[0]));
  assert_true(self.shares[0].held >= 1);
  give_back(&self.shares[0], 1);
  for (int i = 0; i < 2; i++) quota_share_settle(&self.shares[0], 0);
  assert_int_equal(self.shares[0].held, 0);
  assert_int_equal(take_all(&self.shares[1]), 10);
  quota_delete(self.quota);
}

// ------------------------------------------------------------------------------------------------------ with threads

enum { TOTAL = 3, ROUNDS = 20000 };

static quota *contended;
static atomic_int used, most;
static atomic_bool doorbell[WORKERS];

static void ring(void *user, unsigned worker) {
  (void)user;
  atomic_store(&doorbell[worker], true);
}

static void use_one(void) {
  int now = atomic_fetch_add(&used, 1) + 1, before = atomic_load(&most);
  while (before < now && !atomic_compare_exchange_weak(&most, &before, now)) {
  }
  sched_yield();
  atomic_fetch_sub(&used, 1);
}

/// Takes one; where there is none waits to be told, and settles after a while, as a worker does each second.
static void take_in_the_end(quota_share *share) {
  while (!quota_take(share)) {
    for (int i = 0; i < 1000 && !atomic_exchange(&doorbell[share->worker], false); i++) sched_yield();
    if (!quota_share_was_told(share, share->used + 1)) quota_share_settle(share, share->used + 1);
  }
}

static void *work(void *user) {
  quota_share share = {.quota = contended, .worker = (unsigned)(uintptr_t)user};
  for (int i = 0; i < ROUNDS / WORKERS; i++) {
    take_in_the_end(&share);
    use_one();
    quota_give_back(&share, 2);
  }
  quota_share_end(&share);
  return NULL;
}

static void threads_never_have_more_than_the_total_together(void **state) {
  (void)state;
  pthread_t threads[WORKERS];
  contended = quota_new(WORKERS, TOTAL, ring, NULL);
  for (uintptr_t i = 0; i < WORKERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
  for (size_t i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  assert_in_range(atomic_load(&most), 1, TOTAL);
  quota_share share = {.quota = contended};
  assert_int_equal(take_all(&share), TOTAL);
  quota_delete(contended);
}

static void without_memory_there_is_none(void **state) {
  (void)state;
  alloc_failure.passes = 0;
  alloc_failure.armed = true;
  quota *quota = quota_new(1, 1, count_told, NULL);
  alloc_failure.armed = false;
  assert_null(quota);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_worker_may_have_all_and_no_more),
      cmocka_unit_test(a_total_of_nothing_gives_nothing),
      cmocka_unit_test(what_is_not_used_for_a_second_is_the_others),
      cmocka_unit_test(who_is_short_is_told_when_another_gives_back),
      cmocka_unit_test(the_only_one_is_taken_in_turns),
      cmocka_unit_test(who_is_told_and_wants_none_lets_the_next_know),
      cmocka_unit_test(under_pressure_shares_become_fair_by_what_is_wanted),
      cmocka_unit_test(a_smaller_total_holds_as_soon_as_enough_was_given_back),
      cmocka_unit_test(an_idle_worker_holds_nothing),
      cmocka_unit_test(threads_never_have_more_than_the_total_together),
      cmocka_unit_test(without_memory_there_is_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
