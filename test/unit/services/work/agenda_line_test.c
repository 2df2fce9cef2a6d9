// Items of one order: the next begins before the end of the one before it is written, and still none is lost or out of its order.
#include "services/work/agenda.h"

#include "services/work/agenda_line.h"
#include "unit/services/backend/backend_testing.h"
#include "unit/services/fake_clock.h"

enum { BEGUN_MAX = 256, WRITES_MAX = 64 };

/// What the agenda writes goes through here, where the test may hold it, or have it fail.
typedef struct door {
  backend base;
  backend *inside;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool is_shut;
  backend_work_write *held[WRITES_MAX];
  size_t held_count;
} door;

static door *of(backend *base) {
  return (door *)(void *)base;
}

static void door_write(backend *base, backend_work_write *write) {
  door *self = of(base);
  pthread_mutex_lock(&self->lock);
  bool is_held = self->is_shut;
  if (is_held) {
    assert_true(self->held_count < WRITES_MAX);
    self->held[self->held_count++] = write;
    pthread_cond_signal(&self->changed);
  }
  pthread_mutex_unlock(&self->lock);
  if (!is_held) backend_work_write_start(self->inside, write);
}

static ubiq_error *door_due(backend *base, backend_work_due *operation) {
  return backend_work_due_now(of(base)->inside, operation);
}

static void door_watch(backend *base, void (*added)(void *user, uint64_t due_ms), void *user) {
  backend_work_watch(of(base)->inside, added, user);
}

static void door_hurry(backend *base, uint64_t by_ms) {
  backend_work_hurry(of(base)->inside, by_ms);
}

static const backend_work_ops door_work = {
    .write = door_write, .due = door_due, .watch = door_watch, .hurry = door_hurry};
static const backend_ops door_ops = {.name = "door", .work = &door_work};

/// Waits for a write that is held, and takes it out.
static backend_work_write *take_write(door *self) {
  pthread_mutex_lock(&self->lock);
  while (self->held_count == 0) pthread_cond_wait(&self->changed, &self->lock);
  backend_work_write *write = self->held[--self->held_count];
  pthread_mutex_unlock(&self->lock);
  return write;
}

static void let_in(door *self, backend_work_write *write) {
  backend_work_write_start(self->inside, write);
}

static void refuse_write(backend_work_write *write) {
  write->error = ubiq_error_new(UBIQ_UNAVAILABLE, "the disk is away");
  write->done(write);
}

static void set_shut(door *self, bool is_shut) {
  pthread_mutex_lock(&self->lock);
  self->is_shut = is_shut;
  pthread_mutex_unlock(&self->lock);
}

typedef struct fixture {
  folder folder;
  door door;
  agenda *agenda;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t begun[BEGUN_MAX]; ///< ids
  agenda_task *tasks[BEGUN_MAX];
  size_t count;
  bool holds; ///< the test ends what is begun; else it is done at once
} fixture;

static const retry_policy twice = {2, 1000, 2, 60000, 0};

static void begin(void *user, agenda_task *task) {
  fixture *self = user;
  task->retry = &twice;
  pthread_mutex_lock(&self->lock);
  assert_true(self->count < BEGUN_MAX);
  self->tasks[self->count] = task;
  self->begun[self->count++] = task->item.id;
  bool holds = self->holds;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->lock);
  if (!holds) agenda_done(task);
}

/// The task that was begun as the number'th, from 0.
static agenda_task *wait_for(fixture *self, size_t number) {
  pthread_mutex_lock(&self->lock);
  while (self->count <= number) pthread_cond_wait(&self->changed, &self->lock);
  agenda_task *task = self->tasks[number];
  pthread_mutex_unlock(&self->lock);
  return task;
}

static void open_agenda(fixture *self) {
  const agenda_kind kind = {"mail", begin, self, .has_lanes = true, .has_lines = true};
  const agenda_settings settings = {
      .backend = &self->door.base, .kinds = &kind, .kinds_count = 1, .now_ms = fake_now, .chance = no_chance};
  assert_success(agenda_open(&settings, &self->agenda));
}

static int set_up(void **state) {
  static fixture self;
  self = (fixture){.holds = true};
  atomic_store(&fake_now_ms, 1000);
  pthread_mutex_init(&self.lock, NULL);
  pthread_cond_init(&self.changed, NULL);
  pthread_mutex_init(&self.door.lock, NULL);
  pthread_cond_init(&self.door.changed, NULL);
  self.door.base.ops = &door_ops;
  folder_make(&self.folder);
  const sqlite_backend_settings settings = {.path = self.folder.file, .now_ms = fake_now};
  assert_success(sqlite_backend_open(&settings, &self.door.inside));
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  agenda_close(self->agenda);
  backend_close(self->door.inside);
  folder_remove(&self->folder);
  return 0;
}

// ---------------------------------------------------------------------------------------------------------- operations

static void work_written(backend_work_write *operation) {
  flag_set(operation->user);
}

