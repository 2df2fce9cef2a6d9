// Schedules at work, with a clock that the test sets and functions that it plays.
#include "services/schedules/schedule_work.h"

#include "base/clock.h"
#include "services/work/run_results.h"
#include "unit/services/backend/backend_testing.h"
#include "unit/services/fake_clock.h"

enum { RUNS_MAX = 64 };

typedef struct fixture {
  folder folder;
  backend *backend;
  agenda *agenda;
  schedule_work work;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  char runs[RUNS_MAX][160]; ///< what was run: FUNCTION TIME INPUT
  size_t count;
  errand *held[RUNS_MAX];
  bool holds;
  ubiq_code code; ///< how runs end
  run_results *results;
} fixture;

static void finish(errand *errand, ubiq_code code) {
  const ubiq_bytes output = {(const uint8_t *)"7", 1};
  errand->done(errand, code == UBIQ_OK ? NULL : ubiq_error_new(code, "no good"), output);
}

static void start(void *user, errand *errand) {
  fixture *self = user;
  pthread_mutex_lock(&self->lock);
  assert_true(self->count < RUNS_MAX);
  const text time = errand->headers[2].value;
  snprintf(self->runs[self->count], sizeof self->runs[0], "%.*s %.*s %.*s", (int)errand->function.size,
           errand->function.data, (int)time.size, time.data, (int)errand->input.size,
           errand->input.size == 0 ? "" : (const char *)errand->input.data);
  if (self->holds) self->held[self->count] = errand;
  self->count++;
  bool holds = self->holds;
  ubiq_code code = self->code;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->lock);
  if (!holds) finish(errand, code);
}

static void open_all(fixture *self) {
  const sqlite_backend_settings settings = {.path = self->folder.file, .now_ms = fake_now};
  assert_success(sqlite_backend_open(&settings, &self->backend));
  self->work = (schedule_work){self->backend, {start, self}, self->results};
  const agenda_kind kinds[] = {schedule_work_schedules(&self->work), schedule_work_turns(&self->work)};
  const agenda_settings agenda = {.backend = self->backend,
                                  .kinds = kinds,
                                  .kinds_count = 2,
                                  .now_ms = fake_now,
                                  .elapsed_ms = no_time,
                                  .chance = no_chance};
  assert_success(agenda_open(&agenda, &self->agenda));
}

static void close_all(fixture *self) {
  agenda_close(self->agenda);
  backend_close(self->backend);
}

static uint64_t at(const char *when) {
  int64_t unix_ms = 0;
  assert_true(clock_parse(text_of(when), &unix_ms));
  return (uint64_t)unix_ms;
}

static int set_up(void **state) {
  static fixture self;
  self = (fixture){.code = UBIQ_OK};
  atomic_store(&fake_now_ms, at("2026-03-01T10:00:00Z"));
  pthread_mutex_init(&self.lock, NULL);
  pthread_cond_init(&self.changed, NULL);
  folder_make(&self.folder);
  self.results = run_results_new();
  assert_non_null(self.results);
  open_all(&self);
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  close_all(self);
  run_results_delete(self->results);
  folder_remove(&self->folder);
  return 0;
}

static void work_written(backend_work_write *operation) {
  flag_set(operation->user);
}

static void add_item(fixture *self, const backend_work_item *item) {
  backend_work_change change = {.action = BACKEND_WORK_ADD, .item = *item};
  signal_flag flag;
  flag_init(&flag);
  backend_work_write operation = {
      .project = TEXT("shop"), .changes = &change, .count = 1, .done = work_written, .user = &flag};
  backend_work_write_start(self->backend, &operation);
  flag_wait(&flag);
  assert_success(operation.error);
}

static void add(fixture *self, const char *name, const char *due, const char *settings) {
  char payload[512];
  int size = snprintf(payload, sizeof payload, "{\"function\":\"report\",\"made_ms\":%llu,%s}",
                      (unsigned long long)at("2026-03-01T10:00:00Z"), settings);
  add_item(self, &(backend_work_item){.queue = TEXT(SCHEDULE_QUEUE),
                                      .name = text_of(name),
                                      .due_ms = at(due),
                                      .payload = {(const uint8_t *)payload, (size_t)size}});
}

static void set_clock(fixture *self, const char *now) {
  atomic_store(&fake_now_ms, at(now));
  agenda_look(self->agenda);
}

static void wait_for(fixture *self, size_t count) {
  pthread_mutex_lock(&self->lock);
  while (self->count < count) pthread_cond_wait(&self->changed, &self->lock);
  pthread_mutex_unlock(&self->lock);
}

