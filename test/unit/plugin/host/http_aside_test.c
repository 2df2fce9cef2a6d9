// HTTP requests of guests in calls in turns and of those that block: on threads aside, many at once, dropped at any time.
#include "unit/plugin/plugin_testing.h"

#include "plugin/host/http_aside.h"
#include "ubiq/call.h"
#include "unit/base/fetch_server.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW_LOCAL "\"allowed_hosts\": [\"127.0.0.1\"]"

static fetch_server *server;

static const char *url(const char *path) {
  return fetch_server_url(server, path);
}

static ubiq_compiled *open_compiled(const char *more) {
  ubiq_compiled *compiled =
      manifest_compile("http", more, &(ubiq_compile_options){.suspends = true, .memory_bytes_max = 16 << 20});
  traps_restore();
  return compiled;
}

static ubiq_plugin *open_plugin(const char *more) {
  ubiq_compiled *compiled = open_compiled(more);
  ubiq_plugin *plugin;
  assert_success(ubiq_plugin_new(compiled, &plugin));
  ubiq_compiled_delete(compiled);
  return plugin;
}

static ubiq_error *get(ubiq_plugin *plugin, const char *where, ubiq_call_options options, ubiq_bytes *output) {
  return ubiq_plugin_call_with(plugin, "get", (ubiq_bytes){(const uint8_t *)where, strlen(where)}, &options, output);
}

static bool contains(ubiq_bytes bytes, const char *part) {
  return memmem(bytes.data, bytes.size, part, strlen(part)) != NULL;
}

static void a_thread_that_blocks_gets_the_answer(void **state) {
  (void)state;
  ubiq_plugin *plugin = open_plugin(ALLOW_LOCAL);
  ubiq_bytes output;
  for (int i = 0; i < 3; i++) {
    assert_success(get(plugin, url("/echo/here"), (ubiq_call_options){0}, &output));
    assert_true(contains(output, "200\nGET /echo/here HTTP/1.1\r\n"));
  }
  assert_success(get(plugin, url("/bytes/3000000"), (ubiq_call_options){0}, &output));
  assert_int_equal(output.size, 3000004);
  char post[300];
  snprintf(post, sizeof post, "%s\nthe body", url("/echo"));
  assert_success(ubiq_plugin_call(plugin, "post", (ubiq_bytes){(uint8_t *)post, strlen(post)}, &output));
  assert_true(contains(output, "x-guest: ubiq"));
  assert_true(contains(output, "\r\n\r\nthe body"));
  ubiq_plugin_delete(plugin);
}

static void only_allowed_hosts_are_reached(void **state) {
  (void)state;
  ubiq_plugin *plugin = open_plugin("\"allowed_hosts\": [\"example.com\"]");
  ubiq_bytes output;
  assert_error_with(get(plugin, url("/echo"), (ubiq_call_options){0}, &output), UBIQ_DENIED, "is not allowed");
  ubiq_plugin_delete(plugin);
}

static void a_deadline_ends_the_wait(void **state) {
  (void)state;
  ubiq_plugin *plugin = open_plugin(ALLOW_LOCAL);
  ubiq_bytes output;
  assert_error_code(get(plugin, url("/hang"), (ubiq_call_options){.timeout_ms = 30}, &output), UBIQ_TIMEOUT);
  assert_success(get(plugin, url("/echo"), (ubiq_call_options){0}, &output));
  ubiq_plugin_delete(plugin);
}

enum { CALLS = 200 };

static void count_wake(void *user) {
  atomic_fetch_add((atomic_int *)user, 1);
}

