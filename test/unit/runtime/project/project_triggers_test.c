// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/project/project.h"
#include "services/events/events.h"
#include "services/schedules/schedule_work.h"
#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

#define HEAD "[functions.report]\nwasm = \"a.wasm\"\n"

static ubiq_error *parse(const char *text, project **out) {
  return project_parse("dir", "ubiq.toml", text, strlen(text), out);
}

static void schedules_and_events_are_kept_as_the_api_would_keep_them(void **state) {
  (void)state;
  project *project = NULL;
  assert_success(parse(HEAD "[[functions.report.schedules]]\n"
                            "cron = \"0 9 * * mon-fri\"\n"
                            "timezone = \"Europe/Berlin\"\n"
                            "input = { days = [1, 2.5] }\n"
                            "retry = { attempts = 2 }\n"
                            "[[functions.report.schedules]]\n"
                            "name = \"opening\"\n"
                            "at = 2026-12-24T18:00:00Z\n"
                            "[[functions.report.events]]\n"
                            "topic = \"order.*\"\n",
                       &project));
  assert_int_equal(project->triggers_count, 3);
  const trigger *triggers = project->triggers;
  assert_string_equal(triggers[0].queue, SCHEDULE_QUEUE);
  assert_string_equal(triggers[0].name, "report");
  assert_string_equal(triggers[0].definition.data,
                      "{\"made_ms\":0,\"is_of_project\":true,\"function\":\"report\",\"input\":{\"days\":[1,2.5]},"
                      "\"cron\":\"0 9 * * mon-fri\",\"timezone\":\"Europe/Berlin\",\"retry\":{\"attempts\":2}}");
  assert_string_equal(triggers[1].name, "opening");
  assert_string_equal(triggers[1].definition.data,
                      "{\"made_ms\":0,\"is_of_project\":true,\"function\":\"report\",\"at\":\"2026-12-24T18:00:00Z\"}");
  assert_string_equal(triggers[2].queue, SUBSCRIPTION_QUEUE);
  assert_string_equal(triggers[2].name, "report");
  assert_string_equal(triggers[2].definition.data,
                      "{\"is_of_project\":true,\"topic\":\"order.*\",\"function\":\"report\"}");
  project_delete(project);
}

static void what_is_wrong_is_told_with_its_place(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"schedules = 7", "functions.report.schedules is 7; expected an array"},
      {"schedules = [\"* * * * *\"]", "functions.report.schedules[0] is \"* * * * *\"; expected an object"},
      {"[[functions.report.schedules]]\n", "has none of cron, every and at"},
      {"[[functions.report.schedules]]\ncron = \"61 * * * *\"", "ubiq.toml:4:"},
      {"[[functions.report.schedules]]\nevery = \"1ms\"", "at least 1000 ms"},
      {"[[functions.report.schedules]]\ncrom = \"* * * * *\"", "did you mean \"cron\"?"},
      {"[[functions.report.schedules]]\nevery = \"1s\"\nname = \"a b\"", "expected a name"},
      {"[[functions.report.schedules]]\nevery = \"1s\"\n[[functions.report.schedules]]\nevery = \"2s\"",
       "schedules[1] is called \"report\" as another is"},
      {"[[functions.report.events]]\n", "functions.report.events[0].topic is missing"},
      {"[[functions.report.events]]\ntopic = \"a?\"", "no wildcard but *"},
      {"[[functions.report.events]]\ntopic = \"a\"\nretry = { attempts = 0 }", "retry.attempts is 0"},
      {"[[functions.report.events]]\ntopic = \"a\"\nfunction = \"x\"",
       "unknown key functions.report.events[0].function"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[512];
    project *project = NULL;
    snprintf(text, sizeof text, HEAD "%s\n", cases[i].text);
    ubiq_error *error = parse(text, &project);
    if (error == NULL) fail_msg("%s: is read", cases[i].text);
    if (strstr(ubiq_error_message(error), cases[i].message) == NULL)
      fail_msg("%s: %s", cases[i].text, ubiq_error_message(error));
    ubiq_error_delete(error);
  }
}

static void names_are_the_projects_not_the_functions(void **state) {
  (void)state;
  project *project = NULL;
  ubiq_error *error = parse("[functions.a]\nwasm = \"a.wasm\"\nschedules = [{ name = \"x\", every = \"1s\" }]\n"
                            "[functions.b]\nwasm = \"a.wasm\"\nschedules = [{ name = \"x\", every = \"1s\" }]\n",
                            &project);
  assert_non_null(error);
  assert_non_null(strstr(ubiq_error_message(error), "functions.b.schedules[0] is called \"x\""));
  ubiq_error_delete(error);
}

static void a_schedule_and_a_subscription_may_share_a_name(void **state) {
  (void)state;
  project *project = NULL;
  assert_success(parse(HEAD "schedules = [{ every = \"1s\" }]\nevents = [{ topic = \"a\" }]\n", &project));
  assert_int_equal(project->triggers_count, 2);
  project_delete(project);
}

static bool attempt(void *user) {
  (void)user;
  project *project = NULL;
  ubiq_error *error =
      parse(HEAD "schedules = [{ every = \"1s\", input = 7 }]\nevents = [{ topic = \"a\" }]\n", &project);
  bool good = error == NULL;
  ubiq_error_delete(error);
  project_delete(project);
  return good;
}

static void memory_that_runs_out_is_an_error(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(attempt, NULL) > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schedules_and_events_are_kept_as_the_api_would_keep_them),
      cmocka_unit_test(what_is_wrong_is_told_with_its_place),
      cmocka_unit_test(names_are_the_projects_not_the_functions),
      cmocka_unit_test(a_schedule_and_a_subscription_may_share_a_name),
      cmocka_unit_test(memory_that_runs_out_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
