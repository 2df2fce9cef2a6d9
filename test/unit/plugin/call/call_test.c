// Calls: outputs, errors and codes, traps, deadlines, cancellation, CPU limits and fuel; on the caller's stack and on a
// loop.
#include "unit/plugin/plugin_testing.h"

#include <pthread.h>

static const ubiq_compile_options no_options = {0};

static void an_instance_answers_again_and_again(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "hello", "", no_options, NULL);
    assert_output(&world.one, "hello", "Ada", "Hello, Ada!");
    assert_output(&world.one, "hello", "", "Hello, !");
    assert_output(&world.one, "hello", "Grace", "Hello, Grace!");
    world_close(&world);
  }
}

static void inputs_and_outputs_of_any_size_pass_unchanged(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 7, 8, 9, 63, 65535, 65536, 65537, 1 << 20, 5000000};
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "echo", "", no_options, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      uint8_t *data = malloc(sizes[i] + 1);
      for (size_t k = 0; k < sizes[i]; k++) data[k] = (uint8_t)(k * 31 + k / 251);
      ubiq_bytes output;
      assert_success(instance_call_bytes(&world.one, "echo", (ubiq_bytes){data, sizes[i]}, &output));
      assert_int_equal(output.size, sizes[i]);
      if (sizes[i]) assert_memory_equal(output.data, data, sizes[i]);
      free(data);
    }
    assert_output(&world.one, "nothing", "input", "");
    assert_output(&world.one, "twice", "", "second");
    world_close(&world);
  }
}

static void assert_guest_error(ubiq_error *error, int32_t detail, const char *message) {
  assert_int_equal(ubiq_error_code(error), UBIQ_GUEST_ERROR);
  assert_string_equal(ubiq_error_message(error), message);
  assert_int_equal(ubiq_error_detail(error), detail);
  ubiq_error_delete(error);
}

static void errors_of_guests_have_their_message_and_their_code(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "error", "", no_options, NULL);
    instance *one = &world.one;
    assert_guest_error(instance_call(one, "fail", "", NULL), 1, "this function fails on purpose");
    assert_guest_error(instance_call(one, "fail_with_input", "my words", NULL), 1, "my words");
    assert_guest_error(instance_call(one, "fail_silently", "", NULL), 7, "fail_silently returned 7");
    assert_guest_error(instance_call(one, "fail_negative", "", NULL), -3, "fail_negative returned -3");
    assert_guest_error(instance_call(one, "error_and_zero", "", NULL), 0, "an error although zero is returned");
    assert_guest_error(instance_call(one, "error_bad_block", "", NULL), 1, "error_bad_block returned 1");
    assert_output(one, "error_cleared", "", "fine");
    world_close(&world);
  }
}

static void output_is_readable_after_an_error(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_bytes output;
    world_open(&world, mode, "error", "", no_options, NULL);
    assert_guest_error(instance_call(&world.one, "error_and_output", "", &output), 1, "and an error");
    assert_int_equal(output.size, 11);
    assert_memory_equal(output.data, "some output", 11);
    assert_guest_error(instance_call(&world.one, "output_and_code", "", &output), 5, "output_and_code returned 5");
    assert_int_equal(output.size, 11);
    world_close(&world);
  }
}

static void an_error_that_is_no_utf8_is_told_as_utf8(void **state) {
  (void)state;
  plugin_world world;
  world_open(&world, 0, "error", "", no_options, NULL);
  ubiq_error *error = instance_call(&world.one, "error_binary", "", NULL);
  assert_int_equal(ubiq_error_code(error), UBIQ_GUEST_ERROR);
  const char *message = ubiq_error_message(error);
  assert_true(text_utf8_valid((const uint8_t *)message, strlen(message)));
  assert_non_null(strstr(message, " binary"));
  ubiq_error_delete(error);
  world_close(&world);
}

