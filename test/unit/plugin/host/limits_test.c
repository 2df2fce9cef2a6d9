// Memory limits: the kernel's memory and the modules' together, however they grow; tables; pools that are used up.
#include "unit/plugin/plugin_testing.h"

enum { PAGE = 65536, MIB = 1 << 20 };

static void assert_under(plugin_world *world, uint64_t limit) {
  assert_true(ubiq_plugin_memory(world->one.plugin) <= limit);
}

static void growing_stops_at_the_limit(void **state) {
  (void)state;
  static const char *const ways[] = {"grow_module", "grow_kernel", "grow_both", "grow_giant"};
  static const uint64_t limits[] = {MIB, 3 * MIB + PAGE, 16 * MIB, 64 * MIB};
  for (int mode = 0; mode < MODES; mode++)
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
      plugin_world world;
      world_open(&world, mode, "grow", "", (ubiq_compile_options){.memory_bytes_max = limits[k]}, NULL);
      for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        ubiq_error_delete(instance_call(&world.one, ways[i], "", NULL));
        assert_under(&world, limits[k]);
        if (strcmp(ways[i], "grow_both") == 0)
          assert_true(ubiq_plugin_memory(world.one.plugin) > limits[k] / 2 || limits[k] == MIB);
        world_renew(&world, NULL);
      }
      world_close(&world);
    }
}

static void growth_in_one_memory_is_missing_in_the_other(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "grow", "\"memory\": {\"max_pages\": 320}", (ubiq_compile_options){0}, NULL);
    ubiq_error_delete(instance_call(&world.one, "grow_module", "", NULL));
    assert_under(&world, 320 * PAGE);
    ubiq_error_delete(instance_call(&world.one, "grow_kernel", "", NULL));
    assert_under(&world, 320 * PAGE);
    world_renew(&world, NULL);
    ubiq_error_delete(instance_call(&world.one, "grow_kernel", "", NULL));
    assert_under(&world, 320 * PAGE);
    ubiq_error_delete(instance_call(&world.one, "grow_module", "", NULL));
    assert_under(&world, 320 * PAGE);
    world_close(&world);
  }
}

static void what_fits_is_given(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "grow", "", (ubiq_compile_options){.memory_bytes_max = 64 * MIB}, NULL);
    ubiq_bytes output;
    assert_success(instance_call(&world.one, "grow_some", "", &output));
    assert_int_equal(output.size, 5);
    assert_memory_equal(output.data + 3, " 8", 2);
    world_close(&world);
  }
}

static void the_smaller_of_two_limits_holds(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    plugin_world world;
    world_open(&world, 0, "grow", i ? "\"memory\": {\"max_pages\": 64}" : "\"memory\": {\"max_pages\": 6400}",
               (ubiq_compile_options){.memory_bytes_max = i ? 400 * MIB : 4 * MIB}, NULL);
    ubiq_error_delete(instance_call(&world.one, "grow_both", "", NULL));
    assert_under(&world, 4 * MIB);
    world_close(&world);
  }
}

static void guests_that_trap_for_lack_of_memory_say_so(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "grow", "", (ubiq_compile_options){.memory_bytes_max = 8 * MIB}, NULL);
    assert_error_with(instance_call(&world.one, "must_grow_kernel", "", NULL), UBIQ_MEMORY_LIMIT, "out of memory");
    world_renew(&world, NULL);
    assert_error_with(instance_call(&world.one, "must_grow_module", "", NULL), UBIQ_MEMORY_LIMIT, "out of memory");
    assert_under(&world, 8 * MIB);
    world_close(&world);
  }
}

// A guest of 17 pages that may have `pages`, the kernel's included.
static void assert_crowded(int mode, uint64_t pages, const char *function, ubiq_code code) {
  plugin_world world;
  world_open(&world, mode, "crowded", "", (ubiq_compile_options){.memory_bytes_max = pages * PAGE}, NULL);
  assert_error_code(instance_call(&world.one, function, "", NULL), code);
  assert_success(instance_call(&world.one, "nothing", "", NULL));
  assert_error_code(instance_call(&world.one, "unreachable", "", NULL), UBIQ_TRAP);
  world_close(&world);
}

static void only_a_refused_growth_makes_a_trap_a_lack_of_memory(void **state) {
  (void)state;
  need_capability(ENGINE_HAS_MEMORIES); // elsewhere the hub is another module, and it is a guess
  static const char *const others[] = {"divide", "bounds", "indirect", "unreachable"};
  for (int mode = 0; mode < MODES; mode++) {
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_crowded(mode, 20, others[i], UBIQ_TRAP);
    assert_crowded(mode, 100, "must_grow", UBIQ_MEMORY_LIMIT);
    assert_crowded(mode, 100, "grow_and_divide", UBIQ_MEMORY_LIMIT);
    assert_crowded(mode, 200, "grow_and_divide", UBIQ_TRAP);
  }
}

