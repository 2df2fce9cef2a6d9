// http_request and what belongs to it: on the caller's stack, where it blocks, and on a loop, where the guest waits; a
// thousand guests that wait at once; deadlines, cancellation and deletion while they do.
#include "unit/plugin/plugin_testing.h"

#include "unit/base/fetch_server.h"
#include "unit/plugin/gate_server.h"

#define ALLOW_LOCAL "\"allowed_hosts\": [\"127.0.0.1\"]"

static fetch_server *server;

static const char *url(const char *path) {
  return fetch_server_url(server, path);
}

static void open_http(plugin_world *world, int mode, const char *more, const plugin_limits *limits) {
  world_open(world, mode, "http", more, (ubiq_compile_options){0}, limits);
}

static bool contains(ubiq_bytes bytes, const char *part) {
  return memmem(bytes.data, bytes.size, part, strlen(part)) != NULL;
}

static void requests_are_sent_and_answered(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_bytes output;
    char post[300];
    open_http(&world, mode, ALLOW_LOCAL, NULL);
    assert_output(&world.one, "status_before", "", "0");
    for (int i = 0; i < 3; i++) {
      assert_success(instance_call(&world.one, "get", url("/echo/here?a=b"), &output));
      assert_true(contains(output, "200\nGET /echo/here?a=b HTTP/1.1\r\n"));
    }
    snprintf(post, sizeof post, "%s\nthe body", url("/echo"));
    assert_success(instance_call(&world.one, "post", post, &output));
    assert_true(contains(output, "200\nPOST /echo"));
    assert_true(contains(output, "x-guest: ubiq"));
    assert_true(contains(output, "\r\n\r\nthe body"));
    assert_success(instance_call(&world.one, "get", url("/odd-headers"), &output));
    assert_true(contains(output, "201\nok"));
    assert_success(instance_call(&world.one, "get", url("/bytes/0"), &output));
    assert_int_equal(output.size, 4);
    if (mode) assert_true(world.one.waits >= 6);
    world_close(&world);
  }
}

static void large_answers_arrive_whole(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_bytes output;
    open_http(&world, mode, ALLOW_LOCAL, NULL);
    assert_success(instance_call(&world.one, "get", url("/bytes/3000000"), &output));
    assert_int_equal(output.size, 3000004);
    assert_int_equal(world.one.plugin->http.response.body.capacity, 0); // and are not kept twice
    assert_int_equal(world.one.plugin->http.response.status, 200);
    world_close(&world);
  }
}

static void requests_as_guests_write_them(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_bytes output;
    char json[400];
    open_http(&world, mode, ALLOW_LOCAL, NULL);
    snprintf(json, sizeof json, "{\"url\":\"%s\",\"method\":\"delete\",\"headers\":{\"X-A\":\"1\",\"x-b\":\"two\"}}",
             url("/echo"));
    assert_success(instance_call(&world.one, "request", json, &output));
    assert_true(contains(output, "DELETE /echo"));
    assert_true(contains(output, "X-A: 1"));
    assert_true(contains(output, "x-b: two"));
    snprintf(json, sizeof json, "{\"url\":\"%s\",\"method\":null,\"header\":{\"x-old\":\"name\"}}", url("/echo"));
    assert_success(instance_call(&world.one, "request", json, &output));
    assert_true(contains(output, "GET /echo"));
    assert_true(contains(output, "x-old: name"));
    world_close(&world);
  }
}