static void traps_say_what_and_where_and_the_instance_lives_on(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "error", "", no_options, NULL);
    instance *one = &world.one;
    assert_error_with(instance_call(one, "trap_unreachable", "", NULL), UBIQ_TRAP, "unreachable");
    assert_error_with(instance_call(one, "trap_divide", "", NULL), UBIQ_TRAP, "division by zero");
    assert_error_with(instance_call(one, "trap_memory", "", NULL), UBIQ_TRAP, "out of bounds memory");
    assert_error_with(instance_call(one, "error_then_trap", "", NULL), UBIQ_TRAP, "last words");
    assert_guest_error(instance_call(one, "fail_silently", "", NULL), 7, "fail_silently returned 7");
    world_close(&world);
    world_open(&world, mode, "tables", "", no_options, NULL);
    assert_output(one, "call_good", "", "");
    assert_error_with(instance_call(one, "call_other_type", "", NULL), UBIQ_TRAP, "another type");
    assert_error_with(instance_call(one, "call_empty", "", NULL), UBIQ_TRAP,
                      is_default_engine() ? "null table element" : "table");
    assert_error_with(instance_call(one, "call_past_end", "", NULL), UBIQ_TRAP, "table");
    world_close(&world);
  }
}

static void traps_name_the_functions_they_happened_in(void **state) {
  (void)state;
  need_capability(ENGINE_NAMES_FUNCTIONS);
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "error", "", no_options, NULL);
    assert_error_with(instance_call(&world.one, "trap_unreachable", "", NULL), UBIQ_TRAP, "trap_unreachable)");
    world_close(&world);
  }
}

static void recursion_without_end_is_a_trap(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "recurse", "", no_options, NULL);
    for (int i = 0; i < 3; i++) {
      assert_error_with(instance_call(&world.one, "recurse", "", NULL), UBIQ_TRAP, "call stack exhausted");
      world_renew(&world, NULL);
      assert_error_code(instance_call(&world.one, "recurse_frames", "", NULL), UBIQ_TRAP);
      world_renew(&world, NULL);
      assert_error_with(instance_call(&world.one, "recurse_indirect", "", NULL), UBIQ_TRAP, "call stack exhausted");
      world_renew(&world, NULL);
    }
    world_close(&world);
  }
}

static void functions_that_are_not_there_are_not_found(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "hello", "", no_options, NULL);
    assert_error_with(instance_call(&world.one, "helo", "", NULL), UBIQ_NOT_FOUND, "did you mean hello?");
    assert_error_with(instance_call(&world.one, "", "", NULL), UBIQ_NOT_FOUND, "Function not found: ");
    assert_error_with(instance_call(&world.one, "memory", "", NULL), UBIQ_INVALID_INPUT,
                      "export memory is a memory; expected a function () -> i32 or () -> ()");
    assert_output(&world.one, "hello", "Ada", "Hello, Ada!");
    world_close(&world);
  }
}

static void signatures_of_other_kinds_are_refused(void **state) {
  (void)state;
  need_feature(VECTORS_MODULE);
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "signatures", "", no_options, NULL);
    instance *one = &world.one;
    assert_output(one, "good", "", "");
    assert_output(one, "good_nothing", "", "");
    assert_guest_error(instance_call(one, "good_code_9", "", NULL), 9, "good_code_9 returned 9");
    assert_error_with(instance_call(one, "takes_i32", "", NULL), UBIQ_INVALID_INPUT, "(i32) -> i32");
    assert_error_with(instance_call(one, "takes_two", "", NULL), UBIQ_INVALID_INPUT, "(i32, i64) -> i32");
    assert_error_code(instance_call(one, "gives_two", "", NULL), UBIQ_INVALID_INPUT);
    assert_error_code(instance_call(one, "table", "", NULL), UBIQ_INVALID_INPUT);
    assert_error_code(instance_call(one, "global", "", NULL), UBIQ_INVALID_INPUT);
    static const char *const other[] = {"gives_i64", "gives_f32", "gives_f64", "gives_funcref", "gives_externref"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
      ubiq_error *error = instance_call(one, other[i], "", NULL);
      assert_non_null(error);
      assert_false(ubiq_compiled_has(world.compiled, other[i]));
      ubiq_error_delete(error);
    }
    assert_true(ubiq_compiled_has(world.compiled, "good"));
    assert_true(ubiq_compiled_has(world.compiled, "good_nothing"));
    assert_false(ubiq_compiled_has(world.compiled, "takes_i32"));
    world_close(&world);
  }
}

// -- Starting --

