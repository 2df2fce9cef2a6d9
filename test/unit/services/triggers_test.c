// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
// What a project's file says is to be done by itself, put in place again and again.
#include "services/triggers.h"

#include "base/clock.h"
#include "services/events/events.h"
#include "services/schedules/schedule_work.h"
#include "unit/services/backend/backend_testing.h"

// The backend's thread goes on.
#define ALLOC_FAILURE_STORAGE _Thread_local
#include "unit/base/alloc_failure.h"

#define EVERY "{\"made_ms\":0,\"is_of_project\":true,\"function\":\"report\",\"every\":\"1h\"}"
#define OFTEN "{\"made_ms\":0,\"is_of_project\":true,\"function\":\"report\",\"every\":\"10m\"}"
#define ONCE  "{\"made_ms\":0,\"is_of_project\":true,\"function\":\"report\",\"at\":\"2026-03-01T09:00:00Z\"}"
#define ENDED                                                                                                          \
  "{\"made_ms\":0,\"is_of_project\":true,\"function\":\"report\",\"every\":\"1h\",\"end_before\":\"2026-01-01T00:00:"  \
  "00Z\"}"
#define ORDERS "{\"is_of_project\":true,\"topic\":\"order.*\",\"function\":\"mailer\"}"

static uint64_t at(const char *when) {
  int64_t unix_ms = 0;
  assert_true(clock_parse(text_of(when), &unix_ms));
  return (uint64_t)unix_ms;
}

typedef struct fixture {
  folder folder;
  services services;
} fixture;

static int set_up(void **state) {
  static fixture self;
  folder_make(&self.folder);
  assert_success(
      services_open(&(services_settings){.directory = self.folder.path, .is_fleeting = true}, &self.services));
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  services_close(&self->services);
  folder_remove(&self->folder);
  return 0;
}

static trigger make(const char *queue, const char *name, const char *definition) {
  return (trigger){queue, name, text_of(definition)};
}

static void apply(fixture *self, const trigger *list, size_t count, const char *now) {
  assert_success(triggers_apply(&self->services, TEXT("shop"), list, count, at(now)));
}

static void change_written(backend_work_write *operation) {
  flag_set(operation->user);
}

static void change(fixture *self, backend_work_change change) {
  signal_flag flag;
  flag_init(&flag);
  backend_work_write operation = {
      .project = TEXT("shop"), .changes = &change, .count = 1, .done = change_written, .user = &flag};
  backend_work_write_start(self->services.backend, &operation);
  flag_wait(&flag);
  assert_success(operation.error);
}

static void copy_item(backend_work_list *list, const backend_work_item *item) {
  *(backend_work_item *)list->user = *item;
}

/// The item of a queue; its id is 0 when there is none. Its texts are not to be looked at.
static backend_work_item find(fixture *self, const char *queue, const char *name) {
  backend_work_item item = {0};
  backend_work_list list = {.project = TEXT("shop"),
                            .queue = text_of(queue),
                            .state = -1,
                            .name = text_of(name),
                            .limit = 1,
                            .each = copy_item,
                            .user = &item};
  assert_success(backend_work_list_now(self->services.backend, &list));
  return item;
}

static void a_new_schedule_is_due_by_the_clock(void **state) {
  fixture *self = *state;
  const trigger list[] = {make(SCHEDULE_QUEUE, "hourly", EVERY)};
  apply(self, list, 1, "2026-03-01T10:20:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").due_ms, at("2026-03-01T11:00:00Z"));
}

static void what_did_not_change_keeps_its_place(void **state) {
  fixture *self = *state;
  const trigger list[] = {make(SCHEDULE_QUEUE, "hourly", EVERY), make(SUBSCRIPTION_QUEUE, "mail", ORDERS)};
  apply(self, list, 2, "2026-03-01T10:20:00Z");
  const backend_work_item first = find(self, SCHEDULE_QUEUE, "hourly"), second = find(self, SUBSCRIPTION_QUEUE, "mail");
  apply(self, list, 2, "2026-03-01T15:20:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").id, first.id);
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").due_ms, first.due_ms);
  assert_int_equal(find(self, SUBSCRIPTION_QUEUE, "mail").id, second.id);
}

static void what_changed_is_set_anew(void **state) {
  fixture *self = *state;
  const trigger before[] = {make(SCHEDULE_QUEUE, "hourly", EVERY)}, after[] = {make(SCHEDULE_QUEUE, "hourly", OFTEN)};
  apply(self, before, 1, "2026-03-01T10:20:00Z");
  apply(self, after, 1, "2026-03-01T10:21:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").due_ms, at("2026-03-01T10:30:00Z"));
}

static void have_rest(fixture *self, const char *name) {
  const backend_work_item item = find(self, SCHEDULE_QUEUE, name);
  change(self, (backend_work_change){.action = BACKEND_WORK_CHANGE,
                                     .item = {.id = item.id, .due_ms = item.due_ms, .state = BACKEND_WORK_PAUSED}});
}

