// Subscriptions: what is a topic, how many there may be, and which is which.
#include "unit/services/events/events_testing.h"

static void topics_match_with_stars_alone(void **state) {
  static const char *const good[] = {"a", "order.*", "*", "*.created", "a*b*c"};
  static const char *const bad[] = {"a?", "[a]", "a\\\\b", "order.**", "**", "a\\u0000b"};
  fixture *self = *state;
  char json[128];
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    snprintf(json, sizeof json, "{\"topic\":\"%s\",\"function\":\"note\"}", good[i]);
    put(self, "each", json);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    calling calling;
    snprintf(json, sizeof json, "{\"topic\":\"%s\",\"function\":\"note\"}", bad[i]);
    calling_begin(&calling, &self->services);
    calling_text(&calling, SUBSCRIPTIONS_PUT_NAME, "each");
    calling_json(&calling, json);
    calling_run(&calling, service_subscriptions_put);
    if (calling_status(&calling) != 400) fail_msg("%s was taken", bad[i]);
    calling_end(&calling);
  }
}

static void there_are_no_more_subscriptions_than_may_be(void **state) {
  fixture *self = *state;
  char name[16];
  for (int i = 1; i < SUBSCRIPTIONS_MAX; i++) {
    snprintf(name, sizeof name, "n%d", i);
    put(self, name, "{\"topic\":\"z\",\"function\":\"note\"}");
  }
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, SUBSCRIPTIONS_PUT_NAME, "one-more");
  calling_json(&calling, "{\"topic\":\"z\",\"function\":\"note\"}");
  calling_run(&calling, service_subscriptions_put);
  assert_refused(&calling, 507, "the project has 1000 subscriptions, which is its limit");
  calling_end(&calling);
  put(self, "n7", "{\"topic\":\"y\",\"function\":\"note\"}"); // changing one goes on
  publish(self, "{\"type\":\"y\"}");
  look(self);
  assert_int_equal(self->count, 2);
}

/// Puts as many as there are, but for so many, in one write.
static void fill(fixture *self, size_t but) {
  static backend_work_change changes[SUBSCRIPTIONS_MAX];
  static char names[SUBSCRIPTIONS_MAX][8];
  static const char payload[] = "{\"topic\":\"z\",\"function\":\"note\"}";
  size_t count = SUBSCRIPTIONS_MAX - 1 - but; // there is one already
  for (size_t i = 0; i < count; i++) {
    snprintf(names[i], sizeof names[i], "n%zu", i);
    changes[i] = (backend_work_change){.action = BACKEND_WORK_PUT,
                                       .item = {.queue = TEXT(SUBSCRIPTION_QUEUE),
                                                .name = text_of(names[i]),
                                                .state = BACKEND_WORK_PAUSED,
                                                .payload = {(const uint8_t *)payload, sizeof payload - 1}}};
  }
  write_work(self, changes, count);
  events_changed(self->services.events, TEXT("shop"));
}

static void there_are_no_more_than_may_be_when_many_are_made_at_once(void **state) {
  enum { AT_ONCE = 8, ROOM = 2 };
  fixture *self = *state;
  calling callings[AT_ONCE];
  char names[AT_ONCE][8];
  holding holding;
  size_t made = 0;
  fill(self, ROOM);
  hold_writer(self, &holding);
  for (size_t i = 0; i < AT_ONCE; i++) {
    snprintf(names[i], sizeof names[i], "at%zu", i);
    calling_begin(&callings[i], &self->services);
    calling_text(&callings[i], SUBSCRIPTIONS_PUT_NAME, names[i]);
    calling_json(&callings[i], "{\"topic\":\"z\",\"function\":\"note\"}");
    service_subscriptions_put(&callings[i].call);
  }
  let_go(&holding);
  for (size_t i = 0; i < AT_ONCE; i++) {
    calling_wait(&callings[i]);
    made += calling_status(&callings[i]) == 204;
    if (calling_status(&callings[i]) != 204)
      assert_refused(&callings[i], 507, "the project has 1000 subscriptions, which is its limit");
    calling_end(&callings[i]);
  }
  assert_int_equal(made, ROOM);
}

// ---------------------------------------------------------------------------------------------------- which is which

