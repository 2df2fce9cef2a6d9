// How queues stand: numbers that are kept as items come and go, and what they are worth.
#include "base/database.h"
#include "services/backend/sqlite_schema.h"
#include "unit/services/backend/work_testing.h"

#define MAIL BACKEND_WORK_COUNTED "mail"

/// Many writes: none waits for the disk.
static void open_fleeting(fixture *self) {
  const sqlite_backend_settings settings = {.path = self->folder.file, .is_fleeting = true, .now_ms = fake_now};
  assert_success(sqlite_backend_open(&settings, &self->backend));
}

static int set_up(void **state) {
  fixture_begin(state, 1000);
  fixture *self = *state;
  backend_close(self->backend);
  open_fleeting(self);
  return 0;
}

static backend_work_count count_of(backend *backend, const char *queue) {
  backend_work_count out;
  assert_success(backend_work_count_now(backend, TEXT("shop"), text_of(queue), &out));
  return out;
}

static void assert_counts(backend *backend, const char *queue, uint64_t waiting, uint64_t paused, uint64_t dead) {
  const backend_work_count found = count_of(backend, queue);
  assert_int_equal(found.waiting, waiting);
  assert_int_equal(found.paused, paused);
  assert_int_equal(found.dead, dead);
}

static void set_state(backend *backend, uint64_t id, uint64_t due_ms, backend_work_state to) {
  backend_work_change change = change_of(id, due_ms, to);
  assert_success(write_work(backend, &change, 1, 0));
}

static void a_queue_is_counted_as_it_changes(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  assert_counts(backend, MAIL, 0, 0, 0);
  uint64_t first = add(backend, MAIL, "", 3000), second = add(backend, MAIL, "", 2000);
  assert_counts(backend, MAIL, 2, 0, 0);
  assert_int_equal(count_of(backend, MAIL).oldest_ms, 2000);
  set_state(backend, second, 2500, BACKEND_WORK_DEAD);
  assert_counts(backend, MAIL, 1, 0, 1);
  assert_int_equal(count_of(backend, MAIL).oldest_ms, 3000);
  set_state(backend, first, 1, BACKEND_WORK_PAUSED);
  assert_counts(backend, MAIL, 0, 1, 1);
  assert_int_equal(count_of(backend, MAIL).oldest_ms, 0);
  end(backend, second);
  end(backend, second); // it is not there any more
  end(backend, first);
  assert_counts(backend, MAIL, 0, 0, 0);
}

static void what_waits_behind_another_is_counted_as_waiting(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  backend_work_change changes[] = {item_of(MAIL, "", 3000), item_of(MAIL, "", 2000), item_of(MAIL, "", 4000)};
  for (size_t i = 0; i < 3; i++) changes[i].item.order = TEXT("user 7");
  assert_success(write_work(backend, changes, 3, 0));
  assert_counts(backend, MAIL, 3, 0, 0);
  assert_int_equal(count_of(backend, MAIL).oldest_ms, 2000);
  end(backend, changes[0].item.id);
  assert_counts(backend, MAIL, 2, 0, 0);
  set_state(backend, changes[1].item.id, 2000, BACKEND_WORK_DEAD);
  assert_counts(backend, MAIL, 1, 0, 1);
  set_state(backend, changes[1].item.id, 2000, BACKEND_WORK_WAITING); // before the other
  assert_counts(backend, MAIL, 2, 0, 0);
}

static void what_was_taken_back_is_not_counted(void **state) {
  fixture *self = *state;
  uint64_t id = add(self->backend, MAIL, "", 1);
  backend_work_change changes[] = {
      item_of(MAIL, "", 1), {.action = BACKEND_WORK_END, .item = {.id = id}}, change_of(777, 1, BACKEND_WORK_WAITING)};
  assert_fails(write_work(self->backend, changes, 3, 0), UBIQ_NOT_FOUND, "it is not there any more");
  assert_counts(self->backend, MAIL, 1, 0, 0);
  add(self->backend, MAIL, "", 1);
  assert_counts(self->backend, MAIL, 2, 0, 0);
}

static void a_queue_is_counted_on_after_opening_again(void **state) {
  fixture *self = *state;
  uint64_t id = add(self->backend, MAIL, "", 1);
  add(self->backend, MAIL, "", 1);
  backend_close(self->backend);
  open_fleeting(self);
  assert_counts(self->backend, MAIL, 2, 0, 0);
  end(self->backend, id);
  add(self->backend, MAIL, "", 1);
  add(self->backend, MAIL, "", 1);
  assert_counts(self->backend, MAIL, 3, 0, 0);
}

typedef struct counted {
  char queues[128];
  uint64_t waiting, dead;
} counted;

