// The public way to host functions (ubiq/function.h) and resetting a plugin.
#include "plugin/parts/engines.h"
#include "plugin/parts/function.h"
#include "unit/plugin/plugin_testing.h"

#include "ubiq/function.h"

static int deleted;

static void count_delete(void *user) {
  (*(int *)user)++;
}

// Answers the bytes of a block in the reverse order, in a block of its own.
static ubiq_error *reverse(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_value *outputs) {
  (void)user;
  ubiq_bytes bytes;
  uint8_t turned[64];
  assert_true(ubiq_plugin_block(plugin, (uint64_t)inputs[0].i64, &bytes));
  assert_true(bytes.size <= sizeof turned);
  for (size_t i = 0; i < bytes.size; i++) turned[i] = bytes.data[bytes.size - 1 - i];
  ubiq_plugin_block_free(plugin, (uint64_t)inputs[0].i64);
  assert_false(ubiq_plugin_block(plugin, (uint64_t)inputs[0].i64, &bytes));
  uint64_t offset = 0;
  ubiq_error *error = ubiq_plugin_block_new(plugin, (ubiq_bytes){turned, sizeof "Ada" - 1}, &offset);
  outputs[0].i64 = (int64_t)offset;
  return error;
}

static ubiq_error *refuse(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_value *outputs) {
  (void)user, (void)plugin, (void)inputs, (void)outputs;
  return ubiq_error_new(UBIQ_DENIED, "not today");
}

static ubiq_function *make(ubiq_function_callback callback) {
  static const ubiq_type types[] = {UBIQ_I64};
  ubiq_function_options options = {.name = "turn",
                                   .params = types,
                                   .params_count = 1,
                                   .results = types,
                                   .results_count = 1,
                                   .callback = callback,
                                   .user = &deleted,
                                   .user_delete = count_delete};
  ubiq_function *function = NULL;
  assert_success(ubiq_function_new(&options, &function));
  return function;
}

static const char guest[] = "(module (import \"extism:host/env\" \"input_offset\" (func $input (result i64)))\n"
                            "  (import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))\n"
                            "  (import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))\n"
                            "  (import \"extism:host/user\" \"turn\" (func $turn (param i64) (result i64)))\n"
                            "  (func (export \"run\") (result i32) (local $block i64)\n"
                            "    (local.set $block (call $turn (call $input)))\n"
                            "    (call $output (local.get $block) (call $length (local.get $block))) (i32.const 0)))";

static ubiq_plugin *open_plugin(ubiq_function_callback callback) {
  ubiq_function *function = make(callback);
  const ubiq_function *functions[] = {function};
  ubiq_compile_options options = {.functions = functions, .functions_count = 1};
  ubiq_compiled *compiled;
  ubiq_plugin *plugin;
  deleted = 0;
  assert_success(ubiq_compiled_new((const uint8_t *)guest, sizeof guest - 1, &options, &compiled));
  ubiq_function_delete(function);
  assert_success(ubiq_plugin_new(compiled, &plugin));
  ubiq_compiled_delete(compiled);
  assert_int_equal(deleted, 0);
  return plugin;
}

static void a_function_reads_frees_and_makes_blocks(void **state) {
  (void)state;
  ubiq_plugin *plugin = open_plugin(reverse);
  ubiq_bytes output;
  for (int i = 0; i < 3; i++) {
    assert_success(ubiq_plugin_call(plugin, "run", (ubiq_bytes){(const uint8_t *)"adA", 3}, &output));
    assert_int_equal(output.size, 3);
    assert_memory_equal(output.data, "Ada", 3);
  }
  ubiq_plugin_delete(plugin);
  assert_int_equal(deleted, 1);
}

static void the_error_of_a_function_ends_the_call(void **state) {
  (void)state;
  ubiq_plugin *plugin = open_plugin(refuse);
  ubiq_bytes output;
  ubiq_error *error = ubiq_plugin_call(plugin, "run", (ubiq_bytes){(const uint8_t *)"x", 1}, &output);
  assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
  assert_string_equal(ubiq_error_message(error), "not today");
  ubiq_error_delete(error);
  ubiq_plugin_delete(plugin);
}

static void too_many_parameters_are_refused(void **state) {
  (void)state;
  ubiq_type types[33] = {UBIQ_I32};
  ubiq_function_options options = {.name = "many", .params = types, .params_count = 33, .callback = refuse};
  ubiq_function *function = NULL;
  ubiq_error *error = ubiq_function_new(&options, &function);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
}

static void reset_takes_the_output_away_and_the_plugin_goes_on(void **state) {
  (void)state;
  ubiq_plugin *plugin = open_plugin(reverse);
  ubiq_bytes output;
  assert_success(ubiq_plugin_reset(plugin)); // before its first call, too
  assert_success(ubiq_plugin_call(plugin, "run", (ubiq_bytes){(const uint8_t *)"adA", 3}, &output));
  assert_success(ubiq_plugin_reset(plugin));
  assert_int_equal(plugin_output(plugin).size, 0);
  assert_success(ubiq_plugin_call(plugin, "run", (ubiq_bytes){(const uint8_t *)"adA", 3}, &output));
  assert_memory_equal(output.data, "Ada", 3);
  ubiq_plugin_delete(plugin);
}

static void reset_is_not_ended_by_a_cancellation_from_before_it(void **state) {
  (void)state;
  ubiq_plugin *plugin = open_plugin(reverse);
  ubiq_bytes output;
  assert_success(ubiq_plugin_call(plugin, "run", (ubiq_bytes){(const uint8_t *)"adA", 3}, &output));
  ubiq_plugin_cancel(plugin);
  engine *engine;
  assert_success(engines_get(plugin->store->ops, ENGINE_CLASS_LARGE, &engine));
  engine->ops->tick(engine);
  assert_success(ubiq_plugin_reset(plugin));
  ubiq_plugin_delete(plugin);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_function_reads_frees_and_makes_blocks),
      cmocka_unit_test(the_error_of_a_function_ends_the_call),
      cmocka_unit_test(too_many_parameters_are_refused),
      cmocka_unit_test(reset_takes_the_output_away_and_the_plugin_goes_on),
      cmocka_unit_test(reset_is_not_ended_by_a_cancellation_from_before_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