static void assert_told(fixture *self, const char *name, const char *json) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, SUBSCRIPTIONS_GET_NAME, name);
  calling_run(&calling, service_subscriptions_get);
  assert_answer(&calling, 200, json);
  calling_end(&calling);
}

static void one_that_is_made_anew_gets_nothing_of_the_one_before(void **state) {
  fixture *self = *state;
  uint64_t before = id_of(self, "all");
  publish(self, "{\"type\":\"a\"}");
  publish(self, "{\"type\":\"a\",\"partitionkey\":\"k\"}");
  assert_int_equal(unsubscribe(self, "all"), 204);
  put(self, "all", "{\"topic\":\"*\",\"function\":\"note\"}");
  assert_told(self, "all", "{\"name\":\"all\",\"topic\":\"*\",\"function\":\"note\",\"lag\":0}");
  publish(self, "{\"type\":\"a\"}");
  assert_told(self, "all", "{\"name\":\"all\",\"topic\":\"*\",\"function\":\"note\",\"lag\":1}");
  assert_int_not_equal(id_of(self, "all"), before);
  assert_int_equal(count_of(self, before).waiting, 2); // until they are taken away
}

static void one_that_is_changed_keeps_what_waits(void **state) {
  fixture *self = *state;
  uint64_t before = id_of(self, "all");
  publish(self, "{\"type\":\"a\"}");
  put(self, "all", "{\"topic\":\"z\",\"function\":\"other\"}");
  assert_told(self, "all", "{\"name\":\"all\",\"topic\":\"z\",\"function\":\"other\",\"lag\":1}");
  assert_int_equal(id_of(self, "all"), before);
  publish(self, "{\"type\":\"a\"}"); // not its topic any more
  assert_int_equal(count_of(self, before).waiting, 1);
}

static void one_that_two_delete_at_once_is_gone(void **state) {
  fixture *self = *state;
  calling callings[2];
  holding holding;
  hold_writer(self, &holding);
  for (size_t i = 0; i < 2; i++) {
    calling_begin(&callings[i], &self->services);
    calling_text(&callings[i], SUBSCRIPTIONS_DELETE_NAME, "all");
    service_subscriptions_delete(&callings[i].call);
  }
  let_go(&holding);
  for (size_t i = 0; i < 2; i++) {
    calling_wait(&callings[i]);
    assert_int_equal(calling_status(&callings[i]), 204);
    calling_end(&callings[i]);
  }
  assert_int_equal(unsubscribe(self, "all"), 404);
  assert_int_equal(count_queue(self, UNSUBSCRIBED_QUEUE).waiting, 1);
}

static void all_are_listed_with_what_waits_for_each(void **state) {
  fixture *self = *state;
  put(self, "b", "{\"topic\":\"b\",\"function\":\"note\"}"); // a later one stands before an earlier one
  put(self, "a", "{\"topic\":\"a\",\"function\":\"note\"}");
  publish(self, "{\"type\":\"b\"}");
  publish(self, "{\"type\":\"b\",\"partitionkey\":\"k\"}");
  publish(self, "{\"type\":\"b\",\"partitionkey\":\"k\"}");
  publish(self, "{\"type\":\"a\"}");
  calling calling;
  calling_begin(&calling, &self->services);
  calling_run(&calling, service_subscriptions_list);
  assert_answer(&calling, 200,
                "{\"subscriptions\":[{\"name\":\"a\",\"topic\":\"a\",\"function\":\"note\",\"lag\":1},"
                "{\"name\":\"all\",\"topic\":\"*\",\"function\":\"note\",\"lag\":4},"
                "{\"name\":\"b\",\"topic\":\"b\",\"function\":\"note\",\"lag\":3}]}");
  calling_end(&calling);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(topics_match_with_stars_alone),
      TEST(there_are_no_more_subscriptions_than_may_be),
      TEST(there_are_no_more_than_may_be_when_many_are_made_at_once),
      TEST(one_that_is_made_anew_gets_nothing_of_the_one_before),
      TEST(one_that_is_changed_keeps_what_waits),
      TEST(one_that_two_delete_at_once_is_gone),
      TEST(all_are_listed_with_what_waits_for_each),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