static void note_count(backend_work_counts *operation, text queue, const backend_work_count *count) {
  counted *self = operation->user;
  snprintf(self->queues + strlen(self->queues), 32, "%.*s ", (int)queue.size, queue.data);
  self->waiting += count->waiting;
  self->dead += count->dead;
}

static void counted_queues_are_told_at_once(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  add(backend, BACKEND_WORK_COUNTED "b", "", 3000);
  add(backend, BACKEND_WORK_COUNTED "a", "", 2000);
  set_state(backend, add(backend, BACKEND_WORK_COUNTED "a", "", 2000), 2000, BACKEND_WORK_DEAD);
  end(backend, add(backend, BACKEND_WORK_COUNTED "c", "", 2000)); // has nothing any more
  add(backend, "events", "", 2000);
  add(backend, "events0", "", 2000);
  counted counted = {0};
  backend_work_counts operation = {.project = TEXT("shop"), .each = note_count, .user = &counted};
  assert_success(backend_work_counts_now(backend, &operation));
  assert_string_equal(counted.queues, "events/a events/b ");
  assert_int_equal(counted.waiting, 2);
  assert_int_equal(counted.dead, 1);
}

// ---------------------------------------------------------------------------------------------------------- at random

enum { STEPS = 3000, ITEMS = 64 };

typedef struct tally {
  uint64_t counts[3];
} tally;

static ubiq_error *take_tally(void *user, sqlite3_stmt *row) {
  tally *self = user;
  for (int i = 0; i < 3; i++) self->counts[i] = (uint64_t)sqlite3_column_int64(row, i);
  return NULL;
}

/// What a count of the items themselves says.
static tally tally_of(const fixture *self) {
  static const char statement[] = "SELECT ifnull(sum(state IN (0, 3)), 0), ifnull(sum(state = 1), 0),"
                                  " ifnull(sum(state = 2), 0) FROM work WHERE queue = CAST('" MAIL "' AS BLOB)";
  const database_settings settings = {.steps = sqlite_schema,
                                      .steps_count = sizeof sqlite_schema / sizeof sqlite_schema[0],
                                      .first = 1,
                                      .is_for_one = true,
                                      .is_for_reading = true};
  database *database = NULL;
  tally out = {0};
  assert_success(database_open_with(self->folder.file, &settings, &database));
  assert_success(database_query(database, statement, NULL, 0, take_tally, &out));
  database_close(database);
  return out;
}

static backend_work_change any_change(uint64_t *random, const uint64_t ids[ITEMS]) {
  static const char *const orders[] = {"", "a", "b"};
  *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
  const uint64_t number = *random >> 33;
  const uint64_t id = ids[number / 64 % ITEMS];
  backend_work_change change = item_of(MAIL, "", number % 50);
  change.item.order = text_of(orders[number / 4096 % 3]);
  change.item.state = number / 512 % 8 == 0 ? BACKEND_WORK_DEAD : BACKEND_WORK_WAITING;
  if (number % 5 == 1)
    change = (backend_work_change){.action = BACKEND_WORK_END, .item = {.id = id}};
  else if (number % 5 > 2)
    change = change_of(id, number % 100, (backend_work_state)(number / 512 % 3)); // fails where it is not there
  else if (number % 500 == 0)
    change = (backend_work_change){.action = BACKEND_WORK_CLEAR, .item = {.queue = TEXT(MAIL)}};
  return change;
}

static void whatever_happens_the_numbers_are_those_of_the_items(void **state) {
  fixture *self = *state;
  uint64_t random = 7, ids[ITEMS] = {0};
  for (size_t i = 0; i < STEPS; i++) {
    backend_work_change changes[] = {any_change(&random, ids), any_change(&random, ids)};
    ubiq_error *error = write_work(self->backend, changes, 1 + i % 2, 0);
    for (size_t k = 0; error == NULL && k < 1 + i % 2; k++)
      if (changes[k].action == BACKEND_WORK_ADD) ids[(i + k) % ITEMS] = changes[k].item.id;
    ubiq_error_delete(error);
    if (i % 300 != 0) continue;
    const tally tally = tally_of(self);
    assert_counts(self->backend, MAIL, tally.counts[0], tally.counts[1], tally.counts[2]);
    assert_true(i == 0 || tally.counts[0] > 0);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_queue_is_counted_as_it_changes),   TEST(what_waits_behind_another_is_counted_as_waiting),
      TEST(what_was_taken_back_is_not_counted), TEST(a_queue_is_counted_on_after_opening_again),
      TEST(counted_queues_are_told_at_once),    TEST(whatever_happens_the_numbers_are_those_of_the_items),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
