// Publishing: what comes again, and where loops end.
#include "services/operations.h"
#include "services/work/errand.h"
#include "unit/services/events/events_testing.h"

static void one_that_comes_again_is_not_delivered_again(void **state) {
  fixture *self = *state;
  publish(self, "{\"type\":\"a\",\"id\":\"1\",\"data\":1}");
  publish(self, "{\"type\":\"a\",\"id\":\"1\",\"data\":2}");
  assert_stored(self, "\"data\":1}");
  assert_int_equal(self->count, 1);
  publish(self, "{\"type\":\"a\",\"id\":\"1\",\"source\":\"/other\"}");
  publish(self, "{\"type\":\"a\",\"id\":\"2\"}");
  publish(self, "{\"type\":\"a\"}");
  publish(self, "{\"type\":\"a\"}");
  look(self);
  assert_int_equal(self->count, 5);
}

/// Who may publish something else does not keep it from being told by guessing its id.
static void one_of_another_type_is_another(void **state) {
  fixture *self = *state;
  publish(self, "{\"type\":\"b\",\"source\":\"/shop\",\"id\":\"1\"}");
  publish(self, "{\"type\":\"a\",\"source\":\"/shop\",\"id\":\"1\"}");
  publish(self, "{\"type\":\"a\",\"source\":\"/shop\",\"id\":\"1\"}");
  look(self);
  assert_int_equal(self->count, 2);
}

static void one_that_comes_again_after_opening_again_is_not_delivered_again(void **state) {
  fixture *self = *state;
  publish(self, "{\"type\":\"a\",\"id\":\"1\"}");
  services_close(&self->services);
  const services_settings settings = {.directory = self->folder.path, .is_fleeting = true, .cache_bytes = 1 << 20};
  assert_success(services_open(&settings, &self->services));
  publish(self, "{\"type\":\"a\",\"id\":\"1\"}");
  look(self);
  assert_int_equal(self->count, 1);
}

static void a_large_event_is_not_written_for_too_many(void **state) {
  enum { MANY = 70, SIZE = (1 << 20) - 200 };
  static char json[(1 << 20) + 64];
  fixture *self = *state;
  calling calling;
  char name[8];
  for (int i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "n%d", i);
    put(self, name, "{\"topic\":\"*\",\"function\":\"note\"}");
  }
  int size = snprintf(json, sizeof json, "{\"type\":\"a\",\"data\":\"");
  memset(json + size, 'x', SIZE);
  memcpy(json + size + SIZE, "\"}", 3);
  calling_begin(&calling, &self->services);
  calling_json(&calling, json);
  calling_run(&calling, service_events_publish);
  assert_int_equal(calling_status(&calling), 413);
  assert_non_null(strstr(ubiq_error_message(calling.call.error), "for 71 subscriptions; expected at most 67108864"));
  calling_end(&calling);
  look(self);
  assert_int_equal(self->count, 0);
}

/// So long after now that what is published now is known no more.
static uint64_t later(void) {
  return clock_realtime_ns() / CLOCK_NS_PER_MS + EVENT_KNOWN_MS;
}

static void one_that_comes_again_after_long_is_delivered_again(void **state) {
  fixture *self = *state;
  const agenda_kind kind = event_work_forgetting();
  const agenda_settings settings = {
      .backend = self->services.backend, .kinds = &kind, .kinds_count = 1, .now_ms = later};
  agenda *agenda = NULL;
  backend_work_count count = {0};
  publish(self, "{\"type\":\"a\",\"id\":\"1\"}");
  assert_success(agenda_open(&settings, &agenda));
  do assert_success(backend_work_count_now(self->services.backend, TEXT("shop"), TEXT(PUBLISHED_QUEUE), &count));
  while (count.waiting > 0);
  agenda_close(agenda);
  publish(self, "{\"type\":\"a\",\"id\":\"1\"}");
  count = count_of(self, id_of(self, "all"));
  assert_int_equal(count.waiting + count.dead, 2);
}

static void one_that_nobody_was_told_of_may_come_again(void **state) {
  fixture *self = *state;
  assert_int_equal(unsubscribe(self, "all"), 204);
  publish(self, "{\"type\":\"a\",\"id\":\"1\"}");
  put(self, "late", "{\"topic\":\"a\",\"function\":\"note\"}");
  publish(self, "{\"type\":\"a\",\"id\":\"1\"}");
  look(self);
  assert_int_equal(self->count, 1);
}

/// Whether a handler refuses who was led to it often enough.
static void assert_ends_a_loop(fixture *self, service_handler handler, const char *name, const char *json) {
  for (uint32_t hops = ERRAND_HOPS_MAX - 1; hops <= ERRAND_HOPS_MAX; hops++) {
    calling calling;
    calling_begin(&calling, &self->services);
    calling.call.caller.hops = hops;
    if (name != NULL) calling_text(&calling, 0, name);
    if (json != NULL) calling_json(&calling, json);
    calling_run(&calling, handler);
    assert_int_equal(calling_status(&calling) == 403, hops == ERRAND_HOPS_MAX);
    calling_end(&calling);
  }
}

static void loops_end_whatever_they_go_through(void **state) {
  assert_ends_a_loop(*state, service_events_publish, NULL, "{\"type\":\"a\"}");
  assert_ends_a_loop(*state, service_schedules_create, NULL, "{\"name\":\"s\",\"function\":\"note\",\"every\":\"1h\"}");
  assert_ends_a_loop(*state, service_schedules_run, "s", NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(one_that_comes_again_is_not_delivered_again),
      TEST(one_of_another_type_is_another),
      TEST(one_that_comes_again_after_opening_again_is_not_delivered_again),
      TEST(a_large_event_is_not_written_for_too_many),
      TEST(one_that_comes_again_after_long_is_delivered_again),
      TEST(one_that_nobody_was_told_of_may_come_again),
      TEST(loops_end_whatever_they_go_through),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
