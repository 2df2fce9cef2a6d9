// What becomes of what waits for a subscription that has ended: also where the process is killed before it is gone.
#include "unit/services/events/events_testing.h"

#include <signal.h>
#include <sys/wait.h>

enum { MANY = 3000, PAUSE_US = 1000 };

static void fill(fixture *self, uint64_t id) {
  static backend_work_change changes[MANY];
  char queue[EVENT_QUEUE_SIZE];
  event_queue_name(id, queue);
  for (size_t i = 0; i < MANY; i++)
    changes[i] = (backend_work_change){.action = BACKEND_WORK_ADD,
                                       .item = {.queue = text_of(queue),
                                                .order = i % 3 == 0 ? TEXT("k") : (text){NULL, 0},
                                                .state = i % 3 == 1 ? BACKEND_WORK_DEAD : BACKEND_WORK_WAITING,
                                                .due_ms = INT64_MAX, // nobody is told of them
                                                .payload = {(const uint8_t *)"{}", 2}}};
  write_work(self, changes, MANY);
}

static uint64_t all_of(backend_work_count count) {
  return count.waiting + count.paused + count.dead;
}

static agenda *begin_clearing(fixture *self) {
  const agenda_kind kind = event_work_clearing(self->services.backend);
  const agenda_settings settings = {.backend = self->services.backend, .kinds = &kind, .kinds_count = 1};
  agenda *agenda = NULL;
  assert_success(agenda_open(&settings, &agenda));
  return agenda;
}

/// Until nothing is left to be taken away.
static void clear_all(fixture *self) {
  agenda *agenda = begin_clearing(self);
  while (all_of(count_queue(self, UNSUBSCRIBED_QUEUE)) > 0) usleep(PAUSE_US);
  agenda_close(agenda);
}

static void open_again(fixture *self) {
  const services_settings settings = {.directory = self->folder.path, .is_fleeting = true, .cache_bytes = 1 << 20};
  assert_success(services_open(&settings, &self->services));
}

static void what_waits_and_dead_letters_go_portion_by_portion(void **state) {
  fixture *self = *state;
  uint64_t id = id_of(self, "all");
  backend_counts before, after;
  put(self, "other", "{\"topic\":\"*\",\"function\":\"note\"}");
  fill(self, id);
  publish(self, "{\"type\":\"a\"}");
  assert_int_equal(unsubscribe(self, "all"), 204);
  backend_count(self->services.backend, &before);
  clear_all(self);
  backend_count(self->services.backend, &after);
  assert_int_equal(all_of(count_of(self, id)), 0);
  assert_true(after.writes - before.writes > MANY / 1024);
  assert_int_equal(all_of(count_of(self, id_of(self, "other"))), 1);
}

static void one_that_was_made_anew_meanwhile_keeps_its_own(void **state) {
  fixture *self = *state;
  uint64_t before = id_of(self, "all");
  fill(self, before);
  assert_int_equal(unsubscribe(self, "all"), 204);
  put(self, "all", "{\"topic\":\"*\",\"function\":\"note\"}");
  publish(self, "{\"type\":\"a\"}");
  clear_all(self);
  assert_int_equal(all_of(count_of(self, before)), 0);
  assert_int_equal(all_of(count_of(self, id_of(self, "all"))), 1);
}

/// What a process of its own does: it ends a subscription, and is killed before it says more; or once some of what waited is gone.
static void end_and_be_killed(fixture *self, uint64_t id, bool clears) {
  open_again(self);
  fill(self, id);
  if (unsubscribe(self, "all") != 204) _exit(1);
  if (clears) {
    (void)begin_clearing(self);
    while (all_of(count_of(self, id)) == MANY) continue;
  }
  raise(SIGKILL);
}

static void it_is_taken_away_after_a_kill(void **state) {
  fixture *self = *state;
  for (int clears = 0; clears < 2; clears++) {
    put(self, "all", "{\"topic\":\"*\",\"function\":\"note\"}");
    uint64_t id = id_of(self, "all");
    services_close(&self->services);
    pid_t child = fork();
    if (child == 0) end_and_be_killed(self, id, clears == 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    open_again(self);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(id_of(self, "all"), 0);
    if (clears == 0) assert_int_equal(all_of(count_of(self, id)), MANY);
    clear_all(self);
    assert_int_equal(all_of(count_of(self, id)), 0);
  }
}

static void refuse(void *user, errand *errand) {
  (void)user;
  (void)errand;
  fail_msg("somebody was told");
}

/// Who published had read the subscription a moment before it ended.
static void what_comes_for_one_that_is_gone_ends_untold(void **state) {
  fixture *self = *state;
  uint64_t id = id_of(self, "all");
  assert_int_equal(unsubscribe(self, "all"), 204);
  put(self, "all", "{\"topic\":\"*\",\"function\":\"note\"}");
  clear_all(self);
  add_event(self, id, "k", BACKEND_WORK_WAITING);
  add_event(self, id, "k", BACKEND_WORK_WAITING);
  event_work work = {self->services.events, {refuse, NULL}};
  const agenda_kind kind = event_work_kind(&work);
  const agenda_settings settings = {.backend = self->services.backend, .kinds = &kind, .kinds_count = 1};
  agenda *agenda = NULL;
  assert_success(agenda_open(&settings, &agenda));
  while (all_of(count_of(self, id)) > 0) usleep(PAUSE_US);
  agenda_close(agenda);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(what_waits_and_dead_letters_go_portion_by_portion),
      TEST(one_that_was_made_anew_meanwhile_keeps_its_own),
      TEST(it_is_taken_away_after_a_kill),
      TEST(what_comes_for_one_that_is_gone_ends_untold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