static void malformed_requests_are_the_guests_fault(void **state) {
  (void)state;
  static const char *const requests[] = {
      "",
      "{",
      "[]",
      "{}",
      "\xff\xfe",
      "{\"url\":7}",
      "{\"url\":\"no url\"}",
      "{\"url\":\"http://127.0.0.1/\",\"method\":7}",
      "{\"url\":\"http://127.0.0.1/\",\"headers\":[]}",
      "{\"url\":\"http://127.0.0.1/\",\"headers\":{\"a\":1}}",
      "{\"url\":\"http://127.0.0.1/\",\"headers\":{\"a b\":\"1\"}}",
      "{\"url\":\"http://127.0.0.1/\",\"headers\":{\"a\":\"1\\r\\nb: 2\"}}",
      "{\"url\":\"http://127.0.0.1/\",\"method\":\"G E T\"}",
      "{\"url\":\"ftp://127.0.0.1/\"}",
      "{\"url\":\"file:///etc/passwd\"}",
  };
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    open_http(&world, mode, ALLOW_LOCAL, NULL);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
      ubiq_error *error = instance_call(&world.one, "request", requests[i], NULL);
      if (ubiq_error_code(error) != UBIQ_TRAP)
        fail_msg("%s: %s: %s", requests[i], ubiq_code_name(ubiq_error_code(error)), ubiq_error_message(error));
      ubiq_error_delete(error);
    }
    assert_error_with(instance_call(&world.one, "bad_request", "", NULL), UBIQ_TRAP, "invalid handle offset");
    assert_error_with(instance_call(&world.one, "bad_body", url("/echo"), NULL), UBIQ_TRAP, "invalid handle offset");
    assert_success(instance_call(&world.one, "get", url("/echo"), NULL));
    world_close(&world);
  }
}

static void only_allowed_hosts_are_reached(void **state) {
  (void)state;
  static const struct {
    const char *manifest;
    ubiq_code code;
  } cases[] = {
      {"", UBIQ_DENIED},
      {"\"allowed_hosts\": []", UBIQ_DENIED},
      {"\"allowed_hosts\": [\"example.com\", \"localhost\"]", UBIQ_DENIED},
      {"\"allowed_hosts\": [\"127.0.0.1:80\"]", UBIQ_DENIED},
      {"\"allowed_hosts\": [\"example.com\", \"127.0.0.1\"]", UBIQ_OK},
      {"\"allowed_hosts\": [\"*\", \"127.0.0.1\"]", UBIQ_OK},
  };
  for (int mode = 0; mode < MODES; mode++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      plugin_world world;
      open_http(&world, mode, cases[i].manifest, NULL);
      int before = atomic_load(&server->requests);
      ubiq_error *error = instance_call(&world.one, "get", url("/echo"), NULL);
      assert_int_equal(ubiq_error_code(error), cases[i].code);
      if (error) assert_int_equal(atomic_load(&server->requests), before);
      if (error) assert_non_null(strstr(ubiq_error_message(error), "is not allowed"));
      ubiq_error_delete(error);
      world_close(&world);
    }
}

static void a_glob_lets_private_addresses_pass_only_where_the_caller_waits(void **state) {
  (void)state;
  static const char *const globs[] = {"\"allowed_hosts\": [\"*\"]", "\"allowed_hosts\": [\"127.0.0.*\"]"};
  for (int mode = 0; mode < MODES; mode++)
    for (size_t i = 0; i < sizeof globs / sizeof *globs; i++) {
      plugin_world world;
      open_http(&world, mode, globs[i], NULL);
      int before = atomic_load(&server->requests);
      ubiq_error *error = instance_call(&world.one, "get", url("/echo"), NULL);
      if (mode)
        assert_error_with(error, UBIQ_DENIED, "is a loopback address");
      else
        assert_success(error);
      assert_int_equal(atomic_load(&server->requests), before + !mode);
      world_close(&world);
    }
}

static void listeners_of_the_process_are_never_reached(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  struct sockaddr_storage own;
  plugin_world world;
  assert_true(net_address_parse("127.0.0.1", server->port, &own));
  open_http(&world, 1, ALLOW_LOCAL, NULL);
  world.one.host.own = &own;
  world.one.host.own_count = 1;
  int before = atomic_load(&server->requests);
  assert_error_with(instance_call(&world.one, "get", url("/echo"), NULL), UBIQ_DENIED, "own listener");
  assert_int_equal(atomic_load(&server->requests), before);
  world.one.host.own_count = 0;
  assert_success(instance_call(&world.one, "get", url("/echo"), NULL));
  world_close(&world);
}

static void redirects_are_judged_again(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_bytes output;
    char path[200];
    open_http(&world, mode, ALLOW_LOCAL, NULL);
    snprintf(path, sizeof path, "/to/302/http://localhost:%d/echo", server->port);
    assert_error_with(instance_call(&world.one, "get", url(path), NULL), UBIQ_DENIED, "is not allowed");
    assert_success(instance_call(&world.one, "get", url("/to/302//echo/after"), &output));
    assert_true(contains(output, "GET /echo/after"));
    world_close(&world);
  }
}

