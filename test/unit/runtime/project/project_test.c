// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "runtime/project/project.h"

#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"

static const char whole[] = "[project]\n"
                            "name = \"shop\"\n"
                            "version = \"1.2.0\"\n"
                            "[functions.greet]\n"
                            "source = \"greet.c\"\n"
                            "stack = \"16KiB\"\n"
                            "export = \"hello\"\n"
                            "route = \"POST /greet/{name}\"\n"
                            "content_type = \"text/html\"\n"
                            "wire = \"core\"\n"
                            "timeout = \"2s\"\n"
                            "cpu = 250\n"
                            "memory = \"8MiB\"\n"
                            "body_max = 1000\n"
                            "response_max = \"2KiB\"\n"
                            "weight = 300\n"
                            "private = true\n"
                            "queue = 0\n"
                            "queue_timeout = '1s'\n"
                            "config = { greeting = \"Hi\", empty = \"\" }\n"
                            "allowed_hosts = [\"a.example\", \"*.b.example\"]\n"
                            "[functions.plain]\n"
                            "wasm = \"/abs/plain.wasm\"\n"
                            "build = \"make plain\"\n";

static ubiq_error *parse(const char *text, project **out) {
  return project_parse("dir", "ubiq.toml", text, strlen(text), out);
}

static const project_function *find(const project *project, const char *name) {
  for (size_t i = 0; i < project->functions_count; i++)
    if (strcmp(project->functions[i].name, name) == 0) return &project->functions[i];
  fail_msg("no function %s", name);
  return NULL;
}

static void every_key_is_read(void **state) {
  (void)state;
  project *project = NULL;
  assert_success(parse(whole, &project));
  assert_string_equal(project->name, "shop");
  assert_string_equal(project->version, "1.2.0");
  assert_int_equal(project->functions_count, 2);
  const project_function *greet = find(project, "greet");
  assert_int_equal(greet->origin, PROJECT_SOURCE);
  assert_string_equal(greet->file, "dir/greet.c");
  assert_int_equal(greet->stack_bytes, 16 << 10);
  assert_string_equal(greet->export_name, "hello");
  assert_string_equal(greet->content_type, "text/html");
  assert_int_equal(greet->wire, PROJECT_WIRE_CORE);
  assert_true(text_equal(greet->method, TEXT("POST")));
  assert_true(text_equal(greet->path, TEXT("/greet/{name}")));
  assert_int_equal(greet->limits.wall_ms, 2000);
  assert_int_equal(greet->limits.cpu_ms, 250);
  assert_int_equal(greet->limits.memory_bytes, 8 << 20);
  assert_int_equal(greet->limits.body_bytes_max, 1000);
  assert_int_equal(greet->limits.response_bytes_max, 2048);
  assert_int_equal(greet->weight, 300);
  assert_true(greet->is_private);
  assert_int_equal(greet->limits.queue_max, 0);
  assert_int_equal(greet->limits.queue_ms, 1000);
  assert_int_equal(greet->config_count, 2);
  assert_int_equal(greet->allowed_hosts_count, 2);
  assert_string_equal(greet->allowed_hosts[1], "*.b.example");
  project_delete(project);
}

static void what_is_left_out_has_a_default(void **state) {
  (void)state;
  project *project = NULL;
  assert_success(parse(whole, &project));
  const project_function *plain = find(project, "plain");
  assert_int_equal(plain->origin, PROJECT_WASM);
  assert_string_equal(plain->file, "/abs/plain.wasm");
  assert_string_equal(plain->build, "make plain");
  assert_string_equal(plain->export_name, "plain");
  assert_null(plain->content_type);
  assert_int_equal(plain->wire, PROJECT_WIRE_EXTISM);
  assert_int_equal(plain->path.size, 0);
  assert_memory_equal(&plain->limits, &limits_default, sizeof limits_default);
  assert_int_equal(plain->weight, 100);
  assert_false(plain->is_private);
  assert_memory_equal(&plain->pool, &pool_settings_default, sizeof pool_settings_default);
  assert_int_equal(plain->lifetime.kind, LIFETIME_REQUEST);
  project_delete(project);
}

