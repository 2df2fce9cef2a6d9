// Work on the embedded backend: what work.h promises.
#include "base/database.h"
#include "services/backend/sqlite_schema.h"
#include "unit/services/backend/work_testing.h"

static int set_up(void **state) {
  return fixture_begin(state, 1000);
}

// --------------------------------------------------------------------------------------------------------------- tests

static void work_is_due_by_its_time_and_then_its_age(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t late = add(backend, "mail", "", 3000), second = add(backend, "mail", "", 2000),
           third = add(backend, "print", "", 2000);
  seen seen = due(backend, 1999, NULL, 10);
  assert_int_equal(seen.count, 0);
  assert_int_equal(seen.next_ms, 2000);
  seen = due(backend, 2500, NULL, 10);
  assert_ids(&seen, IDS(second, third));
  assert_int_equal(seen.next_ms, 3000);
  seen = due(backend, 3000, NULL, 10);
  assert_ids(&seen, IDS(second, third, late));
  assert_int_equal(seen.next_ms, UINT64_MAX);
}

static void a_walk_goes_on_where_it_stopped(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t first = add(backend, "mail", "", 2000), second = add(backend, "mail", "", 2000),
           third = add(backend, "mail", "", 2001);
  backend_work_cursor after = {0};
  seen seen = due(backend, 2500, &after, 2);
  assert_ids(&seen, IDS(first, second));
  assert_int_equal(seen.next_ms, 2500);
  seen = due(backend, 2500, &after, 2);
  assert_ids(&seen, IDS(third));
  assert_int_equal(due(backend, 2500, &after, 2).count, 0);
}

static void work_is_there_after_opening_again_until_it_is_ended(void **state) {
  fixture *self = *state;
  uint64_t kept = add(self->backend, "mail", "", 1), ended = add(self->backend, "mail", "", 1);
  end(self->backend, ended);
  end(self->backend, ended);
  backend_close(self->backend);
  open_at(self);
  seen seen = due(self->backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(kept));
  end(self->backend, kept);
  assert_true(add(self->backend, "mail", "", 1) > ended); // an id is never used twice
}

static void of_items_in_an_order_only_the_oldest_is_due(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t first = add_in_order(backend, "user 7", 1), second = add_in_order(backend, "user 7", 1);
  uint64_t other = add_in_order(backend, "user 8", 1);
  seen seen = due(backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(first, other));
  backend_work_change later =
      change_of(first, 5000, BACKEND_WORK_WAITING); // tried again later: the next one waits for it
  assert_success(write_work(backend, &later, 1, 0));
  seen = due(backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(other));
  backend_work_change dead = change_of(first, 5000, BACKEND_WORK_DEAD); // given up: the next one may go
  assert_success(write_work(backend, &dead, 1, 0));
  seen = due(backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(second, other));
}

static void end_letter(backend *backend, uint64_t id, backend_work_state state) {
  backend_work_change change = change_of(id, 1, state);
  assert_success(write_work(backend, &change, 1, 0));
}

static void whoever_is_replayed_goes_before_the_younger_of_its_order(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t first = add_in_order(backend, "user 7", 1), second = add_in_order(backend, "user 7", 1),
           third = add_in_order(backend, "user 7", 1);
  end_letter(backend, first, BACKEND_WORK_DEAD);
  end_letter(backend, first, BACKEND_WORK_WAITING);
  seen seen = due(backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(first));
  end_letter(backend, second, BACKEND_WORK_WAITING); // it was under way, and failed
  seen = due(backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(first));
  end(backend, third); // from behind: nobody moves up
  end(backend, first);
  seen = due(backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(second));
  end(backend, second);
  assert_int_equal(due(backend, 2000, NULL, 10).count, 0);
  uint64_t fourth = add_in_order(backend, "user 7", 1);
  seen = due(backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(fourth));
}

static void what_waits_behind_others_waits(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  add_in_order(backend, "user 7", 3000);
  add_in_order(backend, "user 7", 2000);
  backend_work_count count;
  assert_success(backend_work_count_now(backend, TEXT("shop"), TEXT("mail"), &count));
  assert_int_equal(count.waiting, 2);
  assert_int_equal(count.oldest_ms, 2000);
}

static void a_name_is_used_once_in_a_queue(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t first = add(backend, "schedules", "report", 2000);
  add(backend, "others", "report", 9000);
  backend_work_change again = item_of("schedules", "report", 3000);
  assert_fails(write_work(backend, &again, 1, 0), UBIQ_CONFLICT, "\"report\" is there already");
  again.action = BACKEND_WORK_SET;
  assert_success(write_work(backend, &again, 1, 0));
  assert_true(again.item.id > first);
  seen seen = due(backend, 4000, NULL, 10);
  assert_ids(&seen, IDS(again.item.id));
}