static void answers_have_a_limit(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    open_http(&world, mode, ALLOW_LOCAL ", \"memory\": {\"max_http_response_bytes\": 1000}", NULL);
    assert_success(instance_call(&world.one, "get", url("/bytes/1000"), NULL));
    assert_error_code(instance_call(&world.one, "get", url("/bytes/1001"), NULL), UBIQ_TRAP);
    assert_error_code(instance_call(&world.one, "get", url("/endless"), NULL), UBIQ_TRAP);
    assert_success(instance_call(&world.one, "get", url("/bytes/10"), NULL));
    world_close(&world);
  }
}

static void servers_that_misbehave_are_unavailable(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    open_http(&world, mode, ALLOW_LOCAL, NULL);
    assert_error_code(instance_call(&world.one, "get", url("/close"), NULL), UBIQ_UNAVAILABLE);
    assert_error_code(instance_call(&world.one, "get", url("/nonsense"), NULL), UBIQ_UNAVAILABLE);
    assert_error_code(instance_call(&world.one, "get", "http://127.0.0.1:1/", NULL), UBIQ_UNAVAILABLE);
    assert_output(&world.one, "status_before", "", "0");
    world_close(&world);
  }
}

static void headers_are_kept_when_asked_for(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_bytes output;
    open_http(&world, mode, ALLOW_LOCAL, NULL);
    assert_output(&world.one, "headers", url("/odd-headers"), "(none)");
    world.one.plugin->http.keep_headers = true;
    assert_success(instance_call(&world.one, "headers", url("/odd-headers"), &output));
    assert_true(contains(output, "\"x-one\":\"second\""));
    assert_true(contains(output, "\"content-length\":\"2\""));
    assert_false(contains(output, "x-early"));
    world_close(&world);
  }
}

// -- Time --

enum { LATE_MS = 10000 }; // of a machine that is busy with other things, or stands still

static void a_guest_that_waits_for_a_server_meets_its_deadline(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    open_http(&world, mode, ALLOW_LOCAL ", \"timeout_ms\": 60", NULL);
    uint64_t before = clock_monotonic_ns();
    assert_error_code(instance_call(&world.one, "get", url("/hang"), NULL), UBIQ_TIMEOUT);
    assert_in_range((clock_monotonic_ns() - before) / CLOCK_NS_PER_MS, 59, 60 + LATE_MS);
    world_close(&world);
  }
}

static void waiting_takes_no_cpu_time(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    open_http(&world, mode, ALLOW_LOCAL, &(plugin_limits){.wall_ms = 600, .cpu_ms = 300});
    assert_error_code(instance_call(&world.one, "get", url("/hang"), NULL), UBIQ_TIMEOUT);
    assert_true(world.one.plugin->cpu_ns < 300 * CLOCK_NS_PER_MS);
    world_close(&world);
  }
}

static void *cancel_when_received(void *user) {
  uint64_t count;
  while (read(server->received_fd, &count, sizeof count) < 0) {
  }
  ubiq_plugin_cancel(user);
  return NULL;
}

static void a_guest_that_waits_is_cancelled_from_another_thread(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    pthread_t thread;
    uint64_t count;
    open_http(&world, mode, ALLOW_LOCAL, &(plugin_limits){.wall_ms = 60000});
    while (read(server->received_fd, &count, sizeof count) > 0) {
    }
    pthread_create(&thread, NULL, cancel_when_received, world.one.plugin);
    assert_error_code(instance_call(&world.one, "get", url("/hang"), NULL), UBIQ_CANCELLED); // not late by a minute
    pthread_join(thread, NULL);
    world_close(&world);
  }
}

// Starts a call and lets it go on until it waits; a tick may have come before.
static void start_and_wait(instance *self, const char *function, const char *input) {
  instance_start(self, function, (ubiq_bytes){(const uint8_t *)input, strlen(input)});
  while (self->busy && self->state == PLUGIN_YIELDED) instance_turn(self);
  if (!self->busy) fail_msg("it does not wait: %s", ubiq_error_message(self->error));
  assert_int_equal(self->state, PLUGIN_WAITING);
}

