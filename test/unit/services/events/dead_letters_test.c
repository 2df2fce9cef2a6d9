// What was tried in vain: replayed and dropped one by one, or many at once.
#include "services/events/events.h"
#include "unit/services/calling.h"

typedef struct fixture {
  folder folder;
  services services;
} fixture;

static int set_up(void **state) {
  static fixture self;
  folder_make(&self.folder);
  const services_settings settings = {.directory = self.folder.path, .is_fleeting = true, .cache_bytes = 1 << 20};
  assert_success(services_open(&settings, &self.services));
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  services_close(&self->services);
  folder_remove(&self->folder);
  return 0;
}

// ---------------------------------------------------------------------------------------------------------- operations

static void work_written(backend_work_write *write) {
  flag_set(write->user);
}

/// A dead letter of a subscription; its id.
static uint64_t add(fixture *self, const char *queue, const char *order) {
  backend_work_change change = {.action = BACKEND_WORK_ADD,
                                .item = {.queue = text_of(queue),
                                         .order = text_of(order),
                                         .state = BACKEND_WORK_DEAD,
                                         .due_ms = 5,
                                         .attempts = 3,
                                         .failure = TEXT("it burns"),
                                         .payload = {(const uint8_t *)"{}", 2}}};
  signal_flag flag;
  flag_init(&flag);
  backend_work_write write = {
      .project = TEXT("shop"), .changes = &change, .count = 1, .done = work_written, .user = &flag};
  backend_work_write_start(self->services.backend, &write);
  flag_wait(&flag);
  assert_success(write.error);
  return change.item.id;
}

static backend_work_count count(fixture *self, const char *queue) {
  backend_work_count out;
  assert_success(backend_work_count_now(self->services.backend, TEXT("shop"), text_of(queue), &out));
  return out;
}

static void assert_counts(fixture *self, const char *queue, uint64_t waiting, uint64_t dead) {
  const backend_work_count found = count(self, queue);
  assert_int_equal(found.waiting, waiting);
  assert_int_equal(found.dead, dead);
}

typedef struct asked {
  const char *subscription, *cursor;
  uint64_t limit;
} asked;

static void assert_changes(fixture *self, service_handler handler, const asked *asked, const char *answer) {
  calling calling;
  calling_begin(&calling, &self->services);
  if (asked->subscription != NULL) calling_text(&calling, DEAD_LETTERS_DROP_ALL_SUBSCRIPTION, asked->subscription);
  if (asked->cursor != NULL) calling_text(&calling, DEAD_LETTERS_DROP_ALL_CURSOR, asked->cursor);
  if (asked->limit != 0) calling_number(&calling, DEAD_LETTERS_DROP_ALL_LIMIT, asked->limit);
  calling_run(&calling, handler);
  assert_answer(&calling, 200, answer);
  calling_end(&calling);
}

static unsigned change_one(fixture *self, service_handler handler, const char *id) {
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, 0, id);
  calling_run(&calling, handler);
  unsigned status = calling_status(&calling);
  calling_end(&calling);
  return status;
}

// --------------------------------------------------------------------------------------------------------------- tests

static void all_are_replayed_from_the_first_attempt_on(void **state) {
  fixture *self = *state;
  add(self, "events/mail", "");
  add(self, "events/bill", "");
  add(self, "turns/nightly", "");
  assert_changes(self, service_dead_letters_replay_all, &(asked){0}, "{\"count\":3}");
  assert_counts(self, "events/mail", 1, 0);
  assert_counts(self, "events/bill", 1, 0);
  assert_counts(self, "turns/nightly", 1, 0);
  assert_changes(self, service_dead_letters_replay_all, &(asked){0}, "{\"count\":0}");
}

static void those_of_one_subscription_are_dropped_alone(void **state) {
  fixture *self = *state;
  add(self, "events/mail", "");
  add(self, "events/mail2", "");
  assert_changes(self, service_dead_letters_drop_all, &(asked){.subscription = "mail"}, "{\"count\":1}");
  assert_counts(self, "events/mail", 0, 0);
  assert_counts(self, "events/mail2", 0, 1);
}

static void many_are_changed_page_by_page(void **state) {
  fixture *self = *state;
  char cursor[24], answer[64];
  uint64_t ids[3];
  for (size_t i = 0; i < 3; i++) ids[i] = add(self, "events/mail", "");
  snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)ids[1]);
  snprintf(answer, sizeof answer, "{\"count\":2,\"cursor\":\"%s\"}", cursor);
  assert_changes(self, service_dead_letters_drop_all, &(asked){.limit = 2}, answer);
  assert_changes(self, service_dead_letters_drop_all, &(asked){.limit = 2, .cursor = cursor}, "{\"count\":1}");
  assert_counts(self, "events/mail", 0, 0);
}

static void note_first(backend_work_due *due, const backend_work_item *item) {
  *(uint64_t *)due->user = item->id;
}

static void those_of_one_key_are_replayed_in_their_order(void **state) {
  fixture *self = *state;
  uint64_t first = add(self, "events/mail", "user 7"), seen = 0;
  add(self, "events/mail", "user 7");
  assert_changes(self, service_dead_letters_replay_all, &(asked){0}, "{\"count\":2}");
  backend_work_due due = {.now_ms = INT64_MAX, .limit = 10, .each = note_first, .user = &seen};
  assert_success(backend_work_due_now(self->services.backend, &due));
  assert_int_equal(seen, first); // the only one that is due
}

static void one_is_replayed_or_dropped_by_its_id(void **state) {
  fixture *self = *state;
  char id[24], next[24];
  snprintf(id, sizeof id, "%llu", (unsigned long long)add(self, "events/mail", ""));
  snprintf(next, sizeof next, "%llu", (unsigned long long)add(self, "events/mail", ""));
  assert_int_equal(change_one(self, service_dead_letters_replay, id), 204);
  assert_int_equal(change_one(self, service_dead_letters_replay, id), 404); // it waits, and nothing of another was done
  assert_counts(self, "events/mail", 1, 1);
  assert_int_equal(change_one(self, service_dead_letters_drop, next), 204);
  assert_int_equal(change_one(self, service_dead_letters_drop, next), 404);
  assert_int_equal(change_one(self, service_dead_letters_drop, "0"), 404);
  assert_counts(self, "events/mail", 1, 0);
}

static void a_cursor_that_no_list_said_is_refused(void **state) {
  fixture *self = *state;
  calling calling;
  calling_begin(&calling, &self->services);
  calling_text(&calling, DEAD_LETTERS_DROP_ALL_CURSOR, "x");
  calling_run(&calling, service_dead_letters_drop_all);
  assert_refused(&calling, 400, "cursor is \"x\"; expected what a list of dead letters said");
  calling_end(&calling);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(all_are_replayed_from_the_first_attempt_on),
      TEST(those_of_one_subscription_are_dropped_alone),
      TEST(many_are_changed_page_by_page),
      TEST(those_of_one_key_are_replayed_in_their_order),
      TEST(one_is_replayed_or_dropped_by_its_id),
      TEST(a_cursor_that_no_list_said_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
