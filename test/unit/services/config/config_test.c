// Settings: the caller's come before the process's.
#include "services/config/config.h"
#include "unit/services/calling.h"

#include <stdlib.h>

static bool find(const void *settings, text environment, text name, text *out) {
  (void)settings;
  if (!text_equal(name, TEXT("greeting"))) return false;
  *out = text_equal(environment, TEXT("staging")) ? TEXT("staged \"Hello\"") : TEXT("Hello");
  return true;
}

static void get(const char *environment, const char *name, calling *out) {
  const services services = {.environment = environment};
  calling_begin(out, &services);
  out->call.caller.find_setting = find;
  calling_text(out, CONFIG_GET_NAME, name);
  calling_run(out, service_config_get);
}

static void a_setting_is_the_callers_own(void **state) {
  (void)state;
  calling calling;
  setenv("UBIQ_CONFIG_GREETING", "from the process", 1);
  get(NULL, "greeting", &calling);
  assert_answer(&calling, 200, "{\"name\":\"greeting\",\"value\":\"Hello\"}");
  calling_end(&calling);
  get("staging", "greeting", &calling);
  assert_answer(&calling, 200, "{\"name\":\"greeting\",\"value\":\"staged \\\"Hello\\\"\"}");
  calling_end(&calling);
}

static void what_the_caller_has_not_is_the_processs(void **state) {
  (void)state;
  calling calling;
  setenv("UBIQ_CONFIG_SMTP_HOST_2", "mail", 1);
  get(NULL, "smtp-host.2", &calling);
  assert_answer(&calling, 200, "{\"name\":\"smtp-host.2\",\"value\":\"mail\"}");
  calling_end(&calling);
}

static void other_variables_of_the_process_are_not_to_be_had(void **state) {
  (void)state;
  static const char *const names[] = {"PATH", "../PATH", "=PATH", "HOME"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    calling calling;
    get(NULL, names[i], &calling);
    assert_refused(&calling, 404, "config: there is no such setting");
    calling_end(&calling);
  }
}

static void a_name_that_is_too_long_is_no_variable(void **state) {
  (void)state;
  char variable[CONFIG_VARIABLE_SIZE], name[CONFIG_VARIABLE_SIZE];
  memset(name, 'a', sizeof name);
  assert_false(config_variable((text){name, sizeof name}, variable));
  assert_true(config_variable((text){name, 128}, variable));
  assert_int_equal(strlen(variable), strlen(CONFIG_PREFIX) + 128);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_setting_is_the_callers_own),
      cmocka_unit_test(what_the_caller_has_not_is_the_processs),
      cmocka_unit_test(other_variables_of_the_process_are_not_to_be_had),
      cmocka_unit_test(a_name_that_is_too_long_is_no_variable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