static void a_guest_that_waits_may_be_deleted(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  plugin_world world;
  open_http(&world, 1, ALLOW_LOCAL, NULL);
  for (int i = 0; i < 20; i++) {
    char address[200];
    snprintf(address, sizeof address, "%s", url("/hang"));
    start_and_wait(&world.one, "get", address);
    assert_int_equal(fetch_loop_in_flight(world.loop.fetches), 1);
    world_renew(&world, NULL);
    assert_int_equal(fetch_loop_in_flight(world.loop.fetches), 0);
  }
  world_close(&world);
}

static void a_resume_before_the_answer_changes_nothing(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  plugin_world world;
  char address[200];
  gate_server *gate = gate_start();
  snprintf(address, sizeof address, "http://127.0.0.1:%d/one", gate->port);
  open_http(&world, 1, ALLOW_LOCAL, NULL);
  instance *one = &world.one;
  start_and_wait(one, "get", address);
  for (int i = 0; i < 10; i++) {
    plugin_state now;
    assert_success(plugin_call_resume(one->plugin, &now));
    assert_int_equal(now, PLUGIN_WAITING);
  }
  gate_open(gate);
  test_loop_run(&world.loop, one, 1);
  assert_null(one->error);
  ubiq_bytes output = plugin_output(one->plugin);
  assert_int_equal(output.size, 8);
  assert_memory_equal(output.data, "200\n/one", 8);
  world_close(&world);
  gate_stop(gate);
}

// The mechanism that hosts many runs: each suspends in a host function, which then answers with a block.
static void a_thousand_guests_wait_at_once_and_each_gets_its_own_answer(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  enum { GUESTS = 1000 };
  static instance guests[GUESTS];
  static char addresses[GUESTS][64];
  gate_server *gate = gate_start();
  ubiq_compile_options options = {.suspends = true, .memory_bytes_max = 16 << 20};
  ubiq_compiled *compiled = manifest_compile("http", ALLOW_LOCAL, &options);
  test_loop loop;
  test_loop_open(&loop);
  for (int i = 0; i < GUESTS; i++) {
    snprintf(addresses[i], sizeof addresses[i], "http://127.0.0.1:%d/guest/%d", gate->port, i);
    assert_success(instance_open(&guests[i], compiled, &loop, NULL));
    start_and_wait(&guests[i], "get", addresses[i]);
  }
  assert_int_equal(fetch_loop_in_flight(loop.fetches), GUESTS);
  gate_open(gate);
  test_loop_run(&loop, guests, GUESTS);
  for (int i = 0; i < GUESTS; i++) {
    char expected[64];
    int size = snprintf(expected, sizeof expected, "200\n/guest/%d", i);
    if (guests[i].error) fail_msg("guest %d: %s", i, ubiq_error_message(guests[i].error));
    ubiq_bytes output = plugin_output(guests[i].plugin);
    assert_int_equal(output.size, size);
    assert_memory_equal(output.data, expected, (size_t)size);
    assert_true(guests[i].waits >= 1);
    instance_close(&guests[i]);
  }
  ubiq_compiled_delete(compiled);
  test_loop_close(&loop);
  gate_stop(gate);
}

static void a_thousand_guests_sleep_at_once(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  enum { GUESTS = 1000 };
  static instance guests[GUESTS];
  ubiq_compile_options options = {.suspends = true, .memory_bytes_max = 16 << 20, .wasi = true};
  ubiq_compiled *compiled = manifest_compile("wasi_reactor", "", &options);
  test_loop loop;
  test_loop_open(&loop);
  for (int i = 0; i < GUESTS; i++) {
    assert_success(instance_open(&guests[i], compiled, &loop, NULL));
    start_and_wait(&guests[i], "sleep", "100");
    assert_true(guests[i].wake_ns != UINT64_MAX);
  }
  test_loop_run(&loop, guests, GUESTS);
  for (int i = 0; i < GUESTS; i++) {
    assert_null(guests[i].error);
    ubiq_bytes output = plugin_output(guests[i].plugin);
    char text[32] = "";
    memcpy(text, output.data, output.size < 31 ? output.size : 31);
    assert_in_range(atoi(text), 100, 60000);
    instance_close(&guests[i]);
  }
  ubiq_compiled_delete(compiled);
  test_loop_close(&loop);
}

