// The functions that the host gives to guests: config, variables, logs; on the caller's stack and on a loop. HTTP is in
// http_test.c.
#include "unit/plugin/plugin_testing.h"

static const ubiq_compile_options no_options = {0};

// -- Config --

static void config_is_read_by_key(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "config", "\"config\": {\"a\": \"first\", \"empty\": \"\", \"ü\": \"umlaut\"}", no_options,
               NULL);
    assert_output(&world.one, "config", "a", "first");
    assert_output(&world.one, "config", "ü", "umlaut");
    assert_output(&world.one, "config_cut", "a", "5");
    assert_output(&world.one, "config_cut", "b", "-1");
    assert_error_with(instance_call(&world.one, "config", "b", NULL), UBIQ_GUEST_ERROR, "not set");
    assert_error_with(instance_call(&world.one, "config", "empty", NULL), UBIQ_GUEST_ERROR, "not set");
    assert_error_code(instance_call(&world.one, "config", "\xff", NULL), UBIQ_TRAP);
    assert_error_with(instance_call(&world.one, "bad_key", "", NULL), UBIQ_TRAP, "invalid handle offset");
    assert_output(&world.one, "config", "a", "first");
    world_close(&world);
  }
}

static void a_plugins_own_config_stands_instead_of_the_manifests(void **state) {
  (void)state;
  plugin_world world;
  world_open(&world, 0, "config", "\"config\": {\"a\": \"first\"}", no_options, NULL);
  plugin *plugin = world.one.plugin;
  assert_true(map_set(&plugin->config, TEXT("a"), "own", 3));
  plugin->config_own = true;
  assert_output(&world.one, "config", "a", "own");
  world_close(&world);
}

static void large_config_values_arrive_whole(void **state) {
  (void)state;
  char more[3000] = "\"config\": {\"a\": \"";
  size_t used = strlen(more);
  memset(more + used, 'v', 2000);
  strcpy(more + used + 2000, "\"}");
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_bytes output;
    world_open(&world, mode, "config", more, no_options, NULL);
    assert_success(instance_call(&world.one, "config", "a", &output));
    assert_int_equal(output.size, 2000);
    world_close(&world);
  }
}

// -- Variables --

static void variables_last_as_long_as_the_instance(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "vars", "", no_options, NULL);
    assert_output(&world.one, "count", "", "1");
    assert_output(&world.one, "count", "", "2");
    assert_output(&world.one, "count_static", "", "1");
    assert_output(&world.one, "count_static", "", "2");
    world_renew(&world, NULL);
    assert_output(&world.one, "count", "", "1");
    assert_output(&world.one, "count_static", "", "1");
    world_close(&world);
  }
}

static void variables_are_set_read_and_removed(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "vars", "", no_options, NULL);
    assert_output(&world.one, "get", "", "(none)");
    assert_output(&world.one, "set", "one", "");
    assert_output(&world.one, "get", "", "one");
    assert_output(&world.one, "set", "another, longer one", "");
    assert_output(&world.one, "get", "", "another, longer one");
    assert_output(&world.one, "remove", "", "");
    assert_output(&world.one, "get", "", "(none)");
    assert_output(&world.one, "set", "again", "");
    assert_output(&world.one, "set", "", ""); // no value at all removes it too
    assert_output(&world.one, "get", "", "(none)");
    world_close(&world);
  }
}

static void variables_have_a_limit_together(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "vars", "\"memory\": {\"max_var_bytes\": 1000}", no_options, NULL);
    assert_output(&world.one, "fill", "900", "");
    assert_error_with(instance_call(&world.one, "fill", "1001", NULL), UBIQ_QUOTA, "Variable store is full");
    assert_output(&world.one, "set", "", "");
    assert_error_code(instance_call(&world.one, "set", "a value of more than fifty bytes has no room beside it", NULL),
                      UBIQ_QUOTA);
    assert_output(&world.one, "get", "", "(none)");
    world_renew(&world, NULL);
    assert_error_code(instance_call(&world.one, "many", "100", NULL), UBIQ_QUOTA);
    world_close(&world);
  }
}

