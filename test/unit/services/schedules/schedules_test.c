// The service schedules: what is made, paused and resumed by its calls. How it is run: schedule_work_test.c.
#include "base/clock.h"
#include "unit/services/services_testing.h"

enum { LATER_MS = 500 };

/// The backend's clock is ahead of the service's, so that when an item was added is not when its schedule was made.
static uint64_t later_ms(void) {
  return clock_realtime_ns() / CLOCK_NS_PER_MS + LATER_MS;
}

static int set_up(void **state) {
  static fixture self;
  self = (fixture){0};
  folder_make(&self.folder);
  const sqlite_backend_settings settings = {.path = self.folder.file, .is_fleeting = true, .now_ms = later_ms};
  assert_success(sqlite_backend_open(&settings, &self.services.backend));
  *state = &self;
  return 0;
}

static void begin(calling *calling, void **state, const char *name) {
  const fixture *self = *state;
  calling_begin(calling, &self->services);
  calling_text(calling, 0, name);
}

static void create(void **state, const char *body) {
  calling calling;
  begin(&calling, state, "");
  calling_json(&calling, body);
  calling_run(&calling, service_schedules_create);
  if (calling.call.error != NULL) fail_msg("%s", ubiq_error_message(calling.call.error));
  assert_int_equal(calling_status(&calling), 201);
  calling_end(&calling);
}

/// Runs a call of one schedule, which answers with it; `next_at` is empty while it is paused.
static void change(void **state, const char *name, service_handler handler, char next_at[CLOCK_TEXT_SIZE]) {
  calling calling;
  begin(&calling, state, name);
  calling_run(&calling, handler);
  if (calling.call.error != NULL) fail_msg("%s", ubiq_error_message(calling.call.error));
  const ubiq_bytes bytes = calling.call.answer.bytes;
  yyjson_doc *document = yyjson_read((const char *)bytes.data, bytes.size, 0);
  const char *found = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(document), "next_at"));
  snprintf(next_at, CLOCK_TEXT_SIZE, "%s", found == NULL ? "" : found);
  yyjson_doc_free(document);
  calling_end(&calling);
}

static void an_interval_that_is_resumed_goes_on_in_its_own_steps(void **state) {
  char made[CLOCK_TEXT_SIZE], paused[CLOCK_TEXT_SIZE], resumed[CLOCK_TEXT_SIZE];
  create(state, "{\"name\":\"report\",\"function\":\"greet\",\"every\":\"1h\"}");
  change(state, "report", service_schedules_get, made);
  change(state, "report", service_schedules_pause, paused);
  change(state, "report", service_schedules_resume, resumed);
  assert_string_equal(paused, "");
  assert_string_equal(resumed, made);
}

static void what_is_done_once_keeps_its_time_while_it_is_paused(void **state) {
  char paused[CLOCK_TEXT_SIZE], resumed[CLOCK_TEXT_SIZE];
  create(state, "{\"name\":\"party\",\"function\":\"greet\",\"at\":\"2020-01-01T00:00:00.000Z\"}");
  change(state, "party", service_schedules_pause, paused);
  change(state, "party", service_schedules_resume, resumed);
  assert_string_equal(resumed, "2020-01-01T00:00:00.000Z");
}

static void a_schedule_that_is_never_due_is_refused(void **state) {
  calling calling;
  begin(&calling, state, "");
  calling_json(&calling,
               "{\"name\":\"late\",\"function\":\"greet\",\"every\":\"1h\",\"end_before\":\"2020-01-01T00:00:00Z\"}");
  calling_run(&calling, service_schedules_create);
  assert_refused(&calling, 400, "body: it is never due: end_before comes first");
  calling_end(&calling);
}

static void a_schedule_that_is_not_there_is_not_found(void **state) {
  static const service_handler handlers[] = {service_schedules_get, service_schedules_pause, service_schedules_resume,
                                             service_schedules_delete, service_schedules_run};
  for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
    calling calling;
    begin(&calling, state, "nobody");
    calling_run(&calling, handlers[i]);
    assert_refused(&calling, 404, "there is no such schedule");
    calling_end(&calling);
  }
}

static void a_schedule_that_is_too_large_is_refused(void **state) {
  static char json[(1 << 20) + 64];
  calling calling;
  int size = snprintf(json, sizeof json, "{\"function\":\"note\",\"every\":\"1h\",\"input\":\"");
  memset(json + size, 'x', 1 << 20);
  memcpy(json + size + (1 << 20), "\"}", 3);
  calling_begin(&calling, &((fixture *)*state)->services);
  calling_json(&calling, json);
  calling_run(&calling, service_schedules_create);
  assert_int_equal(calling_status(&calling), 413);
  calling_end(&calling);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_close)
  const struct CMUnitTest tests[] = {
      TEST(an_interval_that_is_resumed_goes_on_in_its_own_steps),
      TEST(what_is_done_once_keeps_its_time_while_it_is_paused),
      TEST(a_schedule_that_is_never_due_is_refused),
      TEST(a_schedule_that_is_not_there_is_not_found),
      TEST(a_schedule_that_is_too_large_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
