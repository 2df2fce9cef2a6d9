// Work that is due: begun in time, ended, tried again, and begun again when that could not be written down.
#include "services/work/agenda.h"

#include "unit/services/backend/backend_testing.h"
#include "unit/services/fake_clock.h"

enum { BEGUN_MAX = 256 };

typedef struct begun {
  uint64_t id;
  uint32_t attempts;
  char name[32];
} begun;

/// What the test has the work done by: notes what is begun and ends it as `how` says.
typedef struct fixture {
  folder folder;
  backend *backend;
  agenda *agenda;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  begun begun[BEGUN_MAX];
  size_t count;
  agenda_task *held[BEGUN_MAX]; ///< with HOLD
  size_t held_count;
  enum { END, FAIL, REFUSE, HOLD } how;
} fixture;

static const retry_policy twice = {2, 1000, 2, 60000, 0};

static void begin(void *user, agenda_task *task) {
  fixture *self = user;
  pthread_mutex_lock(&self->lock);
  assert_true(self->count < BEGUN_MAX);
  begun *entry = &self->begun[self->count++];
  *entry = (begun){.id = task->item.id, .attempts = task->item.attempts};
  snprintf(entry->name, sizeof entry->name, "%.*s", (int)task->item.name.size, task->item.name.data);
  int how = self->how;
  if (how == HOLD) self->held[self->held_count++] = task;
  if (how == REFUSE) self->how = END;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->lock);
  task->retry = &twice;
  if (how == END) agenda_done(task);
  if (how == FAIL) agenda_failed(task, ubiq_error_new(UBIQ_GUEST_ERROR, "the printer burns"));
  if (how == REFUSE) agenda_refused(task);
}

static void wait_for(fixture *self, size_t count) {
  pthread_mutex_lock(&self->lock);
  while (self->count < count) pthread_cond_wait(&self->changed, &self->lock);
  pthread_mutex_unlock(&self->lock);
}

static void open_agenda(fixture *self, size_t tasks_max) {
  const agenda_kind kind = {"mail", begin, self, .has_lanes = true};
  const agenda_settings settings = {.backend = self->backend,
                                    .kinds = &kind,
                                    .kinds_count = 1,
                                    .tasks_max = tasks_max,
                                    .places = 4,
                                    .now_ms = fake_now,
                                    .elapsed_ms = no_time,
                                    .chance = no_chance};
  assert_success(agenda_open(&settings, &self->agenda));
}

static int set_up(void **state) {
  static fixture self;
  self = (fixture){.how = END};
  atomic_store(&fake_now_ms, 1000);
  pthread_mutex_init(&self.lock, NULL);
  pthread_cond_init(&self.changed, NULL);
  folder_make(&self.folder);
  const sqlite_backend_settings settings = {.path = self.folder.file, .now_ms = fake_now};
  assert_success(sqlite_backend_open(&settings, &self.backend));
  open_agenda(&self, 0);
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  agenda_close(self->agenda);
  backend_close(self->backend);
  folder_remove(&self->folder);
  return 0;
}

// ---------------------------------------------------------------------------------------------------------- operations

static void work_written(backend_work_write *operation) {
  flag_set(operation->user);
}

static void write_work(backend *backend, backend_work_change *change) {
  signal_flag flag;
  flag_init(&flag);
  backend_work_write operation = {
      .project = TEXT("shop"), .changes = change, .count = 1, .done = work_written, .user = &flag};
  backend_work_write_start(backend, &operation);
  flag_wait(&flag);
  assert_success(operation.error);
}

static uint64_t add(fixture *self, const char *name, const char *order, uint64_t due_ms) {
  backend_work_change change = {.action = BACKEND_WORK_ADD,
                                .item = {.queue = TEXT("mail"),
                                         .name = text_of(name),
                                         .order = text_of(order),
                                         .due_ms = due_ms,
                                         .payload = {(const uint8_t *)"{}", 2}}};
  write_work(self->backend, &change);
  return change.item.id;
}

