// Deadlines and cancellation by way of Extism's C ABI: of guest code, of HTTP, of host functions; from another thread, at
// any moment.
#include "unit/plugin/extism_testing.h"

#include "unit/base/fetch_server.h"

#include <pthread.h>

#define QUICK "\"timeout_ms\": 30"

static fetch_server *server;

static uint64_t elapsed_ms(uint64_t since_ns) {
  return (clock_monotonic_ns() - since_ns) / CLOCK_NS_PER_MS;
}

enum { SOON_MS = 50000 }; // what would never end ends

/// It is called again where the machine stood still for all of a call's time.
static void assert_answers_in_time(ExtismPlugin *plugin, const char *function, const char *input,
                                   const char *expected) {
  while (extism_call(plugin, function, input) != 0) {
    const char *error = extism_plugin_error(plugin);
    assert_non_null(error);
    assert_string_equal(error, "timeout");
  }
  assert_true(extism_output_is(plugin, expected));
}

// -- Deadlines --

static void guest_code_ends_at_its_deadline(void **state) {
  (void)state;
  static const char *const exports[] = {"spin", "spin_kernel", "spin_host", "spin_log"};
  ExtismPlugin *plugin = extism_of("infinite", &(extism_setup){.more = QUICK});
  for (size_t i = 0; i < sizeof exports / sizeof *exports; i++) {
    uint64_t begin = clock_monotonic_ns();
    assert_call_fails(plugin, exports[i], "", 134, "timeout");
    assert_true(elapsed_ms(begin) >= 29 && elapsed_ms(begin) < SOON_MS);
  }
  assert_answers_in_time(plugin, "turns", "100", "100");
  extism_plugin_free(plugin);
}

static void no_time_at_all_is_a_deadline_too(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("infinite", &(extism_setup){.more = "\"timeout_ms\": 0"});
  assert_call_fails(plugin, "spin", "", 134, "timeout");
  extism_plugin_free(plugin);
}

static void http_ends_at_its_deadline(void **state) {
  (void)state;
  static const char *const paths[] = {"/hang", "/half"};
  ExtismPlugin *plugin =
      extism_of("http", &(extism_setup){.more = "\"allowed_hosts\": [\"127.0.0.1\"], \"timeout_ms\": 50"});
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    uint64_t begin = clock_monotonic_ns();
    assert_call_fails(plugin, "get", fetch_server_url(server, paths[i]), 134, "timeout");
    assert_true(elapsed_ms(begin) < SOON_MS);
  }
  extism_plugin_free(plugin);
}

static void sleep_ends_at_its_deadline(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("wasi_reactor", &(extism_setup){.more = QUICK, .wasi = true});
  assert_answers_in_time(plugin, "constructed", "", "1");
  uint64_t begin = clock_monotonic_ns();
  assert_call_fails(plugin, "sleep", "60000", 134, "timeout");
  assert_true(elapsed_ms(begin) < SOON_MS);
  extism_plugin_free(plugin);
}

// Busy until the deadline has passed. It is not interrupted, because a callback of a JVM or CLR must not be.
static void outlast(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize inputs_count, ExtismVal *outputs,
                    ExtismSize outputs_count, void *user) {
  (void)plugin, (void)inputs, (void)inputs_count, (void)outputs, (void)outputs_count;
  uint64_t begin = clock_monotonic_ns();
  while (elapsed_ms(begin) < 60) continue;
  *(bool *)user = true;
}

static void a_host_function_returns_before_its_deadline_ends_the_call(void **state) {
  (void)state;
  static const char manifest[] =
      "{\"wasm\": [{\"data\": "
      "\"KG1vZHVsZSAoaW1wb3J0ICJleHRpc206aG9zdC91c2VyIiAiaG9zdCIgKGZ1bmMgJGgpKSAoZnVuYyAoZXhwb3J0ICJnbyIpIChj"
      "YWxsICRoKSAobG9vcCAkbCAoYnIgJGwpKSkp\"}], \"timeout_ms\": 30}"; // go: calls host, then loops
  bool returned = false;
  const ExtismFunction *function = extism_function_new("host", NULL, 0, NULL, 0, outlast, &returned, NULL);
  ExtismPlugin *plugin = extism_of_text(manifest, &(extism_setup){.functions = &function, .functions_count = 1});
  assert_call_fails(plugin, "go", "", 134, "timeout");
  assert_true(returned);
  extism_plugin_free(plugin);
  extism_function_free((ExtismFunction *)function);
}

