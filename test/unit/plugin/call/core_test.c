// Modules for the wire `core`: what they are given and answer, and what hostile ones cannot do.
#include "unit/plugin/plugin_testing.h"

// A module whose ubiq_alloc is `alloc` and whose ubiq_handle is `handle`; "freed" counts what was given back.
#define MODULE(alloc, handle)                                                                                          \
  "(module (memory (export \"memory\") 1) (global $freed (mut i32) (i32.const 0))"                                     \
  " (data (i32.const 16) \"{\\\"ok\\\":\\\"Hello!\\\"}\")"                                                             \
  " (func (export \"ubiq_alloc\") (param i32) (result i32) " alloc ")"                                                 \
  " (func (export \"ubiq_free\") (param i32 i32)"                                                                      \
  "  (global.set $freed (i32.add (global.get $freed) (i32.const 1))))"                                                 \
  " (func (export \"ubiq_handle\") (param $format i32) (param $op i32) (param $op_size i32) (param $in i32)"           \
  "  (param $in_size i32) (result i64) " handle "))"

#define ALLOCATES  "(i32.const 1024)"
#define SAYS_HELLO "(i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 15))"
// The input is the answer.
#define MIRRORS                                                                                                        \
  "(i64.or (i64.shl (i64.extend_i32_u (local.get $in)) (i64.const 32)) (i64.extend_i32_u (local.get $in_size)))"

static ubiq_error *compile(const char *module, ubiq_compiled **out) {
  const ubiq_compile_options options = {.core = true, .suspends = true, .wasi = true, .memory_bytes_max = 1 << 20};
  return ubiq_compiled_new((const uint8_t *)module, strlen(module), &options, out);
}

static ubiq_plugin *open_plugin(const char *module) {
  ubiq_compiled *compiled;
  ubiq_plugin *plugin;
  traps_restore();
  assert_success(compile(module, &compiled));
  assert_success(ubiq_plugin_new(compiled, &plugin));
  ubiq_compiled_delete(compiled);
  return plugin;
}

static ubiq_error *call(ubiq_plugin *plugin, const char *input, ubiq_bytes *output) {
  const ubiq_call_options options = {.cpu_ms = 200};
  return ubiq_plugin_call_with(plugin, "greet", (ubiq_bytes){(const uint8_t *)input, strlen(input)}, &options, output);
}

static void assert_answers(const char *module, const char *input, const char *expected) {
  ubiq_bytes output;
  ubiq_plugin *plugin = open_plugin(module);
  for (int i = 0; i < 3; i++) {
    assert_success(call(plugin, input, &output));
    assert_int_equal(output.size, strlen(expected));
    assert_memory_equal(output.data, expected, output.size);
  }
  ubiq_plugin_delete(plugin);
}

static void assert_refuses(const char *module, const char *input, ubiq_code code, const char *words) {
  ubiq_bytes output;
  ubiq_plugin *plugin = open_plugin(module);
  assert_error_with(call(plugin, input, &output), code, words);
  assert_int_equal(output.size, 0);
  ubiq_plugin_delete(plugin);
}

static void the_value_of_ok_is_the_output(void **state) {
  (void)state;
  assert_answers(MODULE(ALLOCATES, SAYS_HELLO), "", "\"Hello!\"");
  assert_answers(MODULE(ALLOCATES, MIRRORS), " { \"ok\" : {\"a\": [1, null]} } ", "{\"a\":[1,null]}");
}

static void the_operation_and_the_input_stand_behind_each_other(void **state) {
  (void)state;
  // Traps unless the format is 0 and the operation is "greet", all of it where it was said.
  static const char checks[] = "(if (local.get $format) (then unreachable))"
                               " (if (i32.ne (local.get $op) (i32.const 1024)) (then unreachable))"
                               " (if (i32.ne (local.get $op_size) (i32.const 5)) (then unreachable))"
                               " (if (i32.ne (local.get $in) (i32.const 1029)) (then unreachable))"
                               " (if (i32.ne (i32.load (i32.const 1025)) (i32.const 0x74656572)) (then unreachable))";
  char module[4096];
  snprintf(module, sizeof module, MODULE(ALLOCATES, "%s" MIRRORS), checks);
  assert_answers(module, "{\"ok\":1}", "1");
}

