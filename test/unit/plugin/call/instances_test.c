// Instances: a fresh one sees nothing of those before it; many threads share what is compiled; memory does not grow with
// the number of instances made; commands of WASI, whose instances live for one call.
#include "unit/plugin/plugin_testing.h"

#include <pthread.h>
#include <stdatomic.h>

static const ubiq_compile_options no_options = {0};

// -- Fresh --

static const char leaves_traces[] =
    "(module (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"
    " (import \"extism:host/env\" \"store_u64\" (func $store (param i64 i64)))"
    " (import \"extism:host/env\" \"load_u64\" (func $load (param i64) (result i64)))"
    " (memory (export \"memory\") 2) (table $t 4 8 funcref) (global $g (mut i64) (i64.const 0))"
    " (func $f (result i32) (i32.const 1)) (elem declare func $f)"
    // 0 when everything is as it was made: globals, tables, memory and its size, what the kernel hands out.
    " (func (export \"look\") (result i32) (local $block i64) (local $i i64) (local $seen i64)"
    "  (local.set $block (call $alloc (i64.const 70000)))"
    "  (loop $more"
    "   (local.set $seen (i64.or (local.get $seen) (call $load (i64.add (local.get $block) (local.get $i)))))"
    "   (local.set $i (i64.add (local.get $i) (i64.const 8)))"
    "   (br_if $more (i64.lt_u (local.get $i) (i64.const 69992))))"
    "  (i32.wrap_i64 (i64.and (i64.const 1) (i64.extend_i32_u (i32.eqz (i64.eqz (local.get $seen))))))"
    "  (i32.shl (i32.eqz (i64.eqz (global.get $g))) (i32.const 1)) (i32.or)"
    "  (i32.shl (i32.eqz (ref.is_null (table.get $t (i32.const 3)))) (i32.const 2)) (i32.or)"
    "  (i32.shl (i32.ne (table.size $t) (i32.const 4)) (i32.const 3)) (i32.or)"
    "  (i32.shl (i32.ne (memory.size) (i32.const 2)) (i32.const 4)) (i32.or)"
    "  (i32.shl (i32.ne (i32.load (i32.const 131068)) (i32.const 0)) (i32.const 5)) (i32.or)"
    "  (i32.shl (i32.ne (i32.load (i32.const 0)) (i32.const 0)) (i32.const 6)) (i32.or))"
    " (func (export \"leave\") (result i32) (local $block i64) (local $i i64)"
    "  (local.set $block (call $alloc (i64.const 70000)))"
    "  (loop $more (call $store (i64.add (local.get $block) (local.get $i)) (i64.const -1))"
    "   (local.set $i (i64.add (local.get $i) (i64.const 8)))"
    "   (br_if $more (i64.lt_u (local.get $i) (i64.const 69992))))"
    "  (global.set $g (i64.const 7)) (table.set $t (i32.const 3) (ref.func $f))"
    "  (drop (table.grow $t (ref.func $f) (i32.const 2))) (drop (memory.grow (i32.const 3)))"
    "  (i32.store (i32.const 131068) (i32.const 7)) (i32.store (i32.const 0) (i32.const 7)) (i32.const 0)))";

static void a_fresh_instance_sees_nothing_of_those_before(void **state) {
  (void)state;
  need_feature(REFERENCES_MODULE);
  for (int mode = 0; mode < MODES; mode++) {
    ubiq_compile_options options = {.suspends = mode == 1, .memory_bytes_max = 8 << 20};
    ubiq_compiled *compiled;
    test_loop loop;
    assert_success(text_compile(leaves_traces, &options, &compiled));
    test_loop_open(&loop);
    for (int i = 0; i < 200; i++) {
      instance one;
      assert_success(instance_open(&one, compiled, mode ? &loop : NULL, NULL));
      ubiq_error *error = instance_call(&one, "look", "", NULL);
      if (error) fail_msg("instance %d: %s", i, ubiq_error_message(error));
      assert_output(&one, "leave", "", "");
      instance_close(&one);
    }
    ubiq_compiled_delete(compiled);
    test_loop_close(&loop);
  }
}

static void instances_with_much_data_begin_with_all_of_it(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "big_data", "", (ubiq_compile_options){.memory_bytes_max = 32 << 20}, NULL);
    for (int i = 0; i < 20; i++) {
      assert_output(&world.one, "peek", "4194303", "f");
      assert_output(&world.one, "dirty", "", "s");
      assert_output(&world.one, "dirty", "", "d");
      world_renew(&world, NULL);
    }
    world_close(&world);
  }
}