static void what_rests_goes_on_resting(void **state) {
  fixture *self = *state;
  const trigger before[] = {make(SCHEDULE_QUEUE, "hourly", EVERY)}, after[] = {make(SCHEDULE_QUEUE, "hourly", OFTEN)};
  apply(self, before, 1, "2026-03-01T10:20:00Z");
  have_rest(self, "hourly");
  apply(self, before, 1, "2026-03-01T10:21:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").state, BACKEND_WORK_PAUSED);
  apply(self, after, 1, "2026-03-01T10:22:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").state, BACKEND_WORK_PAUSED);
  apply(self, NULL, 0, "2026-03-01T10:23:00Z"); // what was taken out is forgotten
  apply(self, after, 1, "2026-03-01T10:24:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").state, BACKEND_WORK_WAITING);
}

/// With one allocation after the other failing, what was there stays or all of it is the new.
static void without_memory_it_is_all_as_before_or_all_as_after(void **state) {
  fixture *self = *state;
  const trigger before[] = {make(SCHEDULE_QUEUE, "hourly", EVERY), make(SUBSCRIPTION_QUEUE, "mail", ORDERS)},
                after[] = {make(SCHEDULE_QUEUE, "hourly", OFTEN), make(SCHEDULE_QUEUE, "more", EVERY)};
  apply(self, before, 2, "2026-03-01T10:20:00Z");
  size_t failures = 0;
  bool is_done = false;
  for (size_t n = 0; !is_done; n++) {
    alloc_failure.passes = n;
    alloc_failure.failed = false;
    alloc_failure.armed = true;
    ubiq_error *error = triggers_apply(&self->services, TEXT("shop"), after, 2, at("2026-03-01T10:21:00Z"));
    alloc_failure.armed = false;
    is_done = error == NULL;
    failures += !is_done;
    assert_int_equal(find(self, SCHEDULE_QUEUE, "more").id != 0, is_done);
    assert_int_equal(find(self, SUBSCRIPTION_QUEUE, "mail").id == 0, is_done);
    assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").due_ms,
                     at(is_done ? "2026-03-01T10:30:00Z" : "2026-03-01T11:00:00Z"));
    ubiq_error_delete(error);
  }
  assert_true(failures > 10);
}

static void what_is_no_longer_there_ends(void **state) {
  fixture *self = *state;
  const trigger list[] = {make(SCHEDULE_QUEUE, "hourly", EVERY), make(SUBSCRIPTION_QUEUE, "mail", ORDERS)};
  apply(self, list, 2, "2026-03-01T10:20:00Z");
  apply(self, NULL, 0, "2026-03-01T10:21:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").id, 0);
  assert_int_equal(find(self, SUBSCRIPTION_QUEUE, "mail").id, 0);
}

static void what_was_done_once_does_not_begin_again(void **state) {
  fixture *self = *state;
  const trigger list[] = {make(SCHEDULE_QUEUE, "opening", ONCE)};
  apply(self, list, 1, "2026-03-01T10:00:00Z");
  const backend_work_item item = find(self, SCHEDULE_QUEUE, "opening");
  assert_int_equal(item.due_ms, at("2026-03-01T09:00:00Z")); // late, and so at once
  change(self, (backend_work_change){.action = BACKEND_WORK_END, .item = {.id = item.id}});
  apply(self, list, 1, "2026-03-01T10:01:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "opening").id, 0);
  apply(self, NULL, 0, "2026-03-01T10:02:00Z");
  apply(self, list, 1, "2026-03-01T10:03:00Z"); // taken out and put in again: now it is another
  assert_int_not_equal(find(self, SCHEDULE_QUEUE, "opening").id, 0);
}

static void what_can_never_be_due_ends(void **state) {
  fixture *self = *state;
  const trigger before[] = {make(SCHEDULE_QUEUE, "hourly", EVERY)}, after[] = {make(SCHEDULE_QUEUE, "hourly", ENDED)};
  apply(self, before, 1, "2026-03-01T10:20:00Z");
  apply(self, after, 1, "2026-03-01T10:21:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").id, 0);
}

static void what_the_api_made_stays(void **state) {
  fixture *self = *state;
  static const char payload[] = "{\"made_ms\":1,\"function\":\"other\",\"every\":\"1h\"}";
  change(self, (backend_work_change){.action = BACKEND_WORK_ADD,
                                     .item = {.queue = TEXT(SCHEDULE_QUEUE),
                                              .name = TEXT("hourly"),
                                              .due_ms = 7,
                                              .payload = {(const uint8_t *)payload, sizeof payload - 1}}});
  const trigger list[] = {make(SCHEDULE_QUEUE, "hourly", EVERY), make(SUBSCRIPTION_QUEUE, "hourly", ORDERS)};
  apply(self, list, 2, "2026-03-01T10:20:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").due_ms, 7);
  assert_int_not_equal(find(self, SUBSCRIPTION_QUEUE, "hourly").id, 0);
  apply(self, NULL, 0, "2026-03-01T10:21:00Z");
  assert_int_equal(find(self, SCHEDULE_QUEUE, "hourly").due_ms, 7);
}