static void both_blocks_are_freed_before_the_next_call(void **state) {
  (void)state;
  // Answers how often something was freed: nothing before the first call, two blocks before each other.
  static const char counts[] = "(i32.store8 (i32.const 22) (i32.add (i32.const 48) (global.get $freed)))"
                               " (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 8))";
  static const char *const expected[] = {"0", "2", "4"};
  char module[4096];
  snprintf(module, sizeof module, "%s%s%s",
           "(module (memory (export \"memory\") 1) (global $freed (mut i32) (i32.const 0))"
           " (data (i32.const 16) \"{\\\"ok\\\":0}\")"
           " (func (export \"ubiq_alloc\") (param i32) (result i32) (i32.const 1024))"
           " (func (export \"ubiq_free\") (param i32 i32)"
           "  (global.set $freed (i32.add (global.get $freed) (i32.const 1))))"
           " (func (export \"ubiq_handle\") (param i32 i32 i32 i32 i32) (result i64) ",
           counts, "))");
  ubiq_plugin *plugin = open_plugin(module);
  for (int i = 0; i < 3; i++) {
    ubiq_bytes output;
    assert_success(call(plugin, "x", &output));
    assert_memory_equal(output.data, expected[i], 1);
  }
  ubiq_plugin_delete(plugin);
}

static void an_error_is_the_guests_with_its_words(void **state) {
  (void)state;
  const char *mirror = MODULE(ALLOCATES, MIRRORS);
  assert_refuses(mirror, "{\"error\":{\"message\":\"the shelf is empty\",\"code\":\"no\"}}", UBIQ_GUEST_ERROR,
                 "the shelf is empty");
  assert_refuses(mirror, "{\"error\":{}}", UBIQ_GUEST_ERROR, "failed");
}

static void what_is_no_answer_is_invalid_output(void **state) {
  (void)state;
  static const char *const answers[] = {"",
                                        "{",
                                        "[]",
                                        "1",
                                        "{}",
                                        "{\"ok\":",
                                        "{\"OK\":1}",
                                        "{\"ok\":1,\"error\":{}}",
                                        "\xff",
                                        "{\"ok\":1}x",
                                        "{\"error\":1}",
                                        "{\"error\":{\"message\":1}}"};
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
    assert_refuses(MODULE(ALLOCATES, MIRRORS), answers[i], UBIQ_INVALID_OUTPUT, "");
}

static void an_answer_outside_of_the_memory_is_invalid_output(void **state) {
  (void)state;
  static const char *const answers[] = {"(i64.const -1)", "(i64.const 0x0001000000000001)",
                                        "(i64.const 0x0000ffff00000002)", "(i64.const 0x00000000ffffffff)",
                                        "(i64.const 0xffffffff00000010)"};
  char module[4096];
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    snprintf(module, sizeof module, MODULE(ALLOCATES, "%s"), answers[i]);
    assert_refuses(module, "x", UBIQ_INVALID_OUTPUT, "");
  }
}

static void no_room_for_the_input_is_out_of_memory(void **state) {
  (void)state;
  assert_refuses(MODULE("(i32.const 0)", SAYS_HELLO), "x", UBIQ_MEMORY_LIMIT, "ubiq_alloc has no room for 6 bytes");
}

static void room_outside_of_the_memory_is_a_trap(void **state) {
  (void)state;
  static const char *const places[] = {"(i32.const -1)", "(i32.const 65536)", "(i32.const 65531)",
                                       "(i32.const 0x7fffffff)"};
  char module[4096];
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(module, sizeof module, MODULE("%s", SAYS_HELLO), places[i]);
    assert_refuses(module, "x", UBIQ_TRAP, "which its memory does not have");
  }
}

