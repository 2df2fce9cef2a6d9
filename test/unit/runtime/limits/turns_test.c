// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
// A machine of one core that does nothing but give turns; its time is what the turns are said to have taken.
#include "runtime/limits/turns.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#include <stdlib.h>

#define MS UINT64_C(1000000)

typedef struct client {
  turns_share share;
  uint64_t turn_ns; ///< how long each of its turns takes
  uint64_t had_ns;
  size_t turns;
} client;

typedef struct machine {
  turns turns;
  uint64_t now_ns;
} machine;

static void make(machine *self, size_t room) {
  *self = (machine){0};
  assert_true(turns_reserve(&self->turns, room));
}

static client enter(machine *self, client *client, uint32_t weight, uint64_t turn_ns) {
  client->share.weight = weight;
  client->turn_ns = turn_ns;
  turns_enter(&self->turns, &client->share);
  return *client;
}

/// Gives one turn, as a worker does.
static client *give_turn(machine *self, bool goes_on) {
  client *client = (struct client *)(void *)turns_first(&self->turns);
  turns_begin(&self->turns, &client->share);
  if (!goes_on) turns_leave(&self->turns, &client->share);
  turns_charge(&self->turns, &client->share, client->turn_ns);
  self->now_ns += client->turn_ns;
  client->had_ns += client->turn_ns;
  client->turns++;
  return client;
}

static void go_on_until(machine *self, uint64_t until_ns) {
  while (self->now_ns < until_ns) give_turn(self, true);
}

static void assert_near(uint64_t found, uint64_t expected, uint64_t off_max) {
  uint64_t off = found > expected ? found - expected : expected - found;
  if (off > off_max) fail_msg("%llu; expected about %llu", (unsigned long long)found, (unsigned long long)expected);
}

static void time_is_shared_by_weight(void **state) {
  (void)state;
  machine self;
  client one = {0}, three = {0};
  make(&self, 2);
  enter(&self, &one, 100, 2 * MS);
  enter(&self, &three, 300, 2 * MS);
  go_on_until(&self, 4000 * MS);
  assert_near(one.had_ns, 1000 * MS, 4 * MS);
  assert_near(three.had_ns, 3000 * MS, 4 * MS);
  turns_free(&self.turns);
}

static void long_turns_get_no_more_than_short_ones(void **state) {
  (void)state;
  machine self;
  client longs = {0}, shorts = {0};
  make(&self, 2);
  enter(&self, &longs, 100, 10 * MS);
  enter(&self, &shorts, 100, MS / 20);
  go_on_until(&self, 2000 * MS);
  assert_near(longs.had_ns, 1000 * MS, 20 * MS);
  assert_near(shorts.had_ns, 1000 * MS, 20 * MS);
  turns_free(&self.turns);
}

static void turns_too_short_to_measure_go_round(void **state) {
  (void)state;
  machine self;
  client clients[3] = {0};
  make(&self, 3);
  for (int i = 0; i < 3; i++) enter(&self, &clients[i], TURNS_WEIGHT_MAX, 0);
  for (int i = 0; i < 300; i++) give_turn(&self, true);
  for (int i = 0; i < 3; i++) assert_int_equal(clients[i].turns, 100);
  turns_free(&self.turns);
}

static void who_was_away_has_saved_nothing_up_and_owes_nothing(void **state) {
  (void)state;
  machine self;
  client there = {0}, late = {0};
  make(&self, 2);
  enter(&self, &there, 100, 2 * MS);
  go_on_until(&self, 10000 * MS);
  enter(&self, &late, 100, 2 * MS);
  assert_ptr_equal(give_turn(&self, true), &late);
  there.had_ns = 0;
  go_on_until(&self, self.now_ns + 1000 * MS);
  assert_near(late.had_ns, 500 * MS, 4 * MS);
  assert_near(there.had_ns, 500 * MS, 4 * MS);
  turns_free(&self.turns);
}

