// What was tried in vain: replayed and dropped one by one, or many at once.
#include "services/schedules/schedule_work.h"
#include "unit/services/events/events_testing.h"

// ---------------------------------------------------------------------------------------------------------- operations

static int begin(void **state) {
  (void)set_up(state);
  put(*state, "mail", "{\"topic\":\"order.*\",\"function\":\"note\"}");
  put(*state, "bill", "{\"topic\":\"order.*\",\"function\":\"note\"}");
  return 0;
}

/// A dead letter of a subscription; its id.
static uint64_t add(fixture *self, const char *name, const char *order) {
  return add_event(self, id_of(self, name), order, BACKEND_WORK_DEAD);
}

static uint64_t add_turn(fixture *self, const char *payload) {
  backend_work_change change = {.action = BACKEND_WORK_ADD,
                                .item = {.queue = TEXT(TURN_QUEUE "nightly"),
                                         .state = BACKEND_WORK_DEAD,
                                         .attempts = 3,
                                         .failure = TEXT("it burns"),
                                         .payload = {(const uint8_t *)payload, strlen(payload)}}};
  write_work(self, &change, 1);
  return change.item.id;
}

static void assert_counts(fixture *self, const char *name, uint64_t waiting, uint64_t dead) {
  const backend_work_count found = count_of(self, id_of(self, name));
  assert_int_equal(found.waiting, waiting);
  assert_int_equal(found.dead, dead);
}

typedef struct asked {
  const char *subscription, *cursor;
  uint64_t limit;
} asked;

static void assert_changes(fixture *self, service_handler handler, const asked *asked, const char *answer) {
  calling calling;
  calling_begin(&calling, &self->services);
  if (asked->subscription != NULL) calling_text(&calling, DEAD_LETTERS_DROP_ALL_SUBSCRIPTION, asked->subscription);
  if (asked->cursor != NULL) calling_text(&calling, DEAD_LETTERS_DROP_ALL_CURSOR, asked->cursor);
  if (asked->limit != 0) calling_number(&calling, DEAD_LETTERS_DROP_ALL_LIMIT, asked->limit);
  calling_run(&calling, handler);
  assert_answer(&calling, 200, answer);
  calling_end(&calling);
}

static unsigned change_one(fixture *self, service_handler handler, const char *id) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, 0, id);
  calling_run(&calling, handler);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

// --------------------------------------------------------------------------------------------------------------- tests

static void all_are_replayed_from_the_first_attempt_on(void **state) {
  fixture *self = *state;
  add(self, "mail", "");
  add(self, "bill", "");
  add_turn(self, "{}");
  assert_changes(self, service_dead_letters_replay_all, &(asked){0}, "{\"count\":3}");
  assert_counts(self, "mail", 1, 0);
  assert_counts(self, "bill", 1, 0);
  assert_int_equal(count_queue(self, TURN_QUEUE "nightly").waiting, 1);
  assert_changes(self, service_dead_letters_replay_all, &(asked){0}, "{\"count\":0}");
}

static void those_of_one_subscription_are_dropped_alone(void **state) {
  fixture *self = *state;
  add(self, "mail", "");
  add(self, "bill", "");
  assert_changes(self, service_dead_letters_drop_all, &(asked){.subscription = "mail"}, "{\"count\":1}");
  assert_counts(self, "mail", 0, 0);
  assert_counts(self, "bill", 0, 1);
}

static void many_are_changed_page_by_page(void **state) {
  fixture *self = *state;
  char cursor[24], answer[64];
  uint64_t ids[3];
  for (size_t i = 0; i < 3; i++) ids[i] = add(self, "mail", "");
  snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)ids[1]);
  snprintf(answer, sizeof answer, "{\"count\":2,\"cursor\":\"%s\"}", cursor);
  assert_changes(self, service_dead_letters_drop_all, &(asked){.limit = 2}, answer);
  assert_changes(self, service_dead_letters_drop_all, &(asked){.limit = 2, .cursor = cursor}, "{\"count\":1}");
  assert_counts(self, "mail", 0, 0);
}

