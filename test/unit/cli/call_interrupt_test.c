// SIGINT while a plugin is called.
#include "cli/call_interrupt.h"

#include "unit/base/testing.h"

#include <signal.h>
#include <string.h>

static ubiq_plugin *make_plugin(void) {
  static const char text[] = "(module (func (export \"f\")) (func (export \"spin\") (loop (br 0))))";
  ubiq_compiled *compiled = NULL;
  ubiq_plugin *plugin = NULL;
  assert_success(ubiq_compiled_new((const uint8_t *)text, sizeof text - 1, NULL, &compiled));
  assert_success(ubiq_plugin_new(compiled, &plugin));
  ubiq_compiled_delete(compiled);
  return plugin;
}

static void (*handler_of(int number))(int number) {
  struct sigaction action;
  assert_int_equal(sigaction(number, NULL, &action), 0);
  return action.sa_handler;
}

static void the_first_is_remembered_and_a_second_is_the_systems(void **state) {
  (void)state;
  ubiq_plugin *plugin = make_plugin();
  call_interrupt_begin(plugin);
  assert_false(call_interrupted());
  raise(SIGINT);
  assert_true(call_interrupted());
  assert_true(handler_of(SIGINT) == SIG_DFL);
  call_interrupt_end();
  assert_true(handler_of(SIGALRM) == SIG_DFL);
  ubiq_plugin_delete(plugin);
}

/// The cancellation before the call is forgotten by it, and said again within a second.
static void a_signal_just_before_a_call_ends_the_call_too(void **state) {
  (void)state;
  ubiq_plugin *plugin = make_plugin();
  ubiq_bytes output;
  call_interrupt_begin(plugin);
  raise(SIGINT);
  assert_fails(ubiq_plugin_call(plugin, "spin", (ubiq_bytes){0}, &output), UBIQ_CANCELLED, "the call was cancelled");
  call_interrupt_end();
  ubiq_plugin_delete(plugin);
}

static void a_signal_that_is_ignored_stays_so(void **state) {
  (void)state;
  ubiq_plugin *plugin = make_plugin();
  signal(SIGINT, SIG_IGN);
  call_interrupt_begin(plugin);
  raise(SIGINT);
  assert_false(call_interrupted());
  call_interrupt_end();
  assert_true(handler_of(SIGINT) == SIG_IGN);
  signal(SIGINT, SIG_DFL);
  ubiq_plugin_delete(plugin);
}

int main(void) {
  signal(SIGINT, SIG_DFL); // what is started in the background of a shell ignores it
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_is_remembered_and_a_second_is_the_systems),
      cmocka_unit_test(a_signal_just_before_a_call_ends_the_call_too),
      cmocka_unit_test(a_signal_that_is_ignored_stays_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
