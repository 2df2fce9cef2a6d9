// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/run/admission.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

static const admission_limits few = {.runs = 2, .queue = 3}, more = {.runs = 5, .queue = 7};

static void all_holders_of_a_function_share_its_quotas(void **state) {
  (void)state;
  admission *self = admission_new(2, few);
  const admission_quotas *first = admission_hold(self, TEXT("f"), few), *second = admission_hold(self, TEXT("f"), more);
  const admission_quotas *other = admission_hold(self, TEXT("g"), few);
  assert_ptr_equal(first, second);
  assert_ptr_not_equal(first, other);
  assert_int_equal(quota_total(first->runs), 5);
  assert_int_equal(quota_total(first->queue), 7);
  assert_int_equal(quota_total(other->runs), 2);
  assert_int_equal(quota_total(admission_all(self)->queue), 3);
  admission_let_go(self, first);
  assert_ptr_equal(admission_hold(self, TEXT("f"), few), second);
  admission_let_go(self, second);
  admission_let_go(self, second);
  admission_let_go(self, other);
  admission_delete(self);
}

static void count(void *user) {
  (*(int *)user)++;
}

static void who_is_there_is_woken_when_something_is_left_to_it(void **state) {
  (void)state;
  int woken = 0;
  admission *self = admission_new(2, few);
  quota_share giver = {.quota = admission_all(self)->runs}, taker = {.quota = giver.quota, .worker = 1};
  admission_join(self, 1, count, &woken);
  for (int round = 0; round < 2; round++) {
    while (quota_take(&giver)) {
    }
    assert_false(quota_take(&taker));
    quota_give_back(&giver, giver.used);
    assert_int_equal(woken, 1); // in the second round it has left
    assert_true(quota_take(&taker));
    quota_give_back(&taker, 1);
    quota_share_end(&taker);
    admission_leave(self, 1);
  }
  admission_delete(self);
}

static bool attempt(void *user) {
  (void)user;
  admission *self = admission_new(2, few);
  const admission_quotas *quotas = self == NULL ? NULL : admission_hold(self, TEXT("f"), few);
  if (quotas != NULL) admission_let_go(self, quotas);
  admission_delete(self);
  return quotas != NULL;
}

static void without_memory_there_is_none_and_no_leak(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(attempt, NULL) >= 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_holders_of_a_function_share_its_quotas),
      cmocka_unit_test(who_is_there_is_woken_when_something_is_left_to_it),
      cmocka_unit_test(without_memory_there_is_none_and_no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