static void inputs_that_do_not_fit_are_refused(void **state) {
  (void)state;
  uint8_t *input = calloc(1, 8 * MIB);
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "echo", "", (ubiq_compile_options){.memory_bytes_max = 4 * MIB}, NULL);
    for (int i = 0; i < 3; i++) {
      assert_error_with(instance_call_bytes(&world.one, "echo", (ubiq_bytes){input, 8 * MIB}, NULL), UBIQ_MEMORY_LIMIT,
                        "no room for an input of 8388608 bytes");
      assert_under(&world, 4 * MIB);
      assert_output(&world.one, "echo", "small", "small");
    }
    world_close(&world);
  }
  free(input);
}

static void answers_of_the_host_that_do_not_fit_end_the_call(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "vars", "\"memory\": {\"max_pages\": 60, \"max_var_bytes\": 10000000}",
               (ubiq_compile_options){0}, NULL);
    plugin *plugin = world.one.plugin;
    uint8_t *large = calloc(1, 4 * MIB);
    assert_true(map_set(&plugin->vars, TEXT("value"), large, 4 * MIB));
    free(large);
    assert_error_with(instance_call(&world.one, "get", "", NULL), UBIQ_MEMORY_LIMIT, "no room for an answer");
    assert_output(&world.one, "set", "small", "");
    assert_output(&world.one, "get", "", "small");
    world_close(&world);
  }
}

static void modules_that_start_larger_than_the_limit_are_refused(void **state) {
  (void)state;
  for (int suspends = 0; suspends < MODES; suspends++) {
    buffer bytes = guest_read("memory_1000_pages");
    ubiq_compile_options options = {.memory_bytes_max = 62 * MIB, .suspends = suspends};
    ubiq_compiled *compiled = NULL;
    assert_error_with(ubiq_compiled_new(bytes.data, bytes.size, &options, &compiled), UBIQ_MEMORY_LIMIT,
                      "the limit is 992");
    options.memory_bytes_max = 64 * MIB;
    assert_success(ubiq_compiled_new(bytes.data, bytes.size, &options, &compiled));
    ubiq_compiled_delete(compiled);
    buffer_free(&bytes);
  }
}

static void a_module_may_have_all_that_32_bits_address(void **state) {
  (void)state;
  need_default_engine(); // others may touch all of it
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "memory_4_gib", "", (ubiq_compile_options){0}, NULL);
    assert_output(&world.one, "nothing", "", "");
    world_close(&world);
  }
}

// Memories that are not exported, exported under other names, or several: none escapes the sum.
static void no_memory_escapes_the_limit(void **state) {
  (void)state;
  static const char *const sources[] = {
      "(module (memory 1) (func (export \"f\") (result i32) (memory.grow (i32.const 96))))",
      "(module (memory (export \"other\") 1) (func (export \"f\") (result i32) (memory.grow (i32.const 96))))",
      "(module (memory (export \"memory\") 1) (memory $b 1) (func (export \"f\") (result i32)\
         (memory.grow (i32.const 45)) (memory.grow $b (i32.const 60)) (i32.add)))",
  };
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
    for (int suspends = 0; suspends < MODES; suspends++) {
      if (strstr(sources[i], "(memory $b") && !has_feature(SEVERAL_MEMORIES_MODULE)) continue;
      // Room for 100 pages beside the kernel's; the guest asks the kernel for as much after it has grown.
      buffer text = {0};
      assert_true(buffer_append(&text, sources[i], strlen("(module ")));
      assert_true(buffer_append_string(
          &text, "(import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"
                 "(func (export \"kernel\") (result i32)"
                 "  (i32.wrap_i64 (i64.shr_u (call $alloc (i64.const 4000000)) (i64.const 4)))) "));
      assert_true(buffer_append_string(&text, sources[i] + strlen("(module ")));
      ubiq_compile_options options = {.memory_bytes_max = 102 * PAGE, .suspends = suspends};
      ubiq_compiled *compiled;
      test_loop loop;
      instance one;
      assert_success(text_compile(buffer_string(&text), &options, &compiled));
      test_loop_open(&loop);
      assert_success(instance_open(&one, compiled, suspends ? &loop : NULL, NULL));
      ubiq_error_delete(instance_call(&one, "f", "", NULL));
      assert_true(ubiq_plugin_memory(one.plugin) <= options.memory_bytes_max);
      assert_true(ubiq_plugin_memory(one.plugin) > 45 * PAGE);
      assert_output(&one, "kernel", "", "");
      assert_true(ubiq_plugin_memory(one.plugin) <= options.memory_bytes_max);
      instance_close(&one);
      test_loop_close(&loop);
      ubiq_compiled_delete(compiled);
      buffer_free(&text);
    }
}