static void many_requests_wait_at_once_on_one_thread(void **state) {
  (void)state;
  static atomic_int wakes;
  ubiq_plugin *plugins[CALLS];
  ubiq_call *calls[CALLS];
  char inputs[CALLS][200], expected[64];
  ubiq_compiled *compiled = open_compiled(ALLOW_LOCAL);
  for (int i = 0; i < CALLS; i++) {
    snprintf(inputs[i], sizeof inputs[i], "%s/%d/", url("/echo"), i);
    assert_success(ubiq_plugin_new(compiled, &plugins[i]));
    assert_success(ubiq_call_start(plugins[i], "get", (ubiq_bytes){(uint8_t *)inputs[i], strlen(inputs[i])}, NULL,
                                   count_wake, &wakes, &calls[i]));
    ubiq_call_resume(calls[i]);
  }
  for (int left = CALLS; left > 0;) {
    left = CALLS;
    for (int i = 0; i < CALLS; i++) left -= ubiq_call_resume(calls[i]) == UBIQ_CALL_DONE;
    sched_yield();
  }
  assert_true(atomic_load(&wakes) > 0);
  for (int i = 0; i < CALLS; i++) {
    if (ubiq_call_error(calls[i])) fail_msg("%s", ubiq_error_message(ubiq_call_error(calls[i])));
    snprintf(expected, sizeof expected, "200\nGET /echo/%d/ HTTP", i);
    assert_true(contains(ubiq_call_output(calls[i]), expected));
    ubiq_call_delete(calls[i]);
    ubiq_plugin_delete(plugins[i]);
  }
  ubiq_compiled_delete(compiled);
}

static void calls_may_be_deleted_while_they_wait(void **state) {
  (void)state;
  enum { DROPPED = 2 * HTTP_ASIDE_THREADS_MAX }; // more than there are threads: some are still in the queue
  const char *never = url("/hang");
  ubiq_compiled *compiled = open_compiled(ALLOW_LOCAL);
  for (int i = 0; i < DROPPED; i++) {
    ubiq_plugin *plugin;
    ubiq_call *call;
    assert_success(ubiq_plugin_new(compiled, &plugin));
    assert_success(
        ubiq_call_start(plugin, "get", (ubiq_bytes){(const uint8_t *)never, strlen(never)}, NULL, NULL, NULL, &call));
    while (ubiq_call_resume(call) == UBIQ_CALL_READY) {
    }
    assert_int_equal(ubiq_call_wait_ms(call), UINT64_MAX);
    if (i % 2) ubiq_call_cancel(call);
    ubiq_call_state left = ubiq_call_resume(call);
    if (i % 2) assert_int_equal(ubiq_error_code(ubiq_call_error(call)), UBIQ_CANCELLED);
    assert_int_equal(left, i % 2 ? UBIQ_CALL_DONE : UBIQ_CALL_WAITING);
    ubiq_call_delete(call);
    ubiq_plugin_delete(plugin);
  }
  ubiq_plugin *plugin;
  ubiq_bytes output;
  assert_success(ubiq_plugin_new(compiled, &plugin));
  assert_success(get(plugin, url("/echo"), (ubiq_call_options){0}, &output));
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

// The thread that waits for requests after the first one is the parent's alone.
static void a_child_of_fork_gets_answers_too(void **state) {
  (void)state;
  if (UBIQ_SLOW_DOWN > 1) skip(); // ThreadSanitizer ends children that start threads
  ubiq_plugin *plugin = open_plugin(ALLOW_LOCAL);
  ubiq_bytes output;
  assert_success(get(plugin, url("/echo/parent"), (ubiq_call_options){0}, &output));
  pid_t child = fork();
  if (child == 0)
    _exit((int)ubiq_error_code(get(plugin, url("/echo/child"), (ubiq_call_options){.timeout_ms = 60000}, &output)));
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_success(get(plugin, url("/echo/parent"), (ubiq_call_options){0}, &output));
  ubiq_plugin_delete(plugin);
}

int main(void) {
  plugin_testing_begin();
  plugin_testing_needs(ENGINE_CAN_SUSPEND);
  server = fetch_server_start();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_thread_that_blocks_gets_the_answer),
      cmocka_unit_test(only_allowed_hosts_are_reached),
      cmocka_unit_test(a_deadline_ends_the_wait),
      cmocka_unit_test(many_requests_wait_at_once_on_one_thread),
      cmocka_unit_test(calls_may_be_deleted_while_they_wait),
      cmocka_unit_test(a_child_of_fork_gets_answers_too),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fetch_server_stop(server);
  return failed;
}
