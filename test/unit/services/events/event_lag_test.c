// link: -Wl,--wrap=sqlite3_step
// How far subscriptions are behind, and that asking costs the same however far that is.
#include "services/events/event_lag.h"

#include "unit/services/events/events_testing.h"

#include <sqlite3.h>

/// Steps of SQLite's machine, on this thread: those of reads.
static _Thread_local int steps;

int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);

int __wrap_sqlite3_step(sqlite3_stmt *statement) {
  int result = __real_sqlite3_step(statement);
  steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
  return result;
}

static void add_many(fixture *self, const char *name, size_t count, const char *order) {
  enum { MANY_MAX = 4000 };
  static backend_work_change changes[MANY_MAX];
  char queue[EVENT_QUEUE_SIZE];
  event_queue_name(id_of(self, name), queue);
  assert_true(count <= MANY_MAX);
  for (size_t i = 0; i < count; i++)
    changes[i] = (backend_work_change){
        .action = BACKEND_WORK_ADD,
        .item = {
            .queue = text_of(queue), .order = text_of(order), .due_ms = 5 + i, .payload = {(const uint8_t *)"{}", 2}}};
  write_work(self, changes, count);
}

static void list(fixture *self) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_run(&calling, service_subscriptions_list);
  assert_int_equal(calling_status(&calling), 200);
  calling_end(&calling);
}

static void get(fixture *self) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, SUBSCRIPTIONS_GET_NAME, "all");
  calling_run(&calling, service_subscriptions_get);
  assert_int_equal(calling_status(&calling), 200);
  calling_end(&calling);
}

static void read_all(fixture *self) {
  arena arena;
  event_lags lags;
  arena_init(&arena);
  assert_success(event_lags_read(self->services.backend, NULL, &arena, &lags));
  arena_free(&arena);
}

static int steps_of(fixture *self, void (*ask)(fixture *self)) {
  ask(self); // whatever is done once was done
  steps = 0;
  ask(self);
  return steps;
}

static void asking_costs_the_same_however_much_waits(void **state) {
  static void (*const asks[])(fixture * self) = {list, get, read_all};
  fixture *self = *state;
  int before[3];
  add_many(self, "all", 3, "");
  add_many(self, "all", 3, "k");
  for (size_t i = 0; i < 3; i++) before[i] = steps_of(self, asks[i]);
  add_many(self, "all", 4000, "");
  add_many(self, "all", 4000, "k");
  for (size_t i = 0; i < 3; i++) {
    assert_true(before[i] > 0);
    assert_in_range(steps_of(self, asks[i]), 1, before[i] + 100);
  }
}

static void each_has_the_numbers_of_its_own(void **state) {
  fixture *self = *state;
  arena arena;
  event_lags lags;
  put(self, "b", "{\"topic\":\"b\",\"function\":\"note\"}"); // a later one stands before an earlier one
  put(self, "a", "{\"topic\":\"a\",\"function\":\"note\"}");
  put(self, "gone", "{\"topic\":\"a\",\"function\":\"note\"}");
  add_many(self, "a", 1, "");
  add_many(self, "b", 2, "");
  add_many(self, "gone", 4, "");
  add_event(self, id_of(self, "b"), "", BACKEND_WORK_DEAD);
  assert_int_equal(unsubscribe(self, "gone"), 204);
  arena_init(&arena);
  assert_success(event_lags_read(self->services.backend, NULL, &arena, &lags));
  assert_int_equal(lags.count, 3);
  static const struct {
    const char *name;
    uint64_t waiting, dead, oldest_ms;
  } expected[] = {{"a", 1, 0, 5}, {"all", 0, 0, 0}, {"b", 2, 1, 5}};
  for (size_t i = 0; i < 3; i++) {
    assert_string_equal(lags.list[i].project, "shop");
    assert_string_equal(lags.list[i].subscription, expected[i].name);
    assert_int_equal(lags.list[i].count.waiting, expected[i].waiting);
    assert_int_equal(lags.list[i].count.dead, expected[i].dead);
    assert_int_equal(lags.list[i].count.oldest_ms, expected[i].oldest_ms);
  }
  arena_free(&arena);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(asking_costs_the_same_however_much_waits),
      TEST(each_has_the_numbers_of_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