static void tables_have_a_limit_too(void **state) {
  (void)state;
  need_feature(REFERENCES_MODULE);
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "table_grow", "\"timeout_ms\": 60000", (ubiq_compile_options){0}, NULL);
    assert_output(&world.one, "grow", "", "");
    world_close(&world);
  }
}

static void objects_of_guests_count_as_memory(void **state) {
  (void)state;
  need_feature(OBJECTS_MODULE);
  static const char source[] =
      "(module (type $node (struct (field (ref null $node)) (field i64 i64 i64 i64)))"
      " (global $list (mut (ref null $node)) (ref.null $node))"
      " (func (export \"f\") (result i32) (loop $more (global.set $list (struct.new $node (global.get $list)"
      "   (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4))) (br $more)) (unreachable)))";
  for (int suspends = 0; suspends < MODES; suspends++) {
    ubiq_compile_options options = {.memory_bytes_max = 2 * MIB, .suspends = suspends};
    ubiq_compiled *compiled;
    test_loop loop;
    instance one;
    assert_success(text_compile(source, &options, &compiled));
    test_loop_open(&loop);
    assert_success(instance_open(&one, compiled, suspends ? &loop : NULL, &(plugin_limits){.wall_ms = 60000}));
    assert_error_code(instance_call(&one, "f", "", NULL), UBIQ_MEMORY_LIMIT);
    instance_close(&one);
    test_loop_close(&loop);
    ubiq_compiled_delete(compiled);
  }
}

static void what_a_guest_without_a_memory_throws_is_an_exception(void **state) {
  (void)state;
  need_feature(OBJECTS_MODULE);
  static const char source[] =
      "(module (tag $e (param i32)) (func (export \"f\") (result i32) (throw $e (i32.const 7))))";
  for (int suspends = 0; suspends < MODES; suspends++) {
    ubiq_compile_options options = {.memory_bytes_max = 2 * MIB, .suspends = suspends};
    ubiq_compiled *compiled;
    test_loop loop;
    instance one;
    assert_success(text_compile(source, &options, &compiled));
    test_loop_open(&loop);
    assert_success(instance_open(&one, compiled, suspends ? &loop : NULL, &(plugin_limits){.wall_ms = 60000}));
    assert_error_with(instance_call(&one, "f", "", NULL), UBIQ_TRAP, "uncaught exception");
    instance_close(&one);
    test_loop_close(&loop);
    ubiq_compiled_delete(compiled);
  }
}

static void a_pool_that_is_used_up_is_busy(void **state) {
  (void)state;
  // A sanitizer, which ends the process where it cannot map more memory, is not led that far.
  const size_t tries = !is_default_engine() ? 500 : UBIQ_SLOW_DOWN > 1 ? 10000 : 30000;
  ubiq_compiled *compiled = guest_compile("hello", NULL);
  instance *instances = calloc(tries, sizeof *instances);
  size_t count = 0;
  ubiq_error *error = NULL;
  while (count < tries && !error) {
    assert_success(instance_open(&instances[count], compiled, NULL, NULL));
    error = instance_call(&instances[count++], "hello", "", NULL);
  }
  if (error) assert_int_equal(ubiq_error_code(error), UBIQ_BUSY);
  ubiq_error_delete(error);
  for (size_t i = 0; i + 1 < count; i++) instance_close(&instances[i]);
  assert_output(&instances[count - 1], "hello", "Ada", "Hello, Ada!");
  instance_close(&instances[count - 1]);
  free(instances);
  ubiq_compiled_delete(compiled);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(growing_stops_at_the_limit),
      cmocka_unit_test(growth_in_one_memory_is_missing_in_the_other),
      cmocka_unit_test(what_fits_is_given),
      cmocka_unit_test(the_smaller_of_two_limits_holds),
      cmocka_unit_test(guests_that_trap_for_lack_of_memory_say_so),
      cmocka_unit_test(only_a_refused_growth_makes_a_trap_a_lack_of_memory),
      cmocka_unit_test(inputs_that_do_not_fit_are_refused),
      cmocka_unit_test(answers_of_the_host_that_do_not_fit_end_the_call),
      cmocka_unit_test(modules_that_start_larger_than_the_limit_are_refused),
      cmocka_unit_test(a_module_may_have_all_that_32_bits_address),
      cmocka_unit_test(no_memory_escapes_the_limit),
      cmocka_unit_test(tables_have_a_limit_too),
      cmocka_unit_test(objects_of_guests_count_as_memory),
      cmocka_unit_test(what_a_guest_without_a_memory_throws_is_an_exception),
      cmocka_unit_test(a_pool_that_is_used_up_is_busy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