static void starts_run_once_and_in_order(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "start_ok", "", no_options, NULL);
    assert_output(&world.one, "order", "", "start,ctors");
    assert_output(&world.one, "order", "", "start,ctors");
    world_close(&world);
    world_open(&world, mode, "initialize", "", no_options, NULL);
    assert_output(&world.one, "check", "", "");
    assert_output(&world.one, "check", "", "");
    world_close(&world);
    world_open(&world, mode, "haskell", "", no_options, NULL);
    assert_output(&world.one, "check", "", "");
    world_close(&world);
  }
}

static ubiq_error *start_ahead(instance *self, const char *function) {
  compiled_function target;
  assert_success(compiled_function_find(self->plugin->compiled, function, &target));
  self->busy = true;
  instance_note(self, plugin_start(self->plugin, &target, &self->state));
  test_loop_run(self->loop, self, 1);
  ubiq_error *error = self->error;
  self->error = NULL;
  return error;
}

static void an_instance_started_ahead_finds_its_function_started(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  plugin_world world;
  world_open(&world, 1, "start_ok", "", no_options, NULL);
  assert_true(compiled_has_start(world.compiled));
  assert_success(start_ahead(&world.one, "order"));
  assert_int_equal(world.one.plugin->steps_done, world.compiled->steps_count);
  assert_int_equal(plugin_output(world.one.plugin).size, 0);
  assert_true(plugin_is_fit(world.one.plugin));
  plugin_use(world.one.plugin, &world.one.host, &(plugin_limits){.cpu_ms = 1000});
  assert_output(&world.one, "order", "", "start,ctors");
  assert_true(plugin_is_fit(world.one.plugin));
  world_close(&world);
}

static void a_start_ahead_that_fails_leaves_nothing_fit(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  plugin_world world;
  world_open(&world, 1, "start_trap", "", no_options, NULL);
  ubiq_error *error = start_ahead(&world.one, "never");
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  ubiq_error_delete(error);
  assert_false(plugin_is_fit(world.one.plugin));
  world_close(&world);
}

static void a_start_ahead_has_the_limits_of_a_call(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  ubiq_compiled *compiled;
  test_loop loop;
  instance one;
  assert_success(text_compile("(module (func $s (loop $l (br $l))) (start $s) (func (export \"f\")))",
                              &(ubiq_compile_options){.suspends = true}, &compiled));
  test_loop_open(&loop);
  assert_success(instance_open(&one, compiled, &loop, &(plugin_limits){.cpu_ms = 30}));
  ubiq_error *error = start_ahead(&one, "f");
  assert_int_equal(ubiq_error_code(error), UBIQ_CPU_LIMIT);
  ubiq_error_delete(error);
  assert_false(plugin_is_fit(one.plugin));
  instance_close(&one);
  ubiq_compiled_delete(compiled);
  test_loop_close(&loop);
}

static void starts_that_trap_do_so_at_every_call(void **state) {
  (void)state;
  static const char *const guests[] = {"start_trap", "initialize_trap"};
  for (int mode = 0; mode < MODES; mode++)
    for (size_t i = 0; i < sizeof guests / sizeof *guests; i++) {
      plugin_world world;
      world_open(&world, mode, guests[i], "", no_options, NULL);
      for (int k = 0; k < 3; k++)
        assert_error_with(instance_call(&world.one, "never", "", NULL), UBIQ_TRAP, "unreachable");
      world_close(&world);
    }
}

// What hs_init, start functions and the like may be is the guest's to say, and the host calls them unseen.
static void starts_of_wrong_types_are_not_called(void **state) {
  (void)state;
  static const char *const sources[] = {
      "(module (func (export \"hs_init\") (param i32 i32) (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)"
      "  (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7)"
      "  (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12))"
      " (func (export \"f\") (result i32) (i32.const 0)))",
      "(module (func (export \"hs_init\") (param externref f32)) (func (export \"f\") (result i32) (i32.const 0)))",
      "(module (func (export \"_initialize\") (param i32)) (func (export \"f\") (result i32) (i32.const 0)))",
      "(module (func (export \"__wasm_call_ctors\") (result i32) (i32.const 7))"
      " (func (export \"f\") (result i32) (i32.const 0)))",
      "(module (memory (export \"_initialize\") 1) (memory (export \"hs_init\") 1)"
      " (func (export \"f\") (result i32) (i32.const 0)))",
  };
  bool has_references = has_feature(REFERENCES_MODULE), has_memories = has_feature(SEVERAL_MEMORIES_MODULE);
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
    for (int mode = 0; mode < MODES; mode++) {
      if (strstr(sources[i], "externref") && !has_references) continue;
      if (strstr(sources[i], "memory") && !has_memories) continue;
      ubiq_compile_options options = {.suspends = mode == 1};
      ubiq_compiled *compiled;
      assert_success(text_compile(sources[i], &options, &compiled));
      test_loop loop;
      instance one;
      test_loop_open(&loop);
      assert_success(instance_open(&one, compiled, mode ? &loop : NULL, NULL));
      assert_output(&one, "f", "", "");
      instance_close(&one);
      ubiq_compiled_delete(compiled);
      test_loop_close(&loop);
    }
}