static void variables_have_a_limit_where_none_is_named(void **state) {
  (void)state;
  plugin_world world;
  world_open(&world, 0, "vars", "", no_options, NULL);
  assert_output(&world.one, "fill", "1000000", "");
  world_renew(&world, NULL);
  assert_error_code(instance_call(&world.one, "fill", "1048577", NULL), UBIQ_QUOTA);
  world_close(&world);
}

static void variables_may_be_turned_off(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "vars", "\"memory\": {\"max_var_bytes\": 0}", no_options, NULL);
    assert_error_with(instance_call(&world.one, "set", "x", NULL), UBIQ_DENIED, "Vars are disabled");
    assert_output(&world.one, "get", "", "(none)");
    world_close(&world);
  }
}

static void bad_blocks_and_keys_of_variables_end_the_call_alone(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "vars", "", no_options, NULL);
    for (int i = 0; i < 3; i++) {
      assert_error_with(instance_call(&world.one, "bad_key", "", NULL), UBIQ_TRAP, "invalid handle offset");
      assert_error_with(instance_call(&world.one, "bad_value", "", NULL), UBIQ_TRAP, "invalid handle offset");
      assert_error_with(instance_call(&world.one, "binary_key", "", NULL), UBIQ_TRAP, "UTF-8");
    }
    assert_output(&world.one, "set", "fine", "");
    assert_output(&world.one, "get", "", "fine");
    world_close(&world);
  }
}

static void blocks_handed_to_the_host_come_back(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "infinite", "\"timeout_ms\": 60", no_options, NULL);
    assert_error_code(instance_call(&world.one, "spin_host", "", NULL), UBIQ_TIMEOUT);
    assert_in_range(ubiq_plugin_memory(world.one.plugin), 1, 1 << 20);
    world_close(&world);
  }
}

// -- Logs --

enum { RECORDS_MAX = 2000 };

typedef struct records {
  size_t count;
  ubiq_log_level levels[RECORDS_MAX];
  char last[256], source[64];
} records;

static void keep_record(void *user, const ubiq_log_record *record) {
  records *self = user;
  if (self->count < RECORDS_MAX) self->levels[self->count] = record->level;
  self->count++;
  snprintf(self->last, sizeof self->last, "%.*s", (int)record->message_size, record->message);
  snprintf(self->source, sizeof self->source, "%s", record->source);
}

static void logs_arrive_with_their_level_and_name(void **state) {
  (void)state;
  static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
  records kept = {0};
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
    world_open(&world, mode, "log", "", (ubiq_compile_options){.name = "talker"}, NULL);
    ubiq_log_set(UBIQ_LOG_TRACE, keep_record, &kept);
    for (int i = 0; i < 5; i++) {
      kept.count = 0;
      assert_output(&world.one, levels[i], "some words", "");
      assert_int_equal(kept.count, 1);
      assert_int_equal(kept.levels[0], i);
      assert_string_equal(kept.last, "some words");
      assert_string_equal(kept.source, "talker");
    }
    ubiq_log_set(UBIQ_LOG_WARN, keep_record, &kept);
    kept.count = 0;
    assert_output(&world.one, "all", "", "");
    assert_int_equal(kept.count, 2);
    assert_output(&world.one, "level", "", "3");
    ubiq_log_set(UBIQ_LOG_OFF, keep_record, &kept);
    assert_output(&world.one, "all", "", "");
    assert_int_equal(kept.count, 2);
    assert_output(&world.one, "level", "", "2147483647");
    world_close(&world);
  }
  ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
}

static void a_thousand_messages_take_no_memory(void **state) {
  (void)state;
  records kept = {0};
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    ubiq_bytes output;
    world_open(&world, mode, "log", "", no_options, NULL);
    ubiq_log_set(UBIQ_LOG_INFO, keep_record, &kept);
    assert_success(instance_call(&world.one, "thousand", "", &output));
    char offset[32] = "";
    memcpy(offset, output.data, output.size);
    assert_in_range(atol(offset), 1, 65536);
    ubiq_log_set(UBIQ_LOG_ERROR, keep_record, &kept); // dropped messages come back as well
    assert_success(instance_call(&world.one, "thousand", "", &output));
    memcpy(offset, output.data, output.size);
    assert_in_range(atol(offset), 1, 65536);
    world_close(&world);
  }
  ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
}