static void sleeping_guests_meet_deadlines_and_cancellation(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "wasi_reactor", "", (ubiq_compile_options){.wasi = true}, &(plugin_limits){.wall_ms = 40});
    uint64_t before = clock_monotonic_ns();
    assert_error_code(instance_call(&world.one, "sleep", "20000", NULL), UBIQ_TIMEOUT);
    assert_in_range((clock_monotonic_ns() - before) / CLOCK_NS_PER_MS, 39, 40 + LATE_MS);
    world_close(&world);
  }
}

static void a_sleeping_guest_resumed_too_early_sleeps_on(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  plugin_world world;
  world_open(&world, 1, "wasi_reactor", "", (ubiq_compile_options){.wasi = true}, NULL);
  instance *one = &world.one;
  start_and_wait(one, "sleep", "50");
  for (int i = 0; i < 5; i++) {
    one->wake_ns = UINT64_MAX;
    assert_success(plugin_call_resume(one->plugin, &one->state));
    assert_int_equal(one->state, PLUGIN_WAITING);
    assert_true(one->wake_ns != UINT64_MAX);
  }
  test_loop_run(&world.loop, one, 1);
  assert_null(one->error);
  assert_success(instance_call(one, "sleep", "0", NULL));
  world_close(&world);
}

// A fiber's stack is the guest's up to a limit; what lies behind it must be enough for every host function.
static const char request_in_depth[] =
    "(module (import \"extism:host/env\" \"http_request\" (func $http (param i64 i64) (result i64)))"
    " (import \"extism:host/env\" \"input_offset\" (func $offset (result i64)))"
    " (import \"extism:host/env\" \"input_length\" (func $length (result i64)))"
    " (import \"extism:host/env\" \"input_load_u64\" (func $load (param i64) (result i64)))"
    // The input is the depth as eight bytes, and then the request, which is copied to a block of its own.
    " (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"
    " (import \"extism:host/env\" \"store_u8\" (func $store (param i64 i32)))"
    " (import \"extism:host/env\" \"input_load_u8\" (func $byte (param i64) (result i32)))"
    " (func $request (local $block i64) (local $i i64)"
    "  (local.set $block (call $alloc (i64.sub (call $length) (i64.const 8))))"
    "  (loop $more (call $store (i64.add (local.get $block) (local.get $i))"
    "    (call $byte (i64.add (i64.const 8) (local.get $i))))"
    "   (local.set $i (i64.add (local.get $i) (i64.const 1)))"
    "   (br_if $more (i64.lt_u (local.get $i) (i64.sub (call $length) (i64.const 8)))))"
    "  (drop (call $http (local.get $block) (i64.const 0))))"
    " (func $down (param $depth i64) (result i32)"
    "  (if (i64.eqz (local.get $depth)) (then (call $request) (return (i32.const 0))))"
    "  (i32.add (call $down (i64.sub (local.get $depth) (i64.const 1))) (i32.const 0)))"
    " (func (export \"f\") (result i32) (call $down (call $load (i64.const 0)))))";

static void host_functions_have_stack_at_every_depth_of_the_guest(void **state) {
  (void)state;
  buffer manifest = {0};
  assert_true(buffer_append_string(&manifest, "{\"allowed_hosts\": [\"127.0.0.1\"], \"wasm\": [{\"data\": \""));
  assert_true(text_base64_encode(&manifest, request_in_depth, strlen(request_in_depth)));
  assert_true(buffer_append_string(&manifest, "\"}]}"));
  for (int mode = 0; mode < MODES; mode++) {
    ubiq_compiled *compiled;
    test_loop loop;
    instance one;
    uint64_t low = 0, high = 1 << 20; // it reaches `low`, and traps on its way to `high`
    assert_success(text_compile(buffer_string(&manifest), &(ubiq_compile_options){.suspends = mode}, &compiled));
    test_loop_open(&loop);
    assert_success(instance_open(&one, compiled, mode ? &loop : NULL, NULL));
    while (high - low > 1) {
      uint64_t depth = low + (high - low) / 2;
      uint8_t input[300];
      memcpy(input, &depth, 8);
      int size = snprintf((char *)input + 8, sizeof input - 8, "{\"url\":\"%s\"}", url("/echo"));
      ubiq_error *error = instance_call_bytes(&one, "f", (ubiq_bytes){input, 8 + (size_t)size}, NULL);
      if (error && ubiq_error_code(error) != UBIQ_TRAP) fail_msg("%s", ubiq_error_message(error));
      *(error ? &high : &low) = depth;
      ubiq_error_delete(error);
    }
    assert_true(low > 1000);
    instance_close(&one);
    ubiq_compiled_delete(compiled);
    test_loop_close(&loop);
  }
  buffer_free(&manifest);
}