static void what_is_put_under_a_name_keeps_its_id(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  backend_work_change change = item_of("schedules", "report", 2000);
  change.action = BACKEND_WORK_PUT;
  assert_success(write_work(backend, &change, 1, 0));
  uint64_t id = change.item.id;
  change = item_of("schedules", "report", 3000);
  change.action = BACKEND_WORK_PUT;
  change.item.payload = (ubiq_bytes){(const uint8_t *)"[1, 2]", 6};
  assert_success(write_work(backend, &change, 1, 1)); // where nothing more has room
  assert_int_equal(change.item.id, id);
  backend_work_list by_name = {.queue = TEXT("schedules"), .state = -1, .name = TEXT("report"), .limit = 9};
  seen seen = list(backend, &by_name);
  assert_ids(&seen, IDS(id));
  assert_int_equal(seen.last.due_ms, 3000);
  assert_int_equal(seen.last.payload.size, 6);
  const backend_work_limits limits = {.bytes_max = 7}; // as many bytes as it has now are counted
  change = item_of("mail", "", 1);
  assert_fails(write_within(backend, &change, 1, limits), UBIQ_QUOTA,
               "the project's work that waits has 6 bytes; with 2 more it has over 7");
}

static void the_bound_of_a_queues_names_holds(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  const backend_work_limits limits = {.names_max = 2};
  static const backend_work_action actions[] = {BACKEND_WORK_ADD, BACKEND_WORK_SET, BACKEND_WORK_PUT};
  add(backend, "lists", "a", 1);
  add(backend, "lists", "", 1);
  add(backend, "others", "c", 1);
  backend_work_change both[] = {item_of("lists", "b", 1), item_of("lists", "c", 1)};
  for (size_t i = 0; i < 3; i++) {
    both[0].action = both[1].action = actions[i];
    assert_fails(write_within(backend, both, 2, limits), UBIQ_QUOTA, "the project has 2 lists, which is its limit");
  }
  assert_success(write_within(backend, both, 1, limits));
  for (size_t i = 1; i < 3; i++) { // what is there takes no more room
    both[0].action = actions[i];
    assert_success(write_within(backend, both, 1, limits));
  }
  both[1].item.name = (text){NULL, 0};
  assert_success(write_within(backend, both + 1, 1, limits));
}

static void changes_are_all_or_none(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t id = add(backend, "schedules", "report", 2000);
  backend_work_change changes[] = {item_of("runs", "", 2000), change_of(id, 3000, BACKEND_WORK_WAITING)};
  changes[1].is_expected = true;
  changes[1].expected_ms = 1999;
  assert_fails(write_work(backend, changes, 2, 0), UBIQ_CONFLICT, "it was changed or taken away meanwhile");
  assert_int_equal(due(backend, 2000, NULL, 10).count, 1);
  changes[1].expected_ms = 2000;
  assert_success(write_work(backend, changes, 2, 0));
  seen seen = due(backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(changes[0].item.id));
  backend_work_change gone = change_of(777, 1, BACKEND_WORK_WAITING);
  assert_fails(write_work(backend, &gone, 1, 0), UBIQ_NOT_FOUND, "it is not there any more");
}

static void what_is_not_as_expected_is_passed_where_it_may_be(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t one = add(backend, "mail", "", 100), other = add(backend, "mail", "", 200);
  backend_work_change changes[] = {change_of(one, 300, BACKEND_WORK_DEAD),
                                   change_of(other, 400, BACKEND_WORK_DEAD),
                                   {.action = BACKEND_WORK_END, .item = {.id = 999}}};
  for (size_t i = 0; i < 3; i++) {
    changes[i].is_expected = changes[i].may_pass = true;
    changes[i].expected_ms = 200;
  }
  assert_success(write_work(backend, changes, 3, 0));
  assert_true(changes[0].was_passed && !changes[1].was_passed && changes[2].was_passed);
  seen found = due(backend, 1000, NULL, 10);
  assert_ids(&found, IDS(one));
}

/// Who replays a letter in the millisecond in which it died changes its time no more than that.
static void what_is_not_dead_as_expected_is_passed(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t one = add(backend, "mail", "", 100);
  backend_work_change change = {.action = BACKEND_WORK_END, .item = {.id = one}};
  change.is_expected = change.may_pass = change.is_dead = true;
  change.expected_ms = 100;
  assert_success(write_work(backend, &change, 1, 0));
  assert_true(change.was_passed);
  end_letter(backend, one, BACKEND_WORK_DEAD);
  change.was_passed = false;
  backend_work_list by_id = {.state = -1, .only_id = one, .limit = 1};
  change.expected_ms = list(backend, &by_id).last.due_ms;
  assert_success(write_work(backend, &change, 1, 0));
  assert_false(change.was_passed);
  assert_int_equal(list(backend, &by_id).count, 0);
}