static void messages_that_are_no_utf8_are_escaped_and_no_blocks_end_the_call_alone(void **state) {
  (void)state;
  records kept = {0};
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "log", "", no_options, NULL);
    ubiq_log_set(UBIQ_LOG_TRACE, keep_record, &kept);
    assert_output(&world.one, "ugly", "", "");
    assert_non_null(strstr(kept.last, "red"));
    assert_non_null(strstr(kept.last, "\\xff\\xfe end"));
    assert_error_with(instance_call(&world.one, "bad_block", "", NULL), UBIQ_TRAP, "invalid handle offset");
    assert_output(&world.one, "info", "still here", "");
    assert_string_equal(kept.last, "still here");
    ubiq_log_set(UBIQ_LOG_INFO, NULL, NULL);
    world_close(&world);
  }
}

// -- Guests that lie about memory --

static void nonsense_from_guests_harms_nobody(void **state) {
  (void)state;
  static const char *const checks[] = {"check_alloc", "check_bytes",       "check_overlap", "check_reuse",
                                       "check_input", "check_freed_twice", "check_inside",  "check_huge"};
  static const char *const lies[] = {"bad_free",         "bad_length",      "bad_length_unsafe", "bad_load",
                                     "bad_input_load",   "bad_store",       "bad_store_low",     "bad_store_everywhere",
                                     "bad_store_around", "output_nowhere",  "output_negative",   "output_past_end",
                                     "output_null",      "output_overflow", "output_wraps",      "output_freed",
                                     "output_empty",     "output_inside",   "input_freed",       "error_freed",
                                     "error_inside"};
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "memory", "", no_options, NULL);
    for (int round = 0; round < 2; round++) {
      for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        ubiq_error_delete(instance_call(&world.one, lies[i], "some input", NULL));
        assert_output(&world.one, "check_alloc", "0123456789", "ok");
      }
      for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        assert_output(&world.one, checks[i], "0123456789", "ok");
    }
    world_close(&world);
  }
}

static void outputs_that_lie_are_empty_or_inside(void **state) {
  (void)state;
  static const char *const empty[] = {"output_nowhere",  "output_negative", "output_past_end", "output_null",
                                      "output_overflow", "output_wraps",    "output_empty"};
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "memory", "", no_options, NULL);
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) assert_output(&world.one, empty[i], "", "");
    assert_output(&world.one, "output_freed", "", "freed output");
    assert_output(&world.one, "output_inside", "", "inside");
    assert_output(&world.one, "input_freed", "the input", "the input");
    assert_error_with(instance_call(&world.one, "error_freed", "", NULL), UBIQ_GUEST_ERROR, "freed error");
    assert_error_code(instance_call(&world.one, "error_inside", "", NULL), UBIQ_GUEST_ERROR);
    world_close(&world);
  }
}

static void a_key_that_the_guest_frees_as_well_takes_nothing_of_the_value(void **state) {
  (void)state;
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "vars", "", no_options, NULL);
    assert_output(&world.one, "set", "kept", "");
    assert_output(&world.one, "get_key_freed_twice", "", "kept");
    world_close(&world);
  }
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(config_is_read_by_key),
      cmocka_unit_test(a_plugins_own_config_stands_instead_of_the_manifests),
      cmocka_unit_test(large_config_values_arrive_whole),
      cmocka_unit_test(variables_last_as_long_as_the_instance),
      cmocka_unit_test(variables_are_set_read_and_removed),
      cmocka_unit_test(variables_have_a_limit_together),
      cmocka_unit_test(variables_have_a_limit_where_none_is_named),
      cmocka_unit_test(variables_may_be_turned_off),
      cmocka_unit_test(bad_blocks_and_keys_of_variables_end_the_call_alone),
      cmocka_unit_test(blocks_handed_to_the_host_come_back),
      cmocka_unit_test(logs_arrive_with_their_level_and_name),
      cmocka_unit_test(a_thousand_messages_take_no_memory),
      cmocka_unit_test(a_key_that_the_guest_frees_as_well_takes_nothing_of_the_value),
      cmocka_unit_test(messages_that_are_no_utf8_are_escaped_and_no_blocks_end_the_call_alone),
      cmocka_unit_test(nonsense_from_guests_harms_nobody),
      cmocka_unit_test(outputs_that_lie_are_empty_or_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