static void note_first(backend_work_due *due, const backend_work_item *item) {
  *(uint64_t *)due->user = item->id;
}

static void those_of_one_key_are_replayed_in_their_order(void **state) {
  fixture *self = *state;
  uint64_t first = add(self, "mail", "user 7"), seen = 0;
  add(self, "mail", "user 7");
  assert_changes(self, service_dead_letters_replay_all, &(asked){0}, "{\"count\":2}");
  backend_work_due due = {.now_ms = INT64_MAX, .limit = 10, .each = note_first, .user = &seen};
  assert_success(backend_work_due_now(self->services.backend, &due));
  assert_int_equal(seen, first); // the only one that is due
}

static void one_is_replayed_or_dropped_by_its_id(void **state) {
  fixture *self = *state;
  char id[24], next[24];
  snprintf(id, sizeof id, "%llu", (unsigned long long)add(self, "mail", ""));
  snprintf(next, sizeof next, "%llu", (unsigned long long)add(self, "mail", ""));
  assert_int_equal(change_one(self, service_dead_letters_replay, id), 204);
  assert_int_equal(change_one(self, service_dead_letters_replay, id), 404); // it waits, and nothing of another was done
  assert_counts(self, "mail", 1, 1);
  assert_int_equal(change_one(self, service_dead_letters_drop, next), 204);
  assert_int_equal(change_one(self, service_dead_letters_drop, next), 404);
  assert_int_equal(change_one(self, service_dead_letters_drop, "0"), 404);
  assert_counts(self, "mail", 1, 0);
}

static void a_cursor_that_no_list_said_is_refused(void **state) {
  fixture *self = *state;
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, DEAD_LETTERS_DROP_ALL_CURSOR, "x");
  calling_run(&calling, service_dead_letters_drop_all);
  assert_refused(&calling, 400, "cursor is \"x\"; expected what a list of dead letters said");
  calling_end(&calling);
}

static void assert_list(fixture *self, const char *subscription, const char *answer) {
  calling calling;
  calling_begin(&calling, &self->services);
  if (subscription != NULL) calling_text(&calling, DEAD_LETTERS_LIST_SUBSCRIPTION, subscription);
  calling_run(&calling, service_dead_letters_list);
  assert_answer(&calling, 200, answer);
  calling_end(&calling);
}

static void they_are_told_by_the_names_of_their_subscriptions(void **state) {
  fixture *self = *state;
  char expected[256];
  uint64_t id = add(self, "bill", "");
  snprintf(expected, sizeof expected,
           "{\"items\":[{\"id\":\"%llu\",\"subscription\":\"bill\",\"event\":{},\"error\":\"it burns\","
           "\"attempts\":3,\"failed_at\":\"1970-01-01T00:00:00.005Z\"}]}",
           (unsigned long long)id);
  assert_list(self, NULL, expected);
  assert_list(self, "bill", expected);
  assert_list(self, "mail", "{\"items\":[]}");
  assert_list(self, "nobody", "{\"items\":[]}");
}

static void a_turn_that_failed_is_told_without_what_is_kept_with_it(void **state) {
  char expected[256];
  uint64_t id = add_turn(*state, "{\"schedule\":\"nightly\",\"function\":\"note\",\"permissions\":[],\"run\":\"7\"}");
  snprintf(expected, sizeof expected,
           "{\"items\":[{\"id\":\"%llu\",\"subscription\":\"nightly\",\"event\":{\"name\":\"nightly\","
           "\"schedule\":\"nightly\",\"function\":\"note\"},\"error\":\"it burns\",\"attempts\":3,"
           "\"failed_at\":\"1970-01-01T00:00:00.000Z\"}]}",
           (unsigned long long)id);
  assert_list(*state, NULL, expected);
}