static void functions_that_do_not_end_are_ended(void **state) {
  (void)state;
  assert_refuses(MODULE("(loop $l (br $l)) (i32.const 1)", SAYS_HELLO), "x", UBIQ_CPU_LIMIT, "");
  assert_refuses(MODULE(ALLOCATES, "(loop $l (br $l)) (i64.const 1)"), "x", UBIQ_CPU_LIMIT, "");
}

static void traps_are_traps_and_the_next_call_begins_anew(void **state) {
  (void)state;
  // Traps when its memory was written to.
  ubiq_plugin *plugin = open_plugin(MODULE(ALLOCATES, "(if (i32.load (i32.const 0)) (then unreachable))"
                                                      " (i32.store (i32.const 0) (i32.const 1))" SAYS_HELLO));
  ubiq_bytes output;
  assert_success(call(plugin, "x", &output));
  traps_restore();
  assert_error_code(call(plugin, "x", &output), UBIQ_TRAP);
  assert_success(ubiq_plugin_reset(plugin));
  assert_success(call(plugin, "x", &output));
  ubiq_plugin_delete(plugin);
}

static void a_module_that_lacks_an_export_is_refused_with_its_name(void **state) {
  (void)state;
  static const struct {
    const char *module, *words;
  } cases[] = {
      {"(module)", "no memory"},
      {"(module (memory (export \"memory\") 1))", "ubiq_alloc"},
      {"(module (memory (export \"memory\") 1) (func (export \"ubiq_alloc\") (param i64) (result i32) (i32.const 0)))",
       "ubiq_alloc"},
      {"(module (memory (export \"memory\") 1) (func (export \"ubiq_alloc\") (param i32) (result i32) (i32.const 0))"
       " (func (export \"ubiq_free\") (param i32)))",
       "ubiq_free"},
      {"(module (memory (export \"memory\") 1) (func (export \"ubiq_alloc\") (param i32) (result i32) (i32.const 0))"
       " (func (export \"ubiq_free\") (param i32 i32)) (global (export \"ubiq_handle\") i32 (i32.const 0)))",
       "ubiq_handle"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ubiq_compiled *compiled = NULL;
    assert_error_with(compile(cases[i].module, &compiled), UBIQ_INVALID_INPUT, cases[i].words);
    assert_null(compiled);
  }
}

static void there_is_no_kernel_to_import(void **state) {
  (void)state;
  ubiq_compiled *compiled = NULL;
  static const char module[] =
      "(module (import \"extism:host/env\" \"alloc\" (func (param i64) (result i64))) (memory (export \"memory\") 1)"
      " (func (export \"ubiq_alloc\") (param i32) (result i32) (i32.const 0)) (func (export \"ubiq_free\") (param i32 "
      "i32))"
      " (func (export \"ubiq_handle\") (param i32 i32 i32 i32 i32) (result i64) (i64.const 0)))";
  assert_error_with(compile(module, &compiled), UBIQ_INVALID_INPUT, "there is no Extism kernel");
}

int main(void) {
  plugin_testing_begin();
  plugin_testing_needs(ENGINE_CAN_SUSPEND);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_value_of_ok_is_the_output),
      cmocka_unit_test(the_operation_and_the_input_stand_behind_each_other),
      cmocka_unit_test(both_blocks_are_freed_before_the_next_call),
      cmocka_unit_test(an_error_is_the_guests_with_its_words),
      cmocka_unit_test(what_is_no_answer_is_invalid_output),
      cmocka_unit_test(an_answer_outside_of_the_memory_is_invalid_output),
      cmocka_unit_test(no_room_for_the_input_is_out_of_memory),
      cmocka_unit_test(room_outside_of_the_memory_is_a_trap),
      cmocka_unit_test(functions_that_do_not_end_are_ended),
      cmocka_unit_test(traps_are_traps_and_the_next_call_begins_anew),
      cmocka_unit_test(a_module_that_lacks_an_export_is_refused_with_its_name),
      cmocka_unit_test(there_is_no_kernel_to_import),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