static void a_request_that_the_guest_frees_as_well_takes_nothing_of_the_answer(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    char request[256];
    plugin_world world;
    ubiq_bytes output;
    snprintf(request, sizeof request, "{\"method\":\"GET\",\"url\":\"%s\"}", url("/echo/twice"));
    world_open(&world, mode, "http", ALLOW_LOCAL, (ubiq_compile_options){0}, NULL);
    assert_success(instance_call(&world.one, "request_freed_twice", request, &output));
    assert_true(contains(output, "200\nGET /echo/twice"));
    world_close(&world);
  }
}

static void guests_of_extisms_own_kit_make_requests(void **state) {
  (void)state;
  static const struct {
    const char *guest, *function;
    bool wasi;
  } cases[] = {
      {"rust_plugin", "http_get", false}, {"rust_plugin_wasi", "http_get", true}, {"go_echo", "http_get", true}};
  for (int mode = 0; mode < MODES; mode++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      char path[512];
      plugin_world world;
      ubiq_bytes output;
      snprintf(path, sizeof path, "%s/%s.wasm", UBIQ_GUESTS_DIR, cases[i].guest);
      if (!file_exists(path) && !getenv("UBIQ_NEED_GUESTS")) continue;
      world_open(&world, mode, cases[i].guest, ALLOW_LOCAL, (ubiq_compile_options){.wasi = cases[i].wasi}, NULL);
      assert_success(instance_call(&world.one, cases[i].function, url("/echo/kit"), &output));
      assert_true(contains(output, "200\nGET /echo/kit"));
      world_close(&world);
    }
}

int main(void) {
  plugin_testing_begin();
  server = fetch_server_start();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_are_sent_and_answered),
      cmocka_unit_test(large_answers_arrive_whole),
      cmocka_unit_test(requests_as_guests_write_them),
      cmocka_unit_test(malformed_requests_are_the_guests_fault),
      cmocka_unit_test(only_allowed_hosts_are_reached),
      cmocka_unit_test(a_glob_lets_private_addresses_pass_only_where_the_caller_waits),
      cmocka_unit_test(listeners_of_the_process_are_never_reached),
      cmocka_unit_test(redirects_are_judged_again),
      cmocka_unit_test(answers_have_a_limit),
      cmocka_unit_test(servers_that_misbehave_are_unavailable),
      cmocka_unit_test(headers_are_kept_when_asked_for),
      cmocka_unit_test(a_guest_that_waits_for_a_server_meets_its_deadline),
      cmocka_unit_test(waiting_takes_no_cpu_time),
      cmocka_unit_test(a_guest_that_waits_is_cancelled_from_another_thread),
      cmocka_unit_test(a_guest_that_waits_may_be_deleted),
      cmocka_unit_test(a_resume_before_the_answer_changes_nothing),
      cmocka_unit_test(a_thousand_guests_wait_at_once_and_each_gets_its_own_answer),
      cmocka_unit_test(a_thousand_guests_sleep_at_once),
      cmocka_unit_test(sleeping_guests_meet_deadlines_and_cancellation),
      cmocka_unit_test(a_sleeping_guest_resumed_too_early_sleeps_on),
      cmocka_unit_test(host_functions_have_stack_at_every_depth_of_the_guest),
      cmocka_unit_test(a_request_that_the_guest_frees_as_well_takes_nothing_of_the_answer),
      cmocka_unit_test(guests_of_extisms_own_kit_make_requests),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fetch_server_stop(server);
  return failed;
}