static void those_of_a_subscription_that_is_gone_are_gone(void **state) {
  fixture *self = *state;
  char id[24];
  snprintf(id, sizeof id, "%llu", (unsigned long long)add(self, "mail", ""));
  assert_int_equal(unsubscribe(self, "mail"), 204); // nobody has taken them away yet
  put(self, "mail", "{\"topic\":\"order.*\",\"function\":\"note\"}");
  assert_list(self, NULL, "{\"items\":[]}");
  assert_list(self, "mail", "{\"items\":[]}");
  assert_int_equal(change_one(self, service_dead_letters_replay, id), 404);
  assert_int_equal(change_one(self, service_dead_letters_drop, id), 404);
  assert_changes(self, service_dead_letters_replay_all, &(asked){0}, "{\"count\":0}");
  assert_counts(self, "mail", 0, 0);
}

/// Two clients that have read the same letter: one of them changes it.
static void one_that_two_ask_for_at_once_is_changed_once(void **state) {
  static const service_handler handlers[][2] = {{service_dead_letters_replay, service_dead_letters_drop},
                                                {service_dead_letters_drop, service_dead_letters_replay},
                                                {service_dead_letters_replay, service_dead_letters_replay},
                                                {service_dead_letters_drop, service_dead_letters_drop}};
  fixture *self = *state;
  for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
    calling callings[2];
    holding holding;
    char id[24];
    snprintf(id, sizeof id, "%llu", (unsigned long long)add(self, "mail", ""));
    hold_writer(self, &holding);
    for (size_t k = 0; k < 2; k++) {
      calling_begin(&callings[k], &self->services);
      calling_text(&callings[k], 0, id);
      handlers[i][k](&callings[k].call);
    }
    let_go(&holding);
    for (size_t k = 0; k < 2; k++) {
      calling_wait(&callings[k]);
      assert_int_equal(calling_status(&callings[k]), k == 0 ? 204 : 404);
      calling_end(&callings[k]);
    }
  }
  assert_counts(self, "mail", 2, 0); // of the four those that were replayed first
}

static void note_hops(backend_work_due *due, const backend_work_item *item) {
  *(uint32_t *)due->user = item->hops;
}

/// A function that replays what led to it goes round and round, as one that publishes it does.
static void a_loop_through_replays_ends(void **state) {
  static const service_handler handlers[] = {service_dead_letters_replay, service_dead_letters_replay_all,
                                             service_dead_letters_drop, service_dead_letters_drop_all};
  enum { REPLAYS = 2 };
  fixture *self = *state;
  for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
    for (uint32_t hops = ERRAND_HOPS_MAX - 1; hops <= ERRAND_HOPS_MAX; hops++) {
      calling calling;
      char id[24];
      uint32_t found = 0;
      snprintf(id, sizeof id, "%llu", (unsigned long long)add(self, "mail", ""));
      calling_begin(&calling, &self->services);
      calling.call.caller.hops = hops;
      if (i % 2 == 0) calling_text(&calling, 0, id);
      calling_run(&calling, handlers[i]);
      assert_int_equal(calling_status(&calling) == 403, i < REPLAYS && hops == ERRAND_HOPS_MAX);
      calling_end(&calling);
      backend_work_due due = {.now_ms = INT64_MAX, .limit = 1, .each = note_hops, .user = &found};
      assert_success(backend_work_due_now(self->services.backend, &due));
      assert_int_equal(found, ERRAND_HOPS_MAX - 1); // of the one that was replayed first
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(all_are_replayed_from_the_first_attempt_on),
      TEST(those_of_one_subscription_are_dropped_alone),
      TEST(many_are_changed_page_by_page),
      TEST(those_of_one_key_are_replayed_in_their_order),
      TEST(one_is_replayed_or_dropped_by_its_id),
      TEST(a_cursor_that_no_list_said_is_refused),
      TEST(they_are_told_by_the_names_of_their_subscriptions),
      TEST(a_turn_that_failed_is_told_without_what_is_kept_with_it),
      TEST(those_of_a_subscription_that_is_gone_are_gone),
      TEST(one_that_two_ask_for_at_once_is_changed_once),
      TEST(a_loop_through_replays_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