/// It comes back each time as soon as it has left; one that could begin anew each time would have everything.
static void leaving_and_coming_back_gains_nothing(void **state) {
  (void)state;
  machine self;
  client stays = {0}, leaves = {0};
  make(&self, 2);
  enter(&self, &stays, 100, 2 * MS);
  enter(&self, &leaves, 100, 2 * MS);
  while (self.now_ns < 2000 * MS)
    if (give_turn(&self, turns_first(&self.turns) == &stays.share) == &leaves) turns_enter(&self.turns, &leaves.share);
  assert_near(stays.had_ns, 1000 * MS, 4 * MS);
  turns_free(&self.turns);
}

/// The greedy one wants all; the light one a turn of 20 us now and then. It waits for no more than the turn under way.
static void a_light_function_is_next_beside_greedy_ones(void **state) {
  (void)state;
  machine self;
  client light = {0}, greedy[20] = {0};
  make(&self, 21);
  for (int i = 0; i < 20; i++) enter(&self, &greedy[i], 100, 2 * MS + (uint64_t)i * 1000);
  go_on_until(&self, 100 * MS);
  light.share.weight = 100;
  light.turn_ns = MS / 50;
  for (int i = 0; i < 500; i++) {
    for (int turns = 0; turns < 7; turns++) give_turn(&self, true);
    assert_true(turns_would_be_first(&self.turns, &light.share));
    turns_enter(&self.turns, &light.share);
    assert_ptr_equal(give_turn(&self, false), &light);
  }
  turns_free(&self.turns);
}

static void who_has_had_its_share_would_not_be_first(void **state) {
  (void)state;
  machine self;
  client other = {0}, greedy = {.share.weight = 100};
  make(&self, 2);
  assert_true(turns_would_be_first(&self.turns, &greedy.share));
  enter(&self, &other, 100, 2 * MS);
  assert_true(turns_would_be_first(&self.turns, &greedy.share));
  turns_begin(&self.turns, &greedy.share);
  turns_charge(&self.turns, &greedy.share, 3 * MS);
  assert_false(turns_would_be_first(&self.turns, &greedy.share));
  give_turn(&self, true);
  assert_false(turns_would_be_first(&self.turns, &greedy.share));
  give_turn(&self, true);
  assert_true(turns_would_be_first(&self.turns, &greedy.share));
  turns_free(&self.turns);
}

static void thousands_of_functions_get_their_shares(void **state) {
  (void)state;
  enum { COUNT = 5000 };
  machine self;
  client *clients = calloc(COUNT, sizeof *clients);
  make(&self, COUNT);
  for (size_t i = 0; i < COUNT; i++) enter(&self, &clients[i], 100 + (uint32_t)(i % 4) * 100, MS);
  for (size_t i = 0; i < (size_t)COUNT * 100; i++) give_turn(&self, true);
  for (size_t i = 0; i < COUNT; i++) assert_near(clients[i].turns, 40 * (i % 4 + 1), 1);
  turns_free(&self.turns);
  free(clients);
}

static void without_memory_no_room_is_made(void **state) {
  (void)state;
  turns turns = {0};
  alloc_failure.passes = 0;
  alloc_failure.armed = true;
  assert_false(turns_reserve(&turns, 10));
  alloc_failure.armed = false;
  turns_free(&turns);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(time_is_shared_by_weight),
      cmocka_unit_test(long_turns_get_no_more_than_short_ones),
      cmocka_unit_test(turns_too_short_to_measure_go_round),
      cmocka_unit_test(who_was_away_has_saved_nothing_up_and_owes_nothing),
      cmocka_unit_test(leaving_and_coming_back_gains_nothing),
      cmocka_unit_test(a_light_function_is_next_beside_greedy_ones),
      cmocka_unit_test(who_has_had_its_share_would_not_be_first),
      cmocka_unit_test(thousands_of_functions_get_their_shares),
      cmocka_unit_test(without_memory_no_room_is_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