// -- Limits --

// How late a limit may come. A machine that is busy with other things may take longer, but not each time.
enum { LATE_MS = 100, ATTEMPTS = 20 };

static void assert_ends_in_time(plugin_world *world, const char *function, uint64_t limit_ms, ubiq_code code) {
  uint64_t took_ms = UINT64_MAX;
  const plugin_limits limits = world->one.plugin->limits;
  for (int i = 0; i < ATTEMPTS && took_ms > limit_ms + LATE_MS; i++) {
    if (i > 0) world_renew(world, &limits);
    uint64_t before = clock_monotonic_ns(), spent_before = clock_thread_cpu_ns();
    assert_error_code(instance_call(&world->one, function, "", NULL), code);
    took_ms = (clock_monotonic_ns() - before) / CLOCK_NS_PER_MS;
    assert_true(took_ms >= limit_ms);
    if (code == UBIQ_CPU_LIMIT) took_ms = (clock_thread_cpu_ns() - spent_before) / CLOCK_NS_PER_MS;
  }
  assert_in_range(took_ms, 0, limit_ms + LATE_MS);
}

static void loops_without_end_meet_the_deadline(void **state) {
  (void)state;
  static const char *const ways[] = {"spin", "spin_kernel", "spin_host"};
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "infinite", "\"timeout_ms\": 40", no_options, NULL);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
      assert_ends_in_time(&world, ways[i], 40, UBIQ_TIMEOUT);
      if (mode) world_renew(&world, NULL);
    }
    world_close(&world);
    world_open(&world, mode, "infinite", "", no_options, &(plugin_limits){.wall_ms = 30});
    assert_ends_in_time(&world, "spin", 30, UBIQ_TIMEOUT);
    world_close(&world);
  }
}

static void starts_without_end_meet_the_deadline(void **state) {
  (void)state;
  static const char *const guests[] = {"spin_start", "spin_initialize"};
  for (int mode = 0; mode < MODES; mode++)
    for (size_t i = 0; i < sizeof guests / sizeof *guests; i++) {
      plugin_world world;
      world_open(&world, mode, guests[i], "\"timeout_ms\": 40", no_options, NULL);
      assert_ends_in_time(&world, "never", 40, UBIQ_TIMEOUT);
      assert_ends_in_time(&world, "never", 40, UBIQ_TIMEOUT);
      world_close(&world);
    }
}

static void cpu_time_has_a_limit_of_its_own(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "infinite", "", no_options, &(plugin_limits){.cpu_ms = 30, .wall_ms = 10000});
    assert_ends_in_time(&world, "spin", 30, UBIQ_CPU_LIMIT);
    assert_true(world.one.plugin->cpu_ns >= 28 * CLOCK_NS_PER_MS);
    world_close(&world);
  }
}

static void limits_of_any_size_do_not_overflow(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "hello", "\"timeout_ms\": 18446744073709551615", no_options,
               &(plugin_limits){.wall_ms = UINT64_MAX, .cpu_ms = UINT64_MAX / 3});
    assert_output(&world.one, "hello", "Ada", "Hello, Ada!");
    world_close(&world);
  }
}

/// It is called again where the machine stood still for all of a call's time.
static void assert_answers_in_time(instance *one) {
  ubiq_error *error;
  ubiq_bytes output;
  while ((error = instance_call(one, "turns", "1000", &output)) != NULL && ubiq_error_code(error) == UBIQ_TIMEOUT)
    ubiq_error_delete(error);
  assert_success(error);
  assert_int_equal(output.size, 4);
  assert_memory_equal(output.data, "1000", 4);
}