// -- Cancellation --

/// A thread that cancels again and again until it is told to stop.
typedef struct canceller {
  pthread_t thread;
  const ExtismCancelHandle *handle;
  atomic_bool stops;
} canceller;

static void *cancel_on(void *user) {
  canceller *self = user;
  while (!atomic_load(&self->stops)) {
    extism_plugin_cancel(self->handle);
    sched_yield();
  }
  return NULL;
}

static void canceller_start(canceller *self, ExtismPlugin *plugin) {
  self->handle = extism_plugin_cancel_handle(plugin);
  atomic_init(&self->stops, false);
  pthread_create(&self->thread, NULL, cancel_on, self);
}

static void canceller_stop(canceller *self) {
  atomic_store(&self->stops, true);
  pthread_join(self->thread, NULL);
}

static void another_thread_cancels_guest_code(void **state) {
  (void)state;
  static const char *const exports[] = {"spin", "spin_kernel", "spin_host", "spin_log"};
  ExtismPlugin *plugin = extism_of("infinite", NULL);
  for (size_t i = 0; i < sizeof exports / sizeof *exports; i++) {
    canceller canceller;
    canceller_start(&canceller, plugin);
    assert_call_fails(plugin, exports[i], "", 134, "timeout");
    canceller_stop(&canceller);
  }
  assert_answers(plugin, "turns", "100", "100");
  extism_plugin_free(plugin);
}

static void another_thread_cancels_http(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("http", &(extism_setup){.more = "\"allowed_hosts\": [\"127.0.0.1\"]"});
  canceller canceller;
  canceller_start(&canceller, plugin);
  assert_call_fails(plugin, "get", fetch_server_url(server, "/hang"), 134, "timeout");
  canceller_stop(&canceller);
  extism_plugin_free(plugin);
}

// Also between calls, while a plugin is reset, and before its first call.
static void cancellation_at_any_moment_does_no_harm(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("echo", NULL);
  canceller canceller;
  canceller_start(&canceller, plugin);
  for (int i = 0; i < 2000; i++) {
    int32_t code = extism_call(plugin, "echo", "words");
    assert_true(code == 0 || code == 134);
    if (i % 100 == 0) extism_plugin_reset(plugin);
  }
  canceller_stop(&canceller);
  assert_answers(plugin, "echo", "words", "words");
  extism_plugin_free(plugin);
}

static void a_cancellation_while_nothing_runs_is_forgotten(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("infinite", &(extism_setup){.more = "\"timeout_ms\": 60000"});
  assert_true(extism_plugin_cancel(extism_plugin_cancel_handle(plugin)));
  assert_answers(plugin, "turns", "10000000", "10000000");
  assert_true(extism_plugin_cancel(extism_plugin_cancel_handle(plugin)));
  assert_answers(plugin, "turns", "10000000", "10000000");
  extism_plugin_free(plugin);
}

int main(void) {
  plugin_testing_begin();
  server = fetch_server_start();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(guest_code_ends_at_its_deadline),
      cmocka_unit_test(no_time_at_all_is_a_deadline_too),
      cmocka_unit_test(http_ends_at_its_deadline),
      cmocka_unit_test(sleep_ends_at_its_deadline),
      cmocka_unit_test(a_host_function_returns_before_its_deadline_ends_the_call),
      cmocka_unit_test(another_thread_cancels_guest_code),
      cmocka_unit_test(another_thread_cancels_http),
      cmocka_unit_test(cancellation_at_any_moment_does_no_harm),
      cmocka_unit_test(a_cancellation_while_nothing_runs_is_forgotten),
  };
  int result = cmocka_run_group_tests(tests, NULL, NULL);
  fetch_server_stop(server);
  return result;
}