/// One without a name.
static uint64_t add_to(fixture *self, const char *queue, uint64_t due_ms) {
  backend_work_change change = {
      .action = BACKEND_WORK_ADD,
      .item = {.queue = text_of(queue), .due_ms = due_ms, .payload = {(const uint8_t *)"{}", 2}}};
  write_work(self->backend, &change);
  return change.item.id;
}

static uint64_t left_in(fixture *self, const char *queue) {
  backend_work_count count = {0};
  assert_success(backend_work_count_now(self->backend, TEXT("shop"), text_of(queue), &count));
  return count.waiting + count.dead;
}

static void pass(fixture *self, uint64_t ms) {
  atomic_fetch_add(&fake_now_ms, ms);
  agenda_look(self->agenda);
}

static void count_one(backend_work_list *operation, const backend_work_item *item) {
  *(backend_work_item *)operation->user = *item;
}

/// Whether an item is there; its numbers.
static bool find(fixture *self, uint64_t id, backend_work_item *out) {
  *out = (backend_work_item){0};
  backend_work_list list = {.project = TEXT("shop"),
                            .queue = TEXT("mail"),
                            .state = -1,
                            .only_id = id,
                            .limit = 1,
                            .each = count_one,
                            .user = out};
  assert_success(backend_work_list_now(self->backend, &list));
  return out->id != 0;
}

/// Waits until nothing is under way: what was begun is written down.
static void settle(fixture *self) {
  while (agenda_busy(self->agenda) > 0) sched_yield();
}

// --------------------------------------------------------------------------------------------------------------- tests

static void work_is_begun_when_it_is_due_and_ended_when_it_is_done(void **state) {
  fixture *self = *state;
  backend_work_item item;
  uint64_t later = add(self, "later", "", 5000), now = add(self, "now", "", 900);
  wait_for(self, 1);
  assert_string_equal(self->begun[0].name, "now");
  settle(self);
  assert_false(find(self, now, &item));
  assert_true(find(self, later, &item));
  pass(self, 4000);
  wait_for(self, 2);
  assert_string_equal(self->begun[1].name, "later");
}

static void what_fails_is_tried_again_later_and_then_dead(void **state) {
  fixture *self = *state;
  backend_work_item item;
  self->how = FAIL;
  uint64_t id = add(self, "a", "", 1000);
  wait_for(self, 1);
  settle(self);
  assert_true(find(self, id, &item));
  assert_int_equal(item.attempts, 1);
  assert_int_equal(item.due_ms, 2000);
  assert_int_equal(item.state, BACKEND_WORK_WAITING);
  pass(self, 1000);
  wait_for(self, 2);
  assert_int_equal(self->begun[1].attempts, 1);
  settle(self);
  assert_true(find(self, id, &item));
  assert_int_equal(item.state, BACKEND_WORK_DEAD);
}

static void what_nobody_could_take_is_handed_over_again_and_that_is_no_attempt(void **state) {
  fixture *self = *state;
  self->how = REFUSE;
  add(self, "a", "", 1000);
  wait_for(self, 1);
  settle(self);
  pass(self, 1000);
  wait_for(self, 2);
  assert_int_equal(self->begun[1].attempts, 0);
}

static void items_in_an_order_are_done_one_after_the_other(void **state) {
  fixture *self = *state;
  self->how = HOLD;
  add(self, "first", "user 7", 1000);
  wait_for(self, 1);
  add(self, "second", "user 7", 1000);
  add(self, "other", "", 1000);
  wait_for(self, 2);
  assert_string_equal(self->begun[1].name, "other");
  agenda_done(self->held[0]);
  wait_for(self, 3);
  assert_string_equal(self->begun[2].name, "second");
  agenda_done(self->held[1]);
  agenda_done(self->held[2]);
}

static void no_more_are_under_way_than_may_be(void **state) {
  fixture *self = *state;
  agenda_close(self->agenda);
  open_agenda(self, 2);
  self->how = HOLD;
  for (int i = 0; i < 5; i++) add(self, "", "", 1000);
  wait_for(self, 2);
  assert_int_equal(agenda_busy(self->agenda), 2);
  for (size_t i = 0; i < 5; i++) {
    wait_for(self, i + 1);
    assert_true(agenda_busy(self->agenda) <= 2);
    agenda_done(self->held[i]);
  }
}