static void a_plugin_answers_after_its_deadline_ended_a_call(void **state) {
  (void)state;
  plugin_world world;
  world_open(&world, 0, "infinite", "\"timeout_ms\": 20", no_options, NULL);
  assert_error_code(instance_call(&world.one, "spin", "", NULL), UBIQ_TIMEOUT);
  assert_answers_in_time(&world.one);
  world_close(&world);
}

/// Who cancels a call again and again, because before it has begun that would be forgotten.
typedef struct canceller {
  ubiq_plugin *plugin;
  atomic_bool is_over;
} canceller;

static void *cancel_until_over(void *user) {
  canceller *self = user;
  while (!atomic_load(&self->is_over)) {
    ubiq_plugin_cancel(self->plugin);
    sched_yield();
  }
  return NULL;
}

static void another_thread_cancels_a_call(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "infinite", "\"timeout_ms\": 60000", no_options, NULL);
    canceller other = {.plugin = world.one.plugin};
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_until_over, &other);
    assert_error_code(instance_call(&world.one, "spin", "", NULL), UBIQ_CANCELLED); // it is not late by a minute
    atomic_store(&other.is_over, true);
    pthread_join(thread, NULL);
    world_close(&world);
  }
}

static void cancelling_an_idle_plugin_does_nothing(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "hello", "", no_options, NULL);
    ubiq_plugin_cancel(world.one.plugin);
    assert_output(&world.one, "hello", "Ada", "Hello, Ada!");
    ubiq_plugin_cancel(world.one.plugin);
    assert_output(&world.one, "hello", "Ada", "Hello, Ada!");
    world_close(&world);
  }
}

static void long_calls_yield_to_their_neighbours(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  enum { NEIGHBOURS = 4 };
  test_loop loop;
  test_loop_open(&loop);
  ubiq_compiled *compiled = guest_compile("infinite", &(ubiq_compile_options){.suspends = true});
  instance instances[NEIGHBOURS];
  for (int i = 0; i < NEIGHBOURS; i++) {
    assert_success(instance_open(&instances[i], compiled, &loop, &(plugin_limits){.cpu_ms = 100}));
    instance_start(&instances[i], "spin", (ubiq_bytes){0});
    assert_true(instances[i].busy);
  }
  test_loop_run(&loop, instances, NEIGHBOURS);
  for (int i = 0; i < NEIGHBOURS; i++) {
    assert_int_equal(ubiq_error_code(instances[i].error), UBIQ_CPU_LIMIT);
    assert_true(instances[i].yields >= 1);
    assert_int_equal(instances[i].waits, 0);
    instance_close(&instances[i]);
  }
  ubiq_compiled_delete(compiled);
  test_loop_close(&loop);
}

static void fuel_is_counted_the_same_each_time(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_FUEL);
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    uint64_t used[2][3]; // of an instance, of a call
    world_open(&world, mode, "infinite", "", (ubiq_compile_options){.fuel = 10000000}, NULL);
    for (int i = 0; i < 2; i++) {
      for (int k = 0; k < 3; k++) {
        assert_output(&world.one, "turns", "10000", "10000");
        used[i][k] = ubiq_plugin_fuel_used(world.one.plugin);
      }
      world_renew(&world, NULL);
    }
    assert_memory_equal(used[0], used[1], sizeof used[0]);
    assert_in_range(used[0][0], 10000, 10000000);
    assert_output(&world.one, "turns", "20000", "20000");
    assert_true(ubiq_plugin_fuel_used(world.one.plugin) > used[0][0] + 10000);
    world_close(&world);
  }
}

static void running_out_of_fuel_ends_a_call(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_FUEL);
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "infinite", "", (ubiq_compile_options){.fuel = 100000}, NULL);
    for (int i = 0; i < 3; i++)
      assert_error_with(instance_call(&world.one, "spin", "", NULL), UBIQ_CPU_LIMIT, "plugin ran out of fuel");
    assert_int_equal(ubiq_plugin_fuel_used(world.one.plugin), 100000);
    world_renew(&world, NULL);
    assert_output(&world.one, "turns", "100", "100");
    world_close(&world);
    world_open(&world, mode, "infinite", "", no_options, NULL);
    assert_output(&world.one, "turns", "100", "100");
    assert_int_equal(ubiq_plugin_fuel_used(world.one.plugin), 0);
    world_close(&world);
  }
}