static void hops_only_grow(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  backend_work_change change = change_of(add(backend, "mail", "", 100), 100, BACKEND_WORK_WAITING);
  backend_work_list by_id = {.state = -1, .only_id = change.item.id, .limit = 1};
  change.item.hops = 3;
  assert_success(write_work(backend, &change, 1, 0));
  change.item.hops = 0;
  assert_success(write_work(backend, &change, 1, 0));
  assert_int_equal(list(backend, &by_id).last.hops, 3);
}

static void the_bound_of_a_project_holds(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  backend_work_change changes[] = {item_of("mail", "", 1), item_of("mail", "", 1), item_of("mail", "", 1)};
  assert_fails(write_work(backend, changes, 3, 2), UBIQ_QUOTA,
               "the project has 2 items of work waiting, which is its limit");
  assert_int_equal(due(backend, 2000, NULL, 10).count, 0);
  assert_success(write_work(backend, changes, 2, 2));
  assert_fails(write_work(backend, changes, 1, 2), UBIQ_QUOTA,
               "the project has 2 items of work waiting, which is its limit");
  end(backend, changes[0].item.id);
  assert_success(write_work(backend, changes + 2, 1, 2));
}

static void the_bound_of_a_projects_bytes_holds(void **state) {
  fixture *self = *state;
  const backend_work_limits limits = {.bytes_max = 5}; // a payload has 2
  backend_work_change changes[] = {item_of("mail", "", 1), item_of("mail", "", 1), item_of("mail", "", 1)};
  const char *message = "the project's work that waits has 4 bytes; with 2 more it has over 5";
  assert_fails(write_within(self->backend, changes, 3, limits), UBIQ_QUOTA, message);
  assert_success(write_within(self->backend, changes, 2, limits));
  backend_close(self->backend); // the number is kept
  open_at(self);
  assert_fails(write_within(self->backend, changes + 2, 1, limits), UBIQ_QUOTA, message);
  end(self->backend, changes[0].item.id);
  assert_success(write_within(self->backend, changes + 2, 1, limits));
}

static void a_queue_is_listed_by_name_or_age_in_pages(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t b = add(backend, "schedules", "b", 1), a = add(backend, "schedules", "a", 1),
           c = add(backend, "schedules", "c", 1);
  backend_work_list page = {.queue = TEXT("schedules"), .state = -1, .limit = 2};
  seen seen = list(backend, &page);
  assert_ids(&seen, IDS(a, b));
  assert_true(seen.is_more);
  page.after_name = TEXT("b");
  page.after_id = b;
  seen = list(backend, &page);
  assert_ids(&seen, IDS(c));
  assert_false(seen.is_more);
  backend_work_list one = {.queue = TEXT("schedules"), .state = -1, .name = TEXT("c"), .limit = 2};
  seen = list(backend, &one);
  assert_ids(&seen, IDS(c));
  uint64_t first = add(backend, "dead", "", 1), second = add(backend, "dead", "", 1);
  backend_work_change dead = change_of(second, 1, BACKEND_WORK_DEAD);
  dead.item.attempts = 3;
  dead.item.failure = TEXT("the printer burns");
  assert_success(write_work(backend, &dead, 1, 0));
  backend_work_list buried = {.queue = TEXT("dead"), .state = BACKEND_WORK_DEAD, .limit = 9};
  seen = list(backend, &buried);
  assert_ids(&seen, IDS(second));
  assert_int_equal(seen.last.attempts, 3);
  backend_work_list by_id = {.queue = TEXT("dead"), .state = -1, .only_id = first, .limit = 9};
  seen = list(backend, &by_id);
  assert_ids(&seen, IDS(first));
}

static void a_queue_is_counted_by_state(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  add(backend, "mail", "", 3000);
  add(backend, "mail", "", 2000);
  uint64_t paused = add(backend, "mail", "", 1);
  backend_work_change pause = change_of(paused, 1, BACKEND_WORK_PAUSED);
  assert_success(write_work(backend, &pause, 1, 0));
  backend_work_count count;
  assert_success(backend_work_count_now(backend, TEXT("shop"), TEXT("mail"), &count));
  assert_int_equal(count.waiting, 2);
  assert_int_equal(count.paused, 1);
  assert_int_equal(count.dead, 0);
  assert_int_equal(count.oldest_ms, 2000);
  assert_int_equal(due(backend, 9000, NULL, 10).count, 2);
}

