// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/limits/deadlines.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

enum { MEMBERS = 200 };

/// A small generator, so that every run of the test is the same.
static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static void the_earliest_comes_first(void **state) {
  (void)state;
  deadlines all = {0};
  deadline members[MEMBERS] = {0};
  uint32_t random = 1;
  assert_true(deadlines_reserve(&all, MEMBERS));
  for (size_t i = 0; i < MEMBERS; i++) deadlines_set(&all, &members[i], next_random(&random) % 1000);
  uint64_t last = 0;
  for (size_t i = 0; i < MEMBERS; i++) {
    deadline *first = deadlines_first(&all);
    assert_true(first->at_ns >= last);
    last = first->at_ns;
    deadlines_cancel(&all, first);
  }
  assert_null(deadlines_first(&all));
  deadlines_free(&all);
}

static void a_member_can_be_moved_and_cancelled_at_any_place(void **state) {
  (void)state;
  deadlines all = {0};
  deadline members[MEMBERS] = {0};
  uint32_t random = 7;
  assert_true(deadlines_reserve(&all, MEMBERS));
  for (size_t step = 0; step < 20000; step++) {
    deadline *member = &members[next_random(&random) % MEMBERS];
    if (next_random(&random) % 3 == 0)
      deadlines_cancel(&all, member);
    else
      deadlines_set(&all, member, next_random(&random) % 100);
    uint64_t earliest = UINT64_MAX;
    size_t count = 0;
    for (size_t i = 0; i < MEMBERS; i++) {
      if (members[i].place == 0) continue;
      count++;
      if (members[i].at_ns < earliest) earliest = members[i].at_ns;
    }
    assert_int_equal(all.count, count);
    assert_true(count == 0 ? deadlines_first(&all) == NULL : deadlines_first(&all)->at_ns == earliest);
  }
  deadlines_free(&all);
}

static void a_cancelled_member_is_not_set(void **state) {
  (void)state;
  deadlines all = {0};
  deadline member = {0};
  deadlines_cancel(&all, &member);
  assert_true(deadlines_reserve(&all, 1));
  deadlines_set(&all, &member, 5);
  deadlines_cancel(&all, &member);
  deadlines_cancel(&all, &member);
  assert_null(deadlines_first(&all));
  deadlines_free(&all);
}

static void without_memory_no_room_is_made(void **state) {
  (void)state;
  deadlines all = {0};
  alloc_failure.passes = 0;
  alloc_failure.armed = true;
  assert_false(deadlines_reserve(&all, 10));
  alloc_failure.armed = false;
  assert_true(deadlines_reserve(&all, 10));
  deadlines_free(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_earliest_comes_first),
      cmocka_unit_test(a_member_can_be_moved_and_cancelled_at_any_place),
      cmocka_unit_test(a_cancelled_member_is_not_set),
      cmocka_unit_test(without_memory_no_room_is_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