static void starts_without_end_use_up_fuel(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_FUEL);
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "spin_start", "", (ubiq_compile_options){.fuel = 100000}, NULL);
    assert_error_code(instance_call(&world.one, "never", "", NULL), UBIQ_CPU_LIMIT);
    assert_error_code(instance_call(&world.one, "never", "", NULL), UBIQ_CPU_LIMIT);
    world_close(&world);
  }
}

static void a_second_call_while_one_is_under_way_is_refused(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  plugin_world world;
  world_open(&world, 1, "infinite", "", no_options, NULL);
  instance_start(&world.one, "spin", (ubiq_bytes){0});
  assert_true(world.one.busy);
  compiled_function spin;
  plugin_state left;
  assert_success(compiled_function_find(world.compiled, "spin", &spin));
  assert_error_code(plugin_call_start(world.one.plugin, &spin, (ubiq_bytes){0}, &left), UBIQ_BUSY);
  world_close(&world);
}

static void a_plugin_that_suspends_may_be_called_by_a_thread_that_blocks(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_SUSPEND);
  ubiq_compiled *compiled = guest_compile("infinite", &(ubiq_compile_options){.suspends = true});
  instance one;
  assert_success(instance_open(&one, compiled, NULL, &(plugin_limits){.wall_ms = 30}));
  assert_answers_in_time(&one);
  assert_error_code(instance_call(&one, "spin", "", NULL), UBIQ_TIMEOUT);
  assert_answers_in_time(&one);
  instance_close(&one);
  ubiq_compiled_delete(compiled);
}

static void an_instance_outlives_its_owners_share_of_the_compiled_plugin(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "hello", "", (ubiq_compile_options){.name = "short lived"}, NULL);
    ubiq_compiled_delete(world.compiled);
    world.compiled = NULL;
    assert_output(&world.one, "hello", "Ada", "Hello, Ada!");
    world_close(&world);
  }
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_instance_answers_again_and_again),
      cmocka_unit_test(inputs_and_outputs_of_any_size_pass_unchanged),
      cmocka_unit_test(errors_of_guests_have_their_message_and_their_code),
      cmocka_unit_test(output_is_readable_after_an_error),
      cmocka_unit_test(an_error_that_is_no_utf8_is_told_as_utf8),
      cmocka_unit_test(traps_say_what_and_where_and_the_instance_lives_on),
      cmocka_unit_test(traps_name_the_functions_they_happened_in),
      cmocka_unit_test(recursion_without_end_is_a_trap),
      cmocka_unit_test(functions_that_are_not_there_are_not_found),
      cmocka_unit_test(signatures_of_other_kinds_are_refused),
      cmocka_unit_test(starts_run_once_and_in_order),
      cmocka_unit_test(an_instance_started_ahead_finds_its_function_started),
      cmocka_unit_test(a_start_ahead_that_fails_leaves_nothing_fit),
      cmocka_unit_test(a_start_ahead_has_the_limits_of_a_call),
      cmocka_unit_test(starts_that_trap_do_so_at_every_call),
      cmocka_unit_test(starts_of_wrong_types_are_not_called),
      cmocka_unit_test(loops_without_end_meet_the_deadline),
      cmocka_unit_test(starts_without_end_meet_the_deadline),
      cmocka_unit_test(cpu_time_has_a_limit_of_its_own),
      cmocka_unit_test(limits_of_any_size_do_not_overflow),
      cmocka_unit_test(a_plugin_answers_after_its_deadline_ended_a_call),
      cmocka_unit_test(another_thread_cancels_a_call),
      cmocka_unit_test(cancelling_an_idle_plugin_does_nothing),
      cmocka_unit_test(long_calls_yield_to_their_neighbours),
      cmocka_unit_test(fuel_is_counted_the_same_each_time),
      cmocka_unit_test(running_out_of_fuel_ends_a_call),
      cmocka_unit_test(starts_without_end_use_up_fuel),
      cmocka_unit_test(a_second_call_while_one_is_under_way_is_refused),
      cmocka_unit_test(a_plugin_that_suspends_may_be_called_by_a_thread_that_blocks),
      cmocka_unit_test(an_instance_outlives_its_owners_share_of_the_compiled_plugin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