static backend_work_count count_of(fixture *self, const char *queue) {
  backend_work_count count;
  assert_success(backend_work_count_now(self->backend, TEXT("shop"), text_of(queue), &count));
  return count;
}

/// Waits until the schedules are next due at a time; NULL: until there is none any more.
static void wait_until_due(fixture *self, const char *due) {
  uint64_t wanted_ms = due == NULL ? 0 : at(due);
  while (count_of(self, SCHEDULE_QUEUE).oldest_ms != wanted_ms) sched_yield();
}

// --------------------------------------------------------------------------------------------------------------- tests

static void a_schedule_has_a_turn_each_time_it_is_due(void **state) {
  fixture *self = *state;
  add(self, "hourly", "2026-03-01T11:00:00Z", "\"cron\":\"0 * * * *\",\"input\":{\"n\":1}");
  set_clock(self, "2026-03-01T11:00:00Z");
  wait_for(self, 1);
  assert_string_equal(self->runs[0], "report 2026-03-01T11:00:00.000Z {\"n\":1}");
  wait_until_due(self, "2026-03-01T12:00:00Z");
  set_clock(self, "2026-03-01T12:00:01Z");
  wait_for(self, 2);
  assert_string_equal(self->runs[1], "report 2026-03-01T12:00:00.000Z {\"n\":1}");
}

static void what_is_done_once_ends_with_that(void **state) {
  fixture *self = *state;
  add(self, "later", "2026-03-01T11:00:00Z", "\"at\":\"2026-03-01T11:00:00Z\"");
  set_clock(self, "2026-03-01T11:00:00Z");
  wait_for(self, 1);
  assert_string_equal(self->runs[0], "report 2026-03-01T11:00:00.000Z ");
  wait_until_due(self, NULL);
  while (count_of(self, "turns/later").waiting > 0) sched_yield();
  while (agenda_busy(self->agenda) > 0) sched_yield();
}

static void after_an_hours_stop_the_policy_is_followed(void **state) {
  fixture *self = *state;
  add(self, "all", "2026-03-01T10:20:00Z", "\"every\":\"20m\",\"missed\":\"all\",\"overlap\":\"queue\"");
  close_all(self);
  atomic_store(&fake_now_ms, at("2026-03-01T11:15:00Z"));
  open_all(self);
  wait_for(self, 3);
  assert_string_equal(self->runs[0], "report 2026-03-01T10:20:00.000Z ");
  assert_string_equal(self->runs[1], "report 2026-03-01T10:40:00.000Z ");
  assert_string_equal(self->runs[2], "report 2026-03-01T11:00:00.000Z ");
  wait_until_due(self, "2026-03-01T11:20:00Z");
  assert_int_equal(self->count, 3);
}

static void a_clock_that_is_set_back_neither_holds_an_interval_up_nor_runs_a_day_twice(void **state) {
  fixture *self = *state;
  add(self, "often", "2026-03-01T12:00:00Z", "\"every\":\"5m\",\"input\":1");
  set_clock(self, "2026-03-01T12:00:00Z");
  wait_for(self, 1);
  add(self, "daily", "2026-03-01T12:00:00Z", "\"cron\":\"0 12 * * *\",\"input\":2");
  add(self, "later", "2026-03-01T12:07:00Z", "\"at\":\"2026-03-01T12:07:00Z\",\"input\":3");
  wait_for(self, 2);
  wait_until_due(self, "2026-03-01T12:05:00Z");
  set_clock(self, "2026-03-01T11:30:00Z");
  wait_until_due(self, "2026-03-01T11:35:00Z");
  set_clock(self, "2026-03-01T11:35:00Z");
  wait_for(self, 3);
  assert_string_equal(self->runs[2], "report 2026-03-01T11:35:00.000Z 1");
  wait_until_due(self, "2026-03-01T11:37:00Z"); // the look at what is done once, which is too early
  set_clock(self, "2026-03-01T11:37:00Z");
  wait_until_due(self, "2026-03-01T11:40:00Z");
  set_clock(self, "2026-03-01T12:00:00Z");
  wait_for(self, 4);
  assert_string_equal(self->runs[3], "report 2026-03-01T12:00:00.000Z 1");
  wait_until_due(self, "2026-03-01T12:05:00Z");
  set_clock(self, "2026-03-01T12:05:00Z");
  wait_for(self, 5);
  wait_until_due(self, "2026-03-01T12:07:00Z");
  set_clock(self, "2026-03-01T12:07:00Z");
  wait_for(self, 6);
  assert_string_equal(self->runs[5], "report 2026-03-01T12:07:00.000Z 3");
  wait_until_due(self, "2026-03-01T12:10:00Z");
  assert_int_equal(self->count, 6);
}

