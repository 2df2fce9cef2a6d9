// Extism's C ABI: making plugins, calls and how they fail, exit codes, variables, config, limits, fuel.
#include "unit/plugin/extism_testing.h"

static void a_plugin_answers_and_its_outcome_stays_until_the_next_call(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("echo", NULL);
  assert_int_equal(extism_plugin_output_length(plugin), 0);
  assert_non_null(extism_plugin_output_data(plugin));
  assert_answers(plugin, "echo", "some words", "some words");
  assert_true(extism_output_is(plugin, "some words"));
  assert_answers(plugin, "nothing", "more", "");
  assert_call_fails(plugin, "no_such", "", -1, "Function not found: no_such");
  assert_int_equal(extism_plugin_output_length(plugin), 0);
  extism_plugin_free(plugin);
}

static void plugins_that_cannot_be_made_say_why(void **state) {
  (void)state;
  static const char *const sources[] = {"",
                                        "junk",
                                        "{",
                                        "(module (func",
                                        "{\"wasm\": []}",
                                        "{\"wasm\": [{\"path\": \"/nowhere\"}]}",
                                        "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": \"00\"}]}"};
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    char *error = NULL;
    assert_null(extism_try(sources[i], &(extism_setup){0}, &error));
    assert_non_null(strstr(error, "Unable to compile Extism plugin: "));
    extism_plugin_new_error_free(error);
    assert_null(extism_try(sources[i], &(extism_setup){0}, NULL));
  }
}

static void a_wrong_hash_is_told_as_extism_tells_it(void **state) {
  (void)state;
  char *error = NULL;
  assert_null(extism_try("{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": \"00\"}]}", &(extism_setup){0}, &error));
  assert_string_equal(error, "Unable to compile Extism plugin: Hash mismatch, found "
                             "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476 but expected 00");
  extism_plugin_new_error_free(error);
}

static void several_modules_are_linked(void **state) {
  (void)state;
  char manifest[1024];
  snprintf(manifest, sizeof manifest,
           "{\"wasm\": [{\"path\": \"%s/lib.wasm\", \"name\": \"lib\"}, {\"path\": \"%s/main.wasm\"}]}",
           UBIQ_GUESTS_DIR, UBIQ_GUESTS_DIR);
  ExtismPlugin *plugin = extism_of_text(manifest, &(extism_setup){0});
  assert_answers(plugin, "sum", "", "42 1");
  assert_answers(plugin, "sum", "", "42 2");
  assert_answers(plugin, "shout", "words", "WORDS");
  extism_plugin_free(plugin);
}

// -- Failures --

static void errors_of_the_guest_are_told_with_its_code(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("error", NULL);
  assert_call_fails(plugin, "fail", "", 1, "this function fails on purpose");
  assert_string_equal(extism_error(plugin), "this function fails on purpose");
  assert_call_fails(plugin, "fail_silently", "", 7, NULL);
  assert_call_fails(plugin, "fail_negative", "", -3, NULL);
  assert_call_fails(plugin, "error_and_zero", "", 0, "an error although zero is returned");
  assert_call_fails(plugin, "error_and_output", "", 1, "and an error");
  assert_true(extism_output_is(plugin, "some output"));
  assert_call_fails(plugin, "no_such", "", -1, "Function not found: no_such");
  assert_answers(plugin, "error_cleared", "", "fine");
  extism_plugin_free(plugin);
}

static void traps_are_134_unless_the_guest_said_why(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("error", NULL);
  assert_int_equal(extism_call(plugin, "trap_unreachable", ""), 134);
  assert_non_null(strstr(extism_plugin_error(plugin), "unreachable"));
  assert_int_equal(extism_call(plugin, "trap_divide", ""), 134);
  assert_int_equal(extism_call(plugin, "trap_memory", ""), 134);
  assert_call_fails(plugin, "error_then_trap", "", -1, "last words");
  assert_answers(plugin, "error_cleared", "", "fine");
  extism_plugin_free(plugin);
}

static void exit_codes_of_commands_are_told(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("wasi_plugin_command", &(extism_setup){.wasi = true});
  assert_answers(plugin, "_start", "words", "from _start");
  assert_answers(plugin, "_start", "exit=0", "");
  assert_int_equal(extism_call(plugin, "_start", "exit=3"), 3);
  assert_int_equal(extism_call(plugin, "_start", "exit=255"), 255);
  assert_answers(plugin, "_start", "words", "from _start");
  extism_plugin_free(plugin);
}