static void variables_and_inputs_are_an_instances_own(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    instance other;
    world_open(&world, mode, "vars", "", no_options, NULL);
    assert_success(instance_open(&other, world.compiled, mode ? &world.loop : NULL, NULL));
    assert_output(&world.one, "set", "mine", "");
    assert_output(&other, "get", "", "(none)");
    assert_output(&other, "set", "theirs", "");
    assert_output(&world.one, "get", "", "mine");
    instance_close(&other);
    assert_output(&world.one, "get", "", "mine");
    world_close(&world);
  }
}

// -- Threads --

typedef struct team {
  ubiq_compiled *compiled;
  atomic_int failures;
} team;

static void *work(void *user) {
  team *self = user;
  for (int i = 0; i < 100; i++) {
    ubiq_plugin *plugin = NULL;
    ubiq_bytes output = {0};
    ubiq_error *error = ubiq_plugin_new(self->compiled, &plugin);
    for (int k = 0; k < 3 && !error; k++) {
      error = ubiq_plugin_call(plugin, "count_vowels", (ubiq_bytes){(const uint8_t *)"a team of many", 14}, &output);
      bool right = !error && output.size > 24 && memcmp(output.data, "{\"count\":5,\"total\":", 19) == 0 &&
                   atoi((const char *)output.data + 19) == 5 * (k + 1);
      if (!right) atomic_fetch_add(&self->failures, 1);
    }
    ubiq_error_delete(error);
    ubiq_plugin_delete(plugin);
  }
  return NULL;
}

static void many_threads_share_a_compiled_plugin(void **state) {
  (void)state;
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  team self = {.compiled = guest_compile("count_vowels", NULL)};
  traps_restore();
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, &self);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&self.failures), 0);
  ubiq_compiled_delete(self.compiled);
}

static void *trap_and_go_on(void *user) {
  team *self = user;
  for (int i = 0; i < 50; i++) {
    ubiq_plugin *plugin = NULL;
    ubiq_bytes output;
    ubiq_error *error = ubiq_plugin_new(self->compiled, &plugin);
    if (!error) error = ubiq_plugin_call(plugin, i % 2 ? "trap_memory" : "trap_divide", (ubiq_bytes){0}, &output);
    if (ubiq_error_code(error) != UBIQ_TRAP) atomic_fetch_add(&self->failures, 1);
    ubiq_error_delete(error);
    ubiq_plugin_delete(plugin);
  }
  return NULL;
}

static void guests_trap_on_many_threads_at_once(void **state) {
  (void)state;
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  team self = {.compiled = guest_compile("error", NULL)};
  traps_restore();
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, trap_and_go_on, &self);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&self.failures), 0);
  ubiq_compiled_delete(self.compiled);
}

static void *run_a_loop(void *user) {
  team *self = user;
  test_loop loop;
  uv_loop_init(&loop.uv);
  uv_timer_init(&loop.uv, &loop.timer);
  if (fetch_loop_new(&loop.uv, &loop.fetches)) abort();
  for (int i = 0; i < 50; i++) {
    instance one = {.loop = &loop, .wake_ns = UINT64_MAX};
    one.host = (plugin_host){.fetches = loop.fetches, .wake = instance_wake, .wake_at = instance_wake_at, .user = &one};
    ubiq_bytes output = {0};
    ubiq_error *error = plugin_new(self->compiled, &one.host, NULL, &one.plugin);
    if (!error) error = instance_call(&one, "turns", "20000", &output);
    if (error || output.size != 5) atomic_fetch_add(&self->failures, 1);
    ubiq_error_delete(error);
    instance_close(&one);
  }
  fetch_loop_close(loop.fetches, NULL, NULL);
  uv_close((uv_handle_t *)&loop.timer, NULL);
  uv_run(&loop.uv, UV_RUN_DEFAULT);
  uv_loop_close(&loop.uv);
  return NULL;
}

static void loops_on_many_threads_share_a_compiled_plugin(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  team self = {.compiled =
                   guest_compile("infinite", &(ubiq_compile_options){.suspends = true, .memory_bytes_max = 8 << 20})};
  traps_restore();
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, run_a_loop, &self);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&self.failures), 0);
  ubiq_compiled_delete(self.compiled);
}

static void *compile_and_forget(void *user) {
  team *self = user;
  for (int i = 0; i < 5; i++) {
    ubiq_compiled *compiled = NULL;
    ubiq_error *error = text_compile("(module (func (export \"f\")))", NULL, &compiled);
    if (error) atomic_fetch_add(&self->failures, 1);
    ubiq_error_delete(error);
    ubiq_compiled_delete(compiled);
  }
  return NULL;
}

static void plugins_are_compiled_on_many_threads_at_once(void **state) {
  (void)state;
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  team self = {0};
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, compile_and_forget, &self);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&self.failures), 0);
}

// -- Memory --