static void a_clock_that_was_ahead_holds_nothing_up_after_a_start(void **state) {
  fixture *self = *state;
  set_clock(self, "2027-03-01T11:00:00Z");
  add(self, "hourly", "2027-03-01T12:00:00Z", "\"cron\":\"0 * * * *\"");
  close_all(self);
  atomic_store(&fake_now_ms, at("2026-03-01T11:00:00Z"));
  open_all(self);
  wait_until_due(self, "2026-03-01T12:00:00Z");
  close_all(self);
  open_all(self); // it was minded
  add(self, "later", "2027-01-01T00:00:00Z", "\"at\":\"2027-01-01T00:00:00Z\"");
  assert_int_equal(count_of(self, SCHEDULE_QUEUE).oldest_ms, at("2026-03-01T12:00:00Z"));
  set_clock(self, "2026-03-01T12:00:00Z");
  wait_for(self, 1);
  assert_string_equal(self->runs[0], "report 2026-03-01T12:00:00.000Z ");
}

static void a_clock_that_is_set_forward_has_missed_what_it_passed(void **state) {
  fixture *self = *state;
  add(self, "skip", "2026-03-01T11:00:00Z", "\"every\":\"1h\",\"missed\":\"skip\"");
  add(self, "once", "2026-03-01T11:00:00Z", "\"every\":\"1h\"");
  set_clock(self, "2026-03-01T13:30:00Z");
  wait_for(self, 1);
  wait_until_due(self, "2026-03-01T14:00:00Z");
  assert_int_equal(self->count, 1);
  assert_string_equal(self->runs[0], "report 2026-03-01T13:00:00.000Z ");
}

static void a_turn_is_left_out_while_the_last_has_not_ended(void **state) {
  fixture *self = *state;
  self->holds = true;
  add(self, "often", "2026-03-01T11:00:00Z", "\"every\":\"1h\",\"overlap\":\"skip\"");
  set_clock(self, "2026-03-01T11:00:00Z");
  wait_for(self, 1);
  wait_until_due(self, "2026-03-01T12:00:00Z");
  set_clock(self, "2026-03-01T12:00:00Z");
  wait_until_due(self, "2026-03-01T13:00:00Z");
  assert_int_equal(self->count, 1);
  finish(self->held[0], UBIQ_OK);
  while (count_of(self, "turns/often").waiting > 0) sched_yield();
  set_clock(self, "2026-03-01T13:00:00Z");
  wait_for(self, 2);
  finish(self->held[1], UBIQ_OK);
}

static void a_turn_waits_for_the_last_where_they_queue(void **state) {
  fixture *self = *state;
  self->holds = true;
  add(self, "queue", "2026-03-01T11:00:00Z", "\"every\":\"1h\",\"overlap\":\"queue\"");
  set_clock(self, "2026-03-01T11:00:00Z");
  wait_for(self, 1);
  wait_until_due(self, "2026-03-01T12:00:00Z");
  set_clock(self, "2026-03-01T12:00:00Z");
  wait_until_due(self, "2026-03-01T13:00:00Z");
  assert_int_equal(count_of(self, "turns/queue").waiting, 2);
  assert_int_equal(self->count, 1);
  finish(self->held[0], UBIQ_OK);
  wait_for(self, 2);
  finish(self->held[1], UBIQ_OK);
}

static void a_turn_that_fails_is_tried_again_and_then_dead(void **state) {
  fixture *self = *state;
  self->code = UBIQ_TRAP;
  add(self, "bad", "2026-03-01T11:00:00Z",
      "\"every\":\"1h\",\"retry\":{\"attempts\":2,\"first_delay\":\"5s\",\"jitter\":0}");
  set_clock(self, "2026-03-01T11:00:00Z");
  wait_for(self, 1);
  while (count_of(self, "turns/bad").oldest_ms != at("2026-03-01T11:00:05Z")) sched_yield();
  set_clock(self, "2026-03-01T11:00:05Z");
  wait_for(self, 2);
  while (count_of(self, "turns/bad").dead != 1) sched_yield();
}