// -- What is kept --

static void variables_are_kept_between_calls_and_by_a_reset(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("vars", NULL);
  assert_answers(plugin, "count", "", "1");
  assert_answers(plugin, "count", "", "2");
  assert_true(extism_plugin_reset(plugin));
  assert_int_equal(extism_plugin_output_length(plugin), 0);
  assert_answers(plugin, "count", "", "3");
  extism_plugin_free(plugin);
}

static void variables_are_limited(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("vars", &(extism_setup){.more = "\"memory\": {\"max_var_bytes\": 100}"});
  assert_answers(plugin, "fill", "48", "");
  assert_call_fails(plugin, "fill", "49", -1, "Variable store is full");
  extism_plugin_free(plugin);
  plugin = extism_of("vars", &(extism_setup){.more = "\"memory\": {\"max_var_bytes\": 0}"});
  assert_call_fails(plugin, "set", "x", -1, "Vars are disabled by this host");
  extism_plugin_free(plugin);
}

static bool configure(ExtismPlugin *plugin, const char *json) {
  return extism_plugin_config(plugin, (const uint8_t *)json, strlen(json));
}

static void config_is_merged_and_null_deletes(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("config", &(extism_setup){.more = "\"config\": {\"a\": \"1\", \"b\": \"2\"}"});
  assert_true(configure(plugin, "{\"b\": \"3\", \"c\": \"4\"}"));
  assert_answers(plugin, "config", "a", "1");
  assert_answers(plugin, "config", "b", "3");
  assert_answers(plugin, "config", "c", "4");
  assert_true(configure(plugin, "{\"a\": null, \"never\": null}"));
  assert_call_fails(plugin, "config", "a", 1, "config: the key is not set");
  assert_false(configure(plugin, "{\"b\": 5}"));
  assert_false(configure(plugin, "junk"));
  assert_answers(plugin, "config", "b", "3");
  extism_plugin_free(plugin);
}

// -- Limits --

static void memory_is_limited(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("grow", &(extism_setup){.more = "\"memory\": {\"max_pages\": 64}"});
  assert_call_fails(plugin, "must_grow_module", "", -1, "oom");
  assert_call_fails(plugin, "must_grow_kernel", "", -1, "oom");
  extism_plugin_free(plugin);
  plugin = extism_of("grow", &(extism_setup){.more = "\"memory\": {\"max_pages\": 1024}"});
  assert_answers(plugin, "grow_some", "", "497 8");
  extism_plugin_free(plugin);
}

static bool has_fuel_for(uint64_t fuel, const char *input) {
  ExtismPlugin *plugin = extism_of("infinite", &(extism_setup){.fuel = fuel});
  int32_t code = extism_call(plugin, "turns", input);
  if (code != 0) assert_string_equal(extism_plugin_error(plugin), "plugin ran out of fuel");
  extism_plugin_free(plugin);
  return code == 0;
}

static uint64_t least_fuel(const char *input) {
  uint64_t low = 1, high = 1 << 20; // low is too little, high is enough
  while (high - low > 1) {
    uint64_t middle = low + (high - low) / 2;
    *(has_fuel_for(middle, input) ? &high : &low) = middle;
  }
  return high;
}

// What a call of the kernel takes depends on what earlier calls left in its memory: a later call may take a little more
// than the first, and all later ones take the same.
static void fuel_is_counted_the_same_each_time_and_filled_for_each_call(void **state) {
  (void)state;
  need_capability(ENGINE_CAN_FUEL);
  uint64_t least = least_fuel("1000");
  assert_true(least > 1000 && least < 100000);
  assert_int_equal(least_fuel("1000"), least);
  ExtismPlugin *plugin = extism_of("infinite", &(extism_setup){.fuel = least + 200});
  for (int i = 0; i < 20; i++) assert_answers(plugin, "turns", "1000", "1000");
  assert_call_fails(plugin, "turns", "1100", -1, "plugin ran out of fuel");
  assert_answers(plugin, "turns", "1000", "1000");
  extism_plugin_free(plugin);
}

// -- The rest --