static void errors_say_where_and_what_would_be_right(void **state) {
  (void)state;
  const struct {
    const char *text, *message;
  } rows[] = {
      {"", "ubiq.toml:1:1: functions is missing; expected at least one function: [functions.NAME]"},
      {"[functions]", "ubiq.toml:1:2: functions is an object; expected from 1 to 1000 functions: [functions.NAME]"},
      {"[functions.a]\nwasm = 3", "ubiq.toml:2:1: functions.a.wasm is 3; expected a string"},
      {"[functions.a]\nwasm = ''", "ubiq.toml:2:1: functions.a.wasm is \"\"; expected a string that is not empty"},
      {"[functions.a]\nwasm = 'a'\nmemory = '1KiB'",
       "ubiq.toml:3:1: functions.a.memory is \"1KiB\"; expected at least 64KiB, one page of WebAssembly"},
      {"[functions.a]\nwasm = 'a'\nconfig = { x = \"a\\u0000b\" }",
       "ubiq.toml:3:12: functions.a.config.x is \"a\\x00b\"; expected a string without a NUL in it"},
      {"[functions.a]\nwasm = 'a'\nconfig = { \"a\\u0000b\" = 'x' }",
       "ubiq.toml:3:1: functions.a.config.\"a\\x00b\" has a NUL in its name; expected none"},
      {"[functions.a]\nwasm = 'a'\nconfig = { x = 1 }", "ubiq.toml:3:12: functions.a.config.x is 1; expected a string"},
      {"[functions.a]\nwasm = 'a'\nwire = 'cord'",
       "ubiq.toml:3:1: functions.a.wire is \"cord\"; expected \"extism\", \"core\" or \"component\""},
      {"[functions.a]\nwasm = 'a'\npermissions = ['kv:raed:a']",
       "ubiq.toml:3:16: functions.a.permissions[0] is wrong: \"kv:raed:a\" names an unknown action \"raed\"; did you "
       "mean \"read\"?"},
      {"[project]\npermissions = 'kv'\n[functions.a]\nwasm = 'a'",
       "ubiq.toml:2:1: project.permissions is \"kv\"; expected an array"},
      {"[functions.a]\nwasm = 'a'\nallowed_hosts = 'x'",
       "ubiq.toml:3:1: functions.a.allowed_hosts is \"x\"; expected an array"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    project *project = NULL;
    ubiq_error *error = parse(rows[i].text, &project);
    assert_non_null(error);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    assert_string_equal(ubiq_error_message(error), rows[i].message);
    ubiq_error_delete(error);
  }
}

static void keys_that_do_not_go_together_are_refused(void **state) {
  (void)state;
  const char *const texts[] = {
      "[functions.a]\nroute = '/a'",
      "[functions.a]\nwasm = 'a'\nsource = 'a.c'",
      "[functions.a]\nsource = 'a.rs'",
      "[functions.a]\nsource = 'a.c'\nbuild = 'make'",
      "[functions.a]\nwasm = 'a'\nstack = '8KiB'",
      "[functions.a]\nsource = 'a.c'\nstack = 1000",
      "[functions.a]\nmanifest = 'a.json'\nconfig = { a = 'b' }",
      "[functions.a]\nwasm = 'a'\nunknown = 1",
      "[functions.a]\nwasm = 'a'\ntimeout = -1",
      "[functions.a]\nwasm = 'a'\ntimeout = 0",
      "[functions.a]\nwasm = 'a'\nroute = 'a'",
      "[functions.a]\nwasm = 'a'\nprivate = 1",
      "[functions.a]\nwasm = 'a'\nweight = 0",
      "[functions.a]\nwasm = 'a'\nweight = 10001",
      "[functions.a]\nwasm = 'a'\nweight = 1.5",
      "[functions.a]\nwasm = 'a'\nqueue = 1000001",
      "[functions.a]\nwasm = 'a'\nqueue_timeout = 0",
      "[functions.a]\nwasm = 'a'\ncontent_type = \"a\\nb\"",
      "[functions.a]\nwasm = \"a\\u0000b\"",
      "[other]\n",
      "functions = 3",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    project *project = NULL;
    ubiq_error *error = parse(texts[i], &project);
    if (error == NULL) fail_msg("taken: %s", texts[i]);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
  }
}

static void pool_settings_are_of_the_project_and_overridden_for_a_function(void **state) {
  (void)state;
  project *project = NULL;
  assert_success(parse("[project.pool]\nmin = 5\nidle = '1m'\n"
                       "[functions.a]\nwasm = 'a'\n[functions.a.pool]\nmax = 20\noverprovision = 50\n"
                       "[functions.b]\nwasm = 'b'\npool = { min = 0, scale_interval = 500 }\n"
                       "[functions.c]\nwasm = 'c'\npool = { max = 3 }\n"
                       "[functions.p]\nwasm = 'p'\ninstance = 'pinned'\n",
                       &project));
  static const struct {
    const char *name;
    pool_settings pool;
  } rows[] = {
      {"a", {5, 20, 50, 60000, 1000}},
      {"b", {0, 1000, 10, 60000, 500}},
      {"c", {3, 3, 10, 60000, 1000}}, // a smaller max without a min takes the inherited one along
      {"p", {1, 1, 10, 60000, 1000}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const pool_settings *found = &find(project, rows[i].name)->pool, *expected = &rows[i].pool;
    assert_int_equal(found->min, expected->min);
    assert_int_equal(found->max, expected->max);
    assert_int_equal(found->overprovision_percent, expected->overprovision_percent);
    assert_int_equal(found->idle_ms, expected->idle_ms);
    assert_int_equal(found->interval_ms, expected->interval_ms);
  }
  project_delete(project);
}

static void lifetimes_are_read(void **state) {
  (void)state;
  project *project = NULL;
  assert_success(
      parse("[functions.a]\nwasm = 'a'\ninstance = 'reuse'\nmax_runs = 50\nmax_age = '1h'\n"
            "[functions.b]\nwasm = 'b'\ninstance = 'request'\n[functions.p]\nwasm = 'p'\ninstance = 'pinned'\n",
            &project));
  const lifetime *a = &find(project, "a")->lifetime;
  assert_int_equal(a->kind, LIFETIME_REUSE);
  assert_int_equal(a->runs_max, 50);
  assert_int_equal(a->age_ms_max, 3600 * 1000);
  assert_int_equal(find(project, "b")->lifetime.kind, LIFETIME_REQUEST);
  assert_int_equal(find(project, "p")->lifetime.kind, LIFETIME_PINNED);
  project_delete(project);
}

static void nonsense_about_instances_is_refused_with_its_place(void **state) {
  (void)state;
  const struct {
    const char *text, *message;
  } rows[] = {
      {"[project.pool]\nmin = 5\nmax = 3\n[functions.a]\nwasm = 'a'",
       "ubiq.toml:1:10: project.pool has min 5 and max 3; expected a min of at most max"},
      {"[functions.a]\nwasm = 'a'\npool = { min = 2000 }",
       "ubiq.toml:3:1: functions.a.pool has min 2000 and max 1000; expected a min of at most max"},
      {"[functions.a]\nwasm = 'a'\npool = { max = 0 }",
       "ubiq.toml:3:10: functions.a.pool.max is 0; expected an integer from 1 to 1000000"},
      {"[functions.a]\nwasm = 'a'\npool = { overprovision = '10%' }",
       "ubiq.toml:3:10: functions.a.pool.overprovision is \"10%\"; expected an integer from 0 to 1000"},
      {"[functions.a]\nwasm = 'a'\npool = { idle = '1s', scale_interval = '2s' }",
       "ubiq.toml:3:1: functions.a.pool has idle 1000 ms and scale_interval 2000 ms; expected an idle of at least "
       "scale_interval"},
      {"[functions.a]\nwasm = 'a'\npool = { scale_interval = 1 }",
       "ubiq.toml:3:1: functions.a.pool has a scale_interval of 1 ms; expected at least 10 ms"},
      {"[functions.a]\nwasm = 'a'\npool = { mni = 1 }",
       "ubiq.toml:3:10: unknown key functions.a.pool.mni; did you mean \"min\"?"},
      {"[functions.a]\nwasm = 'a'\ninstance = 'once'",
       "ubiq.toml:3:1: functions.a.instance is \"once\"; expected \"request\", \"reuse\" or \"pinned\""},
      {"[functions.a]\nwasm = 'a'\nmax_runs = 3",
       "ubiq.toml:1:12: functions.a has \"max_runs\" or \"max_age\"; expected them with instance = \"reuse\" only"},
      {"[functions.a]\nwasm = 'a'\ninstance = 'pinned'\npool = { min = 1 }",
       "ubiq.toml:1:12: functions.a has \"pool\"; a pinned function has one instance: expected none"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    project *project = NULL;
    ubiq_error *error = parse(rows[i].text, &project);
    if (error == NULL) fail_msg("taken: %s", rows[i].text);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    assert_string_equal(ubiq_error_message(error), rows[i].message);
    ubiq_error_delete(error);
  }
}

static bool attempt(void *user) {
  (void)user;
  project *project = NULL;
  ubiq_error *error = parse(whole, &project);
  if (error == NULL) project_delete(project);
  bool good = error == NULL;
  ubiq_error_delete(error);
  return good;
}

static void without_memory_there_is_an_error_and_no_leak(void **state) {
  (void)state;
  assert_true(alloc_failure_sweep(attempt, NULL) > 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key_is_read),
      cmocka_unit_test(what_is_left_out_has_a_default),
      cmocka_unit_test(errors_say_where_and_what_would_be_right),
      cmocka_unit_test(keys_that_do_not_go_together_are_refused),
      cmocka_unit_test(pool_settings_are_of_the_project_and_overridden_for_a_function),
      cmocka_unit_test(lifetimes_are_read),
      cmocka_unit_test(nonsense_about_instances_is_refused_with_its_place),
      cmocka_unit_test(without_memory_there_is_an_error_and_no_leak),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