static uint64_t write_one(fixture *self, backend_work_change change) {
  signal_flag flag;
  flag_init(&flag);
  backend_work_write operation = {
      .project = TEXT("shop"), .changes = &change, .count = 1, .done = work_written, .user = &flag};
  backend_work_write_start(self->door.inside, &operation);
  flag_wait(&flag);
  assert_success(operation.error);
  return change.item.id;
}

static uint64_t add(fixture *self, const char *order) {
  return write_one(self, (backend_work_change){.action = BACKEND_WORK_ADD,
                                               .item = {.queue = TEXT("mail"),
                                                        .order = text_of(order),
                                                        .due_ms = 1000,
                                                        .payload = {(const uint8_t *)"{}", 2}}});
}

/// So many of one order; the first's id, which the others follow.
static uint64_t add_some(fixture *self, size_t count) {
  uint64_t first = add(self, "user 7");
  for (size_t i = 1; i < count; i++) assert_int_equal(add(self, "user 7"), first + i);
  return first;
}

static uint64_t left(fixture *self) {
  backend_work_count count = {0};
  assert_success(backend_work_count_now(self->door.inside, TEXT("shop"), TEXT("mail"), &count));
  return count.waiting + count.dead;
}

static void pass(fixture *self, uint64_t ms) {
  atomic_fetch_add(&fake_now_ms, ms);
  agenda_look(self->agenda);
}

static void settle(fixture *self) {
  while (agenda_busy(self->agenda) > 0) sched_yield();
}

static void fail_task(agenda_task *task) {
  agenda_failed(task, ubiq_error_new(UBIQ_GUEST_ERROR, "the printer burns"));
}

// --------------------------------------------------------------------------------------------------------------- tests

static void the_next_begins_before_the_end_of_the_one_before_is_written(void **state) {
  fixture *self = *state;
  uint64_t first = add_some(self, 2);
  open_agenda(self);
  set_shut(&self->door, true);
  agenda_done(wait_for(self, 0));
  assert_int_equal(wait_for(self, 1)->item.id, first + 1);
  assert_int_equal(left(self), 2);
  set_shut(&self->door, false);
  let_in(&self->door, take_write(&self->door));
  agenda_done(wait_for(self, 1));
  settle(self);
  assert_int_equal(left(self), 0);
}

static void one_is_under_way_at_a_time(void **state) {
  fixture *self = *state;
  add_some(self, 3);
  open_agenda(self);
  wait_for(self, 0);
  add(self, "other");
  wait_for(self, 1); // whoever is looked for behind it was not begun
  assert_int_equal(self->count, 2);
  for (size_t i = 0; i < 4; i++) agenda_done(wait_for(self, i));
  settle(self);
  assert_int_equal(self->count, 4);
}

static void ends_that_come_while_one_is_written_are_written_together(void **state) {
  fixture *self = *state;
  add_some(self, 4);
  open_agenda(self);
  set_shut(&self->door, true);
  for (size_t i = 0; i < 4; i++) agenda_done(wait_for(self, i));
  backend_work_write *write = take_write(&self->door);
  assert_int_equal(write->count, 1);
  let_in(&self->door, write);
  write = take_write(&self->door);
  assert_int_equal(write->count, 3);
  let_in(&self->door, write);
  settle(self);
  assert_int_equal(left(self), 0);
}

static void what_was_done_after_an_end_that_was_lost_is_done_again_behind_it(void **state) {
  fixture *self = *state;
  uint64_t first = add_some(self, 4);
  open_agenda(self);
  set_shut(&self->door, true);
  agenda_done(wait_for(self, 0));
  agenda_done(wait_for(self, 1));
  agenda_task *third = wait_for(self, 2);
  refuse_write(take_write(&self->door));
  set_shut(&self->door, false);
  agenda_done(third);
  settle(self);
  assert_int_equal(left(self), 4);
  assert_int_equal(self->count, 3);
  pass(self, 1000);
  for (size_t i = 0; i < 4; i++) {
    agenda_task *task = wait_for(self, 3 + i);
    assert_int_equal(task->item.id, first + i);
    agenda_done(task);
  }
  settle(self);
  assert_int_equal(left(self), 0);
}

static void a_failure_behind_an_end_that_was_lost_is_no_attempt(void **state) {
  fixture *self = *state;
  uint64_t first = add_some(self, 2);
  open_agenda(self);
  set_shut(&self->door, true);
  agenda_done(wait_for(self, 0));
  fail_task(wait_for(self, 1));
  refuse_write(take_write(&self->door));
  set_shut(&self->door, false);
  settle(self);
  pass(self, 1000);
  assert_int_equal(wait_for(self, 2)->item.id, first);
  agenda_done(wait_for(self, 2));
  agenda_task *second = wait_for(self, 3);
  assert_int_equal(second->item.id, first + 1);
  assert_int_equal(second->item.attempts, 0);
  agenda_done(second);
  settle(self);
}