static void ids_are_random_uuids(void **state) {
  (void)state;
  ExtismCompiledPlugin *compiled = extism_compiled_of("echo", NULL);
  ExtismPlugin *one = extism_plugin_new_from_compiled(compiled, NULL);
  ExtismPlugin *two = extism_plugin_new_from_compiled(compiled, NULL);
  assert_int_equal(extism_plugin_id(one)[6] >> 4, 4);
  assert_int_equal(extism_plugin_id(one)[8] >> 6, 2);
  assert_memory_not_equal(extism_plugin_id(one), extism_plugin_id(two), 16);
  extism_plugin_free(one);
  extism_plugin_free(two);
  extism_compiled_plugin_free(compiled);
}

static void functions_exist_that_can_be_called(void **state) {
  (void)state;
  need_feature(VECTORS_MODULE);
  ExtismPlugin *plugin = extism_of("signatures", NULL);
  assert_true(extism_plugin_function_exists(plugin, "good"));
  assert_true(extism_plugin_function_exists(plugin, "good_nothing"));
  assert_false(extism_plugin_function_exists(plugin, "takes_i32"));
  assert_false(extism_plugin_function_exists(plugin, "gives_i64"));
  assert_false(extism_plugin_function_exists(plugin, "memory"));
  assert_false(extism_plugin_function_exists(plugin, "no_such"));
  extism_plugin_free(plugin);
}

static void null_is_taken_for_nothing(void **state) {
  (void)state;
  extism_plugin_free(NULL);
  extism_compiled_plugin_free(NULL);
  extism_function_free(NULL);
  extism_plugin_new_error_free(NULL);
  assert_int_equal(extism_plugin_call(NULL, "f", NULL, 0), -1);
  assert_null(extism_plugin_error(NULL));
  assert_int_equal(extism_plugin_output_length(NULL), 0);
  assert_false(extism_plugin_reset(NULL));
  assert_false(extism_plugin_cancel(NULL));
  assert_null(extism_plugin_new_from_compiled(NULL, NULL));
}

static void files_are_opened_where_the_manifest_allows_them(void **state) {
  (void)state;
  char folder[] = "/tmp/ubiq-extism-test-XXXXXX", more[128];
  assert_non_null(mkdtemp(folder));
  snprintf(more, sizeof more, "\"allowed_paths\": {\"%s\": \"/data\"}", folder);
  ExtismPlugin *plugin = extism_of("wasi_files", &(extism_setup){.more = more, .wasi = true});
  assert_answers(plugin, "write_file", "/data/a\nwords", "");
  assert_answers(plugin, "read_file", "/data/a", "words");
  assert_int_equal(extism_call(plugin, "read_file", "/data/../../etc/passwd"), 1);
  extism_plugin_free(plugin);
  snprintf(more, sizeof more, "\"allowed_paths\": {\"ro:%s\": \"/data\"}", folder);
  plugin = extism_of("wasi_files", &(extism_setup){.more = more, .wasi = true});
  assert_answers(plugin, "read_file", "/data/a", "words");
  assert_int_equal(extism_call(plugin, "write_file", "/data/b\nwords"), 1);
  assert_int_equal(extism_call(plugin, "remove_file", "/data/a"), 1);
  extism_plugin_free(plugin);
  snprintf(more, sizeof more, "%s/a", folder);
  assert_int_equal(unlink(more), 0);
  assert_int_equal(rmdir(folder), 0);
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plugin_answers_and_its_outcome_stays_until_the_next_call),
      cmocka_unit_test(plugins_that_cannot_be_made_say_why),
      cmocka_unit_test(a_wrong_hash_is_told_as_extism_tells_it),
      cmocka_unit_test(several_modules_are_linked),
      cmocka_unit_test(errors_of_the_guest_are_told_with_its_code),
      cmocka_unit_test(traps_are_134_unless_the_guest_said_why),
      cmocka_unit_test(exit_codes_of_commands_are_told),
      cmocka_unit_test(variables_are_kept_between_calls_and_by_a_reset),
      cmocka_unit_test(variables_are_limited),
      cmocka_unit_test(config_is_merged_and_null_deletes),
      cmocka_unit_test(memory_is_limited),
      cmocka_unit_test(fuel_is_counted_the_same_each_time_and_filled_for_each_call),
      cmocka_unit_test(ids_are_random_uuids),
      cmocka_unit_test(functions_exist_that_can_be_called),
      cmocka_unit_test(null_is_taken_for_nothing),
      cmocka_unit_test(files_are_opened_where_the_manifest_allows_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
