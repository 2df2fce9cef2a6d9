// A queue that nobody is to have any more, and a database from when events waited for names.
#include "base/database.h"
#include "services/backend/sqlite_schema.h"
#include "unit/services/backend/work_testing.h"

static int set_up(void **state) {
  return fixture_begin(state, 1000);
}

/// Clears a portion of a queue; whether there may be more.
static bool clear(backend *backend, const char *queue) {
  backend_work_change change = {.action = BACKEND_WORK_CLEAR, .item = {.queue = text_of(queue)}};
  assert_success(write_work(backend, &change, 1, 0));
  return change.is_more;
}

static uint64_t waiting(backend *backend, const char *queue) {
  backend_work_count count;
  assert_success(backend_work_count_now(backend, TEXT("shop"), text_of(queue), &count));
  return count.waiting + count.paused + count.dead;
}

static void all_that_a_queue_has_goes_and_nothing_else(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  backend_work_change change = change_of(add(backend, "mail", "", 1), 1, BACKEND_WORK_DEAD);
  assert_success(write_work(backend, &change, 1, 0));
  change = change_of(add(backend, "mail", "", 1), 1, BACKEND_WORK_PAUSED);
  assert_success(write_work(backend, &change, 1, 0));
  add_in_order(backend, "user 7", 1);
  add_in_order(backend, "user 7", 1);
  add(backend, "mail", "named", 1);
  add(backend, "mail2", "", 1);
  assert_false(clear(backend, "mail"));
  assert_int_equal(waiting(backend, "mail"), 1);
  assert_int_equal(waiting(backend, "mail2"), 1);
  assert_false(clear(backend, "mail"));
  backend_work_change more[] = {item_of("print", "", 1), item_of("print", "", 1)};
  assert_fails(write_work(backend, more, 2, 3), UBIQ_QUOTA,
               "the project has 3 items of work waiting, which is its limit"); // what went is not counted
  uint64_t id = add_in_order(backend, "user 7", 1);                            // nobody of its order is before it
  seen seen = {0};
  backend_work_due operation = {
      .now_ms = 1, .project = TEXT("shop"), .queue = TEXT("mail"), .limit = 9, .each = note_due, .user = &seen};
  assert_success(backend_work_due_now(backend, &operation));
  assert_ids(&seen, IDS(id));
}

static void many_go_in_portions(void **state) {
  enum { COUNT = 2500 };
  static backend_work_change changes[COUNT];
  backend *backend = ((fixture *)*state)->backend;
  size_t portions = 1;
  for (size_t i = 0; i < COUNT; i++) changes[i] = item_of("mail", "", 1);
  assert_success(write_work(backend, changes, COUNT, 0));
  while (clear(backend, "mail")) portions++;
  assert_int_equal(portions, 3);
  assert_int_equal(waiting(backend, "mail"), 0);
}

static void large_ones_go_in_smaller_portions(void **state) {
  enum { COUNT = 20, SIZE = 1 << 20 };
  static uint8_t bytes[SIZE];
  backend *backend = ((fixture *)*state)->backend;
  size_t portions = 1;
  for (size_t i = 0; i < COUNT; i++) {
    backend_work_change change = item_of("mail", "", 1);
    change.item.payload = (ubiq_bytes){bytes, SIZE};
    assert_success(write_work(backend, &change, 1, 0));
  }
  while (clear(backend, "mail")) portions++;
  assert_int_equal(portions, 3);
}

// ------------------------------------------------------------------------------------------------------- from before

/// A database whose events waited for subscriptions by their names: two for one that is there, two for one that is gone.
static void make_older(fixture *self) {
  const database_settings settings = {
      .steps = sqlite_schema, .steps_count = 4, .first = 1, .is_log = true, .is_for_one = true};
#define ITEM                                                                                                           \
  "INSERT INTO work (id, project, queue, name, ordering, due_ms, added_ms, attempts, hops, state, payload)"            \
  " VALUES ("
  static const char *const statements[] = {
      "INSERT INTO projects (id, name, sequence, keys, bytes, work, work_bytes)"
      " VALUES (1, CAST('shop' AS BLOB), 0, 0, 0, 5, 10)",
      ITEM "171, 1, CAST('subscriptions' AS BLOB), CAST('mail' AS BLOB), NULL, 0, 1, 0, 0, 1, x'7b7d')",
      ITEM "2, 1, CAST('events/mail' AS BLOB), NULL, CAST('k' AS BLOB), 5, 1, 0, 0, 0, x'7b7d')",
      ITEM "3, 1, CAST('events/mail' AS BLOB), NULL, CAST('k' AS BLOB), 5, 1, 0, 0, 3, x'7b7d')",
      ITEM "4, 1, CAST('events/mai' AS BLOB), NULL, NULL, 5, 1, 3, 0, 2, x'7b7d')",
      ITEM "5, 1, CAST('events/mails' AS BLOB), NULL, NULL, 5, 1, 0, 0, 0, x'7b7d')",
  };
#undef ITEM
  database *database = NULL;
  backend_close(self->backend);
  folder_remove(&self->folder);
  folder_make(&self->folder);
  assert_success(database_open_with(self->folder.file, &settings, &database));
  for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
    assert_success(database_query(database, statements[i], NULL, 0, NULL, NULL));
  database_close(database);
  open_at(self);
}

static void events_for_a_name_become_those_of_its_subscription(void **state) {
  fixture *self = *state;
  make_older(self);
  assert_int_equal(waiting(self->backend, "events/00000000000000ab"), 2);
  seen seen = due(self->backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(2));
  end(self->backend, 2);
  seen = due(self->backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(3));
  backend_work_list dead = {.state = BACKEND_WORK_DEAD, .limit = 9};
  assert_int_equal(list(self->backend, &dead).count, 0);
  backend_work_change more[] = {item_of("print", "", 1), item_of("print", "", 1)};
  assert_fails(write_work(self->backend, more, 2, 3), UBIQ_QUOTA,
               "the project has 3 items of work waiting, which is its limit");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(all_that_a_queue_has_goes_and_nothing_else),
      TEST(many_go_in_portions),
      TEST(large_ones_go_in_smaller_portions),
      TEST(events_for_a_name_become_those_of_its_subscription),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