static void publishers_learn_of_new_subscriptions(void **state) {
  fixture *self = *state;
  const subscriptions *known = NULL;
  assert_success(events_subscriptions(self->services.events, TEXT("shop"), &known));
  assert_int_equal(known->count, 0);
  subscriptions_release(known);
  const trigger list[] = {make(SUBSCRIPTION_QUEUE, "mail", ORDERS)};
  apply(self, list, 1, "2026-03-01T10:20:00Z");
  assert_success(events_subscriptions(self->services.events, TEXT("shop"), &known));
  assert_int_equal(known->count, 1);
  assert_string_equal(known->list[0].topic, "order.*");
  subscriptions_release(known);
}

static void projects_have_triggers_of_their_own(void **state) {
  fixture *self = *state;
  const trigger list[] = {make(SCHEDULE_QUEUE, "hourly", EVERY)};
  apply(self, list, 1, "2026-03-01T10:20:00Z");
  assert_success(triggers_apply(&self->services, TEXT("other"), NULL, 0, at("2026-03-01T10:21:00Z")));
  assert_int_not_equal(find(self, SCHEDULE_QUEUE, "hourly").id, 0);
}

static void where_nothing_is_kept_nothing_happens(void **state) {
  (void)state;
  const trigger list[] = {make(SCHEDULE_QUEUE, "hourly", EVERY)};
  assert_success(triggers_apply(NULL, TEXT("shop"), list, 1, 0));
  assert_success(triggers_apply(&(services){0}, TEXT("shop"), list, 1, 0));
}

/// An event that waits for the subscription "mail".
static void add_event(fixture *self, char queue[EVENT_QUEUE_SIZE]) {
  event_queue_name(find(self, SUBSCRIPTION_QUEUE, "mail").id, queue);
  const backend_work_item item = {.queue = text_of(queue), .due_ms = 1};
  change(self, (backend_work_change){BACKEND_WORK_ADD, .item = item});
}

static uint64_t waiting(fixture *self, const char *queue) {
  backend_work_count count;
  assert_success(backend_work_count_now(self->services.backend, TEXT("shop"), text_of(queue), &count));
  return count.waiting;
}

static void a_subscription_that_changes_keeps_what_waits_for_it(void **state) {
  fixture *self = *state;
  const trigger before = make(SUBSCRIPTION_QUEUE, "mail", ORDERS),
                after =
                    make(SUBSCRIPTION_QUEUE, "mail", "{\"is_of_project\":true,\"topic\":\"*\",\"function\":\"other\"}");
  char queue[EVENT_QUEUE_SIZE];
  apply(self, &before, 1, "2026-03-01T08:00:00Z");
  uint64_t id = find(self, SUBSCRIPTION_QUEUE, "mail").id;
  add_event(self, queue);
  apply(self, &after, 1, "2026-03-01T09:00:00Z");
  assert_int_equal(find(self, SUBSCRIPTION_QUEUE, "mail").id, id);
  assert_int_equal(waiting(self, queue), 1);
  assert_int_equal(find(self, UNSUBSCRIBED_QUEUE, queue).id, 0);
}

static void a_subscription_that_comes_back_is_another(void **state) {
  fixture *self = *state;
  const trigger mail = make(SUBSCRIPTION_QUEUE, "mail", ORDERS);
  char queue[EVENT_QUEUE_SIZE];
  apply(self, &mail, 1, "2026-03-01T08:00:00Z");
  uint64_t id = find(self, SUBSCRIPTION_QUEUE, "mail").id;
  add_event(self, queue);
  apply(self, NULL, 0, "2026-03-01T09:00:00Z");
  assert_int_not_equal(find(self, UNSUBSCRIBED_QUEUE, queue).id, 0); // takes away what waits
  apply(self, &mail, 1, "2026-03-01T10:00:00Z");
  assert_int_not_equal(find(self, SUBSCRIPTION_QUEUE, "mail").id, id);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_new_schedule_is_due_by_the_clock, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_did_not_change_keeps_its_place, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_changed_is_set_anew, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_no_longer_there_ends, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_rests_goes_on_resting, set_up, tear_down),
      cmocka_unit_test_setup_teardown(without_memory_it_is_all_as_before_or_all_as_after, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_was_done_once_does_not_begin_again, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_can_never_be_due_ends, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_the_api_made_stays, set_up, tear_down),
      cmocka_unit_test_setup_teardown(publishers_learn_of_new_subscriptions, set_up, tear_down),
      cmocka_unit_test_setup_teardown(projects_have_triggers_of_their_own, set_up, tear_down),
      cmocka_unit_test(where_nothing_is_kept_nothing_happens),
      cmocka_unit_test_setup_teardown(a_subscription_that_changes_keeps_what_waits_for_it, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_subscription_that_comes_back_is_another, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