static void nothing_passes_one_that_is_to_be_tried_again(void **state) {
  fixture *self = *state;
  uint64_t first = add_some(self, 3);
  open_agenda(self);
  agenda_done(wait_for(self, 0));
  fail_task(wait_for(self, 1));
  settle(self);
  assert_int_equal(self->count, 2);
  pass(self, 1000);
  agenda_task *again = wait_for(self, 2);
  assert_int_equal(again->item.id, first + 1);
  assert_int_equal(again->item.attempts, 1);
  fail_task(again); // it is dead now, and the next one's turn has come
  assert_int_equal(wait_for(self, 3)->item.id, first + 2);
  agenda_done(wait_for(self, 3));
  settle(self);
  assert_int_equal(left(self), 1);
}

static void nothing_passes_one_that_nobody_could_take(void **state) {
  fixture *self = *state;
  uint64_t first = add_some(self, 3);
  open_agenda(self);
  agenda_done(wait_for(self, 0));
  agenda_refused(wait_for(self, 1));
  settle(self);
  assert_int_equal(self->count, 2);
  pass(self, 250);
  for (size_t i = 1; i < 3; i++) {
    assert_int_equal(wait_for(self, 1 + i)->item.id, first + i);
    agenda_done(wait_for(self, 1 + i));
  }
  settle(self);
  assert_int_equal(left(self), 0);
}

static void a_replayed_one_goes_before_those_that_wait(void **state) {
  fixture *self = *state;
  uint64_t first = add_some(self, 4);
  write_one(self, (backend_work_change){.action = BACKEND_WORK_CHANGE,
                                        .item = {.id = first, .state = BACKEND_WORK_DEAD, .due_ms = 1000}});
  open_agenda(self);
  assert_int_equal(wait_for(self, 0)->item.id, first + 1);
  write_one(self, (backend_work_change){.action = BACKEND_WORK_CHANGE, .item = {.id = first, .due_ms = 1000}});
  add(self, "other");
  wait_for(self, 1); // what is due was looked at
  agenda_done(wait_for(self, 0));
  assert_int_equal(wait_for(self, 2)->item.id, first);
  agenda_done(wait_for(self, 2));
  assert_int_equal(wait_for(self, 3)->item.id, first + 2);
  assert_int_equal(self->count, 4);
  agenda_done(wait_for(self, 1));
  agenda_done(wait_for(self, 3));
  agenda_done(wait_for(self, 4));
  settle(self);
  assert_int_equal(left(self), 0);
}

static void what_was_not_written_is_begun_again_in_its_order_by_the_next(void **state) {
  fixture *self = *state;
  uint64_t first = add_some(self, 3);
  open_agenda(self);
  set_shut(&self->door, true);
  agenda_done(wait_for(self, 0));
  agenda_done(wait_for(self, 1));
  agenda_pause(self->agenda);
  agenda_done(wait_for(self, 2));
  refuse_write(take_write(&self->door));
  agenda_close(self->agenda);
  set_shut(&self->door, false);
  open_agenda(self);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(wait_for(self, 3 + i)->item.id, first + i);
    agenda_done(wait_for(self, 3 + i));
  }
  settle(self);
}

static void nothing_more_is_begun_when_the_agenda_rests(void **state) {
  fixture *self = *state;
  add_some(self, 3);
  open_agenda(self);
  agenda_task *first = wait_for(self, 0);
  agenda_pause(self->agenda);
  agenda_done(first);
  settle(self);
  assert_int_equal(self->count, 1);
  assert_int_equal(left(self), 2);
}

static void a_line_longer_than_is_read_at_once_is_done_in_order(void **state) {
  fixture *self = *state;
  enum { COUNT = AGENDA_LINE_MAX * 2 + 10 };
  uint64_t first = add_some(self, COUNT);
  self->holds = false;
  open_agenda(self);
  wait_for(self, COUNT - 1);
  settle(self);
  assert_int_equal(self->count, COUNT);
  for (size_t i = 0; i < COUNT; i++) assert_int_equal(self->begun[i], first + i);
  assert_int_equal(left(self), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(the_next_begins_before_the_end_of_the_one_before_is_written),
      TEST(one_is_under_way_at_a_time),
      TEST(ends_that_come_while_one_is_written_are_written_together),
      TEST(what_was_done_after_an_end_that_was_lost_is_done_again_behind_it),
      TEST(a_failure_behind_an_end_that_was_lost_is_no_attempt),
      TEST(nothing_passes_one_that_is_to_be_tried_again),
      TEST(nothing_passes_one_that_nobody_could_take),
      TEST(a_replayed_one_goes_before_those_that_wait),
      TEST(what_was_not_written_is_begun_again_in_its_order_by_the_next),
      TEST(nothing_more_is_begun_when_the_agenda_rests),
      TEST(a_line_longer_than_is_read_at_once_is_done_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