/// A turn that somebody asked for, tried twice at most.
static void ask_for_turn(fixture *self, char id[RUN_ID_SIZE]) {
  static const char definition[] =
      "{\"function\":\"report\",\"retry\":{\"attempts\":2,\"first_delay\":\"5s\",\"jitter\":0}}";
  yyjson_doc *document = yyjson_read(definition, sizeof definition - 1, YYJSON_READ_NOFLAG);
  buffer payload = {0};
  assert_success(run_results_add(self->results, TEXT("shop"), TEXT("report"), id));
  const schedule_turn turn = {.definition = yyjson_doc_get_root(document),
                              .schedule = TEXT("asked"),
                              .time_ms = (int64_t)fake_now(),
                              .run = id};
  assert_true(schedule_turn_write(&turn, &payload));
  add_item(self,
           &(backend_work_item){.queue = TEXT("turns/asked"), .due_ms = fake_now(), .payload = buffer_bytes(&payload)});
  yyjson_doc_free(document);
  buffer_free(&payload);
}

static void assert_stands(fixture *self, const char *id, const char *part) {
  buffer out = {0};
  ubiq_error *error = NULL;
  assert_true(run_results_find(self->results, TEXT("shop"), text_of(id), &out, &error));
  if (strstr(buffer_string(&out), part) == NULL) fail_msg("%s; expected %s", buffer_string(&out), part);
  buffer_free(&out);
}

static void a_turn_that_was_asked_for_can_be_looked_up(void **state) {
  fixture *self = *state;
  char id[RUN_ID_SIZE];
  self->holds = true;
  ask_for_turn(self, id);
  wait_for(self, 1);
  assert_stands(self, id, "\"status\":\"queued\"");
  self->held[0]->begun(self->held[0]);
  assert_stands(self, id, "\"status\":\"running\"");
  finish(self->held[0], UBIQ_TRAP);
  assert_stands(self, id, "\"status\":\"queued\""); // it is tried again
  while (agenda_busy(self->agenda) > 0) sched_yield();
  set_clock(self, "2026-03-01T10:00:05Z");
  wait_for(self, 2);
  self->held[1]->begun(self->held[1]);
  finish(self->held[1], UBIQ_OK);
  assert_stands(self, id, "\"status\":\"done\"");
  assert_stands(self, id, "\"output\":7");
}

static void a_turn_that_was_asked_for_fails_with_its_last_attempt(void **state) {
  fixture *self = *state;
  char id[RUN_ID_SIZE];
  self->code = UBIQ_TRAP;
  ask_for_turn(self, id);
  wait_for(self, 1);
  while (agenda_busy(self->agenda) > 0) sched_yield();
  set_clock(self, "2026-03-01T10:00:05Z");
  wait_for(self, 2);
  while (count_of(self, "turns/asked").dead != 1) sched_yield();
  assert_stands(self, id, "\"status\":\"failed\"");
  assert_stands(self, id, "\"class\":\"trap\"");
}

static void a_server_that_has_no_room_or_stops_makes_no_attempt(void **state) {
  fixture *self = *state;
  self->code = UBIQ_BUSY;
  add(self, "patient", "2026-03-01T11:00:00Z", "\"at\":\"2026-03-01T11:00:00Z\"");
  set_clock(self, "2026-03-01T11:00:00Z");
  wait_for(self, 1);
  while (agenda_busy(self->agenda) > 0) sched_yield();
  self->code = UBIQ_OK;
  set_clock(self, "2026-03-01T11:00:01Z");
  wait_for(self, 2);
  while (count_of(self, "turns/patient").waiting > 0) sched_yield();
  assert_int_equal(count_of(self, "turns/patient").dead, 0);
}

static void a_schedule_that_cannot_be_read_is_dead(void **state) {
  fixture *self = *state;
  add(self, "broken", "2026-03-01T11:00:00Z", "\"cron\":\"* * *\"");
  set_clock(self, "2026-03-01T11:00:00Z");
  while (count_of(self, SCHEDULE_QUEUE).dead != 1) sched_yield();
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_schedule_has_a_turn_each_time_it_is_due),
      TEST(what_is_done_once_ends_with_that),
      TEST(after_an_hours_stop_the_policy_is_followed),
      TEST(a_clock_that_is_set_back_neither_holds_an_interval_up_nor_runs_a_day_twice),
      TEST(a_clock_that_was_ahead_holds_nothing_up_after_a_start),
      TEST(a_clock_that_is_set_forward_has_missed_what_it_passed),
      TEST(a_turn_is_left_out_while_the_last_has_not_ended),
      TEST(a_turn_waits_for_the_last_where_they_queue),
      TEST(a_turn_that_fails_is_tried_again_and_then_dead),
      TEST(a_server_that_has_no_room_or_stops_makes_no_attempt),
      TEST(a_schedule_that_cannot_be_read_is_dead),
      TEST(a_turn_that_was_asked_for_can_be_looked_up),
      TEST(a_turn_that_was_asked_for_fails_with_its_last_attempt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