static void set_how(fixture *self, int how) {
  pthread_mutex_lock(&self->lock);
  self->how = how;
  pthread_mutex_unlock(&self->lock);
}

static void one_queue_does_not_keep_the_others_waiting(void **state) {
  fixture *self = *state;
  set_how(self, HOLD);
  for (int i = 0; i < 10; i++) add_to(self, "mail/slow", 900);
  wait_for(self, 4); // its places
  uint64_t other = add_to(self, "mail/other", 950);
  wait_for(self, 5);
  assert_int_equal(self->begun[4].id, other);
  set_how(self, END);
  agenda_done(self->held[0]);
  agenda_done(self->held[1]);
  wait_for(self, 11); // half of its places are free: those that were passed over go on
  agenda_done(self->held[2]);
  agenda_done(self->held[3]);
  agenda_done(self->held[4]);
  settle(self);
  assert_int_equal(left_in(self, "mail/slow") + left_in(self, "mail/other"), 0);
}

static void what_a_full_queue_refuses_or_fails_at_comes_again(void **state) {
  fixture *self = *state;
  set_how(self, FAIL);
  for (int i = 0; i < 6; i++) add_to(self, "mail/slow", 900);
  wait_for(self, 6);
  settle(self);
  set_how(self, REFUSE); // the first of them
  pass(self, 1000);
  wait_for(self, 10);
  settle(self);
  assert_int_equal(left_in(self, "mail/slow"), 3); // and those behind it rest, too
  pass(self, 250);
  wait_for(self, 13);
  settle(self);
  assert_int_equal(left_in(self, "mail/slow"), 0);
}

static void queues_with_far_more_than_places_are_all_done(void **state) {
  fixture *self = *state;
  for (int i = 0; i < BEGUN_MAX; i++) add_to(self, i % 3 == 0 ? "mail/a" : "mail/b", 900 + (uint64_t)i % 7);
  wait_for(self, BEGUN_MAX);
  settle(self);
  assert_int_equal(left_in(self, "mail/a") + left_in(self, "mail/b"), 0);
  for (size_t i = 0; i < BEGUN_MAX; i++)
    for (size_t k = 0; k < i; k++) assert_int_not_equal(self->begun[i].id, self->begun[k].id);
}

static void what_was_begun_and_not_ended_is_begun_again_by_the_next(void **state) {
  fixture *self = *state;
  agenda_close(self->agenda);
  self->agenda = NULL;
  uint64_t id = add(self, "", "", 1000);
  open_agenda(self, 0);
  wait_for(self, 1);
  assert_int_equal(self->begun[0].id, id);
}

static void told(void *user) {
  flag_set(user);
}

static void what_follows_is_written_with_the_end(void **state) {
  fixture *self = *state;
  backend_work_item item;
  self->how = HOLD;
  uint64_t id = add(self, "every hour", "", 1000);
  wait_for(self, 1);
  backend_work_change changes[] = {
      {.action = BACKEND_WORK_CHANGE, .item = {.id = id, .due_ms = 9000}},
      {.action = BACKEND_WORK_ADD,
       .item = {.queue = TEXT("mail"), .due_ms = 8000, .payload = {(const uint8_t *)"1", 1}}}};
  signal_flag flag;
  flag_init(&flag);
  agenda_change(self->held[0], &(agenda_changes){changes, 2, {0}}, told, &flag);
  flag_wait(&flag);
  assert_true(find(self, id, &item));
  assert_int_equal(item.due_ms, 9000);
  assert_true(find(self, changes[1].item.id, &item));
}

enum { HOUR_MS = 3600 * 1000 };

static void set_back(fixture *self) {
  atomic_fetch_sub(&fake_now_ms, HOUR_MS);
  agenda_look(self->agenda);
}