static void dead_ones_are_listed_by_age_of_a_queue_or_of_all(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  uint64_t a = add(backend, "mail", "", 1), b = add(backend, "print", "", 1), c = add(backend, "mail", "", 1);
  add(backend, "mail", "", 1);
  end_letter(backend, a, BACKEND_WORK_DEAD);
  end_letter(backend, b, BACKEND_WORK_DEAD);
  end_letter(backend, c, BACKEND_WORK_DEAD);
  backend_work_list all = {.state = BACKEND_WORK_DEAD, .limit = 2};
  seen seen = list(backend, &all);
  assert_ids(&seen, IDS(a, b));
  assert_true(seen.is_more);
  backend_work_list mail = {.queue = TEXT("mail"), .state = BACKEND_WORK_DEAD, .after_id = a, .limit = 2};
  seen = list(backend, &mail);
  assert_ids(&seen, IDS(c));
}

/// A database as it was before items knew that they wait behind others, with three of one order.
static void an_older_database_is_brought_to_the_newest_version(void **state) {
  fixture *self = *state;
  const database_settings settings = {
      .steps = sqlite_schema, .steps_count = 2, .first = 1, .is_log = true, .is_for_one = true};
  static const char project[] = "INSERT INTO projects (id, name, sequence, keys, bytes, work)"
                                " VALUES (1, CAST('shop' AS BLOB), 0, 0, 0, 3)",
                    item[] =
                        "INSERT INTO work (project, queue, ordering, due_ms, added_ms, attempts, hops, state,"
                        " payload) VALUES (1, CAST('mail' AS BLOB), CAST('user 7' AS BLOB), 1, 1, 0, 0, 0, x'7b7d')";
  database *database = NULL;
  backend_close(self->backend);
  folder_remove(&self->folder);
  folder_make(&self->folder);
  assert_success(database_open_with(self->folder.file, &settings, &database));
  assert_success(database_query(database, project, NULL, 0, NULL, NULL));
  for (int i = 0; i < 3; i++) assert_success(database_query(database, item, NULL, 0, NULL, NULL));
  database_close(database);
  open_at(self);
  seen seen = due(self->backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(1));
  end(self->backend, 1);
  seen = due(self->backend, 2000, NULL, 10);
  assert_ids(&seen, IDS(2));
  backend_work_change more = item_of("mail", "", 1);
  assert_fails(write_within(self->backend, &more, 1, (backend_work_limits){.bytes_max = 5}), UBIQ_QUOTA,
               "the project's work that waits has 4 bytes; with 2 more it has over 5");
}

static atomic_ullong told_ms;

static void told(void *user, uint64_t due_ms) {
  (void)user;
  atomic_store(&told_ms, due_ms);
}

static void who_watches_is_told_of_the_earliest_that_is_new(void **state) {
  backend *backend = ((fixture *)*state)->backend;
  backend_work_watch(backend, told, NULL);
  backend_work_change changes[] = {item_of("mail", "", 5000), item_of("mail", "", 4000), item_of("mail", "", 100)};
  changes[2].item.state = BACKEND_WORK_PAUSED;
  assert_success(write_work(backend, changes, 3, 0));
  assert_int_equal(atomic_load(&told_ms), 4000);
  uint64_t first = add_in_order(backend, "user 7", 6000);
  add_in_order(backend, "user 7", 50);
  assert_int_equal(atomic_load(&told_ms), 6000);
  end(backend, first); // the next of its order moves up
  assert_int_equal(atomic_load(&told_ms), 50);
  backend_work_watch(backend, NULL, NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(work_is_due_by_its_time_and_then_its_age),
      TEST(a_walk_goes_on_where_it_stopped),
      TEST(work_is_there_after_opening_again_until_it_is_ended),
      TEST(of_items_in_an_order_only_the_oldest_is_due),
      TEST(whoever_is_replayed_goes_before_the_younger_of_its_order),
      TEST(what_waits_behind_others_waits),
      TEST(a_name_is_used_once_in_a_queue),
      TEST(what_is_put_under_a_name_keeps_its_id),
      TEST(the_bound_of_a_queues_names_holds),
      TEST(changes_are_all_or_none),
      TEST(what_is_not_as_expected_is_passed_where_it_may_be),
      TEST(what_is_not_dead_as_expected_is_passed),
      TEST(hops_only_grow),
      TEST(the_bound_of_a_project_holds),
      TEST(the_bound_of_a_projects_bytes_holds),
      TEST(a_queue_is_listed_by_name_or_age_in_pages),
      TEST(a_queue_is_counted_by_state),
      TEST(dead_ones_are_listed_by_age_of_a_queue_or_of_all),
      TEST(an_older_database_is_brought_to_the_newest_version),
      TEST(who_watches_is_told_of_the_earliest_that_is_new),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