static long resident_kib(void) {
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void make_instances(plugin_world *world, int count) {
  for (int i = 0; i < count; i++) {
    world_renew(world, NULL);
    assert_output(&world->one, "hello", "Ada", "Hello, Ada!");
  }
}

static void ten_thousand_instances_leave_nothing_behind(void **state) {
  (void)state;
  const char *sanitizers = getenv("UBIQ_SANITIZE");
  bool is_slow = sanitizers && *sanitizers;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "hello", "", (ubiq_compile_options){.memory_bytes_max = 8 << 20}, NULL);
    make_instances(&world, 1000);
    long before = resident_kib();
    make_instances(&world, is_slow ? 500 : is_default_engine() ? 10000 : 2000);
    if (!is_slow) assert_true(resident_kib() - before < 2048);
    world_close(&world);
  }
}

static void suspended_instances_that_are_deleted_leave_nothing_behind(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  const char *sanitizers = getenv("UBIQ_SANITIZE");
  bool is_slow = sanitizers && *sanitizers;
  plugin_world world;
  world_open(&world, 1, "wasi_reactor", "", (ubiq_compile_options){.wasi = true, .memory_bytes_max = 8 << 20}, NULL);
  long before = 0;
  for (int i = 0; i < (is_slow ? 300 : 3000); i++) {
    if (i == 200) before = resident_kib();
    instance_start(&world.one, "sleep", (ubiq_bytes){(const uint8_t *)"100000", 6});
    assert_true(world.one.busy);
    world_renew(&world, NULL);
  }
  if (!is_slow) assert_true(resident_kib() - before < 2048);
  world_close(&world);
}

static void compiling_again_and_again_leaves_nothing_behind(void **state) {
  (void)state;
  buffer bytes = guest_read("hello");
  long before = 0;
  for (int i = 0; i < 60; i++) {
    ubiq_compiled *compiled = NULL;
    if (i == 20) before = resident_kib();
    assert_success(ubiq_compiled_new(bytes.data, bytes.size, NULL, &compiled));
    instance one;
    assert_success(instance_open(&one, compiled, NULL, NULL));
    assert_output(&one, "hello", "Ada", "Hello, Ada!");
    instance_close(&one);
    ubiq_compiled_delete(compiled);
  }
  const char *sanitizers = getenv("UBIQ_SANITIZE");
  if (!sanitizers || !*sanitizers) assert_true(resident_kib() - before < 8192);
  buffer_free(&bytes);
}

// -- Commands --

static void a_command_runs_anew_at_every_call(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
    world_open(&world, mode, "wasi_plugin_command", "", (ubiq_compile_options){.wasi = true}, NULL);
    for (int i = 0; i < 3; i++) {
      assert_output(&world.one, "_start", "input", "from _start");
      ubiq_error *error = instance_call(&world.one, "_start", "exit=3", NULL);
      assert_int_equal(ubiq_error_code(error), UBIQ_GUEST_ERROR);
      assert_int_equal(ubiq_error_detail(error), 3);
      assert_string_equal(ubiq_error_message(error), "_start exited with code 3");
      ubiq_error_delete(error);
      assert_output(&world.one, "_start", "exit=0", "");
    }
    world_close(&world);
    ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
  }
}

static void a_reactor_that_exits_starts_anew(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "wasi_reactor", "", (ubiq_compile_options){.wasi = true}, NULL);
    assert_output(&world.one, "constructed", "", "1");
    for (int i = 0; i < 3; i++) {
      ubiq_error *error = instance_call(&world.one, "quit", "7", NULL);
      assert_int_equal(ubiq_error_code(error), UBIQ_GUEST_ERROR);
      assert_int_equal(ubiq_error_detail(error), 7);
      ubiq_error_delete(error);
      assert_output(&world.one, "quit", "0", "");
      assert_output(&world.one, "constructed", "", "1");
      assert_error_with(instance_call(&world.one, "abort", "", NULL), UBIQ_TRAP, "unreachable");
      assert_output(&world.one, "no_files", "", "");
    }
    world_close(&world);
  }
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_fresh_instance_sees_nothing_of_those_before),
      cmocka_unit_test(instances_with_much_data_begin_with_all_of_it),
      cmocka_unit_test(variables_and_inputs_are_an_instances_own),
      cmocka_unit_test(many_threads_share_a_compiled_plugin),
      cmocka_unit_test(guests_trap_on_many_threads_at_once),
      cmocka_unit_test(loops_on_many_threads_share_a_compiled_plugin),
      cmocka_unit_test(plugins_are_compiled_on_many_threads_at_once),
      cmocka_unit_test(ten_thousand_instances_leave_nothing_behind),
      cmocka_unit_test(suspended_instances_that_are_deleted_leave_nothing_behind),
      cmocka_unit_test(compiling_again_and_again_leaves_nothing_behind),
      cmocka_unit_test(a_command_runs_anew_at_every_call),
      cmocka_unit_test(a_reactor_that_exits_starts_anew),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