/// Waits until the item is due at a time.
static void wait_until_due(fixture *self, uint64_t id, uint64_t due_ms) {
  backend_work_item item;
  while (!find(self, id, &item) || item.due_ms != due_ms) sched_yield();
}

static void a_clock_that_is_set_back_delays_no_retry(void **state) {
  fixture *self = *state;
  pass(self, 2 * HOUR_MS);
  self->how = FAIL;
  uint64_t id = add(self, "a", "", fake_now());
  wait_for(self, 1);
  settle(self);
  self->how = END;
  set_back(self);
  wait_until_due(self, id, fake_now() + 1000);
  pass(self, 1000);
  wait_for(self, 2);
  assert_int_equal(self->begun[1].attempts, 1);
}

static void a_clock_that_is_set_back_holds_up_nothing_that_is_to_be_handed_over_again(void **state) {
  fixture *self = *state;
  pass(self, 2 * HOUR_MS);
  self->how = REFUSE;
  add_to(self, "mail", fake_now());
  wait_for(self, 1);
  settle(self);
  set_back(self);
  wait_for(self, 2);
  settle(self);
  assert_int_equal(left_in(self, "mail"), 0);
}

/// More than one portion, and one that is the first of an order with others behind it.
static void all_that_waits_is_due_earlier_when_the_clock_is_set_back(void **state) {
  fixture *self = *state;
  enum { COUNT = 2500 };
  pass(self, 2 * HOUR_MS);
  uint64_t first = add(self, "first", "order", fake_now() + 5000),
           second = add(self, "second", "order", fake_now() + 9000);
  uint64_t due_ms = fake_now() + 7000, last = 0;
  for (int i = 0; i < COUNT; i++) last = add_to(self, "mail", due_ms);
  set_back(self);
  wait_until_due(self, last, due_ms - HOUR_MS);
  wait_until_due(self, first, due_ms - HOUR_MS - 2000);
  wait_until_due(self, second, due_ms - HOUR_MS + 2000);
}

static void work_of_a_queue_that_nobody_serves_is_kept_as_dead(void **state) {
  fixture *self = *state;
  backend_work_change change = {.action = BACKEND_WORK_ADD, .item = {.queue = TEXT("print"), .due_ms = 1000}};
  write_work(self->backend, &change);
  backend_work_count count = {0};
  while (count.dead == 0) assert_success(backend_work_count_now(self->backend, TEXT("shop"), TEXT("print"), &count));
  assert_int_equal(count.waiting, 0);
}

static void many_that_are_added_by_many_are_each_begun_once(void **state) {
  fixture *self = *state;
  for (int i = 0; i < 200; i++) add(self, "", i % 3 == 0 ? "in order" : "", 1000);
  wait_for(self, 200);
  settle(self);
  pass(self, 1000);
  settle(self);
  assert_int_equal(self->count, 200);
  for (size_t i = 0; i < 200; i++)
    for (size_t other = 0; other < i; other++) assert_int_not_equal(self->begun[i].id, self->begun[other].id);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(work_is_begun_when_it_is_due_and_ended_when_it_is_done),
      TEST(what_fails_is_tried_again_later_and_then_dead),
      TEST(what_nobody_could_take_is_handed_over_again_and_that_is_no_attempt),
      TEST(items_in_an_order_are_done_one_after_the_other),
      TEST(no_more_are_under_way_than_may_be),
      TEST(one_queue_does_not_keep_the_others_waiting),
      TEST(what_a_full_queue_refuses_or_fails_at_comes_again),
      TEST(queues_with_far_more_than_places_are_all_done),
      TEST(what_was_begun_and_not_ended_is_begun_again_by_the_next),
      TEST(what_follows_is_written_with_the_end),
      TEST(a_clock_that_is_set_back_delays_no_retry),
      TEST(a_clock_that_is_set_back_holds_up_nothing_that_is_to_be_handed_over_again),
      TEST(all_that_waits_is_due_earlier_when_the_clock_is_set_back),
      TEST(work_of_a_queue_that_nobody_serves_is_kept_as_dead),
      TEST(many_that_are_added_by_many_are_each_begun_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
